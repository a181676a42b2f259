import { commonConfig, loadConfig, type ConfigSchema } from '@everloop/service';
import { errors } from './errors.ts';

export const configSchema = {
  ...commonConfig,
  root: {
    env: 'EVL_INGEST_ROOT',
    type: 'string',
    default: '.everloop/ingest',
    unit: 'folder',
    why: 'The folder under which the folders of batch sources lie: a resource cannot name any other file of this machine.',
  },
  dataDir: {
    env: 'EVL_DATA_DIR',
    type: 'string',
    default: '.everloop/ingest-data',
    unit: 'folder',
    why: 'Where a Parquet object of a bucket lies while it is read; nothing there outlives its reading.',
  },
  duckMemoryMib: {
    env: 'EVL_INGEST_SQL_MEMORY',
    type: 'integer',
    default: 256,
    min: 64,
    unit: 'MiB',
    why: 'Memory for decoding Parquet; a row group must fit.',
  },
} as const satisfies ConfigSchema;

type Environment = Readonly<Record<string, string | undefined>>;

/** Configuration of the service; EVL_CONFIG_INVALID names every wrong variable. */
export function readConfig(env: Environment) {
  return loadConfig('ingest', configSchema, env);
}

/** Variable with the address and the credentials of a connection: `lake-eu` → `EVL_INGEST_CONNECTION_LAKE_EU`. */
export function connectionVariable(name: string): string {
  return `EVL_INGEST_CONNECTION_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** Where an S3 service is and how to sign in. */
export interface S3Connection {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

function address(name: string, env: Environment): URL {
  const variable = connectionVariable(name);
  const text = env[variable]?.trim() ?? '';
  if (text === '') throw errors.connectionMissing(name, variable);
  if (!URL.canParse(text)) throw errors.connectionInvalid(variable, 'is no address');
  return new URL(text);
}

/** `postgres://user:password@host:port/database` of a connection. Errors name the variable, never its value. */
export function postgresConnection(name: string, env: Environment): string {
  const url = address(name, env);
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')
    throw errors.connectionInvalid(connectionVariable(name), 'must be postgres://user:password@host:port/database');
  return url.toString();
}

/**
 * `https://key:secret@host[:port]?region=eu-west-1` of a connection; the secret percent-encoded. Without key and secret those of
 * AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY count, without region AWS_REGION, else us-east-1.
 */
export function s3Connection(name: string, env: Environment): S3Connection {
  const url = address(name, env);
  const variable = connectionVariable(name);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw errors.connectionInvalid(variable, 'must be https://key:secret@host[:port]?region=…');
  const accessKeyId = url.username === '' ? env['AWS_ACCESS_KEY_ID'] : decodeURIComponent(url.username);
  const secretAccessKey = url.password === '' ? env['AWS_SECRET_ACCESS_KEY'] : decodeURIComponent(url.password);
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw errors.connectionInvalid(
      variable,
      'has no key and secret, and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set',
    );
  const region = url.searchParams.get('region') ?? env['AWS_REGION'] ?? 'us-east-1';
  return { endpoint: `${url.origin}${url.pathname.replace(/\/$/, '')}`, region, accessKeyId, secretAccessKey };
}
