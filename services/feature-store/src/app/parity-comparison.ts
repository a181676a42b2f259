import type { features, ModelSpec, serving } from '@everloop/contracts';
import { differencesOf, FeatureError, planLookup, requestOf, unknownKeys, type LookupPlan } from '@everloop/features';

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
    const current = items.filter(({ servedAtMs }) => servedAtMs >= sinceMs);
    telemetry.skipped('redefined', items.length - current.length);
    if (current.length === 0) return;
    const rows = await history.pointInTime(work.plan, questions(work, current));
    const names = comparedNames(work.plan);
    const valuesOf = (row: features.FeatureRow | undefined) =>
      names.map((name) => row?.values[work.plan.names.indexOf(name)] ?? missing);
    const found = current.map((item, index) => differencesOf(item.inference, names, valuesOf(rows[index])));
    const held = await this.#held(
      work,
      current.filter((_, index) => found[index]?.length !== 0),
    );
    for (const [index, item] of current.entries()) {
      const compared = names.filter((name) => item.inference.inputNames.includes(name)).length;
      const rowsHeld = held.get(item);
      const verdict = verdictOf(compared, found[index] ?? [], (feature) => {
        if (rowsHeld === undefined) return null;
        const at = names.indexOf(feature);
        return { before: valuesOf(rowsHeld.before)[at], after: valuesOf(rowsHeld.after)[at] };
      });
      telemetry.checked(item, verdict);
    }
  }

  /** The rows of predictions out of what the online rows held just before and just after; none where that is not known. */
  async #held(work: Work, items: readonly ParityItem[]): Promise<ReadonlyMap<ParityItem, HeldRows>> {
    const before = await this.#heldBy(work, items, ({ servedAtMs, inference }) => {
      const span = this.#timeline.before(servedAtMs - inference.latencyUs / 1_000 - clockSkewMs);
      return span?.floor ?? null;
    });
    const after = await this.#heldBy(work, items, ({ servedAtMs }) => {
      return this.#timeline.after(servedAtMs + clockSkewMs)?.ceiling ?? null;
    });
    const held = new Map<ParityItem, HeldRows>();
    for (const item of items) {
      const [first, last] = [before.get(item), after.get(item)];
      if (first !== undefined && last !== undefined) held.set(item, { before: first, after: last });
    }
    return held;
  }

  async #heldBy(
    work: Work,
    items: readonly ParityItem[],
    untilOf: (item: ParityItem) => AppliedOffsets | null,
  ): Promise<ReadonlyMap<ParityItem, features.FeatureRow>> {
    const found = new Map<ParityItem, features.FeatureRow>();
    for (const [until, part] of [...Map.groupBy(items, untilOf)].slice(0, heldQueriesMax)) {
      if (until === null) continue;
      const rows = await this.#options.history.pointInTime(work.plan, questions(work, part), { until });
      for (const [index, item] of part.entries()) {
        const row = rows[index];
        if (row !== undefined) found.set(item, row);
      }
    }
    return found;
  }
}

/** Only what comes from a view is computed again: request fields are given, and features made of others follow from these. */
function comparedNames({ inputs }: LookupPlan): readonly string[] {
  return inputs.flatMap(({ name, origin }) => (origin.kind === 'view' ? [name] : []));
}

function questions({ spec }: Work, items: readonly ParityItem[]): features.EntityRow[] {
  return items.map(({ inference }) => ({ request: requestOf(spec, inference), asOfMs: inference.eventTimeMs }));
}

/** How a model's inputs are computed again, or why they cannot be. */
function workOf(topology: Topology, model: string): Work | string {
  const spec = topology.models.get(model);
  if (spec === undefined) return 'there is no such Model';
  const unknown = unknownKeys(spec);
  if (unknown.length > 0) return `${unknown.join(', ')} is not in the prediction log`;
  try {
    const plan = planLookup(spec, topology.catalog);
    const resources = definitionsOf(topology, model, plan).map(({ kind, name }) => `${kind}/${name}`);
    return { spec, plan, resources };
  } catch (error) {
    if (error instanceof FeatureError) return error.message;
    throw error;
  }
}
