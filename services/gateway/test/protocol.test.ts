import type { inference } from '@everloop/contracts';
import { deferred } from '@everloop/service';
import { eventually } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { challenger, digestOf } from './harness.ts';
import { inferRequest, trip } from './fixtures.ts';
import { serve } from './wire.ts';

let wire: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  wire = await serve({ messageBytesMax: 65_536 });
});
afterAll(() => wire.stop());

const requests = (ids: readonly string[]): inference.ModelInferRequest[] =>
  ids.map((id) => inferRequest({ id, inputs: id === 'bad' ? [] : trip(`T-${id}`) }));

describe('ModelStreamInfer', () => {
  it('answers each request in order, a bad one with its reason', async () => {
    const answers: inference.ModelStreamInferResponse[] = [];
    const ids = ['s0', 's1', 'bad', ...Array.from({ length: 20 }, (_, n) => `s${n + 2}`)];
    for await (const answer of wire.client.modelStreamInfer(requests(ids))) answers.push(answer);
    expect(answers.map(({ inferResponse }) => inferResponse?.id)).toEqual(ids);
    expect(answers[2]?.errorMessage).toContain('the request has no inputs');
    expect(answers.filter(({ errorMessage }) => errorMessage !== '')).toHaveLength(1);
  });
});

describe('what is served', () => {
  it('ModelConfig says datatypes, shapes and versions', async () => {
    const { config } = await wire.client.modelConfig({ name: 'delay', version: '1' });
    expect(config).toMatchObject({
      ...{ name: 'delay', platform: 'onnxruntime_onnx', backend: 'onnxruntime', maxBatchSize: 0 },
      versionPolicy: { policyChoice: { $case: 'specific', value: { versions: [1n] } } },
      input: [
        { name: 'trip', dataType: 'TYPE_STRING', dims: [-1n] },
        { name: 'origin', dataType: 'TYPE_STRING', dims: [-1n] },
        { name: 'distance', dataType: 'TYPE_FP64', dims: [-1n] },
      ],
      output: [{ name: 'score', dataType: 'TYPE_FP32', dims: [-1n] }],
      parameters: { rows_max: { stringValue: '256' } },
    });
  });

  it('ModelStatistics counts what was answered, by version', async () => {
    const before = (await wire.client.modelStatistics({ name: 'delay', version: '1' })).modelStats[0];
    await wire.client.modelInfer(inferRequest({ id: 'stat', inputs: trip('A', 'B') }));
    await wire.client.modelInfer(inferRequest({ id: 'bad', inputs: [] })).catch(() => undefined);
    const after = (await wire.client.modelStatistics({ name: '', version: '' })).modelStats[0];
    expect(after?.inferenceCount).toBe((before?.inferenceCount ?? 0n) + 2n);
    expect(after?.inferenceStats?.success?.count).toBe((before?.inferenceStats?.success?.count ?? 0n) + 1n);
    expect(after?.inferenceStats?.fail?.count).toBe(0n);
    expect(after?.lastInference).toBe(2_000n);
  });

  it.each([
    ['modelConfig', { name: 'delay', version: '9' }, 'EVL_GATEWAY_VERSION_NOT_FOUND'],
    ['modelConfig', { name: 'nope', version: '' }, 'EVL_GATEWAY_MODEL_NOT_FOUND'],
    ['modelMetadata', { name: 'delay', version: '9' }, 'EVL_GATEWAY_VERSION_NOT_FOUND'],
    ['modelStatistics', { name: 'delay', version: '9' }, 'EVL_GATEWAY_VERSION_NOT_FOUND'],
    ['modelStatistics', { name: 'nope', version: '' }, 'EVL_GATEWAY_MODEL_NOT_FOUND'],
  ] as const)('%s %o is %s', async (call, request, code) => {
    await expect(wire.client[call](request)).rejects.toMatchObject({ code });
  });
});

