import type { features, ModelSpec, serving } from '@everloop/contracts';
import {
  differencesOf,
  FeatureError,
  isWholeRequest,
  planLookup,
  requestOf,
  unknownKeys,
  type LookupPlan,
} from '@everloop/features';

import type { AppliedOffsets, AppliedTimeline } from '../domain/applied-timeline.ts';
import type { ParityItem } from '../domain/parity-queue.ts';
import { verdictOf } from '../domain/parity-verdict.ts';
import { definitionsOf, type Topology } from '../domain/topology.ts';
import type { ParityTelemetry } from '../parity-telemetry.ts';
import type { History } from '../ports.ts';

export interface ParityComparisonOptions {
  /** The topology now. */
  readonly topology: () => Topology;
  /** When a resource last changed, epoch milliseconds of wall-clock time; by `<kind>/<name>`. */
  readonly changedAtMs: (resource: string) => number;
  readonly history: Pick<History, 'pointInTime'>;
  readonly telemetry: ParityTelemetry;
  /** Predictions so long after a change of a definition may still be of the one before, milliseconds. */
  readonly redefinedMs?: number;
}

/** A prediction, what is asked about it, and the inputs that are compared. */
interface Asked {
  readonly item: ParityItem;
  readonly row: features.EntityRow;
  readonly names: readonly string[];
}

interface Work {
  readonly spec: ModelSpec;
  readonly plan: LookupPlan;
  readonly resources: readonly string[];
}

/** The rows of a prediction out of what the online rows held just before and just after it. */
interface HeldRows {
  readonly before: features.FeatureRow;
  readonly after: features.FeatureRow;
}

const missing: serving.FeatureValue = { kind: { $case: 'missing', value: true } };
/** Most that the clocks of the gateway and of this process may differ, milliseconds. */
export const clockSkewMs = 1_000;
/** Most queries of one round for what the rows held on one side; each is for the predictions of about a second. */
const heldQueriesMax = 16;

/** Computes served predictions again, once the history holds all that they need, and says what came out. */
export class ParityComparison {
  readonly #options: ParityComparisonOptions;
  readonly #timeline: Pick<AppliedTimeline, 'before' | 'after'>;

  constructor(options: ParityComparisonOptions, timeline: Pick<AppliedTimeline, 'before' | 'after'>) {
    this.#options = options;
    this.#timeline = timeline;
  }

  /** Compares predictions of one model: one query, and a few more where a value differs. */
  async compare(model: string, items: readonly ParityItem[]): Promise<void> {
    const { telemetry, history, changedAtMs, redefinedMs = 10_000 } = this.#options;
    const work = workOf(this.#options.topology(), model);
    if (typeof work === 'string') {
      telemetry.skipped('unknown', items.length, `${model}: ${work}`);
      return;
    }
    const sinceMs = Math.max(...work.resources.map(changedAtMs)) + redefinedMs;
    const read = items.filter(({ inference }) => !inference.featuresUnreachable);
    telemetry.skipped('unreachable', items.length - read.length);
    const current = read.filter(({ servedAtMs }) => servedAtMs >= sinceMs);
    telemetry.skipped('redefined', read.length - current.length);
    if (current.length === 0) return;
    const asked = this.#askable(model, work, current);
    if (asked.length === 0) return;
    const rows = await history.pointInTime(
      work.plan,
      asked.map(({ row }) => row),
    );
    const valuesOf = (row: features.FeatureRow | undefined, names: readonly string[]) =>
      names.map((name) => row?.values[work.plan.names.indexOf(name)] ?? missing);
    const found = asked.map(({ item, names }, index) =>
      differencesOf(item.inference, names, valuesOf(rows[index], names)),
    );
    const held = await this.#held(
      work,
      asked.filter((_, index) => found[index]?.length !== 0),
    );
    for (const [index, { item, names }] of asked.entries()) {
      const compared = names.filter((name) => item.inference.inputNames.includes(name)).length;
      const rowsHeld = held.get(item);
      const verdict = verdictOf(compared, found[index] ?? [], (feature) => {
        if (rowsHeld === undefined) return null;
        const [before, after] = [valuesOf(rowsHeld.before, [feature]), valuesOf(rowsHeld.after, [feature])];
        return { before: before[0], after: after[0] };
      });
      telemetry.checked(item, verdict);
    }
  }

  /** The predictions whose log has what their views are asked for, with the question and the inputs that are computed again. */
  #askable(model: string, { spec, plan }: Work, items: readonly ParityItem[]): readonly Asked[] {
    const asked: Asked[] = [];
    const unknown = new Set<string>();
    for (const item of items) {
      const request = requestOf(spec, item.inference);
      const keys = unknownKeys(spec, request);
      for (const key of keys) unknown.add(key);
      if (keys.length > 0) continue;
      const names = comparedNames(plan, isWholeRequest(spec, request));
      asked.push({ item, names, row: { request, asOfMs: item.inference.eventTimeMs } });
    }
    const detail = `${model}: ${[...unknown].join(', ')} is not in the prediction log, which is older than the field`;
    this.#options.telemetry.skipped('unknown', items.length - asked.length, detail);
    return asked;
  }

  /** The rows of predictions out of what the online rows held just before and just after; none where that is not known. */
  async #held(work: Work, asked: readonly Asked[]): Promise<ReadonlyMap<ParityItem, HeldRows>> {
    const before = await this.#heldBy(work, asked, ({ servedAtMs, inference }) => {
      const span = this.#timeline.before(servedAtMs - inference.latencyUs / 1_000 - clockSkewMs);
      return span?.floor ?? null;
    });
    const after = await this.#heldBy(work, asked, ({ servedAtMs }) => {
      return this.#timeline.after(servedAtMs + clockSkewMs)?.ceiling ?? null;
    });
    const held = new Map<ParityItem, HeldRows>();
    for (const { item } of asked) {
      const [first, last] = [before.get(item), after.get(item)];
      if (first !== undefined && last !== undefined) held.set(item, { before: first, after: last });
    }
    return held;
  }

  async #heldBy(
    work: Work,
    asked: readonly Asked[],
    untilOf: (item: ParityItem) => AppliedOffsets | null,
  ): Promise<ReadonlyMap<ParityItem, features.FeatureRow>> {
    const found = new Map<ParityItem, features.FeatureRow>();
    const groups = [...Map.groupBy(asked, ({ item }) => untilOf(item))].slice(0, heldQueriesMax);
    for (const [until, part] of groups) {
      if (until === null) continue;
      const questions = part.map(({ row }) => row);
      const rows = await this.#options.history.pointInTime(work.plan, questions, { until });
      for (const [index, { item }] of part.entries()) {
        const row = rows[index];
        if (row !== undefined) found.set(item, row);
      }
    }
    return found;
  }
}

/**
 * The inputs that are computed again: what comes from a view, and what is computed on demand if the whole request is in the log. Request
 * fields are given.
 */
function comparedNames({ inputs }: LookupPlan, isWhole: boolean): readonly string[] {
  return inputs.flatMap(({ name, origin: { kind } }) =>
    kind === 'view' || (kind === 'onDemand' && isWhole) ? [name] : [],
  );
}

/** How a model's inputs are computed again, or why they cannot be. */
function workOf(topology: Topology, model: string): Work | string {
  const spec = topology.models.get(model);
  if (spec === undefined) return 'there is no such Model';
  try {
    const plan = planLookup(spec, topology.catalog);
    const resources = definitionsOf(topology, model, plan).map(({ kind, name }) => `${kind}/${name}`);
    return { spec, plan, resources };
  } catch (error) {
    if (error instanceof FeatureError) return error.message;
    throw error;
  }
}
