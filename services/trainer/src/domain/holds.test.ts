import { quality, type FeatureViewSpec } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { modelSpec } from '../../test/fakes.ts';
import { heldAsOf, neededSources } from './holds.ts';

const { OPEN, CLOSED, RELEASED } = quality.HoldState;
const hold = (over: Partial<quality.Hold>): quality.Hold =>
  quality.Hold.fromPartial({
    id: 'h',
    source: 's',
    window: 'w',
    state: OPEN,
    fromMs: 10,
    openedAtMs: 20,
    rules: ['r'],
    ...over,
  });
const closed = hold({ state: CLOSED, untilMs: 40, closedAtMs: 60 });
const needed = [{ source: 's', echoMs: 5 }];
const rangesOf = (holds: readonly quality.Hold[], at: number) =>
  heldAsOf(holds, needed, at).ranges.map(({ fromMs, untilMs }) => [fromMs, untilMs]);

describe('heldAsOf', () => {
  it.each([
    ['nothing before it was known', closed, 19, [], 0],
    ['everything from its start while it was open, though it has ended since', closed, 30, [[10, 30]], 1],
    ['its range and what echoes of it once it had ended', closed, 60, [[10, 45]], 0],
    ['nothing of another source', hold({ source: 'x' }), 30, [], 0],
    ['an open one up to the time that is asked for', hold({}), 99, [[10, 99]], 1],
    ['a released one like a closed one', hold({ state: RELEASED, untilMs: 40, closedAtMs: 40 }), 41, [[10, 41]], 0],
    ['nothing once it was accepted', hold({ state: RELEASED, untilMs: 40, closedAtMs: 40, accepted: true }), 40, [], 0],
    [
      'what was not yet accepted then',
      hold({ state: RELEASED, untilMs: 40, closedAtMs: 40, accepted: true }),
      39,
      [[10, 39]],
      1,
    ],
  ])('%s', (_name, given, at, ranges, open) => {
    expect(rangesOf([given], at)).toEqual(ranges);
    expect(heldAsOf([given], needed, at).open).toHaveLength(open);
  });

  it('names what is open, and does not depend on the order of the holds', () => {
    const holds = [hold({}), hold({ id: 'g', fromMs: 5, openedAtMs: 15 })];
    expect(heldAsOf(holds, needed, 50)).toEqual(heldAsOf(holds.toReversed(), needed, 50));
    expect(heldAsOf([hold({})], needed, 50).open).toEqual(['hold h of s/w since 1970-01-01T00:00:00.010Z (r)']);
  });
});

describe('neededSources', () => {
  it('are those of examples, label and views, with the longest window', () => {
    const view = (source: string, windows: readonly number[]): FeatureViewSpec => ({
      ...{ source, entity: 'id', columns: [], hopMs: 3, ttlMs: 1, readBehindMs: 1, description: '', owner: '' },
      aggregations: windows.map((windowMs) => ({ name: 'n', function: 'count', windowMs })),
    });
    const views: Record<string, FeatureViewSpec> = { a: view('v', [10, 20]), b: view('s', []) };
    const spec = { ...modelSpec(), views: ['a', 'b', 'gone'].map((name) => ({ view: name, key: 'request.id' })) };
    expect(neededSources(spec, (name) => views[name])).toEqual([
      { source: 'l', echoMs: 0 },
      { source: 's', echoMs: 0 },
      { source: 'v', echoMs: 23 },
    ]);
  });
});
