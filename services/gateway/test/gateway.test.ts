import { eventId, type serving } from '@everloop/contracts';
import { deferred, pause } from '@everloop/service';
import { eventually } from '@everloop/testing';
import { describe, expect, it } from 'vitest';
import { textParameter } from '../src/domain/parameters.ts';
import { trip } from './fixtures.ts';
import { challenger, digestOf, routed, running, setUp, shadow } from './harness.ts';

describe('answering', () => {
  it('answers with the champion and logs exactly what it answered', async () => {
    const harness = await running();
    await routed(harness, {});
    const eventTime = { parameterChoice: { $case: 'int64Param' as const, value: 500n } };
    const response = await harness.infer({ parameters: { event_time_ms: eventTime } });
    expect(response).toMatchObject({
      modelName: 'delay',
      modelVersion: '1',
      id: 'r1',
      outputs: [{ name: 'score', datatype: 'FP32', shape: [1n], contents: { fp32Contents: [0.1] } }],
      rawOutputContents: [],
      parameters: {
        decision_id: textParameter(eventId('decision', 'delay', 'r1')),
        arm: textParameter('champion'),
        policy_version: textParameter('1'),
        model_version: textParameter('1'),
        degraded: { parameterChoice: { value: false } },
      },
    });
    expect(harness.records).toEqual([
      {
        stream: 'served',
        inference: {
          decisionId: eventId('decision', 'delay', 'r1'),
          requestId: 'r1',
          model: 'delay',
          modelVersion: '1',
          championVersion: '1',
          arm: 'champion',
          propensity: 1,
          policyRevision: '1',
          joinKey: 'T1',
          eventTimeMs: 500,
          inputNames: ['origin', 'distance', 'wind'],
          inputValues: [
            { kind: { $case: 'text', value: 'EWR' } },
            { kind: { $case: 'number', value: 100 } },
            { kind: { $case: 'missing', value: true } },
          ],
          score: 0.1,
          degradedViews: ['conditions'],
          viewNames: ['conditions'],
          viewAgeSeconds: [-1],
          latencyUs: expect.any(Number),
          modelDigest: digestOf('1'),
          unit: 'r1',
          learn: true,
          intendedArm: '',
          intendedVersion: '',
          arms: [],
          pmf: [],
          seed: '',
          epsilon: 0,
          explore: false,
          verdict: 'accept',
          gateFindings: [],
          requestNames: [],
          requestValues: [],
          featuresUnreachable: false,
          choice: undefined,
          draw: undefined,
          inclusionProbability: 0,
          attributions: [],
          requestRow: 0,
        } satisfies serving.Inference,
      },
    ]);
  });

  it('answers raw what was asked raw', async () => {
    const harness = await running();
    await routed(harness, {});
    const length = Buffer.from([2, 0, 0, 0]);
    const distance = Buffer.alloc(8);
    distance.writeDoubleLE(100);
    const response = await harness.infer({
      inputs: trip('T1').map(({ name, datatype, shape }) => ({ name, datatype, shape })),
      rawInputContents: [
        Buffer.concat([length, Buffer.from('T1')]),
        Buffer.concat([Buffer.from([3, 0, 0, 0]), Buffer.from('EWR')]),
        distance,
      ],
    });
    expect(response.outputs[0]?.contents).toBeUndefined();
    expect(response.rawOutputContents[0]?.readFloatLE(0)).toBeCloseTo(0.1, 6);
  });

  it('answers several rows, each with its own decision', async () => {
    const harness = await running();
    await routed(harness, {});
    await harness.infer({ inputs: trip('T1', 'T2', 'T3') });
    const ids = harness.records.map(({ inference }) => inference.decisionId);
    expect(harness.records.map(({ inference }) => inference.joinKey)).toEqual(['T1', 'T2', 'T3']);
    expect(ids).toEqual([0, 1, 2].map((row) => eventId('decision', 'delay', 'r1', `#${row}`)));
  });

  it('gives concurrent requests one read and one run', async () => {
    const harness = await running();
    await routed(harness, {});
    let reads = 0;
    harness.store.online = { mgetBuffer: (keys) => ((reads += 1), Promise.resolve(keys.map(() => null))) };
    await Promise.all(Array.from({ length: 20 }, (_, n) => harness.infer({ id: `r${n}`, inputs: trip(`T${n}`) })));
    expect(reads).toBe(1);
    expect(harness.records).toHaveLength(20);
  });

  it.each([
    ['an unknown model', { modelName: 'nope' }, 'EVL_GATEWAY_MODEL_NOT_FOUND'],
    ['a version that is not loaded', { modelVersion: '9' }, 'EVL_GATEWAY_VERSION_NOT_FOUND'],
    ['a broken request', { inputs: trip('T1').slice(1) }, 'EVL_GATEWAY_REQUEST_INVALID'],
    ['an unknown output', { outputs: [{ name: 'probability' }] }, 'EVL_GATEWAY_REQUEST_INVALID'],
  ])('refuses %s and logs nothing', async (_name, fields, code) => {
    const harness = await running();
    await routed(harness, {});
    await expect(harness.infer(fields)).rejects.toMatchObject({ code });
    expect(harness.records).toEqual([]);
  });

  it('is not ready for a model without a route', async () => {
    const harness = await running();
    expect(harness.gateway.service.modelReady({ name: 'delay', version: '' })).toEqual({ ready: false });
    await expect(harness.infer()).rejects.toMatchObject({ code: 'EVL_GATEWAY_NO_VERSION', kind: 'retryable' });
    await routed(harness, {});
    expect(harness.gateway.service.modelReady({ name: 'delay', version: '1' })).toEqual({ ready: true });
    expect(harness.gateway.service.modelReady({ name: 'delay', version: '2' })).toEqual({ ready: false });
  });

  it('makes an id for a request without one and takes the time of day without an event time', async () => {
    const harness = await running();
    await routed(harness, {});
    const [one, two] = [await harness.infer({ id: '' }), await harness.infer({ id: '' })];
    expect(one.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(two.id).not.toBe(one.id);
    expect(harness.records.map(({ inference }) => inference.eventTimeMs)).toEqual([1_000, 1_000]);
  });

  it('answers nothing before it runs and after it was stopped', async () => {
    const harness = setUp();
    await expect(harness.infer()).rejects.toMatchObject({ code: 'EVL_GATEWAY_NOT_READY' });
    await harness.start();
    expect(harness.gateway.service.serverReady()).toEqual({ ready: true });
    await harness.stop();
    await expect(harness.infer()).rejects.toMatchObject({ code: 'EVL_GATEWAY_NOT_READY', kind: 'retryable' });
  });

  it('refuses before it runs when Kafka is behind or too many rows are in flight', async () => {
    const harness = await running({ inFlightRowsMax: 2 });
    await routed(harness, {});
    await expect(harness.infer({ inputs: trip('a', 'b', 'c') })).rejects.toMatchObject({
      code: 'EVL_GATEWAY_QUEUE_FULL',
    });
    harness.queue.bytes = 1_001;
    await expect(harness.infer()).rejects.toMatchObject({ code: 'EVL_GATEWAY_LOG_FULL' });
    expect(harness.runner.runs).toEqual([]);
  });
});

describe('degraded features', () => {
  it('answers without the online store and says so', async () => {
    const harness = await running();
    await routed(harness, {});
    harness.store.online = { mgetBuffer: () => Promise.reject(new Error('Redis is away')) };
    const response = await harness.infer();
    expect(response.parameters['degraded']).toEqual({ parameterChoice: { $case: 'boolParam', value: true } });
    expect(harness.records[0]?.inference.degradedViews).toEqual(['conditions']);
    expect([...(harness.runner.runs[0]?.batch.numeric ?? [])]).toEqual([100, Number.NaN]);
  });

  it('does not wait for a store that is known to be away', async () => {
    const harness = await running();
    await routed(harness, {});
    harness.store.online = {
      health: () => ({ ok: false, reason: 'away' }),
      mgetBuffer: () => new Promise(() => undefined),
    };
    expect((await harness.infer()).parameters['degraded']).toMatchObject({ parameterChoice: { value: true } });
  });
});

describe('routing', () => {
  it('draws the canary by unit and logs the propensity', async () => {
    const harness = await running();
    await routed(harness, { challengers: [challenger('2', 0.3)] });
    const units = Array.from({ length: 100 }, (_, n) => `u${n}`);
    for (const unit of units) await harness.infer({ id: unit });
    const canary = harness.records.filter(({ inference }) => inference.arm === 'canary');
    expect(canary.length).toBeGreaterThan(10);
    expect(canary.length).toBeLessThan(55);
    for (const { inference } of canary)
      expect(inference).toMatchObject({ modelVersion: '2', propensity: 0.3, score: 0.2, championVersion: '1' });
    for (const { inference } of harness.records.filter((r) => r.inference.arm === 'champion'))
      expect(inference.propensity).toBe(0.7);
  });

  it('draws for the unit that the request names, whatever its id', async () => {
    const harness = await running();
    await routed(harness, { challengers: [challenger('2', 0.5)] });
    for (let n = 0; n < 30; n += 1) await harness.infer({ id: `r${n}`, parameters: { unit_id: textParameter('u') } });
    expect(new Set(harness.records.map(({ inference }) => inference.arm)).size).toBe(1);
  });

  it('falls back to the champion when the canary fails, marked', async () => {
    const harness = await running();
    await routed(harness, { challengers: [challenger('2', 1)] });
    const score = harness.runner.score;
    harness.runner.score = (version, batch) =>
      version === '2' ? Promise.reject(new Error('broken')) : score(version, batch);
    const response = await harness.infer();
    expect(response.parameters).toMatchObject({
      arm: textParameter('fallback'),
      fallback_from: textParameter('2'),
      arm_intended: textParameter('canary'),
    });
    expect(harness.records).toHaveLength(1);
    expect(harness.records[0]?.inference).toMatchObject({
      ...{ arm: 'fallback', modelVersion: '1', propensity: 0, learn: false },
      ...{ intendedArm: 'canary', intendedVersion: '2' },
    });
  });

  it('refuses a score that is not a number, without a log record', async () => {
    const harness = await running();
    await routed(harness, {});
    harness.runner.score = () => Promise.resolve(Float64Array.of(Number.NaN));
    await expect(harness.infer()).rejects.toMatchObject({ code: 'EVL_GATEWAY_SCORE_NOT_FINITE' });
    expect(harness.records).toEqual([]);
  });

  it('lets a request pin a loaded version', async () => {
    const harness = await running();
    await routed(harness, { shadows: [shadow('3')] });
    expect((await harness.infer({ modelVersion: '3' })).modelVersion).toBe('3');
    expect(harness.records[0]?.inference).toMatchObject({ arm: 'pinned', modelVersion: '3', propensity: 1 });
  });

  it('keeps a replaced version loaded until the requests that use it have ended', async () => {
    const harness = await running();
    await routed(harness, {});
    const gate = deferred();
    const score = harness.runner.score;
    harness.runner.score = async (version, batch) => {
      if (version === '1') await gate.promise;
      return score(version, batch);
    };
    const slow = harness.infer();
    await eventually(() => harness.runner.runs.length === 1);
    await routed(harness, { revision: '2', championVersion: '2' });
    expect(harness.runner.versions).toEqual(['1', '2']);
    gate.resolve();
    expect((await slow).modelVersion).toBe('1');
    await eventually(() => harness.runner.versions.join() === '2');
  });
});

describe('shadows', () => {
  it('run behind the answer and are logged with their own decision', async () => {
    const harness = await running();
    await routed(harness, { shadows: [shadow('3'), shadow('1')] });
    await harness.infer();
    await eventually(() => harness.records.length === 2);
    expect(harness.records[1]).toMatchObject({
      stream: 'shadowed',
      inference: {
        decisionId: eventId('decision', 'delay', 'r1', '3'),
        modelVersion: '3',
        arm: 'shadow',
        score: 0.3,
        joinKey: 'T1',
        championVersion: '1',
      },
    });
    await pause(5);
    expect(harness.records).toHaveLength(2);
  });

  it('are tried again when the model process was killed', async () => {
    const harness = await running();
    await routed(harness, { shadows: [shadow('3')] });
    const score = harness.runner.score;
    let kills = 0;
    harness.runner.score = (version, batch) => {
      if (version !== '3' || kills === 1) return score(version, batch);
      kills += 1;
      return Promise.reject(Object.assign(new Error('killed'), { kind: 'retryable' }));
    };
    await harness.infer();
    await eventually(() => harness.records.length === 2);
  });

  it('push back in a replay and are dropped, counted, in live use when there is no room', async () => {
    const replay = await running({ shadowRowsMax: 0 });
    await routed(replay, { shadows: [shadow('3')] });
    await expect(replay.infer()).rejects.toMatchObject({ code: 'EVL_GATEWAY_QUEUE_FULL' });
    const live = await running({ shadowRowsMax: 0, clock: 'wall' });
    await routed(live, { shadows: [shadow('3')] });
    await live.infer();
    expect(live.records.map(({ stream }) => stream)).toEqual(['served']);
    expect(live.logLines).toContainEqual(expect.objectContaining({ message: 'shadow predictions were dropped' }));
    await live.stop();
  });
});
