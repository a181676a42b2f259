import type { FeatureScalar } from '@everloop/features';

import type { FeastMaterialisation, FeastQuestion } from '../app/feast-calls.ts';
import type { DataFrame } from '../domain/feast-records.ts';
import { instant } from '../domain/feast-records.ts';
import { FeastShapeError } from './feast-errors.ts';

type Body = Readonly<Record<string, unknown>>;

const modes = ['online', 'offline', 'online_and_offline'];

function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses a body whatever its content type says: the documented curl calls send none. */
export function parseBody(bytes: Buffer): Body {
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString());
  } catch (error) {
    throw new FeastShapeError([0], 'json_invalid', `JSON decode error: ${error instanceof Error ? error.message : ''}`);
  }
  if (isObject(parsed)) return parsed;
  throw new FeastShapeError([], 'model_attributes_type', 'Input should be a valid dictionary');
}

function text(body: Body, name: string): string {
  const value = body[name];
  if (value === undefined) throw new FeastShapeError([name], 'missing', 'Field required');
  if (typeof value === 'string') return value;
  throw new FeastShapeError([name], 'string_type', 'Input should be a valid string');
}

function optionalText(body: Body, name: string): string | null {
  return body[name] === undefined || body[name] === null ? null : text(body, name);
}

function flag(body: Body, name: string): boolean {
  const value = body[name] ?? false;
  if (typeof value === 'boolean') return value;
  throw new FeastShapeError([name], 'bool_type', 'Input should be a valid boolean');
}

function texts(body: Body, name: string): readonly string[] {
  const value = body[name] ?? [];
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
  throw new FeastShapeError([name], 'list_type', 'Input should be a valid list of strings');
}

function columns(body: Body, name: string): DataFrame {
  const value = body[name];
  if (value === undefined) throw new FeastShapeError([name], 'missing', 'Field required');
  if (!isObject(value)) throw new FeastShapeError([name], 'dict_type', 'Input should be a valid dictionary');
  return new Map(
    Object.entries(value).map(([column, values]): readonly [string, readonly unknown[]] => {
      if (Array.isArray(values)) return [column, values];
      throw new FeastShapeError([name, column], 'list_type', 'Input should be a valid list');
    }),
  );
}

function scalar(value: unknown, loc: readonly (string | number)[]): FeatureScalar {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  throw new FeastShapeError(loc, 'scalar_type', 'Input should be a number, a text, a boolean or null');
}

/** A body of /get-online-features. */
export function readQuestion(body: Body): FeastQuestion & { readonly hasVersions: boolean } {
  const entities = [...columns(body, 'entities')].map(
    ([name, values]) => [name, values.map((value, row) => scalar(value, ['entities', name, row]))] as const,
  );
  return {
    featureService: optionalText(body, 'feature_service'),
    features: texts(body, 'features'),
    entities: new Map(entities),
    fullNames: flag(body, 'full_feature_names'),
    hasVersions: flag(body, 'include_feature_view_version_metadata'),
  };
}

/** A body of /push. Wherever the rows shall go, they go to the log, which feeds both stores. */
export function readPush(body: Body): { readonly source: string; readonly frame: DataFrame } {
  const to = optionalText(body, 'to') ?? 'online';
  if (!modes.includes(to)) throw new FeastShapeError(['to'], 'enum', `Input should be one of ${modes.join(', ')}`);
  return { source: text(body, 'push_source_name'), frame: columns(body, 'df') };
}

/** A body of /write-to-online-store. */
export function readWrite(body: Body): { readonly view: string; readonly frame: DataFrame } {
  return { view: text(body, 'feature_view_name'), frame: columns(body, 'df') };
}

function timeMs(body: Body, name: string): number {
  const given = instant(text(body, name));
  const parsed = typeof given === 'string' ? Date.parse(given) : Number.NaN;
  if (Number.isNaN(parsed)) throw new FeastShapeError([name], 'datetime_parsing', 'Input should be a valid datetime');
  return parsed;
}

type Wanted = Omit<FeastMaterialisation, 'isAsync' | 'force'>;

/** A body of /materialize; the range is [start_ts, end_ts] of event time. */
export function readMaterialise(body: Body): Wanted {
  const views = texts(body, 'feature_views');
  if (flag(body, 'disable_event_timestamp')) return { views, range: null, isIncremental: false };
  const [fromMs, untilMs] = [timeMs(body, 'start_ts'), timeMs(body, 'end_ts') + 1];
  if (fromMs + 1 >= untilMs) throw new FeastShapeError(['end_ts'], 'value_error', 'start_ts must be before end_ts');
  return { views, range: { fromMs, untilMs }, isIncremental: false };
}

/** A body of /materialize-incremental. */
export function readIncremental(body: Body): Wanted {
  timeMs(body, 'end_ts');
  return { views: texts(body, 'feature_views'), range: null, isIncremental: true };
}
