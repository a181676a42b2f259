import type { features } from '@everloop/contracts';
import {
  FeatureError,
  lookupBatch,
  planLookup,
  type BatchAnswer,
  type BatchQuestion,
  type LookupPlan,
  type Mget,
} from '@everloop/features';

import { planFeatures, planService, serviceNamed } from '../domain/feature-plan.ts';
import type { Topology } from '../domain/topology.ts';
import { errors } from '../errors.ts';
import type { Telemetry } from '../telemetry.ts';

const rowsMax = 10_000;
/** Plans of features that a caller listed, per set of definitions; the oldest goes first. */
const plansMax = 200;

export interface OnlineCallsOptions {
  /** The topology now. */
  readonly topology: () => Topology;
  readonly mget: Mget;
  /** Event time that everything before is applied; null when it is not known yet. */
  readonly watermarkMs: () => number | null;
  /** What "now" is for a question without a moment, epoch milliseconds. */
  readonly nowMs: () => number;
  readonly telemetry: Pick<Telemetry, 'queried' | 'answered'>;
}

/** What is asked for: the inputs of a model, the features of a service (`<name>`, the newest, or `<name>@<version>`), or features as `<view>.<feature>`. */
export type Asked =
  { readonly model: string } | { readonly service: string } | { readonly features: readonly string[] };

/** Revision and digest of a definition. */
export interface Definition {
  readonly revision: number;
  readonly digest: string;
}

export interface OnlineAnswer extends BatchAnswer {
  readonly watermarkMs: number | null;
  /** Parallel to `views`. */
  readonly definitions: readonly Definition[];
}

/** Questions to the online store, in columns. */
export interface OnlineCalls {
  /** The plan of what is asked for, made once per definitions. EVL_FEATURES_* says what does not exist or fit. */
  plan(asked: Asked): LookupPlan;
  /** Answers as of `asOfMs`, or as of now. */
  ask(asked: Asked, question: Omit<BatchQuestion, 'asOfMs'> & { readonly asOfMs?: number }): Promise<OnlineAnswer>;
  getOnlineBatch(request: features.GetOnlineBatchRequest): Promise<OnlineAnswer>;
}

const unknownDefinition: Definition = { revision: 0, digest: '' };

export function createOnlineCalls(options: OnlineCallsOptions): OnlineCalls {
  const plans = new WeakMap<Topology, Map<string, LookupPlan>>();

  function plan(asked: Asked): LookupPlan {
    const topology = options.topology();
    const known = plans.get(topology) ?? new Map<string, LookupPlan>();
    plans.set(topology, known);
    const key = keyOf(asked);
    const found = known.get(key) ?? makePlan(asked, topology);
    if (known.size >= plansMax && !known.has(key)) known.delete(known.keys().next().value ?? '');
    known.set(key, found);
    return found;
  }

  async function ask(
    asked: Asked,
    question: Omit<BatchQuestion, 'asOfMs'> & { readonly asOfMs?: number },
  ): Promise<OnlineAnswer> {
    if (question.rows > rowsMax)
      throw errors.requestInvalid(`At most ${rowsMax} rows can be asked for at once; these are ${question.rows}`);
    const startedMs = performance.now();
    const topology = options.topology();
    const asOfMs = question.asOfMs ?? options.nowMs();
    const answer = await lookupBatch(plan(asked), { ...question, asOfMs }, options.mget);
    options.telemetry.queried('GetOnlineBatch', question.rows, performance.now() - startedMs);
    options.telemetry.answered(answer);
    return {
      ...answer,
      watermarkMs: options.watermarkMs(),
      definitions: answer.views.map(({ name }) => topology.definitions.get(`FeatureView/${name}`) ?? unknownDefinition),
    };
  }

  return {
    plan,
    ask,
    async getOnlineBatch(request) {
      const { rows, fields } = entityColumns(request.entities);
      return ask(askedBy(request), { rows, fields, ...(request.asOfMs === 0 ? {} : { asOfMs: request.asOfMs }) });
    },
  };
}

function keyOf(asked: Asked): string {
  if ('model' in asked) return `model ${asked.model}`;
  return 'service' in asked ? `service ${asked.service}` : asked.features.join(' ');
}

function askedBy({ model, featureService, features: names }: features.GetOnlineBatchRequest): Asked {
  const ways = [model !== '', featureService !== '', names.length > 0].filter(Boolean).length;
  if (ways !== 1) throw errors.requestInvalid('Give one of model, feature_service and features');
  if (featureService !== '') return { service: featureService };
  return model === '' ? { features: names.map(dotted) } : { model };
}

/** `view:feature`, as Feast writes it, is `view.feature`. */
function dotted(name: string): string {
  return name.includes('.') ? name : name.replace(':', '.');
}

function makePlan(asked: Asked, topology: Topology): LookupPlan {
  try {
    if ('features' in asked) return planFeatures(asked.features, topology.catalog);
    if ('service' in asked) return planService(serviceNamed(asked.service, topology.catalog), topology.catalog);
    const spec = topology.models.get(asked.model);
    if (spec === undefined) throw errors.modelNotFound(asked.model);
    return planLookup(spec, topology.catalog);
  } catch (error) {
    throw error instanceof FeatureError ? errors.definition(error) : error;
  }
}

function entityColumns(columns: readonly features.EntityColumn[]): Pick<BatchQuestion, 'rows' | 'fields'> {
  const fields = new Map<string, readonly (number | string | null)[]>();
  let rows = 0;
  for (const { name, numbers, texts, missing } of columns) {
    const values = texts.length > 0 ? texts : numbers;
    const isWhole =
      (numbers.length === 0 || texts.length === 0) && (missing.length === 0 || missing.length === values.length);
    if (!isWhole || (fields.size > 0 && values.length !== rows) || fields.has(name)) {
      throw errors.requestInvalid(
        `Entity column "${name}": give each column once, numbers or texts, with one value for every row`,
      );
    }
    rows = values.length;
    fields.set(name, missing.length === 0 ? values : values.map((value, row) => (missing[row] === 0 ? value : null)));
  }
  return { rows, fields };
}
