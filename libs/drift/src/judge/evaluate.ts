import { drift, eventId, namesColumn, type MonitorSpec } from '@everloop/contracts';
import { driftScore, judgeFields, type FieldCounts, type FieldDistance, type FieldReference } from '@everloop/stats';
import type { Baseline } from '../panes/baseline.ts';
import { denseCounts, predictionsOf } from '../panes/counts.ts';
import { distinctUnits } from '../panes/units.ts';
import type { Reference } from '../phases/references.ts';
import type { DueWindow } from '../windows/windows.ts';
import { describeFields } from './words.ts';

/** The Monitor's own values as a policy; an AlarmPlan has others. */
export function policyOf({ significance, psi, score, minDriftedFields, raise }: MonitorSpec): drift.DriftPolicy {
  const { windows: raiseWindows, of: raiseOf } = raise;
  return { significance, psi, score, minDriftedFields, raiseWindows, raiseOf, planId: '' };
}

type BaselineField = Baseline['fields'][number];

function countsOf(counts: drift.FieldCounts | undefined, { field, counts: bins }: FieldReference): FieldCounts {
  if (counts === undefined) return { field, counts: [], missing: 0 };
  return { field, counts: denseCounts(counts, bins.length), missing: counts.missing };
}

/** A column without rows on one side has nothing to compare, and would only weaken the tests of the others. */
function isCounted({ counts, missing }: FieldCounts): boolean {
  return missing > 0 || counts.some((count) => count > 0);
}

/** Rows of the unit of an average row, Σ m² / Σ m, at least 1. 1 where units are not counted. */
function unitRowsOf(units: drift.UnitCounts | undefined): number {
  const counts = units?.counts ?? [];
  const rows = counts.reduce((sum, m) => sum + m, 0);
  return rows === 0 ? 1 : counts.reduce((sum, m) => sum + m * m, 0) / rows;
}

/** Different units among the rows, never more than rows. 0 where units are not counted. */
function unitsOf({ units, rows }: drift.Pane): number {
  return units === undefined ? 0 : Math.min(rows, Math.round(distinctUnits(units)));
}

/** Kish (1965), Survey Sampling, 5.4; see `clusterEffect`. */
function designEffect(unitRows: number, intraclass: number): number {
  return 1 + (unitRows - 1) * Math.min(1, Math.max(0, intraclass));
}

/** Whether the version's likeness is that of the units which the Monitor counts; that of other units would say nothing about these. */
function knowsLikeness({ unit }: Baseline, spec: MonitorSpec): boolean {
  return unit === null || unit === spec.unit;
}

/** Columns of a baseline that a Monitor watches. */
export function watchedOf(spec: Pick<MonitorSpec, 'fields'>, baseline: Baseline): readonly BaselineField[] {
  const { fields } = spec;
  return fields === 'all'
    ? baseline.fields
    : baseline.fields.filter(({ reference }) => fields.some((name) => namesColumn(name, reference.field)));
}

function distancesOf(window: DueWindow, baseline: Baseline, policy: drift.DriftPolicy): readonly FieldDistance[] {
  const { counts, monitor } = window;
  const byName = new Map(counts.fields.map((field) => [field.field, field]));
  const thresholds = new Map(monitor.spec.thresholds.map((threshold) => [threshold.field, threshold]));
  const unitRows = unitRowsOf(counts.units);
  const isKnown = knowsLikeness(baseline, monitor.spec);
  const pairs = watchedOf(monitor.spec, baseline).map(({ reference, intraclass, repeatEffect }) => {
    const likeness = isKnown ? intraclass : 0;
    const limits = thresholds.get(reference.field);
    const effect = {
      reference: repeatEffect * designEffect(baseline.unitRows, likeness),
      current: repeatEffect * designEffect(unitRows, likeness),
    };
    const current = countsOf(byName.get(reference.field), reference);
    return { reference, current, designEffect: effect, ...(limits === undefined ? {} : { limits }) };
  });
  const compared = pairs.filter(({ reference, current }) => isCounted(reference) && isCounted(current));
  return judgeFields(compared, { psi: policy.psi, significance: policy.significance });
}

/** What a window can be judged by, or why it cannot. */
function judgeable({ counts, monitor }: DueWindow, reference: Reference): Baseline | string {
  const { minRows } = monitor.spec;
  if (reference === null) {
    const version = counts.baselineVersion;
    return version === '' ? 'no champion, so no baseline' : `version ${version} has no baseline`;
  }
  if (counts.rows < minRows) {
    const predictions = predictionsOf(counts);
    const share = predictions === counts.rows ? '' : `, logged of about ${predictions} predictions`;
    return `insufficient rows: ${counts.rows} of at least ${minRows}${share}`;
  }
  if ('lack' in reference) return reference.lack;
  const { phase, rows, version } = reference;
  if (phase === '' || rows >= minRows) return reference;
  return `insufficient reference: version ${version} was trained on ${rows} rows of ${phase}, at least ${minRows} are needed`;
}

