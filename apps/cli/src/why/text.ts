import { formatDuration, type drift } from '@everloop/contracts';
import { table } from '../table.ts';
import type { WhyEntry } from './chain.ts';
import { outcomeName } from './counts.ts';
import { followedRows } from './followed-text.ts';
import type { Why } from './read.ts';

/** Units up to which their number is exact, `unitsMax` of the detector. */
const unitsExact = 2_000;
/** Fields of a window that are shown, the worst first. */
const fieldsMax = 5;

type Row = readonly [name: string, text: string];

const time = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
/** A day where it is the beginning of one. */
const short = (ms: number): string => time(ms).replace(' 00:00', '');
const number = (value: number): string => value.toLocaleString('en').replaceAll(',', ' ');
const word = (text: string, prefix: string): string => text.replace(prefix, '').toLowerCase();
const some = (name: string, text: string): readonly Row[] => (text === '' ? [] : [[name, text]]);

/** The answer for people, newest first. `full`: numbers also of decisions to do nothing without an alarm. */
export function whyText(why: Why, { full = false }: { readonly full?: boolean } = {}): string {
  if (why.entries.length === 0) return nothingText(why);
  const blocks = why.entries.map((entry) => entryText(entry, full));
  return [headText(why), ...blocks].join('\n\n');
}

function nothingText({ model, monitors, counts, isWantedOnly }: Why): string {
  if (monitors.length === 0)
    return `${model}: nothing was decided, for no Monitor watches it; apply one to have its drift judged`;
  if (isWantedOnly && counts.none > 0)
    return `${model}: no retraining was wanted in this period; ${counts.none} decisions to do nothing are shown without --wanted`;
  return `${model}: nothing was decided in this period; ${monitors.join(', ')} decides whenever a window of predictions closes`;
}

function headText({ model, entries, counts, isWantedOnly }: Why): string {
  const { requested, deferred, suppressed, none, others } = counts;
  const all = requested + deferred + suppressed + others + (isWantedOnly ? 0 : none);
  const [newest, oldest] = [entries[0], entries.at(-1)];
  const range = `${short(oldest?.atMs ?? 0)} to ${short(newest?.atMs ?? 0)}`;
  const what = [`${requested} asked for a retraining`, `${deferred} deferred`, `${suppressed} suppressed`];
  what.push(
    `${none} nothing to do${isWantedOnly ? ' (not shown)' : ''}`,
    ...(others > 0 ? [`${others} retrainings for other reasons`] : []),
  );
  const shown = entries.length < all ? `the newest ${entries.length} of ${all}` : `all ${all}`;
  const kind = isWantedOnly ? 'decisions that wanted a retraining' : 'decisions';
  return `${model}: ${shown} ${kind}, ${range} (event time, UTC), newest first\n${what.join(', ')}`;
}

function entryText(entry: WhyEntry, full: boolean): string {
  const { decision, request } = entry;
  if (decision === null) {
    const head = `${time(entry.atMs)}  REQUESTED  ${request?.trigger ?? 'unknown'}: ${request?.reason ?? ''}`;
    return block(head, followedRows(entry));
  }
  const name = outcomeName(decision.outcome);
  const title = name === 'none' ? 'nothing' : name.toUpperCase();
  const head = `${time(entry.atMs)}  ${title.padEnd(9)}  ${decision.monitor}, ${decision.kind}: ${decision.reason}`;
  const isQuiet = name === 'none' && !decision.alarm;
  return block(
    head,
    isQuiet && !full ? [] : [...evidenceRows(entry), ...decisionRows(decision), ...followedRows(entry)],
  );
}

function block(head: string, rows: readonly Row[]): string {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return [head, ...rows.map(([name, text]) => indented(name.padEnd(width), text))].join('\n');
}

function indented(name: string, text: string): string {
  const pad = ' '.repeat(name.length + 4);
  return `  ${name}  ${text.split('\n').join(`\n${pad}`)}`;
}

function evidenceRows({ report, quality, plan, decision }: WhyEntry): readonly Row[] {
  const rows: Row[] = [];
  if (report !== null) {
    rows.push(['window', windowText(report)], ...some('fields', fieldsText(report.fields)));
  } else if (quality !== null) {
    rows.push(['window', qualityText(quality)]);
  } else {
    rows.push(['report', `${decision?.reportId ?? ''} is not in the log any more`]);
  }
  return [...rows, ...some('policy', policyText(decision?.policy, plan))];
}

