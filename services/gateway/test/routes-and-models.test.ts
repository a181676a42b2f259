import { featurePins, registry, topics, toWire, type ModelSpec, type TypedResource } from '@everloop/contracts';
import { deferred, pause } from '@everloop/service';
import { eventually } from '@everloop/testing';
import { describe, expect, it } from 'vitest';
import { resourcesFor, sources, spec, view } from './fixtures.ts';
import { challenger, digestOf, routed, running, setUp, shadow } from './harness.ts';

describe('event time', () => {
  it('writes the watermark behind the predictions and shadows that were under way', async () => {
    const harness = await running();
    await routed(harness, { shadows: [shadow('3')] });
    const gate = deferred();
    const score = harness.runner.score;
    harness.runner.score = async (version, batch) => {
      if (version === '3') await gate.promise;
      return score(version, batch);
    };
    await harness.infer();
    await harness.bus.mark(topics.clock, 2_000);
    await pause(5);
    expect(harness.facts).toEqual([]);
    gate.resolve();
    await eventually(() => harness.facts.length === 2);
    expect(harness.facts).toEqual(['log 2000 after 2', 'progress log 2000']);
  });

  it('answers a request that comes after its watermark and says so', async () => {
    const harness = await running();
    await routed(harness, {});
    await harness.bus.mark(topics.clock, 2_000);
    await eventually(() => harness.facts.includes('progress log 2000'));
    await harness.infer();
    expect(harness.records).toHaveLength(1);
    expect(harness.logLines.at(-1)).toMatchObject({ level: 'warn', eventTimeMs: 1_000 });
  });

  it('makes the topics of the log with the partitions of the label source', async () => {
    const { bus } = await running();
    expect(bus.topics).toContainEqual({ name: topics.inferenceServed, partitions: 3 });
    expect(bus.topics).toContainEqual({ name: topics.inferenceShadowed, partitions: 3 });
  });

  it('reports the routes once they are in force', async () => {
    const harness = await running();
    await harness.route({});
    await harness.bus.mark(topics.route, 3_000);
    await eventually(() => harness.facts.length > 0);
    expect(harness.facts).toEqual(['progress routes 3000']);
    expect(harness.runner.versions).toEqual(['1']);
    await harness.bus.mark(topics.route, 4_000);
    expect(harness.facts.at(-1)).toBe('progress routes 4000');
  });

  it('reports routes when there is none yet', async () => {
    const harness = await running();
    await harness.bus.mark(topics.route, 3_000);
    expect(harness.facts).toEqual(['progress routes 3000']);
  });
});

describe('the features of a version', () => {
  const service: TypedResource = {
    kind: 'FeatureService',
    name: 'trip_features@1',
    revision: 1,
    spec: {
      ...{ version: 1, description: '', pins: {}, request: [] },
      features: [{ view: 'conditions', features: ['wind'] }],
      onDemand: [{ name: 'doubled', type: 'number', cel: 'conditions.wind * 2', description: '' }],
    },
  };
  const model: ModelSpec = {
    ...spec,
    features: { service: 'trip_features', version: 1 },
    inputs: [...spec.inputs.slice(0, 2), { name: 'wind', type: 'number', from: 'onDemand.doubled' }],
  };
  const without = resourcesFor(model, 'conditions');
  const pins = featurePins(model, {
    views: new Map([['conditions', view]]),
    sources: new Map(Object.entries(sources)),
    services: new Map([[service.name, service.spec]]),
  });

  it.each([
    ['no feature service', {}, 'trained with no FeatureService'],
    ['another version of it', { ...pins, featureService: 'trip_features@2' }, 'FeatureService trip_features@2'],
    ['other definitions', { ...pins, featureServiceDigest: '0'.repeat(64) }, 'digest 000000000000'],
  ])('are not those of %s: it is not served, and the log says why', async (_, trained, why) => {
    const harness = setUp({}, [...without, service]);
    harness.versions.parameters = { 1: pins, 2: trained };
    await harness.start();
    await routed(harness, {});
    await harness.route({ revision: '2', championVersion: '2' });
    const line = await eventually(() => harness.logLines.find(({ level }) => level === 'error'));
    expect(JSON.stringify(line)).toContain('EVL_GATEWAY_FEATURES_DIFFER');
    expect(JSON.stringify(line)).toContain(why);
    expect((await harness.infer()).modelVersion).toBe('1');
    expect(harness.runner.versions).toEqual(['1']);
    await harness.stop();
  });

  it('are waited for: a model is known when the service that it pins is', async () => {
    const harness = setUp({}, without);
    await harness.start();
    const metadata = () => harness.gateway.service.modelMetadata({ name: 'delay', version: '' });
    expect(metadata).toThrow(expect.objectContaining({ code: 'EVL_GATEWAY_MODEL_NOT_FOUND' }));
    await harness.bus.give(topics.resources, registry.Resource.toJSON(toWire(service)));
    expect(metadata).not.toThrow(expect.objectContaining({ code: 'EVL_GATEWAY_MODEL_NOT_FOUND' }));
    await harness.stop();
  });
});

