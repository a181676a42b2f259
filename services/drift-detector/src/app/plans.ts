import { drift, driftEventTypes, encodeEvent, topics } from '@everloop/contracts';
import { policyOf, type DueWindow, type NamedMonitor } from '@everloop/drift';
import type { OutRecord, TaskContext } from '@everloop/kafka';
import type { Planner } from './planner.ts';

/** The plans that windows are judged by: made once for each Monitor with a budget and version, and kept in the changelog under `plans/…`. */
export interface Plans {
  /**
   * Begins to make the plans that windows with rows of a version will be judged by, so that they are there when the first of them closes. What is judged does not depend on it.
   */
  foresee(monitors: readonly NamedMonitor[], rows: Pick<drift.Pane, 'model' | 'baselineVersion'>): void;
  /**
   * What a window is judged by: the plan of its Monitor and version, which is made and told when it is not known; the Monitor's own values where it has no budget or
   * the version no baseline.
   */
  policyOf(window: DueWindow, context: TaskContext): Promise<drift.DriftPolicy>;
  /** Forgets the plans of Monitors that are no longer applied, have no budget any more, or watch another model. */
  forget(monitors: readonly NamedMonitor[], context: TaskContext): void;
  /** Takes a record of the changelog; those of other stages are left alone. */
  restore(key: string, value: Buffer): void;
}

interface KeptPlan {
  readonly plan: drift.AlarmPlan;
  /** End of the window that it was made for, epoch milliseconds UTC. */
  readonly madeAtMs: number;
}

const prefix = 'plans/';
/** Plans that are foreseen at most: those that were asked for last. */
const foreseenMax = 256;
/** Versions of a Monitor whose plans are kept: those that were made last. */
const versionsMax = 8;

function planRecord(key: string, { plan, madeAtMs }: KeptPlan): OutRecord {
  const event = encodeEvent({
    ...{ id: plan.id, type: driftEventTypes.planned, source: 'everloop/drift-detector', subject: plan.model },
    ...{ eventTimeMs: madeAtMs, data: drift.AlarmPlan.toJSON(plan) },
  });
  return { topic: topics.driftPlan, partition: 0, key, ...event };
}

export function createPlans(planner: Planner, onPlan: (plan: drift.AlarmPlan) => void): Plans {
  const kept = new Map<string, KeptPlan>();
  const foreseen = new Map<string, Promise<drift.AlarmPlan | null>>();

  function known({ name, revision, spec }: NamedMonitor, version: string): drift.AlarmPlan | undefined {
    const plan = kept.get(`${name}/${version}`)?.plan;
    return plan?.monitorRevision === revision && plan.model === spec.model ? plan : undefined;
  }

  function keep(key: string, one: KeptPlan, context: TaskContext): void {
    kept.set(key, one);
    context.emit(planRecord(key, one));
    const value = JSON.stringify({ plan: drift.AlarmPlan.toJSON(one.plan), madeAtMs: one.madeAtMs });
    context.emit({ topic: topics.driftState, partition: 0, key: prefix + key, value });
  }

  function drop(key: string, context: TaskContext): void {
    kept.delete(key);
    context.emit({ topic: topics.driftPlan, partition: 0, key, value: null });
    context.emit({ topic: topics.driftState, partition: 0, key: prefix + key, value: null });
  }

  function dropOldest(monitor: string, newest: string, context: TaskContext): void {
    const others = [...kept].filter(([key, one]) => one.plan.monitor === monitor && key !== newest);
    const byAge = others.toSorted(([a, x], [b, y]) => x.madeAtMs - y.madeAtMs || (a < b ? -1 : 1));
    for (const [key] of byAge.slice(0, Math.max(0, byAge.length + 1 - versionsMax))) drop(key, context);
  }

  return {
    foresee(monitors, { model, baselineVersion: version }) {
      for (const monitor of monitors) {
        const { name, revision, spec } = monitor;
        if (spec.model !== model || spec.budget === undefined || version === '') continue;
        const key = `${name}/${revision}/${version}`;
        if (foreseen.has(key) || known(monitor, version) !== undefined) continue;
        // What fails is tried again when a window is due.
        foreseen.set(
          key,
          planner.of(monitor, version).catch(() => null),
        );
        const [oldest] = foreseen.size > foreseenMax ? foreseen.keys() : [];
        if (oldest !== undefined) foreseen.delete(oldest);
      }
    },
    async policyOf({ monitor, counts, endMs }, context) {
      const { name, revision, spec } = monitor;
      const { baselineVersion: version } = counts;
      if (spec.budget === undefined || version === '') return policyOf(spec);
      const key = `${name}/${version}`;
      const own = known(monitor, version);
      if (own !== undefined) return own.policy ?? policyOf(spec);
      const plan = (await foreseen.get(`${name}/${revision}/${version}`)) ?? (await planner.of(monitor, version));
      if (plan === null) return policyOf(spec);
      keep(key, { plan, madeAtMs: endMs }, context);
      dropOldest(name, key, context);
      onPlan(plan);
      return plan.policy ?? policyOf(spec);
    },
    forget(monitors, context) {
      const applied = new Map(monitors.map(({ name, spec }) => [name, spec]));
      for (const [key, { plan }] of kept) {
        const spec = applied.get(plan.monitor);
        if (spec?.budget === undefined || spec.model !== plan.model) drop(key, context);
      }
    },
    restore(key, value) {
      if (!key.startsWith(prefix)) return;
      const { plan, madeAtMs } = JSON.parse(value.toString('utf8')) as { readonly plan: unknown; readonly madeAtMs: number }; // prettier-ignore
      kept.set(key.slice(prefix.length), { plan: drift.AlarmPlan.fromJSON(plan), madeAtMs });
    },
  };
}
