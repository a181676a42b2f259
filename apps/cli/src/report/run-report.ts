import { writeFileSync } from 'node:fs';
import {
  features,
  registry,
  type ModelSpec,
  type serving,
  type SourceSpec,
  type TypedResource,
} from '@everloop/contracts';
import { connect } from '@everloop/grpc';
import type { Bus } from '@everloop/kafka';
import { withBus } from '../with-bus.ts';
import { controlChecks, type ControlEvents } from './control.ts';
import { dataQuality } from './data-quality.ts';
import { ledgerReport } from './ledger.ts';
import { fetchLiveParity, liveParityCheck } from './live-parity.ts';
import { activityOf, monthReports } from './months.ts';
import { checkParity, skippedParity } from './parity.ts';
import { printReport } from './print.ts';
import { readClock, readControl, readPredictions, readResources, readSources } from './read-logs.ts';
import { readReplayCounts, type ReplayCounts } from './replay-counts.ts';
import type { Asked, LedgerCheck, ParityReport, ProcessUse, Report, RunReport } from './types.ts';
import { versionRows } from './versions.ts';

export interface ReportOptions {
  /** Kafka, `host:port`. */
  readonly brokers: readonly string[];
  /** Asks the registry to verify its hash chain. */
  readonly registryAddress?: string;
  /** Computes served features again; without it parity is skipped with a note. */
  readonly featuresAddress?: string;
  /** Page with the metrics of the feature store, which compares by itself what is served; without it that is not in the report. */
  readonly featuresMetricsUrl?: string;
  /** What the replayer counted, or the path of the file that it wrote. */
  readonly replayCounts?: ReplayCounts | string;
  /** What the processes used, measured by whoever runs them. */
  readonly resources?: { readonly peakMemoryMib: number; readonly processes: readonly ProcessUse[] };
  /** Path to write the report to, as JSON. */
  readonly json?: string;
  /** Last event day of the replay, `YYYY-MM-DD`; by default as the counts say. */
  readonly until?: string;
  /** Spans of months to judge as a whole, for example 2013-05 to 2013-09. */
  readonly spans?: readonly { readonly from: string; readonly until: string }[];
}

const callDeadlineMs = 60_000;
const day = (ms: number): string => new Date(ms).toISOString();

async function registryCheck(address: string | undefined): Promise<readonly LedgerCheck[]> {
  if (address === undefined) return [];
  const client = connect(registry.RegistryServiceService, address, { name: 'everloop', deadlineMs: callDeadlineMs });
  try {
    const { intact, entries } = await client.verifyLedger({});
    return [{ name: "the registry's chain of entries is intact", ok: intact, detail: `${String(entries)} entries` }];
  } finally {
    client.close();
  }
}

async function parityOf(
  address: string | undefined,
  name: string,
  model: ModelSpec | undefined,
  rows: readonly serving.Inference[],
): Promise<ParityReport> {
  if (address === undefined) return skippedParity('no address of the feature store was given (EVL_FEATURES_ADDRESS)');
  if (model === undefined) return skippedParity('no Model is applied');
  if (rows.length === 0) return skippedParity('no predictions were served');
  const client = connect(features.FeatureServiceService, address, { name: 'everloop', deadlineMs: callDeadlineMs });
  try {
    return await checkParity(name, model, rows, client);
  } finally {
    client.close();
  }
}

/** A skew between training and serving breaks the promise of one definition, so it counts as imbalance. */
function parityCheck(parity: ParityReport): readonly LedgerCheck[] {
  if (parity.checked === 0) return [];
  const found = [
    `${String(parity.checked)} predictions, ${String(parity.different)} values differ`,
    ...parity.examples,
  ];
  return [
    { name: 'features computed again are what the model saw', ok: parity.different === 0, detail: found.join('; ') },
  ];
}

function runOf(
  counts: ReplayCounts | null,
  events: number,
  predictions: number,
  resources: ReportOptions['resources'],
  measured: Pick<RunReport, 'liveParity' | 'reportSeconds'>,
): RunReport {
  const wallSeconds = counts?.wallSeconds ?? null;
  const rate = (count: number): number | null =>
    wallSeconds === null || wallSeconds === 0 ? null : Math.round(count / wallSeconds);
  const processes = resources?.processes ?? [];
  const sum = (values: readonly number[]): number | null =>
    values.length === 0 ? null : Math.round(values.reduce((a, b) => a + b, 0));
  return {
    wallSeconds,
    eventsPerSecond: rate(events),
    predictionsPerSecond: rate(predictions),
    peakMemoryMib: resources?.peakMemoryMib ?? null,
    cpuSeconds: sum(processes.map((use) => use.cpuSeconds)),
    processes,
    ...measured,
  };
}

