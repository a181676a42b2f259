import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { monitor } from '../../test/fixtures.ts';
import { numberHourOf, outcomeHourOf, performance, statsOf } from '../../test/outcomes.ts';
import { metricsOf, mergeHours, outcomeHour } from './outcomes.ts';
import {
  closeWindow,
  createQualityState,
  dueQuality,
  forget,
  hourKey,
  qualityMonitors,
  takeOutcomes,
  type QualityMonitor,
} from './state.ts';
import { emptyTrack } from './track.ts';

const hour = 3_600_000;
const day = 24 * hour;
const watch: QualityMonitor = {
  name: 'watch',
  model: 'm',
  performance,
  waitMs: 6 * hour,
  slices: [],
  isNumeric: false,
};

/** A state that holds one day of outcomes for each version. */
function held(...versions: readonly string[]) {
  const state = createQualityState();
  versions.forEach((version, i) => {
    for (let h = 0; h < 24; h += 1)
      takeOutcomes(state, [watch], statsOf(outcomeHourOf(i * 100 + h + 1, h, { version, rows: 20 })));
  });
  return state;
}

describe('outcomes', () => {
  test.each([
    ['a canary', { arm: 'canary' }],
    ['a slice that nobody watches', { slice: 'jfk' }],
    ['a model that nobody watches', { model: 'other' }],
  ])('of %s are left alone', (_, over) => {
    const state = createQualityState();
    expect(takeOutcomes(state, [watch], statsOf(outcomeHourOf(1, 0), over))).toEqual([]);
    expect(state.hours.size).toBe(0);
  });

  test('add up to the same in any order and division, taken away ones too', () => {
    const parts = Array.from({ length: 6 }, (_, i) => outcomeHourOf(i + 1, 3, { rows: 10 + i }));
    const all = mergeHours(parts);
    fc.assert(
      fc.property(
        fc.shuffledSubarray(parts, { minLength: 6, maxLength: 6 }),
        fc.integer({ min: 1, max: 5 }),
        (some, cut) => {
          expect(mergeHours([mergeHours(some.slice(0, cut)), mergeHours(some.slice(cut))])).toEqual(all);
        },
      ),
    );
  });

  test('have the metrics of the library, without those that are not defined', () => {
    expect(Object.keys(metricsOf(outcomeHourOf(1, 0, { rows: 500 }))).sort()).toEqual([
      'auc',
      'brier',
      'calibrationError',
      'f1',
      'logLoss',
      'mae',
      'precision',
      'recall',
      'rmse',
    ]);
    expect(metricsOf(outcomeHourOf(1, 0, { isOpen: true }))).toEqual({});
  });

  test('come through their JSON unchanged', () => {
    const one = outcomeHourOf(5, 9);
    expect(outcomeHour(statsOf(one))).toEqual(one);
    const numbers = numberHourOf(5, 9);
    expect(outcomeHour(statsOf(numbers))).toEqual(numbers);
    expect(mergeHours([numbers, numbers]).errors?.rows).toBe(120);
  });
});

describe('Monitors', () => {
  test('without `performance`, or whose Model is unknown, watch no quality', () => {
    const monitors = [monitor(), monitor({ performance }, 'b'), monitor({ performance, model: 'gone' }, 'c')];
    expect(
      qualityMonitors(monitors, (model) =>
        model === 'm' ? { waitMs: 5, slices: ['jfk'], isNumeric: false } : undefined,
      ),
    ).toEqual([{ name: 'b', model: 'm', performance, waitMs: 5, slices: [], isNumeric: false }]);
  });

  test.each([
    ['all', ['jfk', 'far']],
    [['far'], ['far']],
    [
      ['far', 'gone', 'jfk'],
      ['jfk', 'far'],
    ],
  ] as const)('with slices %j judge those that the Model has', (slices, expected) => {
    const monitors = [monitor({ performance: { ...performance, slices } })];
    const [one] = qualityMonitors(monitors, () => ({ waitMs: 5, slices: ['jfk', 'far'], isNumeric: true }));
    expect(one?.slices).toEqual(expected);
  });
});

