import type { outcomes } from '@everloop/contracts';
import { ScoreSums } from '@everloop/stats';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { predictionOf, ruleOf } from '../../test/fixtures.ts';
import { decodeEntry, decodeHeld, encodeEntry, encodeHeld } from './codec.ts';
import { onLabels, onPredictions, onWatermark } from './join.ts';
import { createJoinState, keep, keepLabels, stateSize, type JoinRule, type JoinState } from './join-state.ts';
import { summarise } from './stats.ts';
import type { Changes, Label, Prediction } from './types.ts';

const hour = 3_600_000;
const waitMs = 48 * hour;

function prediction(decisionId: string, joinKey: string, predictedAtMs: number): Prediction {
  const arm = decisionId.startsWith('s') ? 'shadow' : 'champion';
  return predictionOf({ decisionId, arm, joinKey, predictedAtMs, learn: arm !== 'shadow' });
}

function label(joinKey: string, labelledAtMs: number, value: 0 | 1 = 1): Label {
  return { by: 'key', key: joinKey, label: value, labelledAtMs };
}

function stateOf(given: Partial<JoinRule> = {}): JoinState {
  return createJoinState(ruleOf(given));
}

/** Decision, kind and label of what was settled, and its revision where that is not the first. */
function endings(changes: Changes): readonly string[] {
  return changes.settled.map(({ prediction, ending, revision }) =>
    [prediction.decisionId, ending.kind, 'label' in ending ? ending.label : '', revision > 0 ? `r${revision}` : '']
      .join(' ')
      .trim(),
  );
}

function kinds(changes: Changes): readonly string[] {
  return changes.settled.map((settled) => `${settled.prediction.decisionId} ${settled.ending.kind}`);
}

describe('joining', () => {
  test('a label meets the predictions that wait for it, served and shadowed', () => {
    const state = stateOf();
    onPredictions(state, [prediction('a', 'k', 0), prediction('s', 'k', 0), prediction('b', 'other', 0)]);
    const changes = onLabels(state, [label('k', hour)]);
    expect(kinds(changes)).toEqual(['a labelled', 's labelled']);
    expect([...changes.held.keys()]).toEqual(['a', 's']);
    expect([...state.held.values()].filter(({ ending }) => ending === null)).toMatchObject([
      { prediction: { decisionId: 'b' } },
    ]);
  });

  test('a prediction meets a label that was read before it', () => {
    const state = stateOf();
    expect(kinds(onLabels(state, [label('k', 5 * hour)]))).toEqual([]);
    const changes = onPredictions(state, [prediction('a', 'k', 0)]);
    expect(kinds(changes)).toEqual(['a labelled']);
    expect(changes.held.get('a')?.endings).toBe(1);
  });

  test.each([
    ['at the end of the wait', waitMs, 'a labelled'],
    ['a millisecond after it', waitMs + 1, undefined],
  ])('label %s', (_, labelledAtMs, expected) => {
    const early = stateOf();
    onPredictions(early, [prediction('a', 'k', 0)]);
    const late = stateOf();
    expect(kinds(onLabels(early, [label('k', labelledAtMs)]))[0]).toBe(expected);
    onLabels(late, [label('k', labelledAtMs)]);
    expect(kinds(onPredictions(late, [prediction('a', 'k', 0)]))[0]).toBe(expected);
  });

  test('repeats are recognised while pending and after settling', () => {
    const state = stateOf();
    onPredictions(state, [prediction('a', 'k', 0)]);
    expect(onPredictions(state, [prediction('a', 'k', 0)]).facts.get('duplicate_prediction')).toBe(1);
    onLabels(state, [label('k', hour)]);
    const again = onPredictions(state, [prediction('a', 'k', 0)]);
    expect(again.facts.get('duplicate_prediction')).toBe(1);
    expect(again.settled).toEqual([]);
    expect(onLabels(state, [label('k', hour)]).facts.get('duplicate_label')).toBe(1);
    expect(kinds(onLabels(state, [label('k', 2 * hour, 0)]))).toEqual([]);
  });

  test('the wait ends with the watermark, not before', () => {
    const state = stateOf();
    onPredictions(state, [prediction('b', 'k', 10), prediction('a', 'k2', 10), prediction('c', 'k3', 11)]);
    expect(kinds(onWatermark(state, 10 + waitMs))).toEqual([]);
    expect(kinds(onWatermark(state, 11 + waitMs))).toEqual(['a expired', 'b expired']);
    expect(kinds(onWatermark(state, 12 + waitMs))).toEqual(['c expired']);
    expect(stateSize(state)).toBe(0);
  });

  test('labels and settled ids are forgotten when nothing can ask for them, and labels without prediction counted', () => {
    const state = stateOf();
    onLabels(state, [label('k', 0), label('lonely', 0)]);
    onPredictions(state, [prediction('a', 'k', 5 * hour)]);
    const first = onWatermark(state, waitMs + 1);
    expect(first.facts.get('label_without_prediction')).toBe(1);
    expect([...first.labels]).toEqual([['klonely', null]]);
    onWatermark(state, waitMs + 5 * hour);
    expect(state.labels.size).toBe(1);
    const last = onWatermark(state, waitMs + 6 * hour);
    expect([...last.held, ...last.labels]).toEqual([
      ['a', null],
      ['kk', null],
    ]);
    expect(stateSize(state)).toBe(0);
  });

  test('a label too late for any prediction is counted and not kept', () => {
    const state = stateOf();
    onWatermark(state, waitMs + 2);
    expect(onLabels(state, [label('k', 1)]).facts.get('late_label')).toBe(1);
    expect(stateSize(state)).toBe(0);
  });

  test('labels of one key are bounded', () => {
    const state = stateOf();
    const changes = onLabels(
      state,
      Array.from({ length: 68 }, (_, i) => label('k', i)),
    );
    expect(changes.facts.get('labels_per_key_exceeded')).toBe(4);
  });
});

