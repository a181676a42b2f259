import { Client, credentials, status, type ServiceError as GrpcError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registry } from '@everloop/contracts';
import { createLogger, deferred, ServiceError } from '@everloop/service';
import {
  connect,
  createGrpcServer,
  implement,
  type CallContext,
  type GrpcServer,
  type Handlers,
} from '../src/index.ts';

const { RegistryServiceService } = registry;
type Service = typeof RegistryServiceService;

const lines: { level: string; err?: { code?: string } }[] = [];
const logger = createLogger({
  service: 'test',
  level: 'debug',
  write: (line) => lines.push(JSON.parse(line) as (typeof lines)[number]),
});

let listResources: Handlers<Service>['listResources'] = () => registry.ListResourcesResponse.fromPartial({});
const unused = (): never => {
  throw new ServiceError({ code: 'EVL_TEST_UNUSED', kind: 'bug', message: 'not part of this test' });
};
const handlers = {
  ...Object.fromEntries(Object.keys(RegistryServiceService).map((name) => [name, unused])),
  listResources: (request: registry.ListResourcesRequest, context: CallContext) => listResources(request, context),
} as unknown as Handlers<Service>;

const request = registry.ListResourcesRequest.fromPartial({});
let server: GrpcServer;
let client: ReturnType<typeof connect<Service>>;
let raw: Client;

beforeAll(async () => {
  server = createGrpcServer({
    name: 'test-grpc',
    host: '127.0.0.1',
    port: 0,
    services: [implement(RegistryServiceService, handlers)],
    logger,
    deadlineMaxMs: 400,
    drainMs: 200,
  });
  await server.start();
  client = connect(RegistryServiceService, `127.0.0.1:${server.port}`, { name: 'test-client', deadlineMs: 5_000 });
  raw = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
});

afterAll(async () => {
  client.close();
  raw.close();
  await server.stop();
  await server.stop();
});

function sendRaw(path: string, bytes: Buffer): Promise<GrpcError | Buffer> {
  return new Promise((resolve) => {
    const same = (value: Buffer): Buffer => value;
    raw.makeUnaryRequest(path, same, same, bytes, (error, value) => resolve(error ?? value ?? Buffer.alloc(0)));
  });
}

describe('statuses', () => {
  const cases = [
    ['EVL_REGISTRY_VERSION_NOT_FOUND', 'terminal', status.NOT_FOUND, 'terminal'],
    ['EVL_RESOURCE_INVALID', 'terminal', status.INVALID_ARGUMENT, 'terminal'],
    ['EVL_RESOURCE_INVALID_FIELD', 'terminal', status.INVALID_ARGUMENT, 'terminal'],
    ['EVL_GATEWAY_QUEUE_FULL', 'retryable', status.RESOURCE_EXHAUSTED, 'retryable'],
    ['EVL_REGISTRY_PRECONDITION_STAGE', 'terminal', status.FAILED_PRECONDITION, 'terminal'],
    ['EVL_REGISTRY_AWAY', 'retryable', status.UNAVAILABLE, 'retryable'],
    ['EVL_REGISTRY_BROKEN_INVALID', 'bug', status.INTERNAL, 'terminal'],
  ] as const;
  it.each(cases)('%s (%s) is answered as %i and read as %s', async (code, kind, grpcCode, readKind) => {
    listResources = () => Promise.reject(new ServiceError({ code, kind, message: 'the reason' }));
    const error = await client.listResources(request).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code, kind: readKind, cause: { code: grpcCode, details: `${code}: the reason` } });
    expect((error as Error).message).toMatch(/test-client called .*ListResources at 127\.0\.0\.1:\d+: the reason/);
  });

  it('hides the text of an unknown error, logs it once', async () => {
    lines.length = 0;
    listResources = () => {
      throw new TypeError('secret of the program');
    };
    await expect(client.listResources(request)).rejects.toMatchObject({ code: 'EVL_GRPC_INTERNAL', kind: 'terminal' });
    expect(lines.filter((line) => line.level === 'error')).toHaveLength(1);
  });
});