describe('the repository extension', () => {
  const load = (modelName: string, parameters = {}) =>
    wire.client.repositoryModelLoad({ repositoryName: '', modelName, parameters });

  it('says what is loaded and what is not; a load tries again what is missing, an unload is refused', async () => {
    wire.harness.runner.onLoad = (digest) => {
      if (digest === digestOf('2')) throw new Error('corrupt');
    };
    await wire.harness.route({ revision: '2', challengers: [challenger('2', 0.5)] });
    const index = () => wire.client.repositoryIndex({ repositoryName: '', ready: false });
    await eventually(async () => (await index()).models.length === 2);
    expect((await index()).models).toMatchObject([
      { name: 'delay', version: '1', state: 'READY', reason: '' },
      { name: 'delay', version: '2', state: 'UNAVAILABLE' },
    ]);
    expect((await wire.client.repositoryIndex({ repositoryName: '', ready: true })).models).toHaveLength(1);
    await expect(load('delay')).rejects.toMatchObject({ code: 'EVL_GATEWAY_LOAD_FAILED' });
    wire.harness.runner.onLoad = () => undefined;
    await load('delay');
    expect((await index()).models.map(({ state }) => state)).toEqual(['READY', 'READY']);
    await load('delay');
    await expect(
      wire.client.repositoryModelUnload({ repositoryName: '', modelName: 'delay', parameters: {} }),
    ).rejects.toMatchObject({ code: 'EVL_GATEWAY_LOAD_PRECONDITION' });
    await wire.harness.route({ revision: '3' });
  });

  it('takes no configuration of the client, and knows its models', async () => {
    const config = { config: { parameterChoice: { $case: 'stringParam' as const, value: '{}' } } };
    await expect(load('delay', config)).rejects.toMatchObject({ code: 'EVL_GATEWAY_LOAD_INVALID' });
    await expect(load('nope')).rejects.toMatchObject({ code: 'EVL_GATEWAY_MODEL_NOT_FOUND' });
  });
});

describe('limits of a call', () => {
  it('a message beyond the limit is RESOURCE_EXHAUSTED, the next call is answered', async () => {
    const large = inferRequest({ rawInputContents: [Buffer.alloc(100_000)] });
    await expect(wire.client.modelInfer(large)).rejects.toMatchObject({ code: 'EVL_GRPC_RESOURCE_EXHAUSTED' });
    expect(await wire.client.modelInfer(inferRequest({ id: 'after' }))).toMatchObject({ id: 'after' });
  });

  it('a thousand things that are wrong still fit into the trailers', async () => {
    const inputs = Array.from({ length: 1_000 }, (_, n) => ({ name: `ünknown-${n}`, datatype: 'FP8', shape: [1n] }));
    const refused = wire.client.modelInfer(inferRequest({ inputs }));
    await expect(refused).rejects.toMatchObject({ code: 'EVL_GATEWAY_REQUEST_INVALID' });
    await expect(refused).rejects.toThrow(/ünknown-0.*…$/s);
  });

  it.each([
    ['a cancelled call', { cancel: true }],
    ['a call whose deadline passes', { deadlineMs: 300 }],
  ])(
    'what waits for %s is not run',
    async (_name, { cancel, deadlineMs }: { cancel?: boolean; deadlineMs?: number }) => {
      const gate = deferred();
      const started = deferred();
      const { store, runner, records } = wire.harness;
      store.online = {
        mgetBuffer: (keys) => {
          started.resolve();
          return gate.promise.then(() => keys.map(() => null));
        },
      };
      const before = records.length;
      const aborter = new AbortController();
      const settings = { signal: aborter.signal, ...(deadlineMs === undefined ? {} : { deadlineMs }) };
      const runs = runner.runs.length;
      const call = wire.client.modelInfer(inferRequest({ id: 'over' }), settings);
      const refused = expect(call).rejects.toMatchObject({
        code: expect.stringMatching(cancel === true ? /CANCELLED/ : /DEADLINE/) as string,
      });
      await started.promise;
      if (cancel === true) aborter.abort();
      await refused;
      await eventually(() => wire.callers.at(-1)?.isOver === true);
      store.online = { mgetBuffer: (keys) => Promise.resolve(keys.map(() => null)) };
      gate.resolve();
      await wire.client.modelInfer(inferRequest({ id: 'next' }));
      expect(runner.runs.length).toBe(runs + 1);
      expect(records.slice(before).map(({ inference }) => inference.requestId)).toEqual(['next']);
    },
  );
});