describe('which label counts', () => {
  const play1 = (rule: Partial<JoinRule>, ...labels: readonly Label[]): readonly string[] => {
    const state = stateOf(rule);
    onPredictions(state, [prediction('a', 'k', 10 * hour)]);
    return labels.flatMap((one) => endings(onLabels(state, [one])));
  };

  test.each<[string, Partial<JoinRule>, readonly Label[], readonly string[]]>([
    [
      'first: the later one changes nothing',
      {},
      [label('k', 11 * hour, 1), label('k', 12 * hour, 0)],
      ['a labelled 1'],
    ],
    [
      'first: one that is read later and is earlier corrects',
      {},
      [label('k', 12 * hour, 1), label('k', 11 * hour, 0)],
      ['a labelled 1', 'a labelled 0 r1'],
    ],
    [
      'last: the later one corrects',
      { conflict: 'last' },
      [label('k', 11 * hour, 1), label('k', 12 * hour, 0), label('k', 13 * hour, 1)],
      ['a labelled 1', 'a labelled 0 r1', 'a labelled 1 r2'],
    ],
    [
      'last: one that says the same again changes nothing',
      { conflict: 'last' },
      [label('k', 11 * hour, 1), label('k', 12 * hour, 1)],
      ['a labelled 1'],
    ],
    [
      'last: of two at one time the one that comes later in the topic',
      { conflict: 'last' },
      [label('k', 11 * hour, 1), label('k', 11 * hour, 0)],
      ['a labelled 1', 'a labelled 0 r1'],
    ],
    [
      'one that names the decision counts before those of the key',
      { byDecision: true },
      [label('k', 11 * hour, 1), { by: 'decision', key: 'a', label: 0, labelledAtMs: 12 * hour }],
      ['a labelled 1', 'a labelled 0 r1'],
    ],
    [
      'one that names another decision is not for this one',
      { byDecision: true },
      [{ by: 'decision', key: 'k', label: 0, labelledAtMs: 12 * hour }],
      [],
    ],
  ])('%s', (_, rule, labels, expected) => {
    expect(play1(rule, ...labels)).toEqual(expected);
  });

  test('a label that names a decision reaches its shadows, and no other prediction of the key', () => {
    const state = stateOf({ byDecision: true });
    onPredictions(state, [
      prediction('a', 'k', 0),
      { ...prediction('s', 'k', 0), answerId: 'a' },
      prediction('b', 'k', hour),
    ]);
    const named: Label = { by: 'decision', key: 'a', label: 1, labelledAtMs: hour };
    expect(endings(onLabels(state, [named]))).toEqual(['a labelled 1', 's labelled 1']);
    expect(endings(onWatermark(state, waitMs + 2 * hour))).toEqual(['b expired']);
  });

  test('a correction says what it replaces', () => {
    const state = stateOf({ conflict: 'last' });
    onPredictions(state, [prediction('a', 'k', 0)]);
    onLabels(state, [label('k', 1, 1)]);
    const changes = onLabels(state, [label('k', 2, 0)]);
    expect(changes.settled[0]?.replaces).toEqual({ kind: 'labelled', label: 1, labelledAtMs: 1 });
    expect(changes.facts.get('corrected')).toBe(1);
  });

  test.each<[string, Partial<JoinRule>, readonly string[], readonly string[]]>([
    ['without a default and late labels', {}, ['a expired'], []],
    ['by default', { defaultLabel: 0 }, ['a defaulted 0'], []],
    ['late labels count', { lateMs: hour }, ['a expired'], ['a labelled 1 r1']],
    ['late labels count, by default', { lateMs: hour, defaultLabel: 0 }, ['a defaulted 0'], ['a labelled 1 r1']],
  ])('after the wait, %s', (_, rule, atEnd, afterLabel) => {
    const state = stateOf(rule);
    onPredictions(state, [prediction('a', 'k', 0)]);
    expect(endings(onWatermark(state, waitMs + 1))).toEqual(atEnd);
    expect(endings(onLabels(state, [label('k', waitMs + hour)]))).toEqual(afterLabel);
    onWatermark(state, 3 * waitMs);
    onWatermark(state, 4 * waitMs);
    expect(stateSize(state)).toBe(0);
  });
});