function modelOf(resources: readonly TypedResource[]): { readonly name: string; readonly spec?: ModelSpec } {
  for (const resource of resources) if (resource.kind === 'Model') return { name: resource.name, spec: resource.spec };
  return { name: '' };
}

/** What each Model logs of its predictions. */
function sharesOf(resources: readonly TypedResource[]): readonly number[] {
  return resources.flatMap((resource) => (resource.kind === 'Model' ? [resource.spec.log?.share ?? 1] : []));
}

function sourcesOf(resources: readonly TypedResource[]): readonly SourceSpec[] {
  return resources.flatMap((resource) => (resource.kind === 'Source' ? [resource.spec] : []));
}

/** Before this event time every decision must have its outcome. */
function overdueBefore(
  clockMs: number | null,
  resources: readonly TypedResource[],
  model: ModelSpec | undefined,
): number | null {
  if (clockMs === null || model === undefined) return null;
  const label = resources.find((resource) => resource.kind === 'Source' && resource.name === model.label.source);
  const latenessMs = label?.kind === 'Source' ? label.spec.allowedLatenessMs : 0;
  return clockMs - model.label.waitMs - latenessMs;
}

function until(options: ReportOptions, counts: ReplayCounts | null): string | null {
  if (options.until !== undefined) return day(Date.parse(`${options.until}T00:00:00Z`) + 86_400_000);
  return counts === null ? null : day(counts.untilMs);
}

function askedOf(counts: ReplayCounts): Asked {
  const { wanted, asked, answered, unanswered, failed } = counts.predictions;
  return { wanted, asked, answered, unanswered, failed };
}

/** Reads every log of the loop once, from the beginning, and adds it up. Needs about 300 MB for a year of flights. */
export async function buildReport(bus: Bus, options: ReportOptions): Promise<Report> {
  const startedMs = performance.now();
  const counts =
    typeof options.replayCounts === 'string' ? readReplayCounts(options.replayCounts) : (options.replayCounts ?? null);
  const resources = await readResources(bus);
  const { name, spec } = modelOf(resources);
  const control: ControlEvents = await readControl(bus);
  const { decisions, quality, predictions, sample } = await readPredictions(bus, name, sharesOf(resources));
  const { ledgers, quarantine } = await readSources(
    bus,
    sourcesOf(resources).map((source) => source.topic),
  );
  const sources = ledgers.map((ledger) => ledger.balance()).sort((a, b) => (a.topic < b.topic ? -1 : 1));
  const parity = await parityOf(options.featuresAddress, name, spec, sample);
  const live = await fetchLiveParity(options.featuresMetricsUrl, decisions.served);
  const overdueMs = overdueBefore(await readClock(bus), resources, spec);
  const ledger = ledgerReport(counts, sources, [
    ...decisions.checks(counts?.predictions.answered ?? null, overdueMs),
    ...controlChecks(control, decisions.answers.keys()),
    ...(await registryCheck(options.registryAddress)),
    ...parityCheck(parity),
    ...liveParityCheck(live),
  ]);
  const input = { predictions, quarantine, control, quality };
  const months = monthReports(input);
  const events = sources.reduce((sum, { records }) => sum + records, 0);
  const all = months.map(({ month }) => month);
  return {
    model: name,
    from: counts === null ? null : day(counts.fromMs),
    until: until(options, counts),
    months,
    totals: { ...activityOf(input, all), events, asked: counts === null ? null : askedOf(counts) },
    spans: (options.spans ?? []).map((span) => ({
      ...span,
      quality: quality.quality((month) => month >= span.from && month <= span.until),
    })),
    versions: versionRows(control.versions, decisions.answers),
    data: dataQuality(control.windows, control.holds),
    ledger,
    parity,
    run: runOf(counts, events, decisions.represented, options.resources, {
      liveParity: live,
      reportSeconds: (performance.now() - startedMs) / 1_000,
    }),
  };
}

/** Connects, builds the report, writes it as JSON when asked, and gives it with its text. */
export async function runReport(options: ReportOptions): Promise<{ readonly report: Report; readonly text: string }> {
  const report = await withBus(options.brokers, (bus) => buildReport(bus, options));
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  return { report, text: printReport(report) };
}