describe('undecodable requests', () => {
  const path = RegistryServiceService.listResources.path;
  it.each([
    ['a string cut short', '0a7f61'],
    ['an endless varint', 'ffffffffffffffffffffff'],
    ['a group that never ends', '0b'],
  ])('%s is INVALID_ARGUMENT', async (_name, hex) => {
    const answer = await sendRaw(path, Buffer.from(hex, 'hex'));
    expect(answer).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect((answer as GrpcError).details).toMatch(/^EVL_GRPC_REQUEST_UNDECODABLE: /);
  });

  it('an unknown field is skipped', async () => {
    listResources = () => registry.ListResourcesResponse.fromPartial({});
    expect(await sendRaw(path, Buffer.from('f2060161', 'hex'))).toBeInstanceOf(Buffer);
  });

  it('a message over the limit is refused before it is decoded', async () => {
    expect(await sendRaw(path, Buffer.alloc(17 * 1024 * 1024))).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });
});

describe('deadlines and metadata', () => {
  it('gives the handler metadata and the time that is left', async () => {
    const seen = deferred<{ left: number; trace: string | undefined }>();
    listResources = (_request, context) => {
      seen.resolve({ left: context.deadlineMs, trace: context.metadata.get('traceparent') });
      return registry.ListResourcesResponse.fromPartial({});
    };
    await client.listResources(request, { deadlineMs: 300, metadata: new Map([['traceparent', '00-a-b-01']]) });
    const { left, trace } = await seen.promise;
    expect(trace).toBe('00-a-b-01');
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(300);
  });

  it('ends a call at the server maximum and aborts its signal', async () => {
    const aborted = deferred<unknown>();
    listResources = (_request, context) =>
      new Promise(() => context.signal.addEventListener('abort', () => aborted.resolve(context.signal.reason)));
    await expect(client.listResources(request)).rejects.toMatchObject({ code: 'EVL_GRPC_DEADLINE', kind: 'retryable' });
    expect(await aborted.promise).toMatchObject({ name: 'TimeoutError' });
  });

  it('gives an aborted signal to a handler that asks for it after the end', async () => {
    const late = deferred<AbortSignal>();
    const ended = deferred();
    listResources = async (_request, context) => {
      await ended.promise;
      late.resolve(context.signal);
      return registry.ListResourcesResponse.fromPartial({});
    };
    await expect(client.listResources(request)).rejects.toMatchObject({ code: 'EVL_GRPC_DEADLINE' });
    ended.resolve();
    const signal = await late.promise;
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ name: expect.stringMatching(/AbortError|TimeoutError/) });
  });

  it('aborts the handler when the caller goes away', async () => {
    const aborted = deferred<unknown>();
    const caller = new AbortController();
    listResources = (_request, context) => {
      context.signal.addEventListener('abort', () => aborted.resolve(context.signal.reason));
      caller.abort();
      return new Promise(() => undefined);
    };
    await expect(client.listResources(request, { signal: caller.signal })).rejects.toMatchObject({
      code: 'EVL_GRPC_CANCELLED',
    });
    expect(await aborted.promise).toMatchObject({ name: expect.stringMatching(/AbortError|TimeoutError/) });
  });
});

