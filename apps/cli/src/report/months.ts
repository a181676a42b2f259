import { drift, training } from '@everloop/contracts';
import { isTerminal, type ControlEvents } from './control.ts';
import type { QualityFold } from './quality.ts';
import type { Activity, MonthReport, ReasonCount } from './types.ts';

/** `YYYY-MM` of an instant, UTC. @example monthOf(Date.UTC(2013, 0, 31)) // '2013-01' */
export function monthOf(epochMs: number): string {
  return Number.isFinite(epochMs) ? new Date(epochMs).toISOString().slice(0, 7) : 'unknown';
}

/** Quarantined records by month and reason. */
export class QuarantineFold {
  readonly #reasons = new Map<string, Map<string, number>>();
  readonly #records = new Map<string, number>();

  /** `headers` of the quarantined record: `ce_time` is its event time, `evl-reasons` says why; a record may have several reasons. */
  add(headers: Readonly<Record<string, string>>): void {
    const month = monthOf(Date.parse(headers['ce_time'] ?? ''));
    this.#records.set(month, (this.#records.get(month) ?? 0) + 1);
    const reasons = this.#reasons.get(month) ?? new Map<string, number>();
    this.#reasons.set(month, reasons);
    for (const reason of new Set(readReasons(headers['evl-reasons'])))
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }

  months(): Iterable<string> {
    return this.#records.keys();
  }

  records(includes: (month: string) => boolean): number {
    let count = 0;
    for (const [month, records] of this.#records) if (includes(month)) count += records;
    return count;
  }

  /** The most frequent reasons, at most `most`. */
  top(includes: (month: string) => boolean, most: number): readonly ReasonCount[] {
    const merged = new Map<string, number>();
    for (const [month, reasons] of this.#reasons) {
      if (!includes(month)) continue;
      for (const [reason, count] of reasons) merged.set(reason, (merged.get(reason) ?? 0) + count);
    }
    return [...merged]
      .map(([reason, records]) => ({ reason, records }))
      .sort((a, b) => b.records - a.records || (a.reason < b.reason ? -1 : 1))
      .slice(0, most);
  }
}

function readReasons(text: string | undefined): readonly string[] {
  if (text === undefined) return ['no reason given'];
  try {
    const reasons = JSON.parse(text) as readonly { readonly rule?: string; readonly path?: string }[];
    return reasons.map(({ rule = 'unknown', path = '' }) => `${rule} ${path}`.trim());
  } catch {
    return ['unreadable reasons'];
  }
}

/** What the months are made of. */
export interface MonthInput {
  /** Served predictions by month. */
  readonly predictions: ReadonlyMap<string, number>;
  readonly quarantine: QuarantineFold;
  readonly control: ControlEvents;
  readonly quality: QualityFold;
}

const topReasons = 3;

/** What happened in the months that `includes` accepts. A drift window belongs to the month of its last instant. */
export function activityOf(input: MonthInput, months: readonly string[]): Activity {
  const chosen = new Set(months);
  const includes = (month: string): boolean => chosen.has(month);
  const { control, quarantine, quality } = input;
  const within = <T>(events: readonly T[], timeMs: (event: T) => number, wanted: (event: T) => boolean): number =>
    events.filter((event) => includes(monthOf(timeMs(event))) && wanted(event)).length;
  const windows = (...verdicts: drift.DriftVerdict[]): number =>
    within(
      control.driftReports,
      (r) => r.windowEndMs - 1,
      (r) => verdicts.includes(r.verdict),
    );
  const labelled = (...verdicts: drift.DriftVerdict[]): number =>
    within(
      control.qualityReports,
      (r) => r.windowEndMs - 1,
      (r) => r.kind === 'performance' && verdicts.includes(r.verdict),
    );
  const jobs = (wanted: (job: training.JobEvent) => boolean): number =>
    within(control.jobs, (j) => j.eventTimeMs, wanted);
  const steps = (action: string): number =>
    within(
      control.steps,
      (s) => s.eventTimeMs,
      (s) => s.action === action,
    );
  const succeeded = jobs((j) => j.state === training.JobState.SUCCEEDED);
  const failedTrainings = jobs((j) => j.state === training.JobState.FAILED);
  return {
    predictions: months.reduce((sum, month) => sum + (input.predictions.get(month) ?? 0), 0),
    labelled: months.reduce((sum, month) => sum + quality.labelled(month), 0),
    quarantined: quarantine.records(includes),
    quarantineReasons: quarantine.top(includes, topReasons),
    driftWindows: windows(drift.DriftVerdict.STABLE, drift.DriftVerdict.DRIFTED),
    driftedWindows: windows(drift.DriftVerdict.DRIFTED),
    qualityWindows: labelled(drift.DriftVerdict.STABLE, drift.DriftVerdict.DRIFTED),
    worseWindows: labelled(drift.DriftVerdict.DRIFTED),
    retrainingRequests: within(
      control.requests,
      (r) => r.eventTimeMs,
      () => true,
    ),
    trainings: succeeded + failedTrainings,
    retrainings: jobs((j) => ran.has(j.state) && j.trigger !== 'rows'),
    failedTrainings,
    skippedRequests: jobs((j) => j.state === training.JobState.SKIPPED),
    rejections: jobs((j) => isTerminal(j) && j.versionStage === 'rejected'),
    promotions: steps('promoted'),
    rollbacks: steps('rolled-back'),
    quality: quality.quality(includes),
  };
}

/** The ends of a job that ran. The trigger `rows` asks for the first version of a model only. */
const ran: ReadonlySet<training.JobState> = new Set([training.JobState.SUCCEEDED, training.JobState.FAILED]);

/** Every month in which something happened, in order. */
export function monthReports(input: MonthInput): readonly MonthReport[] {
  const { control } = input;
  const months = new Set<string>([
    ...input.predictions.keys(),
    ...input.quarantine.months(),
    ...[...control.driftReports, ...control.qualityReports].map((report) => monthOf(report.windowEndMs - 1)),
    ...[...control.requests, ...control.jobs, ...control.steps].map((event) => monthOf(event.eventTimeMs)),
  ]);
  return [...months].sort().map((month) => ({ month, ...activityOf(input, [month]) }));
}
