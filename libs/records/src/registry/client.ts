import { registryUnreachable, schemaRefused } from '../errors.ts';
import type { SchemaId } from '../wire/schema-id.ts';
import type { RegisteredSchema, SchemaReference, SchemaText, SchemaType } from './types.ts';

/** A Confluent-compatible Schema Registry, over its REST API. */
export interface SchemaRegistry {
  /** Without credentials. */
  readonly url: string;
  /** Null when the registry does not know it. Rejects with EVL_RECORDS_REGISTRY_UNREACHABLE when it cannot be asked. */
  schema(schemaId: SchemaId): Promise<RegisteredSchema | null>;
  /** The schemas that `schema` refers to, those first that others need; null when one of them is not there. */
  references(schema: RegisteredSchema): Promise<readonly SchemaText[] | null>;
  /** The newest schema of a subject; null when there is none. */
  latest(subject: string): Promise<RegisteredSchema | null>;
  /** Registers a schema under a subject, or finds it there, and gives its id. */
  register(subject: string, schema: RegisteredSchema): Promise<number>;
}

export interface SchemaRegistryOptions {
  /** Base URL, `http://host:port` with or without a path. */
  readonly url: string;
  /** Value of the Authorization header. */
  readonly authorization?: string;
  /** Longest wait for one answer, milliseconds. */
  readonly timeoutMs?: number;
}

const timeoutMsDefault = 5_000;
/** A schema of more is refused, bytes. */
const answerBytesMax = 8 * 1_048_576;
/** Most schemas that one schema may refer to, directly or through others. */
const referencesMax = 200;
/** Error codes of the API: subject, version or schema not found. */
const notFoundCodes: ReadonlySet<unknown> = new Set([40401, 40402, 40403]);
const contentType = 'application/vnd.schemaregistry.v1+json';

export function createSchemaRegistry(options: SchemaRegistryOptions): SchemaRegistry {
  const url = options.url.replace(/\/+$/, '');
  const ask = (path: string, body?: unknown): Promise<Answer> => request(options, url, path, body);

  async function version({ subject, version: number }: SchemaReference): Promise<RegisteredSchema | null> {
    const answer = await ask(`/subjects/${encodeURIComponent(subject)}/versions/${number}`);
    return readSchema(url, answer);
  }

  async function collect(
    schema: RegisteredSchema,
    found: Map<string, SchemaText>,
    left: { count: number },
  ): Promise<boolean> {
    for (const reference of schema.references) {
      if (found.has(reference.name)) continue;
      if ((left.count -= 1) < 0) return false;
      const target = await version(reference);
      if (target === null || !(await collect(target, found, left))) return false;
      found.set(reference.name, { name: reference.name, schema: target.schema });
    }
    return true;
  }

  return {
    url,
    async schema(schemaId) {
      const path = schemaId.kind === 'id' ? `/schemas/ids/${schemaId.id}` : `/schemas/guids/${schemaId.guid}`;
      const answer = await ask(path);
      // A registry that has no GUIDs does not know the path at all; a record that names one must not stop its partition.
      if (schemaId.kind === 'guid' && answer.status === 404) return null;
      return readSchema(url, answer);
    },
    async references(schema) {
      const found = new Map<string, SchemaText>();
      return (await collect(schema, found, { count: referencesMax })) ? [...found.values()] : null;
    },
    latest: async (subject) => readSchema(url, await ask(`/subjects/${encodeURIComponent(subject)}/versions/latest`)),
    async register(subject, { type, schema, references }) {
      const body = { schema, ...(type === 'AVRO' ? {} : { schemaType: type }), references };
      const { status, json } = await ask(`/subjects/${encodeURIComponent(subject)}/versions`, body);
      if (status === 409 || status === 422) throw schemaRefused(subject, String(json['message']));
      const id = json['id'];
      if (status !== 200 || typeof id !== 'number')
        throw registryUnreachable(url, `it answered ${status} to a registration`);
      return id;
    },
  };
}

interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

async function request(options: SchemaRegistryOptions, url: string, path: string, body?: unknown): Promise<Answer> {
  const { authorization, timeoutMs = timeoutMsDefault } = options;
  try {
    const response = await fetch(url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        accept: contentType,
        ...(authorization === undefined ? {} : { authorization }),
        ...(body === undefined ? {} : { 'content-type': contentType }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // Credentials must not follow a redirection to another host.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await readText(response);
    return { status: response.status, json: parseObject(text) };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw registryUnreachable(url, cause instanceof Error ? cause.message : String(cause), error);
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) throw new Error(`its answer is longer than ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function readSchema(url: string, { status, json }: Answer): RegisteredSchema | null {
  if (status === 404 && notFoundCodes.has(json['error_code'])) return null;
  const { schema, schemaType = 'AVRO', references = [] } = json;
  if (status !== 200 || typeof schema !== 'string') {
    const message = typeof json['message'] === 'string' ? `: ${json['message'].slice(0, 200)}` : '';
    throw registryUnreachable(url, `it answered ${status}${message}`);
  }
  return { type: schemaType as SchemaType, schema, references: references as readonly SchemaReference[] };
}
