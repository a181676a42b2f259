import { ServiceError } from './errors.ts';
import { grpcPorts, httpPorts } from './ports.ts';

/** Values of one configuration key by its type; `duration` is read as `250ms`, `5s`, `2m`, `1h`, `1d` and given in milliseconds. */
export interface ConfigTypes {
  readonly string: string;
  readonly integer: number;
  readonly number: number;
  readonly boolean: boolean;
  readonly list: readonly string[];
  readonly duration: number;
}

/** One configuration key. Without a default it must be set; `default: null` makes it optional. */
export type ConfigKey = { [T in keyof ConfigTypes]: ConfigKeyOf<T> }[keyof ConfigTypes];

interface ConfigKeyOf<T extends keyof ConfigTypes> {
  /** Environment variable. */
  readonly env: string;
  readonly type: T;
  readonly default?: ConfigTypes[T] | null;
  /** Defaults that differ by service, used when `default` is absent. */
  readonly defaultByService?: Readonly<Record<string, ConfigTypes[T]>>;
  readonly unit?: string;
  /** What it is for and why the default is what it is. */
  readonly why: string;
  /** Smallest and largest number allowed (milliseconds for a duration). */
  readonly min?: number;
  readonly max?: number;
  /** The only texts allowed. */
  readonly oneOf?: readonly string[];
}

export type ConfigSchema = Readonly<Record<string, ConfigKey>>;

/** The object that a schema describes. */
export type Config<S extends ConfigSchema> = {
  readonly [K in keyof S]: ConfigTypes[S[K]['type']] | (S[K] extends { readonly default: null } ? null : never);
};

/** Keys that every service has; spread it into the service's own schema. */
export const commonConfig = {
  kafkaBrokers: {
    env: 'KAFKA_BROKERS',
    type: 'list',
    default: ['127.0.0.1:19092'],
    unit: 'host:port, comma-separated',
    why: 'Where Kafka is; the default is the broker that `npm start` runs.',
  },
  httpHost: {
    env: 'EVL_HTTP_HOST',
    type: 'string',
    default: '127.0.0.1',
    why: 'Address to listen on; loopback unless the operator opens it.',
  },
  httpPort: {
    env: 'EVL_HTTP_PORT',
    type: 'integer',
    defaultByService: httpPorts,
    min: 0,
    max: 65_535,
    unit: 'port; 0 takes a free one',
    why: 'Health, readiness and metrics; one number per service so that all run on one machine.',
  },
  logLevel: {
    env: 'EVL_LOG_LEVEL',
    type: 'string',
    default: 'info',
    oneOf: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    why: 'Least severe log line that is written.',
  },
} as const satisfies ConfigSchema;

/** Where gRPC listens; spread into the schema of a service that has a port. */
export const grpcConfig = {
  grpcHost: {
    env: 'EVL_GRPC_HOST',
    type: 'string',
    default: '127.0.0.1',
    why: 'Address to listen on; loopback unless the operator opens it.',
  },
  grpcPort: {
    env: 'EVL_GRPC_PORT',
    type: 'integer',
    defaultByService: grpcPorts,
    min: 0,
    max: 65_535,
    unit: 'port; 0 takes a free one',
    why: 'gRPC calls, health and reflection; one number per service so that all run on one machine.',
  },
} as const satisfies ConfigSchema;

/**
 * Reads the environment by `schema` into one frozen object. Every wrong or missing variable is reported in one
 * EVL_CONFIG_INVALID that names variable, value and what is allowed.
 */
export function loadConfig<const S extends ConfigSchema>(
  serviceName: string,
  schema: S,
  env: Readonly<Record<string, string | undefined>>,
): Config<S> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, key] of Object.entries(schema)) {
    const text = env[key.env];
    const parsed = text === undefined || text.trim() === '' ? defaultOf(serviceName, key) : parse(key, text.trim());
    if ('value' in parsed) values[name] = parsed.value;
    else problems.push(`${key.env} ${parsed.problem}. ${key.why}`);
  }
  problems.push(...openBinds(schema, values, env));
  if (problems.length > 0) {
    const list = problems.map((problem) => `  - ${problem}`).join('\n');
    throw new ServiceError({
      code: 'EVL_CONFIG_INVALID',
      kind: 'terminal',
      message: `${serviceName}: ${problems.length} configuration variable(s) must be corrected:\n${list}`,
    });
  }
  return Object.freeze(values) as Config<S>;
}

const loopback = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

/** Listening beyond this machine without TLS and tokens is a decision, so it must be said: EVL_ALLOW_INSECURE_BIND=true. */
function openBinds(
  schema: ConfigSchema,
  values: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  if (env['EVL_ALLOW_INSECURE_BIND'] === 'true') return [];
  return Object.entries(schema).flatMap(([name, { env: variable }]) => {
    const host = values[name];
    if (!/^EVL_\w*_HOST$/.test(variable) || typeof host !== 'string' || loopback.test(host)) return [];
    return [
      `${variable} is '${host}', which others can reach, and nothing protects the port: keep 127.0.0.1, or, on a network that you trust, set EVL_ALLOW_INSECURE_BIND=true`,
    ];
  });
}

type Parsed = { readonly value: unknown } | { readonly problem: string };

function defaultOf(serviceName: string, key: ConfigKey): Parsed {
  if (key.default !== undefined) return { value: key.default };
  const byService = key.defaultByService?.[serviceName];
  return byService === undefined ? { problem: `is not set; allowed: ${allowed(key)}` } : { value: byService };
}

function parse(key: ConfigKey, text: string): Parsed {
  const wrong = { problem: `is '${text}'; allowed: ${allowed(key)}` };
  switch (key.type) {
    case 'string':
      return key.oneOf === undefined || key.oneOf.includes(text) ? { value: text } : wrong;
    case 'list': {
      const items = text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
      const fits = items.length > 0 && items.every((item) => key.oneOf === undefined || key.oneOf.includes(item));
      return fits ? { value: Object.freeze(items) } : wrong;
    }
    case 'boolean':
      return /^(true|1|yes)$/i.test(text) ? { value: true } : /^(false|0|no)$/i.test(text) ? { value: false } : wrong;
    case 'integer':
    case 'number':
    case 'duration': {
      const value = key.type === 'duration' ? parseDuration(text) : Number(text);
      const fits =
        Number.isFinite(value) &&
        (key.type !== 'integer' || Number.isSafeInteger(value)) &&
        value >= (key.min ?? (key.type === 'duration' ? 0 : -Infinity)) &&
        value <= (key.max ?? Infinity);
      return fits ? { value } : wrong;
    }
  }
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `1500ms`, `1.5s`, `2m`, `1h`, `1d` in milliseconds; NaN for anything else. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text);
  return match === null ? NaN : Number(match[1]) * (unitMs[match[2] ?? ''] ?? NaN);
}

function allowed(key: ConfigKey): string {
  const unit = key.unit === undefined ? '' : ` (${key.unit})`;
  if (key.oneOf !== undefined) return `${key.type === 'list' ? 'a list of ' : ''}${key.oneOf.join(', ')}${unit}`;
  const range = [
    key.min === undefined ? [] : [`from ${key.min}`],
    key.max === undefined ? [] : [`up to ${key.max}`],
  ].flat();
  return [typeText[key.type], ...range].join(' ') + unit;
}

const typeText: Readonly<Record<keyof ConfigTypes, string>> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  list: 'a comma-separated list',
  duration: 'a duration such as 250ms, 5s, 2m, 1h or 1d',
};
