import { gzipSync } from 'node:zlib';
import { servingApi } from '@everloop/contracts';
import { deferred } from '@everloop/service';
import { fastify, type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addServingRoutes } from '../src/adapters/http-serving.ts';
import { challenger } from './harness.ts';
import { serve } from './wire.ts';

let wire: Awaited<ReturnType<typeof serve>>;
let app: FastifyInstance;
beforeAll(async () => {
  wire = await serve();
  await wire.harness.route({ revision: '2', challengers: [challenger('2', 0.5)] });
  app = fastify();
  addServingRoutes(app, wire.harness.gateway.serving, { bodyBytesMax: 20_000 });
});
afterAll(async () => {
  await app.close();
  await wire.stop();
});

const features = { trip: 'T1', origin: 'EWR', distance: 719 };
const request = (fields: Parameters<typeof servingApi.PredictRequest.fromPartial>[0] = {}) =>
  servingApi.PredictRequest.fromPartial({ model: 'delay', features, ...fields });
const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  app.inject({
    ...{ method: 'POST', url, headers },
    payload: Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('gRPC', () => {
  it('predicts from named features', async () => {
    const answer = await wire.serving.predict(request({ id: 'r', version: '1', eventTimeMs: 5_000 }));
    expect(answer).toMatchObject({
      id: 'r',
      model: 'delay',
      modelVersion: '1',
      score: 0.1,
      arm: 'pinned',
      verdict: 'accept',
    });
    expect(wire.harness.records.at(-1)?.inference).toMatchObject({
      ...{ decisionId: answer.decisionId, requestId: 'r', eventTimeMs: 5_000, joinKey: 'T1', score: 0.1 },
    });
  });

  it('stays with a version by the token of an answer, in the request or beside it', async () => {
    const { route } = await wire.serving.predict(request({ version: '2' }));
    expect(await wire.serving.predict(request({ route }))).toMatchObject({ arm: 'sticky', modelVersion: '2' });
    const beside = await wire.serving.predict(request(), { metadata: new Map([['x-everloop-route', route]]) });
    expect(beside).toMatchObject({ arm: 'sticky', modelVersion: '2' });
    const rows = [servingApi.PredictRow.fromPartial({ features })];
    const batch = await wire.serving.predictBatch(
      { model: 'delay', version: '', rows },
      { metadata: new Map([['x-seldon-route', route]]) },
    );
    expect(batch.rows[0]?.result).toMatchObject({ $case: 'prediction', value: { arm: 'sticky', modelVersion: '2' } });
  });

  it.each([
    ['a cancelled call', { cancel: true }],
    ['a call whose deadline passes', { deadlineMs: 300 }],
  ])(
    'what waits for %s is not run',
    async (_name, { cancel, deadlineMs }: { cancel?: boolean; deadlineMs?: number }) => {
      const { store, runner, records } = wire.harness;
      const [gate, started] = [deferred(), deferred()];
      store.online = {
        mgetBuffer: (keys) => {
          started.resolve();
          return gate.promise.then(() => keys.map(() => null));
        },
      };
      const [before, runs] = [records.length, runner.runs.length];
      const aborter = new AbortController();
      const settings = { signal: aborter.signal, ...(deadlineMs === undefined ? {} : { deadlineMs }) };
      const call = wire.serving.predict(request({ id: 'over' }), settings);
      const refused = expect(call).rejects.toMatchObject({
        code: expect.stringMatching(cancel === true ? /CANCELLED/ : /DEADLINE/) as string,
      });
      await started.promise;
      if (cancel === true) aborter.abort();
      await refused;
      // The server hears of it on the same connection, before this call.
      await wire.client.serverLive({});
      store.online = { mgetBuffer: (keys) => Promise.resolve(keys.map(() => null)) };
      gate.resolve();
      await wire.serving.predict(request({ id: 'next' }));
      expect(runner.runs.length).toBe(runs + 1);
      expect(records.slice(before).map(({ inference }) => inference.requestId)).toEqual(['next']);
    },
  );
});

describe('JSON over HTTP', () => {
  it.each([
    ['plain', { features }, {}],
    ['compressed', gzipSync(JSON.stringify({ features })), { 'content-encoding': 'gzip' }],
  ])('predicts: %s', async (_name, body, headers) => {
    const response = await post('/v1/models/delay:predict', body, headers);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({
      model: 'delay',
      verdict: 'accept',
      findings: [],
      degraded: false,
      policy_version: '2',
    });
  });

  it('takes the unit from a header, so that it is drawn the same', async () => {
    const drawn = async (body: object, headers = {}) =>
      (await post('/v1/models/delay:predict', body, headers)).json<{ model_version: string }>().model_version;
    for (const unit of ['a', 'b', 'c', 'd']) {
      expect(await drawn({ features }, { 'x-everloop-unit': unit })).toBe(await drawn({ unit, features }));
    }
  });

  it('answers each row of a batch', async () => {
    const rows = [{ id: 'a', version: 1 }, { features }].map((row) => ({ features: { trip: 7 }, ...row }));
    const wrong = await post('/v1/models/delay:predictBatch', { rows });
    expect(wrong.json()).toMatchObject({
      code: 'EVL_GATEWAY_REQUEST_INVALID',
      reasons: ["row 0: 'version' is no field"],
    });
    const right = await post('/v1/models/delay:predictBatch', {
      version: '1',
      rows: [{ features: { trip: 'T' } }, { features }],
    });
    expect(right.json()).toMatchObject({
      rows: [
        {
          error: {
            ...{ code: 'EVL_GATEWAY_REQUEST_INVALID', retryable: false },
            reasons: ["field 'origin' (string) is missing", "field 'distance' (number) is missing"],
          },
        },
        { prediction: { score: 0.1, model_version: '1' } },
      ],
    });
  });

  it.each<[string, string, unknown, Record<string, string>, number, object]>([
    [
      'an unknown model',
      '/v1/models/nope:predict',
      { features },
      {},
      404,
      { code: 'EVL_GATEWAY_MODEL_NOT_FOUND', reasons: [] },
    ],
    [
      'a wrong value',
      '/v1/models/delay:predict',
      { features: { ...features, distance: 'far' } },
      {},
      400,
      {
        code: 'EVL_GATEWAY_REQUEST_INVALID',
        reasons: ["field 'distance' has datatype BYTES, expected FP64 or another type of number"],
      },
    ],
    ['no JSON', '/v1/models/delay:predict', '{', {}, 400, { code: 'EVL_GATEWAY_REQUEST_INVALID' }],
    [
      'another compression',
      '/v1/models/delay:predict',
      '{}',
      { 'content-encoding': 'br' },
      400,
      { code: 'EVL_GATEWAY_REQUEST_INVALID' },
    ],
    [
      'a version that is not there',
      '/v1/models/delay:predict',
      { features, version: '9' },
      {},
      404,
      { code: 'EVL_GATEWAY_VERSION_NOT_FOUND' },
    ],
    ['too large', '/v1/models/delay:predict', `"${'x'.repeat(20_001)}"`, {}, 413, { code: '' }],
    ['another verb', '/v1/models/delay:train', {}, {}, 404, { code: '' }],
  ])('%s', async (_name, url, body, headers, status, expected) => {
    const response = await post(url, body, headers);
    expect([response.statusCode, response.json()]).toEqual([status, expect.objectContaining(expected)]);
    expect(response.json<{ error: string }>().error).not.toBe('');
  });
});
