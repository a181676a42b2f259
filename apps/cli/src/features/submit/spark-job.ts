import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { canonicalJson, nearest, pinnedService, sha256Hex, type TypedResource } from '@everloop/contracts';
import {
  backfillRowsSql,
  catalogOf,
  isFinished,
  planLookup,
  sparkPointInTimeSql,
  type Catalog,
  type CompiledView,
  type KnownPolicy,
  type LookupPlan,
  type SparkQuery,
  type SparkView,
} from '@everloop/features';
import type { DuckDb } from '@everloop/storage';
import { badInput } from '../../errors.ts';
import { writeAskedRows } from './asked-rows.ts';
import { historyFiles, type SourceFiles } from './history-files.ts';
import { jobFolders, type Submission } from './submission.ts';

/** What is to be computed. */
export type Asked =
  /** The inputs of a Model for the rows of a file, as of the time in each row. */
  | { readonly kind: 'rows'; readonly model: string; readonly file: string; readonly time: string }
  /** The features of a view, for each of its entities at each hop of a range. */
  | { readonly kind: 'backfill'; readonly view: string; readonly fromMs: number; readonly untilMs: number };

export interface SparkJobOptions {
  readonly asked: Asked;
  readonly resources: readonly TypedResource[];
  /** Data folder of the feature store. */
  readonly dataDir: string;
  /** A folder that is empty or not there yet. */
  readonly folder: string;
  readonly known: KnownPolicy;
  readonly duck: DuckDb;
}

/** A job that lies in a folder, ready to be submitted. */
export interface SparkJob {
  readonly program: string;
  readonly job: string;
  /** Folder of Parquet files into which Spark writes; whole when it holds `_SUCCESS`. */
  readonly answer: string;
  /** Whether the answer is what the user gets; otherwise it is finished by `finishJob`. */
  readonly isFinished: boolean;
  /** Rows that are asked for; null for a backfill, where Spark counts them. */
  readonly rows: number | null;
}

const driver = fileURLToPath(new URL('../../../../../deploy/spark/run_sql.py', import.meta.url));
const spine = 'asked';

/**
 * Writes everything that a Spark job needs into a folder: `run_sql.py`, `job.json` (tables, views, query), `rows.parquet` (what is asked) and
 * `submission.json` (definitions by digest, offsets of the records, columns, and how they are finished). The output will have `__row`, each input by its
 * name, and `<name>__status`.
 */
export async function writeSparkJob(options: SparkJobOptions): Promise<SparkJob> {
  const { asked, resources, dataDir, known } = options;
  const folder = await emptyFolder(options.folder);
  const catalog = catalogOf(resources);
  const plan = planOf(asked, resources, catalog);
  const histories = new Map<string, SourceFiles>();
  for (const source of sourcesOf(plan)) {
    const spec = resources.find((each) => each.kind === 'Source' && each.name === source);
    if (spec?.kind === 'Source') histories.set(source, await historyFiles(dataDir, spec.spec));
  }
  const tables = new Map([...histories.keys()].map((source, index) => [source, `source_${index}`]));
  const query = sparkPointInTimeSql(plan, { spine, tables, known, prefix: 'v_' });
  const { views, rows } = await spineOf(options, plan, tables, folder);
  const isWhole = isFinished(query.inputs);
  const answer = join(folder, isWhole ? jobFolders.output : jobFolders.spark);
  const files = Object.fromEntries([...histories].map(([source, { files: list }]) => [tables.get(source) ?? '', list]));
  const rowsFile = rows === null ? {} : { [spine]: [join(folder, 'rows.parquet')] };
  const entity = (plan.bindings[0]?.view.entity ?? []).map(({ name }) => name);
  const keys = asked.kind === 'backfill' ? ['__as_of_ms', ...entity] : [];
  await writeJson(join(folder, 'job.json'), {
    name: `everloop ${asked.kind === 'rows' ? asked.model : asked.view}`,
    tables: { ...files, ...rowsFile },
    views: [...views, ...query.views],
    queries: [{ sql: named(query, keys), output: answer }],
  });
  const finishing: Submission = { keys, inputs: query.inputs };
  await writeJson(join(folder, 'submission.json'), {
    engine: 'spark',
    asked,
    known,
    columns: plan.names,
    ...finishing,
    definitions: definitionsOf(asked, plan, resources),
    offsets: [...histories.values()].flatMap(({ offsets }) => offsets),
    output: join(folder, jobFolders.output),
  });
  const program = join(folder, 'run_sql.py');
  await copyFile(driver, program);
  return { program, job: join(folder, 'job.json'), answer, isFinished: isWhole, rows };
}