describe('standard services', () => {
  const health = loadSync(
    join(
      dirname(createRequire(import.meta.url).resolve('grpc-health-check/package.json')),
      'proto/health/v1/health.proto',
    ),
  );
  const reflectionProto = (version: string): string =>
    join(
      dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json')),
      `build/proto/grpc/reflection/${version}/reflection.proto`,
    );

  it.each([
    ['', 'SERVING'],
    ['everloop.registry.v1.RegistryService', 'SERVING'],
  ])('health of "%s" is %s', async (service, expected) => {
    expect(await callUnary(health['grpc.health.v1.Health'], 'Check', { service })).toMatchObject({
      status: expected === 'SERVING' ? 1 : 2,
    });
  });

  it('an over-long name is not repeated: clients end the connection for a status text that is too long', async () => {
    const asked = callUnary(health['grpc.health.v1.Health'], 'Check', { service: 'x'.repeat(300_000) });
    await expect(asked).rejects.toMatchObject({ code: status.NOT_FOUND, details: expect.stringContaining('300000') });
  });

  it('health of an unknown service is NOT_FOUND', async () => {
    await expect(callUnary(health['grpc.health.v1.Health'], 'Check', { service: 'no.such' })).rejects.toMatchObject({
      code: status.NOT_FOUND,
    });
  });

  it.each(['v1', 'v1alpha'])('reflection %s lists and describes the services', async (version) => {
    const definition = loadSync(reflectionProto(version), { keepCase: true, oneofs: true });
    const service = definition[`grpc.reflection.${version}.ServerReflection`];
    const list = await callStream(service, { list_services: '' });
    const names = (list['list_services_response'] as { service: { name: string }[] }).service.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['everloop.registry.v1.RegistryService', 'grpc.health.v1.Health']));
    const file = await callStream(service, { file_containing_symbol: 'everloop.registry.v1.RegistryService' });
    expect(
      (file['file_descriptor_response'] as { file_descriptor_proto: Buffer[] }).file_descriptor_proto.length,
    ).toBeGreaterThan(0);
  });

  type Loaded = ReturnType<typeof loadSync>[string] | undefined;
  function methodOf(service: Loaded, name: string) {
    const method = (
      service as unknown as
        | Record<
            string,
            {
              path: string;
              requestSerialize: (value: object) => Buffer;
              responseDeserialize: (bytes: Buffer) => object;
            }
          >
        | undefined
    )?.[name];
    if (method === undefined) throw new Error(`no method ${name}`);
    return method;
  }
  function callUnary(service: Loaded, name: string, message: object): Promise<object> {
    const method = methodOf(service, name);
    return new Promise((resolve, reject) => {
      raw.makeUnaryRequest(method.path, method.requestSerialize, method.responseDeserialize, message, (error, value) =>
        error === null && value !== undefined ? resolve(value) : reject(error as Error),
      );
    });
  }
  function callStream(service: Loaded, message: object): Promise<Record<string, unknown>> {
    const method = methodOf(service, 'ServerReflectionInfo');
    return new Promise((resolve, reject) => {
      const stream = raw.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
      stream.on('data', (value: Record<string, unknown>) => resolve(value));
      stream.on('error', reject);
      stream.end(message);
    });
  }
});

describe('connections', () => {
  it('a client works again when the server is back', async () => {
    const build = (port: number): GrpcServer =>
      createGrpcServer({
        name: 'again',
        host: '127.0.0.1',
        port,
        services: [implement(RegistryServiceService, handlers)],
        logger,
      });
    listResources = () => registry.ListResourcesResponse.fromPartial({});
    const first = build(0);
    await first.start();
    const { port } = first;
    const other = connect(RegistryServiceService, `127.0.0.1:${port}`, { name: 'other', deadlineMs: 2_000 });
    await other.listResources(request);
    await first.stop();
    await expect(other.listResources(request)).rejects.toMatchObject({ kind: 'retryable' });
    const second = build(port);
    await second.start();
    await expect
      .poll(
        () =>
          other.listResources(request).then(
            () => 'ok',
            () => 'away',
          ),
        { timeout: 5_000 },
      )
      .toBe('ok');
    other.close();
    await second.stop();
  });

  it('a busy port is an error that names it', async () => {
    const busy = createGrpcServer({ name: 'busy', host: '127.0.0.1', port: server.port, services: [], logger });
    await expect(busy.start()).rejects.toMatchObject({ code: 'EVL_GRPC_LISTEN', kind: 'terminal' });
    await busy.stop();
  });
});