interface Finding {
  readonly verdict: drift.DriftVerdict;
  readonly reason: string;
  readonly fields: drift.FieldDrift[];
  readonly score: number;
  readonly urgent: boolean;
}

function compare(window: DueWindow, baseline: Baseline, policy: drift.DriftPolicy): Finding {
  const known = new Map(baseline.fields.map((field) => [field.reference.field, field]));
  const distances = distancesOf(window, baseline, policy);
  const weighted = distances.map(({ field, psi, psiCritical }) => {
    return { field, psi, psiCritical, importance: known.get(field)?.importance ?? 0 };
  });
  const { score, parts } = driftScore(weighted);
  const partOf = new Map(parts.map(({ field, part }) => [field, part]));
  const fields = distances.map((distance): drift.FieldDrift => {
    const { ksStatistic, ksPValue, ...rest } = distance;
    const { field } = distance;
    const referenceOrigin = known.get(field)?.origin ?? 'training';
    return { ...rest, ksStatistic, ksPValue, scorePart: partOf.get(field) ?? 0, referenceOrigin };
  });
  const drifted = fields.filter((field) => field.drifted);
  const { urgentPsi } = window.monitor.spec;
  const urgent = urgentPsi > 0 && drifted.some(({ psi }) => psi >= urgentPsi);
  const isMany = drifted.length >= policy.minDriftedFields;
  const isHeavy = policy.score > 0 && score > policy.score;
  const many = `${drifted.length} of ${fields.length} fields drifted`;
  const heavy = `score ${score.toFixed(3)}${policy.score > 0 ? ` of at most ${policy.score}` : ''}`;
  if (!isMany && !isHeavy && !urgent) {
    const reason = `stable: ${many}, ${policy.minDriftedFields} needed; ${heavy}`;
    return { verdict: drift.DriftVerdict.STABLE, reason, fields, score, urgent };
  }
  const since = `from version ${window.counts.baselineVersion}${baseline.phase === '' ? '' : `, ${baseline.phase}`}`;
  const worst = drifted.length === 0 ? '' : `: ${describeFields(drifted)}`;
  const reason = `${urgent ? 'urgent: ' : ''}${many} ${since}${worst}; ${heavy}`;
  return { verdict: drift.DriftVerdict.DRIFTED, reason, fields, score, urgent };
}

/** Which training rows the window is compared with, for the report. */
function describeReference(reference: Reference): { readonly referencePhase: string; readonly referenceRows: number } {
  if (reference === null) return { referencePhase: '', referenceRows: 0 };
  return { referencePhase: reference.phase, referenceRows: 'lack' in reference ? 0 : reference.rows };
}

/**
 * Evaluates a closed window: what its rows say about drift from the baseline, with all numbers, and nothing about what should be done. DRIFTED
 * are windows in which at least `minDriftedFields` columns have drifted (see `judgeFields`), or whose importance-weighted score (`driftScore`)
 * exceeds `policy.score`, or with a drifted column at `urgentPsi`. INSUFFICIENT are those with fewer than `minRows` rows, also of their
 * phases in training, and those without a reference. The id is derived from Monitor, model, baseline and window, so that a
 * repeat is recognised. O(fields × bins).
 */
export function evaluateWindow(window: DueWindow, reference: Reference, policy: drift.DriftPolicy): drift.DriftReport {
  const { monitor, counts, startMs, endMs, carried, lateRows, watermarkMs } = window;
  const { baselineVersion } = counts;
  const { model } = monitor.spec;
  const baseline = judgeable(window, reference);
  const finding: Finding =
    typeof baseline === 'string'
      ? { verdict: drift.DriftVerdict.INSUFFICIENT, reason: baseline, fields: [], score: 0, urgent: false }
      : compare(window, baseline, policy);
  return drift.DriftReport.fromPartial({
    ...finding,
    id: eventId('drift-report', monitor.name, model, baselineVersion, String(endMs)),
    model,
    baselineVersion,
    windowStartMs: startMs,
    windowEndMs: endMs,
    rows: counts.rows,
    predictions: predictionsOf(counts),
    monitor: monitor.name,
    monitorRevision: monitor.revision,
    policy,
    carried,
    lateRows,
    watermarkMs,
    units: unitsOf(counts),
    ...describeReference(reference),
  });
}
