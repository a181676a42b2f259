import type { CompiledView, FeatureScalar, InputOrigin, LookupPlan } from '@everloop/features';

import { recordsOf, rowsOf, type DataFrame } from '../domain/feast-records.ts';
import { feastTypeOf, feastTypeOfEntity, parseReference, type FeastType } from '../domain/feast-types.ts';
import type { Topology } from '../domain/topology.ts';
import { errors } from '../errors.ts';
import type { Asked, OnlineAnswer, OnlineCalls } from './online-calls.ts';
import type { PushCalls } from './push-calls.ts';

const recordsPerPush = 1_000;
const recordsMax = 100_000;

export interface FeastCallsOptions {
  readonly topology: () => Topology;
  readonly online: Pick<OnlineCalls, 'plan' | 'ask'>;
  readonly push: PushCalls;
  /** How long a write waits until it can be read, milliseconds; it is on the log, and answered, in any case. */
  readonly waitMs: number;
  /** Resolves when what the topics of these views hold now is in the online rows. */
  readonly covered: (views: readonly string[]) => Promise<void>;
  /** An asynchronous materialisation failed. */
  readonly failed: (error: unknown) => void;
}

/** Which features, of which entities. */
export interface FeastQuestion {
  readonly featureService: string | null;
  readonly features: readonly string[];
  /** Join keys with a value per entity. */
  readonly entities: ReadonlyMap<string, readonly FeatureScalar[]>;
  /** Names as `view__feature`. */
  readonly fullNames: boolean;
}

/** One column of an answer. */
export interface FeastColumn {
  readonly name: string;
  readonly type: FeastType;
  readonly values: ArrayLike<FeatureScalar>;
  /** Numbers of the statuses, which are Feast's own; null for a join key: all are present. */
  readonly statuses: Uint8Array | null;
  /** Epoch milliseconds, NaN where there is none; null for a join key. */
  readonly eventMs: Float64Array | null;
}

export interface FeastAnswer {
  readonly rows: number;
  /** Join keys first, then features as they were asked for. */
  readonly columns: readonly FeastColumn[];
  readonly views: readonly { readonly name: string; readonly version: number }[];
}

export interface FeastMaterialisation {
  /** Empty: all. */
  readonly views: readonly string[];
  /** Event time, epoch milliseconds; null: everything. */
  readonly range: { readonly fromMs: number; readonly untilMs: number } | null;
  /** Answer before it is done. */
  readonly isAsync: boolean;
  /** Also when one of the views is being materialised. */
  readonly force: boolean;
  /** Only what is new, which the stream brings: answered when it has. */
  readonly isIncremental: boolean;
}

/** What Feast's serving API asks for, whatever the transport. */
export interface FeastCalls {
  getOnlineFeatures(question: FeastQuestion): Promise<FeastAnswer>;
  /** Records for the Source of this name. */
  push(source: string, frame: DataFrame): Promise<void>;
  /** Records for the Source of a view. */
  write(view: string, frame: DataFrame): Promise<void>;
  /** Makes rows anew from the history. Resolves with the views; with EVL_FEATURES_MATERIALIZING when some are under way. */
  materialise(asked: FeastMaterialisation): Promise<readonly string[]>;
}

export function createFeastCalls(options: FeastCallsOptions): FeastCalls {
  const running = new Map<string, number>();

  async function publish(source: string, frame: DataFrame): Promise<void> {
    const spec = options.topology().catalog.sources.get(source);
    if (spec === undefined) throw errors.sourceNotFound(source);
    const rows = rowsOf(frame);
    if (rows === null) throw errors.requestInvalid('All columns of df must be of the same length');
    if (rows > recordsMax) throw errors.requestInvalid(`df has ${rows} rows; at most ${recordsMax}`);
    const records = recordsOf(frame, spec);
    const refused: string[] = [];
    for (let from = 0; from < records.length; from += recordsPerPush) {
      const recordsJson = records.slice(from, from + recordsPerPush);
      const { results } = await options.push.push({ source, recordsJson, waitMs: options.waitMs });
      results.forEach(({ reasons }, index) => {
        if (reasons.length > 0) refused.push(`row ${from + index}: ${reasons.join('; ')}`);
      });
    }
    if (refused.length > 0) throw errors.rowsRefused(source, refused, records.length);
  }

  async function run(names: readonly string[], asked: FeastMaterialisation): Promise<void> {
    for (const name of names) running.set(name, (running.get(name) ?? 0) + 1);
    try {
      const { fromMs, untilMs } = asked.range ?? { fromMs: 0, untilMs: 0 };
      await options.push.materialize({ views: [...names], fromMs, untilMs });
    } finally {
      for (const name of names) running.set(name, (running.get(name) ?? 1) - 1);
    }
  }

  return {
    async getOnlineFeatures(question) {
      const { featureService } = question;
      const asked: Asked =
        featureService === null
          ? { features: referencesOf(question.features, options.topology()) }
          : { service: featureService };
      const plan = options.online.plan(asked);
      const { rows, fields } = entitiesOf(question.entities, plan, options.topology());
      const answer = await options.online.ask(asked, { rows, fields });
      return { rows, columns: columnsOf(question, plan, answer), views: versionsOf(answer) };
    },
    push: publish,
    async write(view, frame) {
      const spec = options.topology().catalog.views.get(view);
      if (spec === undefined) throw errors.viewNotFound(view);
      await publish(spec.source, frame);
    },
    async materialise(asked) {
      const known = options.topology().catalog.views;
      const names = asked.views.length === 0 ? [...known.keys()] : asked.views;
      const unknown = names.find((name) => !known.has(name));
      if (unknown !== undefined) throw errors.viewNotFound(unknown);
      const busy = names.filter((name) => (running.get(name) ?? 0) > 0);
      if (asked.isAsync && !asked.force && busy.length > 0) throw errors.materializing(busy);
      const done = asked.isIncremental ? options.covered(names) : run(names, asked);
      if (asked.isAsync) done.catch(options.failed);
      else await done;
      return names;
    },
  };
}