type Input =
  { readonly predictions: readonly Prediction[] } | { readonly labels: readonly Label[] } | { readonly marker: number };

/** Records of one topic cut into batches, with a marker behind every step of event time. */
function topicOf<T>(
  records: readonly T[],
  timeOf: (record: T) => number,
  stepMs: number,
  batch: (records: T[]) => Input,
): Input[] {
  const sorted = [...records].sort((a, b) => timeOf(a) - timeOf(b));
  const inputs: Input[] = [];
  for (let end = stepMs; end <= 16 * 24 * hour; end += stepMs) {
    const step = sorted.filter((record) => timeOf(record) >= end - stepMs && timeOf(record) < end);
    if (step.length > 0) inputs.push(batch(step));
    inputs.push({ marker: end });
  }
  return inputs;
}

/** The state after a crash: everything from the changelog. */
function restored(rule: JoinRule, changelog: ReadonlyMap<string, string | Uint8Array>): JoinState {
  const state = createJoinState(rule);
  for (const value of changelog.values()) {
    if (typeof value === 'string') {
      const { lookup, entry } = decodeEntry(value);
      keepLabels(state, lookup, entry);
    } else keep(state, decodeHeld(value));
  }
  return state;
}

function record(changelog: Map<string, string | Uint8Array>, changes: Changes): void {
  for (const [id, one] of changes.held) {
    if (one === null) changelog.delete(id);
    else changelog.set(id, encodeHeld(one));
  }
  for (const [lookup, entry] of changes.labels) {
    if (entry === null) changelog.delete(`label/${lookup}`);
    else changelog.set(`label/${lookup}`, encodeEntry('m', entry));
  }
}

