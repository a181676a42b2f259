import { expect, it } from 'vitest';
import { emptySummary, summarise } from './batch-summary.ts';
import { ColumnLabels } from './column-labels.ts';

it('counts verdicts, rules, and unexpected columns once for each record', () => {
  const summary = emptySummary();
  const reasons = ['min', 'min', 'type'].map((rule) => ({ rule, path: '', message: '', value: '' }));
  summarise(summary, { kind: 'quarantine', reasons, record: null, timeMs: null });
  summarise(summary, { kind: 'valid', value: null, record: {}, timeMs: 0, unexpected: ['a[0].b', 'a[1].b', 'c'] });
  summarise(summary, { kind: 'valid', value: null, record: {}, timeMs: 0, unexpected: null });
  expect(summary).toEqual({
    valid: 2,
    quarantined: 1,
    byRule: new Map([
      ['min', 2],
      ['type', 1],
    ]),
    unexpected: new Map([
      ['a[].b', 1],
      ['c', 1],
    ]),
  });
});

it('names 20 columns of each Source and counts the others together', () => {
  const labels = new ColumnLabels();
  const seen = new Set(Array.from({ length: 100 }, (_, i) => labels.of('s', `c${i}`)));
  expect(seen.size).toBe(21);
  expect([labels.of('s', 'c3'), labels.of('s', 'c99'), labels.of('t', 'c99')]).toEqual(['c3', 'other', 'c99']);
});
