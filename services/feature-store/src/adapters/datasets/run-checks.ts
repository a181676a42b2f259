import {
  type CheckResult,
  type DatasetChecks,
  hasNumericLabel,
  splitColumn,
  type SplitSpec,
} from '@everloop/contracts';
import { offlineColumns, planFunctions, pointInTimeSql, readBy, type KeyOrigin } from '@everloop/features';
import { sqlName, sqlText, type DuckDb } from '@everloop/storage';

import { hashedInner, inputPower, isLeak, labelInputs, result } from '../../domain/dataset-checks.ts';
import type { DatasetRequest } from '../../ports.ts';
import { outsideVault, type Materialised, type Relations } from './materialise.ts';

const examplesMax = 5;
/** Rows from which the power of a single input is measured. */
const powerRowsMax = 100_000;
/** Moments at which the future is cut away. */
const cuts = 3;

export interface CheckInput {
  readonly duck: DuckDb;
  readonly data: Materialised;
  readonly request: DatasetRequest;
  readonly split: SplitSpec;
  readonly limits: DatasetChecks;
}

const held = `__part IN ('validation', 'test', 'timeHoldout', 'fixedHoldout')`;
const used = `__part <> 'unused'`;

/** The checks that need only the rows. */
export async function runChecks(input: CheckInput): Promise<CheckResult[]> {
  return [
    await duplicates(input),
    await groupLeak(input),
    await targetLeak(input),
    labelInput(input),
    await timeOverlap(input),
  ];
}

async function duplicates({ duck, data, request, limits }: CheckInput): Promise<CheckResult> {
  if (limits.duplicates === 'off') return result('duplicates', 'off', { isBad: false, detail: 'not checked' });
  const inputs = request.plan.names.map(sqlName).join(', ');
  const rows =
    `SELECT __row, __part, __join_key, __time_ms, hash(${inputs === '' ? '' : `${inputs}, `}__label, __time_ms) AS h ` +
    `FROM ${data.table} WHERE ${used}`;
  const sql =
    `WITH r AS (${rows}), t AS (SELECT * FROM r WHERE __part = 'train') ` +
    `SELECT __row, __part AS part, __join_key AS joinKey, __time_ms AS timeMs, ` +
    `__join_key IN (SELECT __join_key FROM t) AS sameKey FROM r WHERE ${held} AND ` +
    `(__join_key IN (SELECT __join_key FROM t) OR h IN (SELECT h FROM t))`;
  const [sums] = await duck.all(`SELECT count(*) AS n, count(*) FILTER (sameKey) AS k FROM (${sql})`);
  const [all] = await duck.all(`SELECT count(*) AS n FROM ${data.table} WHERE ${held}`);
  const [found, keys, total] = [Number(sums?.['n']), Number(sums?.['k']), Number(all?.['n'])];
  const percent = total === 0 ? 0 : (found / total) * 100;
  const detail =
    `${found} of ${total} held-out rows (${percent.toFixed(2)} %) are in train too: ${keys} with the same join key, ` +
    `${found - keys} with the same inputs, label and time; at most ${limits.maxDuplicatePercent} % are allowed`;
  const isBad = percent > limits.maxDuplicatePercent;
  const examples = isBad ? await rowsOf(duck, `SELECT part, joinKey, timeMs FROM (${sql}) ORDER BY __row`) : [];
  return result('duplicates', limits.duplicates, { isBad, detail, examples });
}

async function groupLeak({ duck, data, request, split, limits }: CheckInput): Promise<CheckResult> {
  const inner = hashedInner(split);
  if (inner === null || limits.groupLeak === 'off')
    return result('groupLeak', 'off', { isBad: false, detail: 'the split is not by group or entity' });
  const unit = splitColumn(request.spec.training) === null ? '__join_key' : 'coalesce(__group, __join_key)';
  const parts = `('train', 'validation', 'test', 'fixedHoldout'${inner.strict ? `, 'timeHoldout'` : ''})`;
  // The test units of a strict split are also those of its time holdout.
  const side = inner.strict ? `CASE WHEN __part = 'timeHoldout' THEN 'test' ELSE __part END` : '__part';
  const sql =
    `SELECT ${unit} AS unit, list_sort(list(DISTINCT ${side})) AS parts, count(*) AS n FROM ${data.table} ` +
    `WHERE __part IN ${parts} GROUP BY 1 HAVING count(DISTINCT ${side}) > 1`;
  const [sums] = await duck.all(`SELECT count(*) AS n FROM (${sql})`);
  const found = Number(sums?.['n']);
  const text = `SELECT unit, array_to_string(parts, ', ') AS parts, n AS "rows" FROM (${sql}) ORDER BY 3 DESC, 1`;
  const detail = `${found} ${inner.column ?? 'join key'} values lie on more than one side of the split`;
  return result('groupLeak', limits.groupLeak, {
    isBad: found > 0,
    detail,
    examples: found > 0 ? await rowsOf(duck, text) : [],
  });
}

