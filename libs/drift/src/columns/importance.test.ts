import { describe, expect, test } from 'vitest';
import { uniforms } from '../../test/fixtures.ts';
import { withImportance } from './importance.ts';
import { buildReferences, plainReference } from './references.ts';

describe('importance of columns', () => {
  const random = uniforms(3);
  const numbers = (name: string) => ({ name, type: 'number' as const, values: Array.from({ length: 50 }, random) });
  const references = [
    ...buildReferences(
      [
        numbers('temp'),
        numbers('e1'),
        numbers('e2'),
        numbers('e3'),
        { name: 'remark', type: 'category', text: true, values: ['fog', 'snow', 'fog at gate'] },
      ],
      [{ name: 'vector', inputs: ['e1', 'e2', 'e3'], components: 1 }],
    ),
    plainReference('numeric', 'score', [0.1, 0.2]),
  ];
  const given = { temp: 0.5, e1: 0.1, e2: 0.05, e3: 0, remark: 0.35 };
  const fields = withImportance(references, new Map(Object.entries(given)));
  const sumOf = (begin: string) =>
    fields.filter(({ field }) => field.startsWith(begin)).reduce((sum, { importance }) => sum + importance, 0);

  test('several columns of one thing add up to what its inputs mean', () => {
    expect(fields.find(({ field }) => field === 'temp')?.importance).toBe(0.5);
    expect(fields.filter(({ field }) => field.startsWith('remark.')).map(({ importance }) => importance)).toEqual([
      ...[0.0875, 0.0875, 0.0875, 0.0875],
    ]);
    expect(sumOf('vector.')).toBeCloseTo(0.15, 12);
    expect(sumOf('')).toBeCloseTo(1, 12);
  });

  test('the score, verdicts and attributions are no inputs', () => {
    expect([sumOf('score'), sumOf('gate.verdict'), sumOf('attribution.')]).toEqual([0, 0, 0]);
  });
});
