import { nearest, type servingApi } from '@everloop/contracts';

type Json = Readonly<Record<string, unknown>>;
type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reasons: readonly string[] };

const rowFields = ['id', 'unit', 'features', 'event_time_ms', 'route', 'explain'] as const;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A body as a JSON object. */
export function readObject(body: Buffer): Read<Json> {
  try {
    const json: unknown = JSON.parse(body.toString('utf8'));
    if (isObject(json)) return { ok: true, value: json };
    return { ok: false, reasons: ['the body must be a JSON object'] };
  } catch {
    return { ok: false, reasons: ['the body is not JSON; JSON has no NaN or Infinity, and no comments'] };
  }
}

/** Reads the fields of one object; all that is wrong with them is collected. */
class Reader {
  readonly reasons: string[] = [];
  readonly #json: Json;
  readonly #where: string;

  constructor(json: Json, known: readonly string[], where: string) {
    this.#json = json;
    this.#where = where;
    for (const name of Object.keys(json)) {
      if (known.includes(name)) continue;
      const meant = nearest(name, known);
      this.reasons.push(`${where}'${name}' is no field${meant === undefined ? '' : `; did you mean '${meant}'?`}`);
    }
  }

  text(name: string): string {
    const value = this.#json[name] ?? '';
    if (typeof value === 'string') return value;
    this.reasons.push(`${this.#where}'${name}' must be a string`);
    return '';
  }

  flag(name: string): boolean {
    const value = this.#json[name] ?? false;
    if (typeof value === 'boolean') return value;
    this.reasons.push(`${this.#where}'${name}' must be true or false`);
    return false;
  }

  /** As a number, or as the string that proto3 JSON makes of 64-bit integers. */
  integer(name: string): number | undefined {
    const value = this.#json[name] ?? undefined;
    if (value === undefined) return undefined;
    const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isSafeInteger(number)) return number;
    this.reasons.push(`${this.#where}'${name}' must be an integer`);
    return undefined;
  }

  number(name: string): number | undefined {
    const value = this.#json[name] ?? undefined;
    if (value === undefined || typeof value === 'number') return value;
    this.reasons.push(`${this.#where}'${name}' must be a number`);
    return undefined;
  }

  object(name: string): Json {
    const value = this.#json[name];
    if (isObject(value)) return value;
    this.reasons.push(`${this.#where}'${name}' must be an object of fields by name`);
    return {};
  }
}

function readRow(reader: Reader): servingApi.PredictRow {
  return {
    id: reader.text('id'),
    unit: reader.text('unit'),
    features: reader.object('features'),
    eventTimeMs: reader.integer('event_time_ms'),
    route: reader.text('route'),
    explain: reader.flag('explain'),
  };
}

/** The body of `POST /v1/models/{model}:predict`. */
export function readPredict(model: string, json: Json): Read<servingApi.PredictRequest> {
  const reader = new Reader(json, ['version', ...rowFields], '');
  const value = { model, version: reader.text('version'), ...readRow(reader) };
  return reader.reasons.length === 0 ? { ok: true, value } : { ok: false, reasons: reader.reasons };
}

/** The body of `POST /v1/models/{model}:predictBatch`. At most `rowsMax` rows are looked at. */
export function readPredictBatch(model: string, json: Json, rowsMax: number): Read<servingApi.PredictBatchRequest> {
  const reader = new Reader(json, ['version', 'rows'], '');
  const version = reader.text('version');
  const list: unknown = json['rows'];
  if (!Array.isArray(list)) return { ok: false, reasons: [...reader.reasons, "'rows' must be a list"] };
  const reasons = [...reader.reasons];
  if (list.length > rowsMax) return { ok: false, reasons: [`it has ${list.length} rows, expected 1 to ${rowsMax}`] };
  const rows = list.map((each: unknown, index) => {
    const row = new Reader(isObject(each) ? each : {}, rowFields, `row ${index}: `);
    const read = readRow(row);
    reasons.push(...row.reasons);
    return read;
  });
  return reasons.length === 0 ? { ok: true, value: { model, version, rows } } : { ok: false, reasons };
}

const rewardFields = ['decision_id', 'value', 'kind', 'event_time_ms', 'idempotency_key', 'source', 'model'] as const;

function readReward(
  json: Json,
  where: string,
): { readonly value: servingApi.RewardRequest; readonly reasons: string[] } {
  const reader = new Reader(json, rewardFields, where);
  const value = {
    decisionId: reader.text('decision_id'),
    value: reader.number('value'),
    kind: reader.text('kind'),
    eventTimeMs: reader.integer('event_time_ms'),
    idempotencyKey: reader.text('idempotency_key'),
    source: reader.text('source'),
    model: reader.text('model'),
  };
  return { value, reasons: reader.reasons };
}

/** The body of `POST /v1/rewards`: one reward, or a list of them as `rewards`. */
export function readRewards(json: Json, rewardsMax: number): Read<readonly servingApi.RewardRequest[]> {
  const list: unknown = json['rewards'];
  if (list === undefined) {
    const { value, reasons } = readReward(json, '');
    return reasons.length === 0 ? { ok: true, value: [value] } : { ok: false, reasons };
  }
  const others = Object.keys(json).filter((name) => name !== 'rewards');
  if (others.length > 0) return { ok: false, reasons: [`'${others.join("', '")}' stands beside 'rewards'`] };
  if (!Array.isArray(list)) return { ok: false, reasons: ["'rewards' must be a list"] };
  if (list.length > rewardsMax)
    return { ok: false, reasons: [`there are ${list.length} rewards, expected 1 to ${rewardsMax}`] };
  const read = list.map((each: unknown, index) => readReward(isObject(each) ? each : {}, `reward ${index}: `));
  const reasons = read.flatMap((each) => each.reasons);
  return reasons.length === 0 ? { ok: true, value: read.map(({ value }) => value) } : { ok: false, reasons };
}

/** An answer with the names of the proto; what is empty is left out only where it mostly is. */
export function writePrediction(answer: servingApi.PredictResponse): object {
  return {
    ...{ decision_id: answer.decisionId, id: answer.id, model: answer.model, model_version: answer.modelVersion },
    ...{ score: answer.score, arm: answer.arm, propensity: answer.propensity, explore: answer.explore },
    ...{ policy_version: answer.policyVersion, route: answer.route },
    ...(answer.action === '' ? {} : { action: answer.action }),
    ...(answer.target === '' ? {} : { target: answer.target }),
    ...(answer.fallbackFrom === '' ? {} : { arm_intended: answer.armIntended, fallback_from: answer.fallbackFrom }),
    ...{ verdict: answer.verdict, findings: answer.findings, degraded: answer.degraded },
    feature_ages: answer.featureAges,
    ...(answer.baseValue === undefined ? {} : { attributions: answer.attributions, base_value: answer.baseValue }),
  };
}

/** For each row `{ "prediction": … }` or `{ "error": … }`. */
export function writeBatch({ rows }: servingApi.PredictBatchResponse): object {
  return {
    rows: rows.map(({ result }) =>
      result?.$case === 'prediction' ? { prediction: writePrediction(result.value) } : { error: result?.value },
    ),
  };
}
