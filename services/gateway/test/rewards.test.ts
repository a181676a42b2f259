import { rewardKey, servingApi, type ModelSpec } from '@everloop/contracts';
import { fastify } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { addServingRoutes } from '../src/adapters/http-serving.ts';
import { resourcesFor, spec } from './fixtures.ts';
import { challenger, setUp, type Harness } from './harness.ts';
import { eventually } from '@everloop/testing';
import { serve } from './wire.ts';

const rewarding: ModelSpec = { ...spec, rewards: { waitMs: 60_000, default: 0.25, aggregate: 'sum', min: -1, max: 2 } };
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function running(model: ModelSpec = rewarding, overrides: Parameters<typeof setUp>[0] = {}): Promise<Harness> {
  const harness = setUp(overrides, resourcesFor(model, 'conditions'));
  stops.push(() => harness.stop());
  await harness.start();
  await harness.route({ revision: '7', challengers: [challenger('2', 0.25)] });
  await eventually(() => harness.gateway.service.modelReady({ name: 'delay', version: '' }).ready);
  return harness;
}

const reward = (fields: Partial<servingApi.RewardRequest> = {}): servingApi.RewardRequest =>
  servingApi.RewardRequest.fromPartial({ decisionId: 'd', value: 1, ...fields });

describe('decisions', () => {
  it('are logged for models with rewards, with what will count as their reward', async () => {
    const harness = await running();
    const answer = await harness.infer({
      parameters: { unit_id: { parameterChoice: { $case: 'stringParam', value: 'u' } } },
    });
    const id = answer.parameters['decision_id']?.parameterChoice?.value;
    const { propensity, arm, modelVersion, draw } = harness.records[0]?.inference ?? {};
    expect(draw?.championVersion).toBe('1');
    expect(harness.decided).toEqual([
      {
        ...{ decisionId: id, requestId: 'r1', model: 'delay', modelVersion, championVersion: '1', arm, joinKey: 'T1' },
        ...{
          policyRevision: '7',
          unit: 'u',
          eventTimeMs: 1_000,
          propensity,
          versionPropensity: propensity,
          learn: true,
        },
        ...{ score: Number(modelVersion) / 10, arms: [], pmf: [], seed: '', epsilon: 0, explore: false },
        choice: undefined,
        draw,
        rule: { waitMs: 60_000, defaultValue: 0.25, aggregate: 'sum', min: -1, max: 2 },
      },
    ]);
  });

  it('have the watermark behind them; other models have neither', async () => {
    const harness = await running();
    await harness.bus.mark('everloop.clock.v1', 5);
    await eventually(() => harness.facts.includes('log of served shadowed decided rewarded 5 after 0'));
    const plain = await running(spec);
    await plain.infer();
    await plain.bus.mark('everloop.clock.v1', 5);
    await eventually(() => plain.facts.includes('log 5 after 1'));
    expect(plain.decided).toEqual([]);
  });
});