/** Plays three topics in the order that `choices` says; crashes before the steps in `crashes`. */
function play(
  rule: JoinRule,
  inputTopics: readonly Input[][],
  choices: readonly number[],
  crashes: ReadonlySet<number>,
) {
  const queues = inputTopics.map((topic) => [...topic]);
  const watermarks = queues.map(() => -Infinity);
  const changelog = new Map<string, string | Uint8Array>();
  const settled = new Map<string, string>();
  const records: outcomes.OutcomeStats[] = [];
  let [state, moved, problems] = [createJoinState(rule), -Infinity, 0];
  for (let step = 0; queues.some((queue) => queue.length > 0); step += 1) {
    if (crashes.has(step)) state = restored(rule, changelog);
    const open = queues.map((queue, i) => ({ queue, i })).filter(({ queue }) => queue.length > 0);
    const { queue, i } = open[(choices[step % choices.length] ?? 0) % open.length] ?? { queue: [], i: 0 };
    const input = queue.shift();
    const changes: Changes[] = [];
    if (input === undefined) break;
    if ('predictions' in input) changes.push(onPredictions(state, input.predictions));
    else if ('labels' in input) changes.push(onLabels(state, input.labels));
    else {
      watermarks[i] = input.marker;
      const smallest = Math.min(...watermarks);
      if (smallest > moved) changes.push(onWatermark(state, smallest));
      moved = Math.max(moved, smallest);
    }
    for (const change of changes) {
      record(changelog, change);
      records.push(...summarise(change, { waitMs: rule.waitMs, isNumeric: false }));
      for (const { ending, prediction: one, replaces, revision } of change.settled) {
        // Every ending replaces the one before it, and the first replaces none.
        if (settled.has(one.decisionId) !== revision > 0 || (replaces === null) !== (revision === 0)) problems += 1;
        settled.set(one.decisionId, JSON.stringify(ending));
      }
    }
  }
  const sums = new ScoreSums();
  for (const one of records) sums.merge(one);
  const total = (name: 'predictions' | 'expired' | 'defaulted' | 'late'): number =>
    records.reduce((sum, one) => sum + one[name], 0);
  return {
    ...{ settled: Object.fromEntries([...settled].sort()), sums: sums.state(), problems },
    counts: {
      predictions: total('predictions'),
      expired: total('expired'),
      defaulted: total('defaulted'),
      late: total('late'),
    },
    ...{ left: changelog.size, held: stateSize(state) },
  };
}

describe('any order of reading, any crash', () => {
  const time = fc.integer({ min: 0, max: 9 * 24 }).map((hours) => hours * hour);
  const key = fc.constantFrom('k0', 'k1', 'k2', 'k3');
  const predictions = fc.array(fc.tuple(fc.nat(15), time), { maxLength: 30 });
  const labels = fc.array(fc.tuple(key, time, fc.constantFrom(0 as const, 1 as const), fc.option(fc.nat(15))), {
    maxLength: 12,
  });
  const rules = fc
    .record({
      lateMs: fc.constantFrom(0, 24 * hour),
      conflict: fc.constantFrom('first' as const, 'last' as const),
      defaultLabel: fc.constantFrom(null, 0 as const, 1 as const),
      byDecision: fc.boolean(),
    })
    .map(ruleOf);

  test('gives the same outcomes, each decision once, and leaves nothing behind', () => {
    fc.assert(
      fc.property(
        rules,
        predictions,
        predictions,
        labels,
        fc.array(fc.nat(5), { minLength: 1, maxLength: 40 }),
        fc.uniqueArray(fc.nat(80), { maxLength: 5 }),
        (rule, served, shadowed, labelled, choices, crashes) => {
          // A repeat is the same prediction again: same id, key and time.
          const same = (prefix: string, rows: typeof served): Prediction[] =>
            rows.map(([id]) => prediction(`${prefix}${id}`, `k${id % 4}`, rows.find((row) => row[0] === id)?.[1] ?? 0));
          const a = same('p', served);
          const b = same('s', shadowed);
          const input = [
            topicOf(
              a,
              (row) => row.predictedAtMs,
              6 * hour,
              (rows) => ({ predictions: rows }),
            ),
            topicOf(
              b,
              (row) => row.predictedAtMs,
              6 * hour,
              (rows) => ({ predictions: rows }),
            ),
            topicOf(
              labelled.map(([k, t, value, named]) =>
                named === null || !rule.byDecision
                  ? label(k, t, value)
                  : { by: 'decision' as const, key: `p${named}`, label: value, labelledAtMs: t },
              ),
              (row) => row.labelledAtMs,
              6 * hour,
              (rows) => ({ labels: rows }),
            ),
          ];
          const straight = play(rule, input, [0], new Set());
          const mixed = play(rule, input, choices, new Set(crashes));
          expect(mixed).toEqual(straight);
          expect(Object.keys(straight.settled).length).toBe(
            new Set([...a, ...b].map(({ decisionId }) => decisionId)).size,
          );
          expect(mixed).toMatchObject({ left: 0, held: 0, problems: 0 });
          const rows = Object.values(straight.settled).filter((text) => text.includes('label'));
          expect(straight.sums.labelled).toBe(rows.length);
        },
      ),
      { numRuns: 150 },
    );
  });
});
