import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { predictionOf } from '../../test/fixtures.ts';
import { decodeEntry, decodePending, encodeEntry, encodePending } from './codec.ts';
import {
  createJoinState,
  type JoinState,
  onLabels,
  onPredictions,
  onWatermark,
  restoreLabels,
  restorePrediction,
  stateSize,
} from './join.ts';
import type { Changes, Label, Prediction } from './types.ts';

const hour = 3_600_000;
const waitMs = 48 * hour;

function prediction(decisionId: string, joinKey: string, predictedAtMs: number): Prediction {
  const arm = decisionId.startsWith('s') ? 'shadow' : 'champion';
  return predictionOf({ decisionId, arm, joinKey, predictedAtMs, learn: arm !== 'shadow' });
}

function label(joinKey: string, labelledAtMs: number, value: 0 | 1 = 1): Label {
  return { joinKey, label: value, labelledAtMs };
}

function kinds(changes: Changes): readonly string[] {
  return changes.settled.map((settled) => `${settled.prediction.decisionId} ${settled.ending.kind}`);
}

describe('joining', () => {
  test('a label meets the predictions that wait for it, served and shadowed', () => {
    const state = createJoinState(waitMs);
    onPredictions(state, [prediction('a', 'k', 0), prediction('s', 'k', 0), prediction('b', 'other', 0)]);
    const changes = onLabels(state, [label('k', hour)]);
    expect(kinds(changes)).toEqual(['a labelled', 's labelled']);
    expect([...changes.pending]).toEqual([
      ['a', null],
      ['s', null],
    ]);
    expect([...state.pending.keys()]).toEqual(['b']);
  });

  test('a prediction meets a label that was read before it', () => {
    const state = createJoinState(waitMs);
    expect(kinds(onLabels(state, [label('k', 5 * hour)]))).toEqual([]);
    const changes = onPredictions(state, [prediction('a', 'k', 0)]);
    expect(kinds(changes)).toEqual(['a labelled']);
    expect(changes.pending.size).toBe(0);
  });

  test.each([
    ['at the end of the wait', waitMs, 'a labelled'],
    ['a millisecond after it', waitMs + 1, undefined],
  ])('label %s', (_, labelledAtMs, expected) => {
    const early = createJoinState(waitMs);
    onPredictions(early, [prediction('a', 'k', 0)]);
    const late = createJoinState(waitMs);
    expect(kinds(onLabels(early, [label('k', labelledAtMs)]))[0]).toBe(expected);
    onLabels(late, [label('k', labelledAtMs)]);
    expect(kinds(onPredictions(late, [prediction('a', 'k', 0)]))[0]).toBe(expected);
  });

  test('repeats are recognised while pending and after settling', () => {
    const state = createJoinState(waitMs);
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
    const state = createJoinState(waitMs);
    onPredictions(state, [prediction('b', 'k', 10), prediction('a', 'k2', 10), prediction('c', 'k3', 11)]);
    expect(kinds(onWatermark(state, 10 + waitMs))).toEqual([]);
    expect(kinds(onWatermark(state, 11 + waitMs))).toEqual(['a expired', 'b expired']);
    expect(kinds(onWatermark(state, 12 + waitMs))).toEqual(['c expired']);
    expect(stateSize(state)).toBe(0);
  });

  test('labels and settled ids are forgotten when nothing can ask for them, and labels without prediction counted', () => {
    const state = createJoinState(waitMs);
    onLabels(state, [label('k', 0), label('lonely', 0)]);
    onPredictions(state, [prediction('a', 'k', 5 * hour)]);
    const first = onWatermark(state, waitMs + 1);
    expect(first.facts.get('label_without_prediction')).toBe(1);
    expect([...first.labels]).toEqual([['lonely', null]]);
    onWatermark(state, waitMs + 5 * hour);
    expect(state.labels.size).toBe(1);
    expect([...onWatermark(state, waitMs + 5 * hour + 1).labels]).toEqual([['k', null]]);
    expect(stateSize(state)).toBe(0);
  });

  test('a label too late for any prediction is counted and not kept', () => {
    const state = createJoinState(waitMs);
    onWatermark(state, waitMs + 2);
    expect(onLabels(state, [label('k', 1)]).facts.get('late_label')).toBe(1);
    expect(stateSize(state)).toBe(0);
  });

  test('labels of one key are bounded', () => {
    const state = createJoinState(waitMs);
    const changes = onLabels(
      state,
      Array.from({ length: 20 }, (_, i) => label('k', i)),
    );
    expect(changes.facts.get('labels_per_key_exceeded')).toBe(4);
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
  for (let end = stepMs; end <= 12 * 24 * hour; end += stepMs) {
    const step = sorted.filter((record) => timeOf(record) >= end - stepMs && timeOf(record) < end);
    if (step.length > 0) inputs.push(batch(step));
    inputs.push({ marker: end });
  }
  return inputs;
}

/** The state after a crash: everything from the changelog. */
function restored(changelog: ReadonlyMap<string, string | Uint8Array>): JoinState {
  const state = createJoinState(waitMs);
  for (const value of changelog.values()) {
    if (typeof value === 'string') {
      const { joinKey, entry } = decodeEntry(value);
      restoreLabels(state, joinKey, entry);
    } else restorePrediction(state, decodePending(value));
  }
  return state;
}

function record(changelog: Map<string, string | Uint8Array>, changes: Changes): void {
  for (const [id, one] of changes.pending) {
    if (one === null) changelog.delete(id);
    else changelog.set(id, encodePending(one));
  }
  for (const [key, entry] of changes.labels) {
    if (entry === null) changelog.delete(`label/${key}`);
    else changelog.set(`label/${key}`, encodeEntry('m', key, entry));
  }
}

/** Plays three topics in the order that `choices` says; crashes before the steps in `crashes`. */
function play(inputTopics: readonly Input[][], choices: readonly number[], crashes: ReadonlySet<number>) {
  const queues = inputTopics.map((topic) => [...topic]);
  const watermarks = queues.map(() => -Infinity);
  const changelog = new Map<string, string | Uint8Array>();
  const settled: string[] = [];
  let state = createJoinState(waitMs);
  let moved = -Infinity;
  for (let step = 0; queues.some((queue) => queue.length > 0); step += 1) {
    if (crashes.has(step)) state = restored(changelog);
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
      for (const { ending, prediction } of change.settled)
        settled.push(JSON.stringify([prediction.decisionId, ending]));
    }
  }
  return { settled: settled.sort(), left: changelog.size, held: stateSize(state) };
}

describe('any order of reading, any crash', () => {
  const time = fc.integer({ min: 0, max: 9 * 24 }).map((hours) => hours * hour);
  const key = fc.constantFrom('k0', 'k1', 'k2', 'k3');
  const predictions = fc.array(fc.tuple(fc.nat(15), time), { maxLength: 30 });
  const labels = fc.array(fc.tuple(key, time, fc.constantFrom(0 as const, 1 as const)), { maxLength: 12 });

  test('gives the same outcomes, each decision once, and leaves nothing behind', () => {
    fc.assert(
      fc.property(
        predictions,
        predictions,
        labels,
        fc.array(fc.nat(5), { minLength: 1, maxLength: 40 }),
        fc.uniqueArray(fc.nat(80), { maxLength: 5 }),
        (served, shadowed, labelled, choices, crashes) => {
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
              labelled.map(([k, t, value]) => label(k, t, value)),
              (row) => row.labelledAtMs,
              6 * hour,
              (rows) => ({ labels: rows }),
            ),
          ];
          const straight = play(input, [0], new Set());
          const mixed = play(input, choices, new Set(crashes));
          expect(mixed.settled).toEqual(straight.settled);
          expect(straight.settled.length).toBe(new Set([...a, ...b].map(({ decisionId }) => decisionId)).size);
          expect(mixed).toMatchObject({ left: 0, held: 0 });
        },
      ),
      { numRuns: 150 },
    );
  });
});