function windowText(report: drift.DriftReport): string {
  const { windowStartMs, windowEndMs, rows, predictions, units, baselineVersion, verdict, score } = report;
  const logged = predictions > rows ? ` logged of about ${number(predictions)}` : '';
  const of = units > 0 ? ` of ${units > unitsExact ? 'about ' : ''}${number(units)} units` : '';
  const phase = report.referencePhase === '' ? '' : ` at ${report.referencePhase}`;
  const reference = report.referenceRows > 0 ? `, its ${number(report.referenceRows)} training rows${phase}` : '';
  const extra = [
    ...(report.carried > 0 ? [`${report.carried} windows carried over`] : []),
    ...(report.lateRows > 0 ? [`${number(report.lateRows)} rows came too late`] : []),
  ].map((text) => `; ${text}`);
  return (
    `${short(windowStartMs)} to ${short(windowEndMs)}: ${word(verdict, 'DRIFT_VERDICT_')}, score ${score.toFixed(3)}; ` +
    `${number(rows)} rows${of}${logged} against version ${baselineVersion || 'none'}${reference}${extra.join('')}`
  );
}

function fieldsText(fields: readonly drift.FieldDrift[]): string {
  if (fields.length === 0) return '';
  const worst = [...fields].sort((a, b) => Number(b.drifted) - Number(a.drifted) || b.psi - a.psi);
  const rows = worst
    .slice(0, fieldsMax)
    .map((one) => [
      one.field,
      one.drifted ? 'drifted' : 'no',
      ...[one.psi, one.psiCritical, one.ksStatistic].map((value) => (value === undefined ? '-' : value.toFixed(3))),
      one.qValue < 0.001 ? '< 0.001' : one.qValue.toFixed(3),
      `${(one.missingRatio * 100).toFixed(1)} %`,
      one.scorePart.toFixed(3),
    ]);
  const more = worst.length - rows.length;
  const shown = table(['FIELD', 'DRIFT', 'PSI', 'BY CHANCE', 'KS', 'Q', 'MISSING', 'OF SCORE'], rows);
  return more > 0 ? `${shown}\nand ${more} more` : shown;
}

function qualityText(report: drift.QualityReport): string {
  const { windowStartMs, windowEndMs, verdict, labelled, predictions, observed, expected, lower, upper } = report;
  const changes = report.changes.length === 0 ? '' : `; changed, say ${report.changes.join(' and ')}`;
  const slice = report.slice === '' ? '' : ` where ${report.slice}`;
  return (
    `${short(windowStartMs)} to ${short(windowEndMs)}${slice}: ${word(verdict, 'DRIFT_VERDICT_')}; log loss ${observed.toFixed(4)} ` +
    `[${lower.toFixed(4)}, ${upper.toFixed(4)}], version ${report.modelVersion} promised ${expected.toFixed(4)}, ` +
    `at most ${report.maxExcess.toFixed(4)} more is fine; ${number(labelled)} of ${number(predictions)} labelled${changes}`
  );
}

function policyText(policy: drift.DriftPolicy | undefined, plan: drift.AlarmPlan | null): string {
  if (policy === undefined) return '';
  const { significance, psi, score, minDriftedFields, raiseWindows, raiseOf, planId } = policy;
  const by =
    planId === ''
      ? "the Monitor's own values"
      : plan === null
        ? `plan ${planId.slice(0, 12)}`
        : `plan ${planId.slice(0, 12)} (${plan.status}: ${plan.falseRetrainings.toFixed(2)} of ${plan.allowed} false retrainings in ${formatDuration(plan.periodMs)})`;
  const orScore = score > 0 ? ` or score ≥ ${score}` : '';
  return `PSI ≥ ${psi} and q ≤ ${significance} in ${minDriftedFields} fields${orScore}; ${raiseWindows} of ${raiseOf} windows raise; ${by}`;
}

function decisionRows(decision: drift.Decision): readonly Row[] {
  const { alarm, alarmSinceMs, driftedWindows, windows, calmWindows } = decision;
  const state = alarm ? `up since ${short(alarmSinceMs)}` : 'down';
  const coolDown =
    decision.coolDownUntilMs === 0
      ? ''
      : `until ${short(decision.coolDownUntilMs)}${decision.backOff > 1 ? `, ${Number(decision.backOff.toFixed(1))} times as long after versions that failed` : ''}`;
  const left = decision.budgetAllowed - decision.budgetSpent;
  const budget =
    decision.budgetAllowed === 0
      ? ''
      : `${left < 0 ? 'overspent' : `${left} left`}: ${decision.budgetSpent} of ${decision.budgetAllowed} false retrainings`;
  const needs = decision.preconditions.map(({ name, holds, detail }) => `${holds ? 'ok ' : 'NOT'} ${name}: ${detail}`);
  return [
    ['alarm', `${state}; ${driftedWindows} of the last ${windows} windows drifted, ${calmWindows} calm in a row`],
    ...some('cool-down', coolDown),
    ...some('budget', budget),
    ...some('requires', needs.join('\n')),
  ];
}