describe('unusable models', () => {
  const corrupt = (version: string) => (digest: string) => {
    if (digest === digestOf(version)) throw new Error('its bytes have another digest');
  };

  it('keeps the last good route, names version and digest, and goes on when the file is whole again', async () => {
    const harness = await running();
    await routed(harness, {});
    harness.runner.onLoad = corrupt('2');
    await harness.route({ revision: '2', championVersion: '2' });
    await harness.bus.mark(topics.route, 5_000);
    const line = await eventually(() => harness.logLines.find(({ level }) => level === 'error'));
    expect(JSON.stringify(line)).toContain('EVL_GATEWAY_MODEL_UNUSABLE');
    expect(JSON.stringify(line)).toContain(digestOf('2'));
    expect((await harness.infer()).modelVersion).toBe('1');
    expect(harness.facts).toEqual([]);
    harness.runner.onLoad = () => undefined;
    await eventually(() => harness.facts.includes('progress routes 5000'));
    expect((await harness.infer({ id: 'r2' })).modelVersion).toBe('2');
  });

  it('serves the champion alone when the canary is unusable', async () => {
    const harness = await running();
    harness.runner.onLoad = corrupt('2');
    await routed(harness, { challengers: [challenger('2', 1)] });
    expect((await harness.infer()).modelVersion).toBe('1');
    await harness.stop();
  });

  it('refuses a file whose inputs are not those of the model', async () => {
    const harness = await running();
    harness.runner.shape = { nNumeric: 5, nCategories: 1 };
    await harness.route({});
    const line = await eventually(() => harness.logLines.find(({ level }) => level === 'error'));
    expect(JSON.stringify(line)).toContain('it takes 5 numbers and 1 categories, the model declares 2 and 1');
    expect(harness.runner.versions).toEqual([]);
    await harness.stop();
  });

  it('waits for a registry that is away', async () => {
    const harness = await running();
    harness.versions.away = true;
    await harness.route({});
    await eventually(() => harness.logLines.some(({ level }) => level === 'error'));
    harness.versions.away = false;
    await eventually(() => harness.gateway.service.modelReady({ name: 'delay', version: '' }).ready);
  });

  it('takes a newer route without waiting for the broken one', async () => {
    const harness = await running();
    harness.runner.onLoad = corrupt('2');
    await harness.route({ revision: '1', championVersion: '2' });
    await eventually(() => harness.logLines.some(({ level }) => level === 'error'));
    await routed(harness, { revision: '2', championVersion: '1' });
    await harness.bus.mark(topics.route, 5_000);
    expect(harness.facts).toEqual(['progress routes 5000']);
  });

  it('loads a version again that the model process has lost', async () => {
    const harness = await running();
    await routed(harness, {});
    harness.runner.loaded.clear();
    await expect(harness.infer()).rejects.toMatchObject({ code: 'EVL_GATEWAY_RUN_FAILED' });
    await eventually(() => harness.runner.versions.includes('1'));
    expect((await harness.infer()).modelVersion).toBe('1');
  });
});

describe('resources', () => {
  it('leaves out what it cannot read and goes on', async () => {
    const harness = setUp();
    await harness.bus.give(topics.resources, '{"kind":"Model"');
    await harness.bus.give(topics.resources, null);
    await harness.start();
    expect(harness.logLines).toContainEqual(expect.objectContaining({ message: 'resource refused' }));
    expect(harness.gateway.service.modelMetadata({ name: 'delay', version: '' }).inputs).toEqual([
      { name: 'trip', datatype: 'BYTES', shape: [-1n] },
      { name: 'origin', datatype: 'BYTES', shape: [-1n] },
      { name: 'distance', datatype: 'FP64', shape: [-1n] },
    ]);
  });
});
