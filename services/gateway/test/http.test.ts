import { gzipSync } from 'node:zlib';
import { eventually } from '@everloop/testing';
import { fastify, type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addInferenceRoutes } from '../src/adapters/http-inference.ts';
import { operations, pathsOf, type OperationName } from '../src/adapters/openapi.ts';
import { servingOperations } from '../src/adapters/serving-openapi.ts';
import { encodeRaw } from '../src/domain/datatypes.ts';
import { setUp, type Harness } from './harness.ts';

let harness: Harness;
let app: FastifyInstance;
beforeAll(async () => {
  harness = setUp();
  await harness.start();
  await harness.route({});
  await eventually(() => harness.gateway.service.modelReady({ name: 'delay', version: '' }).ready);
  app = fastify();
  addInferenceRoutes(app, harness.gateway.service, { bodyBytesMax: 20_000 });
});
afterAll(async () => {
  await app.close();
  await harness.stop();
});

const inputs = [
  { name: 'trip', datatype: 'BYTES', shape: [1], data: ['T1'] },
  { name: 'origin', datatype: 'BYTES', shape: [1, 1], data: [['EWR']] },
  { name: 'distance', datatype: 'FP64', shape: [1], data: [100] },
];
const infer = (payload: string | Buffer, headers: Record<string, string> = {}, url = '/v2/models/delay/infer') =>
  app.inject({ method: 'POST', url, payload, headers });
const inferJson = (fields: object) => infer(JSON.stringify({ id: 'r', inputs, ...fields }));

describe('infer', () => {
  it.each<[string, Record<string, string>]>([
    ['JSON', { 'content-type': 'application/json' }],
    ['no content type', {}],
    ['a content type of another program', { 'content-type': 'application/octet-stream' }],
  ])('answers JSON in JSON: %s', async (_name, headers) => {
    const response = await infer(JSON.stringify({ id: 'r', inputs }), headers);
    expect(response.headers['content-type']).toContain('application/json');
    expect(response.json()).toMatchObject({
      ...{ model_name: 'delay', model_version: '1', id: 'r', parameters: { arm: 'champion', verdict: 'accept' } },
      outputs: [{ name: 'score', datatype: 'FP32', shape: [1], data: [0.1] }],
    });
  });

  it('answers in binary form where that is asked, for all outputs or for one', async () => {
    const asked = [
      { parameters: { binary_data_output: true } },
      { outputs: [{ name: 'score', parameters: { binary_data: true } }] },
    ];
    for (const fields of asked) {
      const response = await inferJson(fields);
      const jsonBytes = Number(response.headers['inference-header-content-length']);
      const json: unknown = JSON.parse(response.rawPayload.toString('utf8', 0, jsonBytes));
      expect(json).toMatchObject({ outputs: [{ name: 'score', parameters: { binary_data_size: 4 } }] });
      expect(response.rawPayload.subarray(jsonBytes)).toEqual(encodeRaw('FP32', [0.1]));
    }
  });

  it('takes binary tensors behind the JSON, compressed too, and answers JSON unless asked otherwise', async () => {
    const distance = { ...inputs[2], data: undefined, parameters: { binary_data_size: 8 } };
    const json = Buffer.from(JSON.stringify({ inputs: [inputs[0], inputs[1], distance] }));
    const body = Buffer.concat([json, encodeRaw('FP64', [100])]);
    const headers = { 'inference-header-content-length': String(json.length) };
    expect((await infer(body, headers)).json()).toMatchObject({ outputs: [{ data: [0.1] }] });
    const packed = await infer(gzipSync(body), { ...headers, 'content-encoding': 'gzip' });
    expect(packed.json()).toMatchObject({ outputs: [{ data: [0.1] }] });
  });

  it.each<[string, () => ReturnType<typeof infer>, number, RegExp]>([
    ['no JSON', () => infer('{'), 400, /EVL_GATEWAY_REQUEST_INVALID: request to model delay: the body is not JSON/],
    ['NaN', () => infer('{"inputs":[{"data":[NaN]}]}'), 400, /JSON has no NaN or Infinity/],
    ['no body', () => infer(''), 400, /not JSON/],
    ['a negative size', () => inferJson({ inputs: [{ ...inputs[2], shape: [-1] }] }), 400, /-1 rows/],
    ['a broken contract', () => inferJson({ inputs: [] }), 400, /the request has no inputs/],
    ['a length beyond the body', () => infer('{}', { 'inference-header-content-length': '9' }), 400, /must be 0 to 2/],
    ['an unknown model', () => infer(JSON.stringify({ inputs }), {}, '/v2/models/nope/infer'), 404, /MODEL_NOT_FOUND/],
    ['an unknown version', () => infer(JSON.stringify({ inputs }), {}, '/v2/models/delay/versions/9/infer'), 404, /9/],
    ['a body that is too large', () => infer(Buffer.alloc(20_001)), 413, /too large/],
    [
      'a body that is too large once it is unpacked',
      () => infer(gzipSync(Buffer.alloc(20_001)), { 'content-encoding': 'gzip' }),
      400,
      /larger than 20000 bytes/,
    ],
    ['another compression', () => infer('x', { 'content-encoding': 'br' }), 400, /Content-Encoding br/],
    ['no such path', () => infer('{}', {}, '/v2/modells'), 404, /openapi\.json/],
  ])('refuses %s with its reason', async (_name, call, status, error) => {
    const response = await call();
    expect([response.statusCode, response.json<{ error: string }>().error]).toEqual([
      status,
      expect.stringMatching(error),
    ]);
  });
});