async function targetLeak({ duck, data, request, limits }: CheckInput): Promise<CheckResult> {
  if (limits.targetLeak === 'off') return result('targetLeak', 'off', { isBad: false, detail: 'not checked' });
  if (hasNumericLabel(request.spec.label))
    return result('targetLeak', 'off', { isBad: false, detail: 'not checked: the label is a number' });
  const from = `FROM ${data.table} WHERE ${outsideVault} AND ${used}`;
  const [sums] = await duck.all(`SELECT count(*) AS n ${from}`);
  const step = Math.max(1, Math.ceil(Number(sums?.['n']) / powerRowsMax));
  const sampled = `${from} AND __row % ${step} = 0 ORDER BY __row`;
  const leaks: string[] = [];
  const examples: object[] = [];
  let best = { name: '', auc: 0, information: 0 };
  const labels = (await duck.columns(`SELECT __label ${sampled}`)).columns.get('__label')?.values as Float64Array;
  for (const name of request.plan.names) {
    const column = (await duck.columns(`SELECT ${sqlName(name)} AS v ${sampled}`)).columns.get('v');
    if (column === undefined) continue;
    const power = inputPower({ type: column.type, values: column.values, labels });
    if (power.information >= best.information || power.auc > best.auc) best = { name, ...power };
    if (!isLeak(power, limits)) continue;
    leaks.push(
      `${name} (AUC ${power.auc.toFixed(4)}, ${(power.information * 100).toFixed(1)} % of the label's entropy)`,
    );
    const rows = `SELECT __join_key AS joinKey, __time_ms AS timeMs, ${sqlName(name)} AS ${sqlName(name)}, __label AS label`;
    examples.push(...(await rowsOf(duck, `${rows} ${from} AND ${sqlName(name)} IS NOT NULL ORDER BY __row`)));
  }
  const limitsText = `limits: AUC ${limits.maxAuc}, ${(limits.maxInformation * 100).toFixed(0)} % of the entropy`;
  const detail =
    leaks.length === 0
      ? `no input alone tells the label; most: ${best.name === '' ? 'none' : `${best.name}, ${(best.information * 100).toFixed(1)} %`} (${limitsText})`
      : `single inputs tell the label: ${leaks.join(', ')}; ${limitsText}`;
  return result('targetLeak', limits.targetLeak, {
    isBad: leaks.length > 0,
    detail,
    examples: examples.slice(0, 2 * examplesMax),
  });
}

function labelInput({ request, limits }: CheckInput): CheckResult {
  const views = new Map(
    request.plan.bindings.map(({ view }) => [
      view.name,
      {
        source: view.source,
        entity: view.entity.map(({ name }) => name),
        columns: new Set(view.features.filter(({ function: by }) => by === 'newest').map(({ name }) => name)),
      },
    ]),
  );
  const names = labelInputs(request.spec, views, readByInputs(request.plan));
  const { source, field } = request.spec.label;
  const detail =
    names.length === 0
      ? `no input is ${field} of ${source} itself`
      : `${names.join(', ')}: ${field} of ${source}, of which the label is made`;
  return result('labelInput', limits.labelInput, {
    isBad: names.length > 0,
    detail,
    examples: names.map((input) => ({ input })),
  });
}

/** What each input is computed from, as `request.<field>` or `<view>.<feature>`, by the input's name. */
function readByInputs({ inputs, bindings }: DatasetRequest['plan']): ReadonlyMap<string, readonly string[]> {
  const pathOf = (origin: KeyOrigin): string => {
    if (origin.kind === 'request') return `request.${origin.field}`;
    const view = bindings[origin.binding]?.view;
    return `${view?.name ?? ''}.${view?.features[origin.feature]?.name ?? ''}`;
  };
  return new Map(inputs.map(({ name, origin }) => [name, readBy(origin).map(pathOf)]));
}

