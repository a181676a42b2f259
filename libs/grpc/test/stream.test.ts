import { once } from 'node:events';
import { Client, credentials, Metadata, status, type ServiceError as GrpcError } from '@grpc/grpc-js';
import { features } from '@everloop/contracts';
import { createLogger, deferred, ServiceError } from '@everloop/service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, createGrpcServer, implement, type GrpcServer, type Handlers } from '../src/index.ts';

const { FeatureServiceService } = features;
type Service = typeof FeatureServiceService;
type Stream = Handlers<Service>['getHistoricalStream'];

const echo: Stream = async function* (requests) {
  for await (const { features: names } of requests) yield { names, rows: [] };
};
let stream: Stream = echo;
const unused = (): never => {
  throw new ServiceError({ code: 'EVL_TEST_UNUSED', kind: 'bug', message: 'not part of this test' });
};
const handlers = {
  ...Object.fromEntries(Object.keys(FeatureServiceService).map((name) => [name, unused])),
  getHistoricalStream: (...args: Parameters<Stream>) => stream(...args),
} as unknown as Handlers<Service>;

const logger = createLogger({ service: 'test', level: 'silent' });
let server: GrpcServer;
let client: ReturnType<typeof connect<Service>>;

beforeAll(async () => {
  const services = [implement(FeatureServiceService, handlers)];
  server = createGrpcServer({ name: 'streams', host: '127.0.0.1', port: 0, services, logger, streamMaxMs: 2_000 });
  await server.start();
  client = connect(FeatureServiceService, `127.0.0.1:${server.port}`, { name: 'test', deadlineMs: 5_000 });
});
afterAll(async () => {
  client.close();
  await server.stop();
});

const request = (name: string) => features.GetHistoricalStreamRequest.fromPartial({ features: [name] });

async function namesOf(
  requests: AsyncIterable<features.GetHistoricalStreamRequest> | Iterable<features.GetHistoricalStreamRequest>,
) {
  const names: string[] = [];
  for await (const answer of client.getHistoricalStream(requests)) names.push(...answer.names);
  return names;
}

describe('streamed calls', () => {
  it('carry messages both ways in order', async () => {
    stream = echo;
    const names = Array.from({ length: 500 }, (_, index) => `f${index}`);
    expect(await namesOf(names.map(request))).toEqual(names);
    expect(await namesOf([])).toEqual([]);
  });

  it('answer while the caller still asks', async () => {
    stream = echo;
    const answered = deferred();
    async function* slowly() {
      yield request('first');
      await answered.promise;
      yield request('second');
    }
    const names: string[] = [];
    for await (const answer of client.getHistoricalStream(slowly())) {
      names.push(...answer.names);
      answered.resolve();
    }
    expect(names).toEqual(['first', 'second']);
  });

  it('pull: a caller that does not read holds the handler back, and the sender too', async () => {
    let sent = 0;
    let answered = 0;
    const text = 'x'.repeat(64 * 1024);
    stream = async function* (requests) {
      for await (const each of requests) {
        answered += 1;
        yield { names: each.features, rows: [] };
      }
    };
    function* all() {
      for (sent = 0; sent < 1_000; sent += 1) yield request(text);
    }
    const services = [implement(FeatureServiceService, handlers)];
    const patient = createGrpcServer({ name: 'patient', host: '127.0.0.1', port: 0, services, logger });
    await patient.start();
    const own = connect(FeatureServiceService, `127.0.0.1:${patient.port}`, { name: 'test', deadlineMs: 5_000 });
    const answers = own.getHistoricalStream(all());
    await answers.next();
    // The windows of HTTP/2 and the buffers of both sides hold a few megabytes. Traffic on another connection passes meanwhile; on
    // this one it would wait for the same window.
    for (let turn = 0; turn < 20; turn += 1) await client.describe({ views: [] }).catch(() => undefined);
    expect(answered).toBeLessThan(400);
    expect(sent).toBeLessThan(600);
    let rest = 1;
    for await (const { names } of answers) rest += names.length;
    expect([rest, sent, answered]).toEqual([1_000, 1_000, 1_000]);
    own.close();
    await patient.stop();
    // 64 MB both ways: seconds on an idle machine, a minute on a busy one.
  }, 120_000);

  it("end with the handler's error after what was answered before it", async () => {
    stream = async function* () {
      yield { names: ['one'], rows: [] };
      throw new ServiceError({ code: 'EVL_TEST_VALUE_INVALID', kind: 'terminal', message: 'give another' });
    };
    const names: string[] = [];
    const taking = (async () => {
      for await (const answer of client.getHistoricalStream([request('a')])) names.push(...answer.names);
    })();
    await expect(taking).rejects.toMatchObject({
      code: 'EVL_TEST_VALUE_INVALID',
      kind: 'terminal',
      message: expect.stringMatching(/give another/),
    });
    expect(names).toEqual(['one']);
  });

  it("fail with the sender's own error, and tell the server to stop", async () => {
    const aborted = deferred();
    stream = async function* (requests, { signal }) {
      signal.addEventListener('abort', () => aborted.resolve(), { once: true });
      for await (const each of requests) yield { names: each.features, rows: [] };
    };
    async function* broken() {
      yield request('a');
      throw new Error('the file ends here');
    }
    await expect(namesOf(broken())).rejects.toThrow('the file ends here');
    await aborted.promise;
  });

  it('stop the handler when the caller leaves its loop', async () => {
    const aborted = deferred();
    stream = async function* (_requests, { signal }) {
      signal.addEventListener('abort', () => aborted.resolve(), { once: true });
      for (let index = 0; ; index += 1) yield { names: [String(index)], rows: [] };
    };
    for await (const { names } of client.getHistoricalStream([])) if (names[0] === '3') break;
    await aborted.promise;
  });

  it('end at the deadline of the server, and at that of the caller', async () => {
    stream = async function* (_requests, { signal }) {
      yield { names: ['a'], rows: [] };
      await once(signal, 'abort');
    };
    for (const deadlineMs of [undefined, 100]) {
      const answers = client.getHistoricalStream([], deadlineMs === undefined ? {} : { deadlineMs });
      await answers.next();
      await expect(answers.next()).rejects.toMatchObject({
        code: expect.stringMatching(/DEADLINE/),
        kind: 'retryable',
      });
    }
  });

  it('are cancelled by a signal', async () => {
    const stopping = new AbortController();
    stream = echo;
    const never = deferred();
    async function* waits() {
      yield request('a');
      await never.promise;
    }
    const answers = client.getHistoricalStream(waits(), { signal: stopping.signal });
    await answers.next();
    stopping.abort(new DOMException('enough', 'AbortError'));
    await expect(answers.next()).rejects.toMatchObject({ name: 'AbortError' });
    never.resolve();
  });

  it('refuse bytes that are no message', async () => {
    stream = echo;
    const raw = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
    const path = FeatureServiceService.getHistoricalStream.path;
    const call = raw.makeBidiStreamRequest(
      path,
      (bytes: Buffer) => bytes,
      (bytes) => bytes,
      new Metadata(),
    );
    call.resume();
    call.write(Buffer.from([0x0a, 0xff]));
    const [error] = (await once(call, 'error').catch((failed: unknown) => [failed])) as [GrpcError];
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(error.details).toMatch(/^EVL_GRPC_REQUEST_UNDECODABLE/);
    raw.close();
  });
});
