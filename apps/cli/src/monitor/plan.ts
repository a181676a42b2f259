import { drift, type registry } from '@everloop/contracts';
import { baselineProblem, calibrate, historyProblem, prepareBaseline, type NamedMonitor } from '@everloop/drift';
import { table } from '../table.ts';

const [baselineName, historyName] = ['baseline.json', 'history.pb'];
const hourMs = 3_600_000;

/** What a Monitor's plan comes from. */
export interface PlanSources {
  /** Versions of the Monitor's model, oldest first. */
  readonly versions: readonly registry.ModelVersion[];
  /** Bytes of an artifact. */
  read(digest: string): Promise<Buffer>;
}

/** A plan, or why there is none yet. */
export type MonitorPlan =
  | { readonly kind: 'plan'; readonly monitor: NamedMonitor; readonly plan: drift.AlarmPlan }
  | { readonly kind: 'none'; readonly monitor: NamedMonitor; readonly reason: string };

/** The version that the Monitor would watch: the one in production, else the newest that passed its gates. */
function watchedVersion(versions: readonly registry.ModelVersion[]): registry.ModelVersion | undefined {
  const last = (stage: string): registry.ModelVersion | undefined => versions.findLast((one) => one.stage === stage);
  return last('production') ?? last('approved');
}

/**
 * How a Monitor would behave on the version that is in service, calibrated from that version's baseline and history. Seconds of work. Where
 * something is missing it says what, and when the Monitor will be calibrated.
 */
export async function planMonitor(monitor: NamedMonitor, sources: PlanSources): Promise<MonitorPlan> {
  const { model } = monitor.spec;
  const none = (reason: string): MonitorPlan => ({ kind: 'none', monitor, reason });
  const version = watchedVersion(sources.versions);
  if (version === undefined) return none(`model "${model}" has no version in service yet; ${planLater(monitor)}`);
  const digestOf = (name: string): string | undefined => version.artifacts.find((one) => one.name === name)?.digest;
  const [baselineDigest, historyDigest] = [digestOf(baselineName), digestOf(historyName)];
  const called = `version ${version.version} of "${model}"`;
  if (baselineDigest === undefined) return none(`${called} has no ${baselineName}, so its windows cannot be judged`);
  if (historyDigest === undefined)
    return none(`${called} has no ${historyName} (its recipe wrote none), so nothing can be simulated from it`);
  const message = readBaseline(await sources.read(baselineDigest));
  if (message === null) return none(`${baselineName} of ${called} is not the JSON of a Baseline`);
  const problem = baselineProblem(message);
  if (problem !== null) return none(`${baselineName} of ${called} cannot be used: ${problem}`);
  const history = readHistory(await sources.read(historyDigest));
  if (history === null) return none(`${historyName} of ${called} is not the binary form of a History`);
  const { panes } = history;
  // A recipe writes its baseline before the registry gives the version its number.
  const baseline = prepareBaseline({ ...message, model, modelVersion: version.version });
  const misfit = historyProblem(baseline, panes);
  if (misfit !== null) return none(`${historyName} of ${called} cannot be used: ${misfit}`);
  return { kind: 'plan', monitor, plan: calibrate({ monitor, baseline, panes }) };
}

function readBaseline(bytes: Buffer): drift.Baseline | null {
  try {
    return drift.Baseline.fromJSON(JSON.parse(bytes.toString('utf8')));
  } catch {
    return null;
  }
}

function readHistory(bytes: Buffer): drift.History | null {
  try {
    return drift.History.decode(bytes);
  } catch {
    return null;
  }
}

function planLater({ spec }: NamedMonitor): string {
  const when = 'when the first one has been promoted';
  return spec.budget === undefined ? `plan again ${when}` : `the drift detector calibrates it ${when}`;
}

function span(ms: number): string {
  return ms % (24 * hourMs) === 0 ? `${ms / (24 * hourMs)} days` : `${ms / hourMs} hours`;
}

function delayRow({ shift, shiftedFields, medianWindows, p90Windows, found }: drift.DetectionDelay): string[] {
  const windows = (count: number): string => (count < 0 ? 'not in a period' : `${count} windows`);
  const share = `${Math.round(found * 100)} %`;
  return [`${shift} σ in ${shiftedFields} fields`, windows(medianWindows), windows(p90Windows), share];
}

/** The plan for reading: what is judged by, what it costs, and what it finds. */
export function planText(result: MonitorPlan): string {
  return result.kind === 'none'
    ? `Monitor ${result.monitor.name}: no plan: ${result.reason}`
    : alarmPlanText(result.plan);
}

/** The same of a plan as the detector tells it. */
export function alarmPlanText(plan: drift.AlarmPlan): string {
  const head = `Monitor ${plan.monitor} on version ${plan.baselineVersion}: ${plan.status}\n  ${plan.reason}`;
  if (plan.status === 'unknown') return head;
  const rates = [
    ['false retrainings', `${plan.falseRetrainings.toFixed(2)} in ${span(plan.periodMs)}`],
    ['upper 95 % bound', plan.falseRetrainingsUpper.toFixed(2)],
    ['allowed', plan.allowed > 0 ? String(plan.allowed) : 'no budget'],
    ['simulated', `${plan.runs} periods from ${plan.historyPanes} panes in blocks of ${plan.blockPanes}`],
  ];
  const found = table(['SHIFT', 'MEDIAN', '90 %', 'FOUND'], plan.delays.map(delayRow));
  return [head, table(['', ''], rates), found].join('\n');
}

/** A Monitor whose plan costs more than its budget. */
export function isOverBudget(result: MonitorPlan): boolean {
  return result.kind === 'plan' && result.plan.status === 'over-budget';
}