async function timeOverlap({ duck, data, split, limits }: CheckInput): Promise<CheckResult> {
  const later = split.inner?.by === 'time' ? `('validation', 'timeHoldout')` : `('timeHoldout')`;
  const earlier = split.inner?.by === 'time' ? `('train')` : `('train', 'validation', 'test')`;
  const [row] = await duck.all(
    `SELECT max(__time_ms) FILTER (__part IN ${earlier}) AS last, min(__time_ms) FILTER (__part IN ${later}) AS first FROM ${data.table}`,
  );
  const [last, first] = [row?.['last'] ?? null, row?.['first'] ?? null];
  const isBad = last !== null && first !== null && Number(last) >= Number(first);
  const at = (value: typeof last): string => (value === null ? 'nothing' : new Date(Number(value)).toISOString());
  const detail = `training ends at ${at(last)}, what comes later begins at ${at(first)}`;
  const examples = isBad
    ? await rowsOf(
        duck,
        `SELECT __part AS part, __join_key AS joinKey, __time_ms AS timeMs FROM ${data.table} WHERE __part IN ${earlier} AND __time_ms >= ${Number(first)} ORDER BY __row`,
      )
    : [];
  return result('timeOverlap', limits.timeOverlap, { isBad, detail, examples });
}

/**
 * Makes sampled rows again from a history that ends at their prediction time: nothing may change. Looks at the newest rows before a few
 * moments, where anything that came later would show first. Call it inside `exclusive`.
 */
export async function futureData(input: CheckInput, relations: Relations): Promise<CheckResult> {
  const { duck, data, request, limits } = input;
  if (limits.futureData === 'off') return result('futureData', 'off', { isBad: false, detail: 'not checked' });
  const { plan } = request;
  duck.define(planFunctions(plan));
  const perCut = Math.max(1, Math.ceil(limits.sampledRows / cuts));
  const times = await duck.all(
    `SELECT DISTINCT unnest(quantile_disc(__time_ms, [0.33, 0.66, 1.0])) AS t FROM ${data.table} WHERE ${outsideVault}`,
  );
  const { timeMs, knownMs } = offlineColumns;
  const column = request.known === 'latest' ? timeMs : knownMs;
  let checked = 0;
  const examples: object[] = [];
  for (const { t } of times) {
    if (t === null || plan.bindings.length === 0) continue;
    const rows = `SELECT * FROM ${data.table} WHERE ${outsideVault} AND __time_ms <= ${Number(t)} ORDER BY __time_ms DESC, __row LIMIT ${perCut}`;
    const [range] = await duck.all(`SELECT min(__time_ms) AS first, count(*) AS n FROM (${rows})`);
    checked += Number(range?.['n']);
    const spine = sqlName(`example_${data.table.slice(1, -1).replace(/^dataset_/, '')}`);
    const sql = pointInTimeSql(plan, {
      spine: `(SELECT * FROM ${spine} WHERE __row IN (SELECT __row FROM (${rows})))`,
      tables: new Map(
        plan.bindings.map(({ view }) => [
          view.source,
          `(SELECT * FROM ${relations(view.source)} WHERE ${column} <= ${Number(t)})`,
        ]),
      ),
      earliestMs: request.fromMs,
      known: request.known ?? 'bitemporal',
    });
    const changed = plan.names.map((name) => `d.${sqlName(name)} IS DISTINCT FROM a.${sqlName(name)}`);
    const which = plan.names.map((name, index) => `CASE WHEN ${changed[index]} THEN ${sqlText(name)} END`);
    const found = await rowsOf(
      duck,
      `SELECT d.__join_key AS joinKey, d.__time_ms AS timeMs, concat_ws(', ', ${which.join(', ')}) AS inputs ` +
        `FROM (${rows}) d JOIN (${sql}) a USING (__row) WHERE ${changed.join(' OR ')} ORDER BY d.__row`,
    );
    examples.push(...found);
  }
  const isBad = examples.length > 0;
  const detail = isBad
    ? `values of ${examples.length} or more of ${checked} sampled rows change when what came after the prediction is taken away`
    : `${checked} sampled rows are the same without anything that came after their prediction`;
  return result('futureData', limits.futureData, { isBad, detail, examples: examples.slice(0, examplesMax) });
}

async function rowsOf(duck: DuckDb, sql: string): Promise<Record<string, string | number | boolean | null>[]> {
  const rows = await duck.all(`${sql} LIMIT ${examplesMax}`);
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
    ),
  );
}
