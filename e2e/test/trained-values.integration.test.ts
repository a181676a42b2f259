import { inference, servingApi, topics, type registry } from '@everloop/contracts';
import { decodeCategories } from '@everloop/features';
import { eventually } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startWorld, type World } from '../src/trained-values/world.ts';

const atMs = 50 * 86_400_000;
const known = ['C0', 'C1', 'C2', 'C3', 'C4'];
const refusal = `field 'carrier' row 0 is "ZZ", which is none of the 5 values that version 1 was trained with`;

let world: World;
let trained: registry.ModelVersion;
beforeAll(async () => {
  world = await startWorld();
  trained = await world.train(50);
  await world.route(trained.version);
  await eventually(async () => (await world.oip.modelReady({ name: 'lateness', version: '1' })).ready, {
    timeoutMs: 60_000,
    what: 'a version in service',
  });
});
afterAll(() => world.stop());

const byFields = (id: string, carrier: string) =>
  world.serving.predict(
    servingApi.PredictRequest.fromPartial({
      ...{ model: 'lateness', id, eventTimeMs: atMs },
      features: { id, carrier, x: 1, y: 0.5 },
    }),
  );

const byTensors = (id: string, carrier: string) =>
  world.oip.modelInfer(
    inference.ModelInferRequest.fromPartial({
      ...{ modelName: 'lateness', id },
      parameters: { event_time_ms: { parameterChoice: { $case: 'int64Param', value: BigInt(atMs) } } },
      inputs: [
        ...[['id', id] as const, ['carrier', carrier] as const].map(([name, text]) => ({
          ...{ name, datatype: 'BYTES', shape: [1n], contents: { bytesContents: [Buffer.from(text)] } },
        })),
        ...[['x', 1] as const, ['y', 0.5] as const].map(([name, value]) => ({
          ...{ name, datatype: 'FP64', shape: [1n], contents: { fp64Contents: [value] } },
        })),
      ],
    }),
  );

describe('values: training, from the rows of the trainer to the gate of a served version', () => {
  it('has the categories of the training rows in the registry, by digest', async () => {
    const { version } = await world.registry.getVersion({ model: 'lateness', version: '1' });
    const artifact = version?.artifacts.find(({ name }) => name === 'categories.json');
    expect(version?.stage).toBe('approved');
    expect(decodeCategories(await world.readArtifact(artifact?.digest ?? ''))).toEqual([
      { field: 'carrier', count: 5, values: known },
    ]);
  });

  it.each(known)('lets %s through, over both APIs', async (carrier) => {
    const answer = await byFields(`f-${carrier}`, carrier);
    expect(answer).toMatchObject({ modelVersion: '1', verdict: 'accept', findings: [] });
    const { outputs, parameters } = await byTensors(`t-${carrier}`, carrier);
    expect(parameters['verdict']?.parameterChoice?.value).toBe('accept');
    expect(outputs[0]?.contents?.fp32Contents[0]).toBeCloseTo(answer.score, 6);
  });

  it('refuses another one over both APIs, and rows of a batch by themselves', async () => {
    for (const ask of [byFields, byTensors])
      await expect(ask(`refused-by-${ask.name}`, 'ZZ')).rejects.toMatchObject({
        message: expect.stringContaining(refusal) as string,
        cause: { code: 3 },
      });
    const rows = ['C0', 'ZZ', 'C4'].map((carrier) => ({
      id: `b-${carrier}`,
      features: { id: 'b', carrier, x: 1, y: 0 },
    }));
    const batch = await world.serving.predictBatch(
      servingApi.PredictBatchRequest.fromPartial({ model: 'lateness', rows }),
    );
    expect(batch.rows.map(({ result }) => result?.$case)).toEqual(['prediction', 'error', 'prediction']);
    expect(batch.rows[1]?.result?.value).toMatchObject({ code: 'EVL_GATEWAY_REQUEST_INVALID', reasons: [refusal] });
  });

  it('answers requests over Kafka so', async () => {
    const ask = (carrier: string) => ({
      ...{ topic: topics.predictRequest, key: carrier },
      value: JSON.stringify({
        model: 'lateness',
        id: carrier,
        features: { id: 'k', carrier, x: 1, y: 0 },
        event_time_ms: atMs,
      }),
    });
    await world.publisher.publish([ask('C1'), ask('ZZ')]);
    const found = new Map<string, unknown>();
    await eventually(async () => {
      await world.bus.readAll([topics.predictAnswer], ({ records }) => {
        for (const { value } of records) {
          const answer = JSON.parse(String(value)) as { readonly id: string };
          found.set(answer.id, answer);
        }
      });
      return found.size === 2;
    });
    expect(found.get('C1')).toMatchObject({ prediction: { verdict: 'accept' } });
    expect(found.get('ZZ')).toMatchObject({ error: { code: 'EVL_GATEWAY_REQUEST_INVALID', reasons: [refusal] } });
  });

  it('keeps the last good version where the next one does not say what it was trained with', async () => {
    const artifacts = trained.artifacts.filter(({ name }) => name !== 'categories.json');
    const { version: imported } = await world.registry.registerVersion({
      version: { ...trained, version: '', jobId: 'imported', artifacts },
    });
    await world.route(imported?.version ?? '');
    const line = await eventually(() =>
      world.lines.find((each) => JSON.stringify(each).includes('EVL_GATEWAY_CATEGORIES_MISSING')),
    );
    expect(JSON.stringify(line)).toContain('version 2 of model lateness cannot check requests against its training');
    expect(await byFields('after', 'C0')).toMatchObject({ modelVersion: '1', verdict: 'accept' });
  });
});
