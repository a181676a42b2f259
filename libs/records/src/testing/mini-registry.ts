import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApiError, SchemaStore } from './schema-store.ts';

/** A registry that runs in this process, and what it was asked. */
export interface MiniRegistry {
  readonly url: string;
  /** `METHOD /path` of every request so far. */
  readonly requests: readonly string[];
  /** While set, every request is answered with this status. */
  outage: number | null;
  stop(): Promise<void>;
}

const bodyBytesMax = 8 * 1_048_576;

/**
 * The part of the Confluent Schema Registry's REST API that clients use, in memory: subjects, versions, ids, GUIDs, lookup, references,
 * compatibility (judged for Avro) and configuration. For tests and for trying things out on one machine; `authorization`, when given, must
 * be sent with every request.
 */
export async function startMiniRegistry(options: { readonly authorization?: string } = {}): Promise<MiniRegistry> {
  const store = new SchemaStore();
  const requests: string[] = [];
  const registry = { outage: null as number | null };
  const server = createServer((request, response) => {
    requests.push(`${request.method ?? ''} ${request.url ?? ''}`);
    void answer(store, options.authorization, registry.outage, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    get outage() {
      return registry.outage;
    },
    set outage(status) {
      registry.outage = status;
    },
    stop: () => closed(server),
  };
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

async function answer(
  store: SchemaStore,
  authorization: string | undefined,
  outage: number | null,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' });
    response.end(JSON.stringify(body));
  };
  try {
    if (outage !== null) throw new ApiError(outage, outage, 'out of order');
    if (authorization !== undefined && request.headers.authorization !== authorization)
      throw new ApiError(401, 401, 'Unauthorized');
    send(200, route(store, request.method ?? 'GET', request.url ?? '/', await readBody(request)));
  } catch (error) {
    if (error instanceof ApiError) send(error.status, { error_code: error.code, message: error.message });
    else send(422, { error_code: 42201, message: error instanceof Error ? error.message : String(error) });
  }
}

async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw new ApiError(413, 413, 'Too large');
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString();
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}

function route(store: SchemaStore, method: string, url: string, body: Readonly<Record<string, unknown>>): unknown {
  const path = (url.split('?')[0] ?? '')
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const [first, second = '', third = '', fourth = '', fifth = ''] = path;
  const asked = `${method} ${first ?? ''} ${path.length}`;
  switch (asked) {
    case 'GET subjects 1':
      return store.subjects();
    case 'GET subjects 3':
      return store.versions(second).map(({ version }) => version);
    case 'GET subjects 4':
      return described(store.version(second, fourth));
    case 'POST subjects 2':
      return described(store.lookup(second, body));
    case 'POST subjects 3':
      return { id: store.register(second, body).id };
    case 'GET schemas 3':
      return { ...described(second === 'ids' ? store.byId(Number(third)) : store.byGuid(third)), subject: undefined };
    case 'POST compatibility 5':
      return { is_compatible: store.isCompatible(third, fifth, body) };
    case 'GET config 1':
    case 'GET config 2':
      return { compatibilityLevel: store.compatibility(second) };
    case 'PUT config 1':
    case 'PUT config 2':
      return store.configure(second, String(body['compatibility']));
    default:
      throw new ApiError(404, 404, 'HTTP 404 Not Found');
  }
}

function described(stored: ReturnType<SchemaStore['byId']>): Record<string, unknown> {
  const { type, schema, references, id, guid, subject, version } = stored;
  return {
    subject,
    version,
    id,
    guid,
    schema,
    ...(type === 'AVRO' ? {} : { schemaType: type }),
    ...(references.length === 0 ? {} : { references }),
  };
}
