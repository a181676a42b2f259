import type { drift, rollout, training } from '@everloop/contracts';
import type { Quality } from '../report/types.ts';

/** One window of a model's drift story. */
export interface StoryWindow {
  readonly startMs: number;
  readonly endMs: number;
  readonly version: string;
  readonly rows: number;
  /** `stable`, `drifted` or `insufficient`. */
  readonly verdict: string;
  readonly fields: readonly drift.FieldDrift[];
  /** Why the verdict, in words. */
  readonly reason: string;
  /** What was decided on it and why; null where nothing was. */
  readonly decision: { readonly outcome: string; readonly reason: string; readonly isAlarm: boolean } | null;
  /** Of the predictions made in it. */
  readonly quality: Quality;
}

/** What one Monitor saw of a model, window by window, and what came of it. */
export interface DriftStory {
  readonly model: string;
  readonly monitor: string;
  readonly windows: readonly StoryWindow[];
  /** What the index of a field must reach, nats, by the windows' policies; where plans are calibrated they differ. `usual`: the median. */
  readonly psiLimits: { readonly least: number; readonly usual: number; readonly most: number };
  readonly promotions: readonly { readonly version: string; readonly atMs: number }[];
  /** Retrainings that this Monitor asked for. */
  readonly requests: readonly { readonly atMs: number; readonly reason: string }[];
}

/** What a story is told from. */
export interface StoryInput {
  readonly model: string;
  /** Of which Monitor; absent: the one with the most reports, the first by name. */
  readonly monitor?: string;
  readonly reports: readonly drift.DriftReport[];
  readonly decisions: readonly drift.Decision[];
  readonly requests: readonly training.RetrainingRequested[];
  readonly steps: readonly rollout.RolloutStep[];
  /** Quality of the predictions in [startMs, endMs). */
  readonly quality: (startMs: number, endMs: number) => Quality;
}

const word = (text: string, prefix: string): string => text.replace(prefix, '').toLowerCase();

function busiestMonitor(reports: readonly drift.DriftReport[]): string {
  const counts = new Map<string, number>();
  for (const { monitor } of reports) counts.set(monitor, (counts.get(monitor) ?? 0) + 1);
  const [first] = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  return first?.[0] ?? '';
}

function limitsOf(reports: readonly drift.DriftReport[]): DriftStory['psiLimits'] {
  const limits = reports.map(({ policy }) => policy?.psi ?? 0.1).sort((a, b) => a - b);
  const at = (place: number): number => limits[place] ?? 0.1;
  return { least: at(0), usual: at(Math.floor(limits.length / 2)), most: at(limits.length - 1) };
}

/** Puts the events of one Monitor in the order of its windows; a repeated report counts once. Null when there is no window. */
export function driftStory(input: StoryInput): DriftStory | null {
  const ofModel = input.reports.filter(({ model }) => model === input.model);
  const monitor = input.monitor ?? busiestMonitor(ofModel);
  const reports = new Map(ofModel.filter((one) => one.monitor === monitor).map((report) => [report.id, report]));
  if (reports.size === 0) return null;
  const decisions = new Map(input.decisions.map((decision) => [decision.reportId, decision]));
  const own = new Set(input.decisions.filter((one) => one.monitor === monitor).map(({ id }) => id));
  const windows = [...reports.values()]
    .sort((a, b) => a.windowEndMs - b.windowEndMs || a.windowStartMs - b.windowStartMs)
    .map((report): StoryWindow => {
      const decision = decisions.get(report.id);
      return {
        ...{ startMs: report.windowStartMs, endMs: report.windowEndMs, version: report.baselineVersion },
        ...{ rows: report.rows, verdict: word(report.verdict, 'DRIFT_VERDICT_'), fields: report.fields },
        reason: report.reason,
        decision:
          decision === undefined
            ? null
            : {
                ...{ outcome: word(decision.outcome, 'RETRAIN_OUTCOME_'), reason: decision.reason },
                isAlarm: decision.alarm,
              },
        quality: input.quality(report.windowStartMs, report.windowEndMs),
      };
    });
  return {
    ...{ model: input.model, monitor, windows },
    psiLimits: limitsOf([...reports.values()]),
    promotions: input.steps
      .filter((step) => step.model === input.model && step.action === 'promoted')
      .map(({ version, eventTimeMs }) => ({ version, atMs: eventTimeMs })),
    requests: input.requests
      .filter(({ model, trigger, causeId }) => model === input.model && trigger === 'drift' && own.has(causeId))
      .map(({ eventTimeMs, reason }) => ({ atMs: eventTimeMs, reason })),
  };
}
