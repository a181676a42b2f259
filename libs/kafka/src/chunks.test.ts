import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkBytesMax, chunkLength, chunkRecordsMax, recordBytes } from './chunks.ts';

describe('chunkLength', () => {
  it('cuts everything into writes within the limits, in order, none empty', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 40, max: 1_200_000 }), { maxLength: 60 }), (sizes) => {
        for (let from = 0; from < sizes.length;) {
          const count = chunkLength(sizes, from);
          expect(count).toBeGreaterThanOrEqual(1);
          const bytes = sizes.slice(from, from + count).reduce((a, b) => a + b, 0);
          expect(count === 1 || bytes <= chunkBytesMax).toBe(true);
          from += count;
        }
      }),
    );
  });

  it('bounds the records of a write', () => {
    expect(chunkLength(Array.from({ length: 10_000 }, () => 1))).toBe(chunkRecordsMax);
  });
});

describe('recordBytes', () => {
  it.each([
    ['nothing', { key: null, value: null }, 40],
    ['text in UTF-8', { key: 'é', value: '€' }, 45],
    ['headers', { key: null, value: Buffer.alloc(10), headers: { ab: 'cd' } }, 64],
  ] as const)('%s', (_name, record, bytes) => {
    expect(recordBytes(record)).toBe(bytes);
  });
});
