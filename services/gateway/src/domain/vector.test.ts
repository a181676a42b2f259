import { describe, expect, it } from 'vitest';
import { pack } from './vector.ts';

const inputs = [{ type: 'category' }, { type: 'number' }, { type: 'number' }, { type: 'category' }] as const;

describe('pack', () => {
  it('keeps the order of the inputs, numbers and categories apart', () => {
    const rows = [
      { values: ['UA', 1, 2, 'EWR'], degradedViews: [], viewAgesMs: [] },
      { values: ['DL', 3, 4, 'JFK'], degradedViews: [], viewAgesMs: [] },
    ];
    expect(pack(inputs, rows)).toEqual({
      rows: 2,
      numeric: Float32Array.of(1, 2, 3, 4),
      categories: ['UA', 'EWR', 'DL', 'JFK'],
    });
  });

  it('writes NaN and the empty string where a value is missing or of another type', () => {
    const { numeric, categories } = pack(inputs, [{ values: [null, null, 'x'], degradedViews: [], viewAgesMs: [] }]);
    expect([...numeric]).toEqual([Number.NaN, Number.NaN]);
    expect(categories).toEqual(['', '']);
  });

  it('packs nothing', () => {
    expect(pack(inputs, [])).toEqual({ rows: 0, numeric: new Float32Array(), categories: [] });
  });
});
