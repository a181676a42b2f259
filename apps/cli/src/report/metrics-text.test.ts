import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { samplesOf } from './metrics-text.ts';

describe('samplesOf', () => {
  const page = [
    '# HELP everloop_a what it is',
    '# TYPE everloop_a counter',
    'everloop_a{service="s",model="late"} 17',
    'everloop_a{service="s",model="other"} 0.5 1700000000000',
    'everloop_ab{service="s"} 9',
    'everloop_plain 3e-2',
    'everloop_nan NaN',
    '',
  ].join('\n');

  it('takes each sample of the metric with its labels, and not those of a longer name', () => {
    expect(samplesOf(page, 'everloop_a')).toEqual([
      { labels: { service: 's', model: 'late' }, value: 17 },
      { labels: { service: 's', model: 'other' }, value: 0.5 },
    ]);
  });

  it.each([
    ['without labels', 'everloop_plain', [{ labels: {}, value: 0.03 }]],
    ['that is no number', 'everloop_nan', [{ labels: {}, value: Number.NaN }]],
    ['that is not there', 'everloop_none', []],
  ])('reads a metric %s', (_name, metric, expected) => {
    expect(samplesOf(page, metric)).toEqual(expected);
  });

  it('gives back any label that was escaped as the format says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.double({ noNaN: true }), (label, value) => {
        const escaped = label.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
        const [sample] = samplesOf(`m{a="${escaped}",b="x"} ${value}`, 'm');
        expect(sample?.labels).toEqual({ a: label, b: 'x' });
        expect(sample?.value).toBeCloseTo(value, 12);
      }),
    );
  });
});