describe('rewards', () => {
  it('are logged with their key and time; the same call again is the same reward', async () => {
    const harness = await running();
    const { serving } = harness.gateway;
    expect(await serving.reward([reward({ value: 0.5, source: 'shop' })])).toEqual({ accepted: 1 });
    await serving.reward([reward({ value: 0.5, source: 'shop' }), reward({ idempotencyKey: 'k', eventTimeMs: 7 })]);
    const said = { decisionId: 'd', value: 0.5, kind: '', eventTimeMs: 0, idempotencyKey: '', source: 'shop' };
    const first = { ...said, eventTimeMs: 1_000, idempotencyKey: rewardKey(said) };
    expect(harness.rewarded).toEqual([
      { key: 'd', reward: first },
      { key: 'd', reward: first },
      { key: 'd', reward: { ...said, value: 1, eventTimeMs: 7, idempotencyKey: 'k', source: '' } },
    ]);
    expect(await harness.metric('everloop_gateway_rewards_total')).toEqual({ accepted: 3 });
  });

  it('are answered when they outlive this process', async () => {
    const harness = await running();
    harness.disk.written = Promise.reject(new Error('the disk is full'));
    await expect(harness.gateway.serving.reward([reward()])).rejects.toThrow('the disk is full');
    harness.disk.written = Promise.resolve();
  });

  it.each<[string, readonly Partial<servingApi.RewardRequest>[], object]>([
    ['none', [], { code: 'EVL_GATEWAY_REWARD_INVALID', reasons: ['there are 0 rewards, expected 1 to 1000'] }],
    [
      'one that is wrong among others: all or none',
      [{}, { value: 3 }, { decisionId: '' }],
      {
        code: 'EVL_GATEWAY_REWARD_INVALID',
        reasons: [
          'reward 1: value 3 is out of range, expected -1 to 2',
          'reward 2: decision_id is missing: it is in the answer that the reward is about',
        ],
      },
    ],
    ['another model', [{ model: 'other' }], { code: 'EVL_GATEWAY_MODEL_NOT_FOUND' }],
  ])('refuses %s', async (_name, rewards, error) => {
    const harness = await running();
    await expect(harness.gateway.serving.reward(rewards.map(reward))).rejects.toMatchObject(error);
    expect(harness.rewarded).toEqual([]);
  });

  it('refuses what no model waits for, what cannot be kept, and what comes before it is ready', async () => {
    const plain = await running(spec);
    for (const model of ['', 'delay']) {
      const error = { code: 'EVL_GATEWAY_REWARD_PRECONDITION' };
      await expect(plain.gateway.serving.reward([reward({ model })])).rejects.toMatchObject(error);
    }
    const harness = await running();
    harness.queue.bytes = 1_001;
    await expect(harness.gateway.serving.reward([reward()])).rejects.toMatchObject({ code: 'EVL_GATEWAY_LOG_FULL' });
    const error = { code: 'EVL_GATEWAY_NOT_READY' };
    await expect(setUp().gateway.serving.reward([reward()])).rejects.toMatchObject(error);
  });

  it('come over gRPC and as JSON', async () => {
    const wire = await serve({ resources: resourcesFor(rewarding, 'conditions') });
    const app = fastify();
    stops.push(
      () => app.close(),
      () => wire.stop(),
    );
    addServingRoutes(app, wire.harness.gateway.serving, { bodyBytesMax: 20_000 });
    const post = async (body: unknown): Promise<{ readonly status: number; readonly json: unknown }> => {
      const answer = await app.inject({ method: 'POST', url: '/v1/rewards', payload: JSON.stringify(body) });
      return { status: answer.statusCode, json: answer.json() };
    };
    expect(await wire.serving.reward(reward())).toEqual({ accepted: 1 });
    expect(await wire.serving.rewardBatch({ rewards: [reward(), reward({ value: 0 })] })).toEqual({ accepted: 2 });
    expect(await post({ decision_id: 'd', value: 1 })).toEqual({ status: 200, json: { accepted: 1 } });
    const list = [
      { decision_id: 'd', value: 0.5, event_time_ms: 9, idempotency_key: 'k', source: 's', kind: 'reward' },
    ];
    expect(await post({ rewards: [...list, { decision_id: 'e', kind: 'deactivate', model: 'delay' }] })).toEqual({
      ...{ status: 200, json: { accepted: 2 } },
    });
    expect(wire.harness.rewarded).toHaveLength(6);
    expect(wire.harness.rewarded.slice(0, 2)).toEqual([wire.harness.rewarded[3], wire.harness.rewarded[3]]);
    expect(await post({ decision_id: 'd', value: '1', decison: 1 })).toMatchObject({
      status: 400,
      json: {
        code: 'EVL_GATEWAY_REQUEST_INVALID',
        reasons: ["'decison' is no field; did you mean 'decision_id'?", "'value' must be a number"],
      },
    });
    expect(await post({ decision_id: 'd', value: 9 })).toMatchObject({
      status: 400,
      json: { code: 'EVL_GATEWAY_REWARD_INVALID', reasons: ['value 9 is out of range, expected -1 to 2'] },
    });
    expect(await post({ rewards: {} })).toMatchObject({ status: 400, json: { reasons: ["'rewards' must be a list"] } });
    expect(await post({ rewards: [7], value: 1 })).toMatchObject({ status: 400 });
    expect(await post({ rewards: [7] })).toMatchObject({ status: 400 });
  });
});