describe('the rest', () => {
  it.each<[string, string, object]>([
    ['GET', '/v2', { name: 'everloop', extensions: expect.arrayContaining(['binary_tensor_data']) as unknown }],
    ['GET', '/v2/health/live', { live: true }],
    ['GET', '/v2/health/ready', { ready: true }],
    ['GET', '/v2/models', { models: ['delay'] }],
    ['GET', '/v2/models/delay', { name: 'delay', versions: ['1'], outputs: [{ name: 'score' }] }],
    ['GET', '/v2/models/delay/versions/1/ready', { name: 'delay', ready: true }],
    ['GET', '/v2/models/delay/config', { name: 'delay', input: [{ data_type: 'TYPE_STRING', dims: [-1] }, {}, {}] }],
    ['GET', '/v2/models/delay/stats', { model_stats: [{ name: 'delay', version: '1' }] }],
    ['GET', '/v2/models/stats', { model_stats: [{ inference_stats: { fail: { count: 0 } } }] }],
    ['POST', '/v2/repository/index', [{ name: 'delay', version: '1', state: 'READY', reason: '' }]],
    ['POST', '/v2/repository/models/delay/load', {}],
  ])('%s %s', async (method, url, expected) => {
    const response = await app.inject({ method: method as 'GET', url });
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject(expected);
  });

  it('an unload and a load with another configuration are refused', async () => {
    const post = (url: string, payload = '') => app.inject({ method: 'POST', url, payload });
    expect((await post('/v2/repository/models/delay/unload')).json()).toMatchObject({
      error: expect.stringContaining('EVL_GATEWAY_LOAD_PRECONDITION') as string,
    });
    const configured = await post('/v2/repository/models/delay/load', '{"parameters":{"config":"{}"}}');
    expect([configured.statusCode, configured.json<{ error: string }>().error]).toEqual([
      400,
      expect.stringContaining('EVL_GATEWAY_LOAD_INVALID'),
    ]);
  });

  it('/v2/openapi.json describes every operation', async () => {
    const document = (await app.inject('/v2/openapi.json')).json<{ paths: Record<string, Record<string, object>> }>();
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    );
    const names = Object.keys(operations) as OperationName[];
    const served = [
      ...names.flatMap((name) => pathsOf(name).map((path) => `${operations[name].method} /v2${path}`)),
      ...Object.values(servingOperations).map(
        ({ method, path }) => `${method} /v1${path.replace('{model}', ':model')}`,
      ),
    ];
    expect(described.sort()).toEqual(served.sort());
    const references = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name);
    const { components } = document as unknown as { components: { schemas: object } };
    expect(references.filter((name) => !Object.hasOwn(components.schemas, name ?? ''))).toEqual([]);
  });
});