describe('windows', () => {
  test('are estimated at their end, and judged when the wait for their labels is over', () => {
    const state = held('1');
    const kinds = (at: number): readonly string[] => dueQuality(state, [watch], at).map(({ kind }) => kind);
    expect(kinds(day - 1)).toEqual([]);
    expect(kinds(day)).toEqual(['estimated']);
    expect(kinds(day + 6 * hour - 1)).toEqual(['estimated']);
    expect(kinds(day + 6 * hour)).toEqual(['estimated', 'performance']);
  });

  test('are each judged once', () => {
    const state = held('1');
    for (const due of dueQuality(state, [watch], 2 * day)) closeWindow(state, due, emptyTrack);
    expect(dueQuality(state, [watch], 3 * day)).toEqual([]);
    expect(state.judged.get('watch')).toEqual({ labelledMs: day, estimatedMs: day });
    // A correction that comes later finds its window closed.
    expect(takeOutcomes(state, [watch], statsOf(outcomeHourOf(1, 0)))).toEqual([]);
  });

  test('are about the newest champion in them', () => {
    const [due] = dueQuality(held('9', '10'), [watch], day);
    expect(due?.window).toMatchObject({ version: '10', startMs: 0, endMs: day });
    expect(due?.window.hours).toHaveLength(24);
  });

  test('of a Model without a wait, or a Monitor that does not estimate, need no estimate', () => {
    const state = held('1');
    const kinds = (over: Partial<QualityMonitor>): readonly string[] =>
      dueQuality(state, [{ ...watch, ...over }], 2 * day).map(({ kind }) => kind);
    expect(kinds({ waitMs: 0 })).toEqual(['performance']);
    expect(kinds({ performance: { ...performance, estimate: false } })).toEqual(['performance']);
  });

  test('of several days and Monitors are closed in the order of their time, in any order of arrival', () => {
    const second: QualityMonitor = { ...watch, name: 'again', waitMs: 30 * hour };
    const hours = Array.from({ length: 72 }, (_, h) => outcomeHourOf(h + 1, h, { rows: 3 }));
    const order = (some: typeof hours): unknown => {
      const state = createQualityState();
      for (const one of some) takeOutcomes(state, [watch, second], statsOf(one));
      return dueQuality(state, [watch, second], 10 * day).map(({ monitor: { name }, kind, window }) => [
        ...[name, kind, window.endMs / day],
        window.hours.map(hourKey),
      ]);
    };
    const expected = order(hours) as unknown[][];
    expect(expected.map(([name, kind, end]) => `${String(name)} ${String(kind)} ${String(end)}`).slice(0, 5)).toEqual([
      'again estimated 1',
      'watch estimated 1',
      'watch performance 1',
      'again estimated 2',
      'watch estimated 2',
    ]);
    fc.assert(
      fc.property(fc.shuffledSubarray(hours, { minLength: 72, maxLength: 72 }), (some) => {
        expect(order(some)).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  });
});

describe('labels that are numbers', () => {
  const numeric: QualityMonitor = { ...watch, isNumeric: true };

  test('are judged by their errors, and not estimated from scores', () => {
    const state = createQualityState();
    for (let h = 0; h < 24; h += 1) takeOutcomes(state, [numeric], statsOf(numberHourOf(h + 1, h)));
    const due = dueQuality(state, [numeric], 2 * day);
    expect(due.map(({ kind, window }) => [kind, window.metric, window.hours.length])).toEqual([
      ['performance', 'mae', 24],
    ]);
  });

  test('are not mixed with those of two classes that the Model had before', () => {
    const state = held('1');
    for (let h = 0; h < 3; h += 1) takeOutcomes(state, [numeric], statsOf(numberHourOf(h + 1, h + 24)));
    const windows = dueQuality(state, [numeric], 5 * day).map(({ window }) => [
      window.endMs / day,
      window.hours.length,
    ]);
    expect(windows).toEqual([[2, 3]]);
  });
});

describe('slices', () => {
  const both: QualityMonitor = { ...watch, slices: ['jfk', 'far'] };

  /** One day of all predictions, and of slices; those of `jfk` have an hour of another version. */
  function sliced() {
    const state = createQualityState();
    for (let h = 0; h < 24; h += 1) {
      for (const slice of ['far', '', 'jfk', 'lga'])
        takeOutcomes(state, [both], statsOf(outcomeHourOf(h + 1, h, { slice, rows: 20 })));
    }
    return state;
  }

  test('are windows of their own, after that of all predictions and in the order of the Model', () => {
    const due = dueQuality(sliced(), [both], 2 * day);
    expect(due.map(({ kind, window }) => `${kind} ${window.slice}`)).toEqual([
      ...['estimated ', 'estimated jfk', 'estimated far'],
      ...['performance ', 'performance jfk', 'performance far'],
    ]);
    expect(due.every(({ window }) => window.hours.every(({ slice }) => slice === window.slice))).toBe(true);
    expect(due.map(({ window }) => window.hours.length)).toEqual(Array(6).fill(24));
  });

  test('of an older version than the newest champion in the window are not judged', () => {
    const state = sliced();
    takeOutcomes(state, [both], statsOf(outcomeHourOf(99, 5, { version: '2' })));
    takeOutcomes(state, [both], statsOf(outcomeHourOf(99, 5, { version: '2', slice: 'far' })));
    const windows = dueQuality(state, [both], day).map(({ window }) => [window.slice, window.version]);
    expect(windows).toEqual([
      ['', '2'],
      ['far', '2'],
    ]);
  });

  test('are remembered apart, and forgotten with their windows, their Monitor, and when they are no longer asked for', () => {
    const state = sliced();
    for (const due of dueQuality(state, [both], 2 * day)) closeWindow(state, due, emptyTrack);
    expect([...state.tracks.keys()].sort()).toEqual(['watch/1', 'watch/1/far', 'watch/1/jfk']);
    expect(forget(state, [both]).hours).toHaveLength(72);
    expect(forget(state, [{ ...both, slices: ['far'] }]).tracks).toEqual(['watch/1/jfk']);
    expect(forget(state, []).tracks.toSorted()).toEqual(['watch/1', 'watch/1/far']);
  });

  test('hours of a slice that is not asked for any more go at once', () => {
    const state = sliced();
    expect(forget(state, [watch]).hours).toHaveLength(48);
    expect(state.hours.size).toBe(24);
  });
});

describe('what is forgotten', () => {
  test('hours whose windows are closed, and everything of a Monitor that is gone', () => {
    const state = held('1');
    expect(forget(state, [watch])).toEqual({ hours: [], tracks: [], judged: [] });
    for (const due of dueQuality(state, [watch], 2 * day)) closeWindow(state, due, emptyTrack);
    expect(forget(state, [watch]).hours).toHaveLength(24);
    expect(forget(state, [])).toEqual({ hours: [], tracks: ['watch/1'], judged: ['watch'] });
    expect([state.hours.size, state.tracks.size, state.judged.size]).toEqual([0, 0, 0]);
  });

  test('all but the newest 16 versions', () => {
    const state = createQualityState();
    for (let version = 1; version <= 18; version += 1) state.tracks.set(`watch/${version}`, emptyTrack);
    state.tracks.set('watch/2/jfk', emptyTrack);
    expect(forget(state, [watch]).tracks.toSorted()).toEqual(['watch/1', 'watch/2', 'watch/2/jfk']);
  });
});