async function emptyFolder(path: string): Promise<string> {
  const folder = resolve(path);
  await mkdir(folder, { recursive: true });
  const names = await readdir(folder);
  if (names.length > 0) throw badInput(`${path} is not empty: name a new folder for the job by --job`);
  return folder;
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}

function planOf(asked: Asked, resources: readonly TypedResource[], catalog: Catalog): LookupPlan {
  if (asked.kind === 'rows') return planLookup(modelOf(asked.model, resources).spec, catalog);
  const view = found('FeatureView', asked.view, resources);
  const entity = view.spec.entity;
  const keys = typeof entity === 'string' ? [entity] : [...entity];
  const source = found('Source', view.spec.source, resources).spec;
  const isNumber = (field: string): boolean => ['number', 'integer'].includes(source.fields[field]?.type ?? '');
  const names = [...view.spec.columns, ...view.spec.aggregations.map(({ name }) => name)];
  return planLookup(
    {
      request: keys.map((name) => ({ name, type: isNumber(name) ? 'number' : 'string' })),
      views: [{ view: view.name, key: keys.map((name) => `request.${name}`) }],
      inputs: names.map((name) => ({ name, type: 'number', from: `${view.name}.${name}` })),
    },
    catalog,
  );
}

function modelOf(name: string, resources: readonly TypedResource[]) {
  return found('Model', name, resources);
}

function found<K extends TypedResource['kind']>(
  kind: K,
  name: string,
  resources: readonly TypedResource[],
): Extract<TypedResource, { readonly kind: K }> {
  const all = resources.filter((each): each is Extract<TypedResource, { readonly kind: K }> => each.kind === kind);
  const resource = all.find((each) => each.name === name);
  if (resource !== undefined) return resource;
  const names = all.map((each) => each.name);
  const meant = nearest(name, names);
  const hint = meant === undefined ? `; there are: ${names.join(', ') || 'none'}` : `; did you mean "${meant}"?`;
  throw badInput(`there is no ${kind} "${name}"${hint}`);
}

function sourcesOf(plan: LookupPlan): ReadonlySet<string> {
  return new Set(plan.bindings.map(({ view }) => view.source));
}

/** The rows that are asked for: of the file, or each entity at each hop. */
async function spineOf(
  { asked, resources, duck }: SparkJobOptions,
  plan: LookupPlan,
  tables: ReadonlyMap<string, string>,
  folder: string,
): Promise<{ readonly views: readonly SparkView[]; readonly rows: number | null }> {
  if (asked.kind === 'rows') {
    const { request } = modelOf(asked.model, resources).spec;
    const output = join(folder, 'rows.parquet');
    return { views: [], rows: await writeAskedRows(duck, { file: asked.file, time: asked.time, request, output }) };
  }
  const view: CompiledView | undefined = plan.bindings[0]?.view;
  if (view === undefined) throw badInput(`FeatureView ${asked.view} has no features`);
  const sql = `SELECT * FROM ${backfillRowsSql('spark', view, tables.get(view.source) ?? '', asked)}`;
  return { views: [{ name: spine, sql, kept: true }], rows: null };
}

/** The query with statuses by the names of their inputs, columns of the rows that are asked for, and what is still needed to finish it. */
function named({ sql, inputs }: SparkQuery, keys: readonly string[]): string {
  const quote = (name: string): string => `\`${name.replaceAll('`', '``')}\``;
  const answers = inputs.flatMap(({ kind, name }, index) =>
    kind === 'onDemand' ? [] : [`answer.${quote(name)}`, `answer.__status_${index} AS ${quote(`${name}__status`)}`],
  );
  const taken = new Set(inputs.flatMap((input) => (input.kind === 'onDemand' ? input.takes : [])));
  const asked = keys.map((name) => `asked.${quote(name)}`);
  const columns = ['answer.__row', ...asked, ...answers, ...[...taken].map((name) => `answer.${name}`)].join(', ');
  const join = asked.length === 0 ? '' : ` JOIN ${spine} ON asked.__row = answer.__row`;
  return `SELECT ${columns} FROM (${sql}) AS answer${join}`;
}

function definitionsOf(asked: Asked, plan: LookupPlan, resources: readonly TypedResource[]) {
  const views = new Set(plan.bindings.map(({ view }) => view.name));
  const sources = sourcesOf(plan);
  const service = asked.kind === 'rows' ? pinnedService(modelOf(asked.model, resources).spec) : null;
  return resources
    .filter(
      ({ kind, name }) =>
        (kind === 'Model' && asked.kind === 'rows' && name === asked.model) ||
        (kind === 'FeatureView' && views.has(name)) ||
        (kind === 'FeatureService' && name === service) ||
        (kind === 'Source' && sources.has(name)),
    )
    .map(({ kind, name, revision, spec }) => ({ kind, name, revision, digest: sha256Hex(canonicalJson(spec)) }));
}
