import { drift } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { driftPicture } from './picture.ts';
import type { DriftStory, StoryWindow } from './story.ts';

const day = 86_400_000;

const window = (n: number, more: Partial<StoryWindow> = {}): StoryWindow => ({
  ...{
    startMs: n * day,
    endMs: (n + 1) * day,
    version: '1',
    rows: 100,
    verdict: 'stable',
    reason: 'calm',
    decision: null,
  },
  fields: [
    drift.FieldDrift.fromPartial({ field: 'temp', psi: 0.02 + n / 10, ksStatistic: 0.1, drifted: n > 1 }),
    drift.FieldDrift.fromPartial({ field: 'carrier', psi: 0.01 }),
  ],
  quality: {
    ...{ rows: 10, positives: 5, aucServed: 0.8, aucNeverRetrained: 0.71 },
    ...{ logLossServed: 0.5, logLossNeverRetrained: 0.6 },
  },
  ...more,
});

const story = (windows: readonly StoryWindow[]): DriftStory => ({
  ...{
    model: 'm',
    monitor: 'watch',
    windows,
    psiLimits: { least: 0.1, usual: 0.1, most: 0.1 },
    promotions: [{ version: '2', atMs: 2 * day }],
    requests: [],
  },
});

const count = (svg: string, pattern: RegExp): number => svg.match(pattern)?.length ?? 0;
const unknown = { ...window(0).quality, aucServed: null, aucNeverRetrained: null };

describe('driftPicture', () => {
  const svg = driftPicture(story([window(0), window(1), window(2, { verdict: 'drifted' })]));

  it('has a cell for each field and window, drifted ones with a dot, with the numbers to read', () => {
    expect(count(svg, /, missing 0\.0 %/g)).toBe(6);
    expect(count(svg, /, drifted<\/title><rect [^>]*\/><circle /g)).toBe(1);
    expect(svg).toContain('temp, 1970-01-03 to 1970-01-04: PSI 0.220, KS 0.100, missing 0.0 %, drifted');
  });

  it('has the fields that drifted most on top, and says how many are left out', () => {
    const fields = Array.from({ length: 32 }, (_, i) =>
      drift.FieldDrift.fromPartial({ field: `f${i}`, psi: i / 100, drifted: i === 3 }),
    );
    const many = driftPicture(story([window(0, { fields })]));
    const shown = [...many.matchAll(/>(f\d+)</g)].map(([, name]) => name);
    expect([shown.length, ...shown.slice(0, 3), shown.at(-1)]).toEqual([30, 'f3', 'f31', 'f30', 'f2']);
    expect(many).toContain('>and 2 fields that drifted less<');
    expect(svg).not.toContain('that drifted less');
  });

  it('names the limits, also where plans have changed them', () => {
    expect(svg).toContain('>PSI of a field (limit 0.1); a dot: drifted<');
    const planned = driftPicture({ ...story([window(0)]), psiLimits: { least: 0.005, usual: 0.005, most: 0.1 } });
    expect(planned).toContain('>PSI of a field (limits 0.005 to 0.1); a dot: drifted<');
  });

  it('has dots that do not cover each other, however many windows there are', () => {
    const many = driftPicture(story(Array.from({ length: 400 }, (_, n) => window(n))));
    expect(Math.max(...[...many.matchAll(/<circle [^>]* r="([\d.]+)"/g)].map(([, r]) => Number(r)))).toBeLessThan(1.1);
  });

  it('has the two lines of AUC, and where a version was promoted', () => {
    expect(count(svg, /<path /g)).toBe(2);
    expect(svg).toContain('>v2<');
    expect(svg).toContain('AUC served 0.800, never retrained 0.710, 10 labelled');
  });

  it('a gap in the labels is a gap in the line, and none at all is said', () => {
    const gap = driftPicture(story([window(0), window(1, { quality: unknown }), window(2)]));
    expect(/<path d="M[^"]*M[^"]*"/.test(gap)).toBe(true);
    expect(driftPicture(story([window(0, { quality: unknown })]))).toContain('no labels yet');
  });

  it.each<[string, StoryWindow['decision'], number, string]>([
    [
      'a reason of its own',
      { outcome: 'requested', reason: 'temp moved', isAlarm: true },
      1,
      'rows: calm. temp moved<',
    ],
    [
      'a reason with what was found',
      { outcome: 'suppressed', reason: 'wanted: calm', isAlarm: false },
      1,
      'rows: wanted: calm<',
    ],
    ['nothing', { outcome: 'none', reason: 'no alarm', isAlarm: false }, 0, 'rows: calm. no alarm<'],
    ['no decision', null, 0, 'rows: calm<'],
  ])('marks what was decided: %s', (_, decision, marks, about) => {
    const of = (one: StoryWindow['decision']): string => driftPicture(story([window(0, { decision: one }), window(1)]));
    const more = (pattern: RegExp): number => count(of(decision), pattern) - count(of(null), pattern);
    expect([more(/<polygon /g), more(/height="4"/g)]).toEqual([marks, decision?.isAlarm === true ? 1 : 0]);
    expect(of(decision)).toContain(about);
  });

  it('is the same for the same story, and nothing from outside becomes markup', () => {
    const windows = [window(0, { reason: '<script>alert("x")</script>\u0001' })];
    const hostile = driftPicture({ ...story(windows), model: 'a&b<c' });
    expect(hostile).not.toMatch(/<script|\u0001/);
    expect(hostile).toContain('a&amp;b&lt;c');
    expect(driftPicture({ ...story(windows), model: 'a&b<c' })).toBe(hostile);
  });
});
