import { formatDuration } from '../../duration.ts';
import type { Finding } from '../../errors.ts';
import type { WindowCheck, WindowRule, WindowSpec } from '../window-types.ts';
import type { ResourceOf } from '../wire.ts';
import { checkField, repeats, wrongValue } from './context.ts';
import { numericTypes } from './feature-view.ts';

const widthMsMin = 60_000;
const widthMsMax = 31 * 86_400_000;
/** Windows that a seasonal baseline may reach back over: that many values are kept for each rule and column. */
const historyMax = 2_000;
/** Rules times columns of one Source: each is measured, kept and exported for each window. */
const seriesMax = 200;

const columnsOf: Readonly<Record<WindowCheck, 'none' | 'any' | 'numeric'>> = {
  rows: 'none',
  missing: 'any',
  freshness: 'none',
  unseen: 'any',
  quantile: 'numeric',
  minimum: 'numeric',
  maximum: 'numeric',
  duplicates: 'any',
  quarantined: 'none',
};
/** Fields that only some checks have. */
const special = { quantile: 'quantile', reference: 'unseen', maxGapMs: 'freshness' } as const;
const yamlName: Readonly<Record<string, string>> = { maxGapMs: 'maxGap' };

/** What is wrong with the window rules of a Source. */
export function checkWindows(source: ResourceOf<'Source'>): Finding[] {
  const { windows = [] } = source.spec;
  const findings = repeats(windows, ({ name }) => name).map(({ index, key }) =>
    wrongValue(['spec', 'windows', index, 'name'], `there are two windows named "${key}"`),
  );
  const series = windows
    .flatMap(({ rules }) => rules)
    .reduce((sum, { columns }) => sum + Math.max(1, columns.length), 0);
  if (series > seriesMax)
    findings.push(
      wrongValue(['spec', 'windows'], `rules times columns are ${series}`, `at most ${seriesMax} in one Source`),
    );
  windows.forEach((window, i) => findings.push(...checkWindow(source, window, ['spec', 'windows', i])));
  return findings;
}

function checkWindow(source: ResourceOf<'Source'>, window: WindowSpec, path: Finding['path']): Finding[] {
  const { everyMs, baseline, rules } = window;
  const findings = repeats(rules, ({ name }) => name).map(({ index, key }) =>
    wrongValue([...path, 'rules', index, 'name'], `there are two rules named "${key}"`),
  );
  if (everyMs < widthMsMin || everyMs > widthMsMax)
    findings.push(
      wrongValue([...path, 'every'], `a window of ${formatDuration(everyMs)} is not possible`, '1m to 31d'),
    );
  if (baseline.atLeast > baseline.windows)
    findings.push(
      wrongValue(
        [...path, 'baseline', 'atLeast'],
        `${baseline.atLeast} of ${baseline.windows} windows can never be there`,
      ),
    );
  findings.push(...checkSeason(window, [...path, 'baseline', 'season']));
  rules.forEach((rule, i) => findings.push(...checkRule(source, rule, [...path, 'rules', i])));
  return findings;
}

function checkSeason({ everyMs, baseline }: WindowSpec, path: Finding['path']): Finding[] {
  const { seasonMs, windows } = baseline;
  if (seasonMs === undefined || everyMs <= 0) return [];
  if (seasonMs <= 0 || seasonMs % everyMs !== 0)
    return [wrongValue(path, `${formatDuration(seasonMs)} is no multiple of the width ${formatDuration(everyMs)}`)];
  const reach = (seasonMs / everyMs) * windows;
  if (reach <= historyMax) return [];
  return [wrongValue(path, `${windows} seasons are ${reach} windows`, `at most ${historyMax}`)];
}

function checkRule(source: ResourceOf<'Source'>, rule: WindowRule, path: Finding['path']): Finding[] {
  const { check, columns, min, max } = rule;
  const needs = columnsOf[check];
  const findings: Finding[] = [];
  if (needs === 'none' && columns.length > 0)
    findings.push(wrongValue([...path, 'columns'], `"${check}" concerns whole records and has no columns`));
  if (needs !== 'none' && columns.length === 0)
    findings.push({ path, at: 'key', message: `"columns" is missing: ${check} measures columns` });
  if (needs !== 'none')
    columns.forEach((column, i) => {
      const types = needs === 'numeric' ? numericTypes : 'any';
      findings.push(...checkField(source, column, types, [...path, 'columns', i]));
    });
  for (const [field, owner] of Object.entries(special)) {
    if (rule[field as keyof typeof special] === undefined || check === owner) continue;
    const name = yamlName[field] ?? field;
    findings.push(wrongValue([...path, name], `"${name}" belongs to the check ${owner}, not to ${check}`));
  }
  if (check === 'quantile' && rule.quantile === undefined)
    findings.push({ path, at: 'key', message: '"quantile" is missing, for example 0.5' });
  if (min !== undefined && max !== undefined && min > max)
    findings.push(wrongValue([...path, 'min'], `min ${min} is above max ${max}`));
  if (!hasLimit(rule))
    findings.push({
      path,
      at: 'key',
      message: 'the rule can never be broken: give min, max, spike, rise or fall (freshness: maxGap)',
    });
  return findings;
}

/** An unseen share without any limit could not fail; neither could any other. */
function hasLimit({ min, max, maxGapMs, spike, rise, fall }: WindowRule): boolean {
  return [min, max, maxGapMs, spike, rise, fall].some((limit) => limit !== undefined);
}
