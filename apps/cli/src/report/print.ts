import { count, figure, table, type TableColumn } from './table.ts';
import type { Activity, Quality, Report, VersionRow } from './types.ts';

const left = (heading: string): TableColumn => ({ heading, align: 'left' });
const right = (heading: string): TableColumn => ({ heading, align: 'right' });

const monthColumns: readonly TableColumn[] = [
  left('month'),
  right('predictions'),
  right('labelled'),
  right('quarantined'),
  right('drifted'),
  right('worse'),
  right('trained'),
  right('promoted'),
  right('rejected'),
  right('rolled back'),
  right('AUC'),
  right('first'),
  right('gain'),
  right('log loss'),
  right('first'),
];

function gain({ aucServed, aucNeverRetrained }: Quality): string {
  if (aucServed === null || aucNeverRetrained === null) return '-';
  const difference = aucServed - aucNeverRetrained;
  return `${difference < 0 ? '-' : '+'}${Math.abs(difference).toFixed(3)}`;
}

function monthRow(name: string, activity: Activity): readonly string[] {
  const { quality } = activity;
  return [
    name,
    count(activity.predictions),
    count(activity.labelled),
    count(activity.quarantined),
    `${String(activity.driftedWindows)} of ${String(activity.driftWindows)}`,
    `${String(activity.worseWindows)} of ${String(activity.qualityWindows)}`,
    String(activity.trainings),
    String(activity.promotions),
    String(activity.rejections),
    String(activity.rollbacks),
    figure(quality.aucServed),
    figure(quality.aucNeverRetrained),
    gain(quality),
    figure(quality.logLossServed),
    figure(quality.logLossNeverRetrained),
  ];
}

function monthsText(report: Report): string {
  const rows = report.months.map((month) => monthRow(month.month, month));
  const legend = [
    'drifted: windows of event time that differ from what the model in service was trained on, of those with enough data to judge.',
    'worse: windows, of all predictions and of slices, in which labels showed that the model in service did worse than it promised.',
    'AUC and log loss: of the answers given, beside the first model, never retrained, on the same requests ("first").',
  ];
  return [table(monthColumns, [...rows, monthRow('all', report.totals)]), ...legend].join('\n');
}

function spansText(report: Report): string[] {
  return report.spans.map(({ from, until, quality }) => {
    const over = `${count(quality.rows)} labelled predictions`;
    const figures = `served ${figure(quality.aucServed)}, never retrained ${figure(quality.aucNeverRetrained)} (${gain(quality)})`;
    return `AUC from ${from} to ${until} over ${over}: ${figures}`;
  });
}

function quarantineText(report: Report): string {
  const { quarantineReasons, quarantined } = report.totals;
  const reasons = quarantineReasons.map(({ reason, records }) => `${reason} (${count(records)})`).join(', ');
  return `Quarantined: ${count(quarantined)} records; most often: ${reasons === '' ? 'none' : reasons}`;
}

function versionText(version: VersionRow): string {
  const { answers, firstServed, parent } = version;
  const served =
    firstServed === null ? 'never answered' : `answered ${count(answers)} from ${firstServed.slice(0, 16)}`;
  const head = `version ${version.version}: ${version.stage}; trained ${version.trainedAt.slice(0, 10)} on ${count(version.rows)} rows because of ${version.trigger}`;
  const gates = version.gates.map(({ name, verdict, detail }) => `    ${verdict.padEnd(12)} ${name}: ${detail}`);
  return [`  ${head}${parent === '' ? '' : `, against version ${parent}`}; ${served}`, ...gates].join('\n');
}

function versionsText(report: Report): string {
  if (report.versions.length === 0) return '  none: too few labels came for a first model';
  return report.versions.map(versionText).join('\n');
}

function ledgerText(report: Report): string {
  const { balanced, checks, problems } = report.ledger;
  const lines = checks.map(({ name, ok, detail }) => `  ${ok ? 'ok   ' : 'WRONG'}  ${name}: ${detail}`);
  const verdict = balanced
    ? 'It balances: nothing is lost, nothing counts twice.'
    : `It does NOT balance: ${String(problems.length)} problem(s).`;
  return [...lines, verdict].join('\n');
}

function parityText({ parity }: Report): string {
  if (parity.checked === 0) return `Training and serving: not compared (${parity.note})`;
  return `Training and serving: ${count(parity.checked)} served predictions computed again point-in-time, ${count(parity.different)} values differ`;
}

function liveParityText({ run: { liveParity } }: Report): readonly string[] {
  if (liveParity === null) return [];
  const { predictions, values, different, late, undecided, rate, skipped, waiting } = liveParity;
  const head = `Parity while serving: ${rate === null ? '-' : String(rate)}`;
  const tail = `${count(undecided)} undecided; ${count(skipped)} predictions not compared, ${count(waiting)} still to compare`;
  return [
    `${head} (${count(values - different)} of ${count(values)} values of ${count(predictions)} predictions equal, ${count(late)} of them late; ${tail})`,
  ];
}

function runText({ run, totals }: Report): string {
  const asked = totals.asked;
  const parts = [
    `${count(totals.events)} events`,
    `${count(totals.predictions)} predictions`,
    ...(asked === null ? [] : [`${count(asked.unanswered)} flights before the first model`]),
    ...(run.wallSeconds === null ? [] : [`${count(Math.round(run.wallSeconds))} s`]),
    ...(run.eventsPerSecond === null ? [] : [`${count(run.eventsPerSecond)} events/s`]),
    ...(run.predictionsPerSecond === null ? [] : [`${count(run.predictionsPerSecond)} predictions/s`]),
    ...(run.peakMemoryMib === null
      ? []
      : [`${count(run.peakMemoryMib)} MiB of memory at most, all processes together`]),
    ...(run.cpuSeconds === null ? [] : [`${count(run.cpuSeconds)} s of CPU`]),
  ];
  return `Throughput: ${parts.join(', ')}`;
}

/** The first of them, and how many more. */
function listed(texts: readonly string[]): string {
  const shown = texts.slice(0, 20).join(', ');
  return texts.length > 20 ? `${shown}, and ${count(texts.length - 20)} more` : shown;
}

function dataText({ data }: Report): string {
  const held = data.holds.map(({ source, window, rules, state, from, until }) => {
    const range = `${from.slice(0, 16)} to ${until?.slice(0, 16) ?? 'now'}`;
    return `  ${source}/${window}: ${range} did not train (${state}): ${rules.join(', ')}`;
  });
  const head = `Data: ${count(data.windows)} windows judged, ${count(data.failed)} broke a rule, ${count(data.holds.length)} holds`;
  const columns = data.unexpected.map(({ source, column, rows }) => `${source}.${column} (${count(rows)})`);
  const unlisted = columns.length === 0 ? [] : [`  columns that no Source lists: ${listed(columns)}`];
  return [head, ...held, ...unlisted].join('\n');
}

/** The report as a person reads it. */
export function printReport(report: Report): string {
  const covered = report.until === null ? '' : `, event time until ${report.until.slice(0, 16)} UTC`;
  return [
    `Report on ${report.model === '' ? 'the loop' : report.model}${covered}`,
    '',
    monthsText(report),
    '',
    ...spansText(report),
    quarantineText(report),
    dataText(report),
    parityText(report),
    ...liveParityText(report),
    runText(report),
    '',
    'Versions',
    versionsText(report),
    '',
    'Ledger',
    ledgerText(report),
    '',
  ].join('\n');
}