/** `<view>.<feature>` of each; the revision that is asked for must be the applied one. */
function referencesOf(texts: readonly string[], topology: Topology): string[] {
  if (texts.length === 0) throw errors.requestInvalid('Give features as "<view>:<feature>", or a feature_service');
  return texts.map((text) => {
    const reference = parseReference(text);
    if (reference === null) throw errors.requestInvalid(`"${text}" is no <view>:<feature>`);
    const { view, revision, feature } = reference;
    const applied = topology.definitions.get(`FeatureView/${view}`)?.revision;
    if (revision !== null && applied !== undefined && applied !== revision)
      throw errors.viewVersionNotFound(view, revision, applied);
    return `${view}.${feature}`;
  });
}

/** The rows of a question: every join key that the plan needs, all as long; other known join keys are let pass. */
function entitiesOf(
  entities: FeastQuestion['entities'],
  plan: LookupPlan,
  topology: Topology,
): { readonly rows: number; readonly fields: FeastQuestion['entities'] } {
  const needed = new Map(plan.bindings.flatMap(({ view }) => view.entity.map((field) => [field.name, field] as const)));
  const asked = new Set<string>();
  const rows = entities.values().next().value?.length ?? 0;
  for (const [name, { type }] of needed) {
    const values = entities.get(name);
    if (values === undefined) throw errors.entityMissing(name, [...entities.keys()]);
    const wanted = type === 'string' ? 'string' : 'number';
    const wrong = values.find((value) => value !== null && typeof value !== wanted);
    if (wrong !== undefined)
      throw errors.requestInvalid(`Entity "${name}" is a ${wanted}; ${JSON.stringify(wrong)} is not`);
  }
  for (const { name, type } of requestOf(plan)) {
    const values = entities.get(name);
    if (values === undefined) throw errors.entityMissing(name, [...entities.keys()]);
    if (values.some((value) => value !== null && typeof value !== type))
      throw errors.requestInvalid(`Request field "${name}" is a ${type}`);
    asked.add(name);
  }
  for (const [name, values] of entities) {
    if (values.length !== rows) throw errors.requestInvalid('All entities must have as many values');
    if (!needed.has(name) && !asked.has(name) && !isEntity(name, topology)) throw errors.entityNotFound(name);
  }
  return { rows, fields: entities };
}

/** Request fields that on-demand features read and that are no entity's. */
function requestOf(plan: LookupPlan): { readonly name: string; readonly type: 'number' | 'string' }[] {
  const isKey = (field: string) => plan.bindings.some(({ view }) => view.entity.some(({ name }) => name === field));
  return plan.inputs.flatMap(({ origin }) =>
    origin.kind !== 'onDemand'
      ? []
      : origin.from.flatMap((from, index) =>
          from.kind === 'request' && !isKey(from.field)
            ? [{ name: from.field, type: origin.takes[index] ?? 'number' }]
            : [],
        ),
  );
}

function isEntity(name: string, { catalog }: Topology): boolean {
  return [...catalog.views.values()].some(({ entity }) =>
    typeof entity === 'string' ? entity === name : entity.includes(name),
  );
}

function columnsOf(question: FeastQuestion, plan: LookupPlan, answer: OnlineAnswer): FeastColumn[] {
  const columns: FeastColumn[] = [];
  for (const { view } of plan.bindings) {
    for (const { name, type } of view.entity) {
      const values = question.entities.get(name);
      if (values === undefined || columns.some((column) => column.name === name)) continue;
      columns.push({ name, type: feastTypeOfEntity(type), values, statuses: null, eventMs: null });
    }
  }
  plan.inputs.forEach((input, index) => {
    const found = answer.columns[index];
    const { origin } = input;
    if (found !== undefined && origin.kind === 'onDemand') {
      columns.push(computedColumn(origin.feature, found));
      return;
    }
    const view = origin.kind === 'view' ? plan.bindings[origin.binding]?.view : undefined;
    const feature = origin.kind === 'view' ? view?.features[origin.feature] : undefined;
    if (found === undefined || view === undefined || feature === undefined) return;
    const name = nameOf(view, feature.name, question.fullNames);
    if (columns.some((column) => column.name === name)) throw errors.nameCollision(name);
    columns.push({
      name,
      type: feastTypeOf(view, feature),
      values: found.numbers ?? found.texts ?? [],
      statuses: found.statuses,
      eventMs: answer.views[found.view]?.eventMs ?? null,
    });
  });
  return columns;
}

const computedTypes = { number: 'double', integer: 'int64', string: 'string', boolean: 'bool' } as const;

/** What is computed has no view, and no event time of its own. */
function computedColumn(
  { name, declared }: Extract<InputOrigin, { readonly kind: 'onDemand' }>['feature'],
  { numbers, texts, statuses }: OnlineAnswer['columns'][number],
): FeastColumn {
  const type = computedTypes[declared];
  return { name, type, values: numbers ?? texts ?? [], statuses, eventMs: null };
}

function nameOf(view: CompiledView, feature: string, isFull: boolean): string {
  return isFull ? `${view.name}__${feature}` : feature;
}

function versionsOf(answer: OnlineAnswer): FeastAnswer['views'] {
  return answer.views.map(({ name }, index) => ({ name, version: answer.definitions[index]?.revision ?? 0 }));
}
