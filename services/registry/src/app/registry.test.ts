import { registry, topics } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { testContext, testResources, testVersion } from '../fixtures.ts';
import { applyResources } from './apply-resources.ts';
import type { AppContext } from './context.ts';
import { getVersion, listResources, listRevisions, listVersions, verifyLedger } from './read.ts';
import { registerVersion } from './register-version.ts';
import { setStage } from './set-stage.ts';

function withModel(options: Parameters<typeof testContext>[0] = {}): AppContext {
  const context = testContext(options);
  applyResources(context, { resources: testResources() });
  return context;
}

const move = (version: string, stage: string): registry.SetStageRequest => ({
  model: 'late-trips',
  version,
  stage,
  reason: 'test',
  eventTimeMs: 5_000,
});

describe('applyResources', () => {
  it('counts created, unchanged and changed', () => {
    const context = testContext();
    const changes = (resources: registry.Resource[]): string[] =>
      applyResources(context, { resources }).results.map((r) => `${r.name} ${r.revision} ${r.change}`);
    expect(changes(testResources())).toEqual(['trips 1 created', 'late-trips 1 created']);
    expect(changes(testResources())).toEqual(['trips 1 unchanged', 'late-trips 1 unchanged']);
    const [source, model] = testResources() as [registry.Resource, registry.Resource];
    const changed = { ...source, specJson: source.specJson.replace('"partitions":1', '"partitions":2'), digest: '' };
    expect(changes([changed, model])).toEqual(['trips 2 changed', 'late-trips 1 unchanged']);
    expect(context.store.queued(10).map((event) => event.key)).toEqual([
      'Source/trips',
      'Model/late-trips',
      'Source/trips',
    ]);
    expect(listResources(context.store, { kind: 'Source' }).resources.map((r) => r.revision)).toEqual([2]);
    expect(verifyLedger(context.store)).toMatchObject({ entries: 3, intact: true });
  });

  it('a different spelling of the same spec is unchanged', () => {
    const context = withModel();
    const [source] = testResources() as [registry.Resource];
    const respelled = { ...source, specJson: JSON.stringify(JSON.parse(source.specJson), null, 2) };
    expect(applyResources(context, { resources: [respelled] }).results[0]?.change).toBe('unchanged');
  });

  it.each<[string, (resources: registry.Resource[]) => registry.Resource[], RegExp]>([
    ['a kind that does not exist', ([s]) => [{ ...s, kind: 'Sorce' } as registry.Resource], /did you mean "Source"/],
    ['a spec that is no JSON', ([s]) => [{ ...s, specJson: '{' } as registry.Resource], /spec_json is not JSON/],
    [
      'an unknown field',
      ([s]) => [{ ...s, specJson: (s as registry.Resource).specJson.replace('topic', 'topik') } as registry.Resource],
      /did you mean "topic"/,
    ],
    ['a reference to nothing', ([, m]) => [m as registry.Resource], /there is no Source named "trips"/],
    ['the same resource twice', ([s]) => [s as registry.Resource, s as registry.Resource], /in the request twice/],
    ['a name that is a path', ([s]) => [{ ...s, name: '../x' } as registry.Resource], /the name must be/],
  ])('%s is refused and nothing is applied', (_name, change, message) => {
    const context = testContext();
    const apply = (): unknown => applyResources(context, { resources: change(testResources()) });
    expect(apply).toThrow(message);
    expect(apply).toThrow(expect.objectContaining({ code: 'EVL_RESOURCE_INVALID', kind: 'terminal' }));
    expect([context.store.resources(), context.store.queuedCount()]).toEqual([[], 0]);
  });

  it('a change that breaks another resource is refused', () => {
    const context = withModel();
    const [source] = testResources() as [registry.Resource];
    const broken = { ...source, specJson: source.specJson.replace('"late":', '"delay":') };
    expect(() => applyResources(context, { resources: [broken] })).toThrow(/Model\/late-trips: spec.label.field/);
  });

  it('an incompatible Source is refused with who reads it, by a dry run too; forced, the ledger says so', () => {
    const context = withModel();
    const [source] = testResources() as [registry.Resource];
    const strict = { ...source, specJson: source.specJson.replace('"late":{', '"late":{"max":5,') };
    for (const dryRun of [true, false]) {
      const apply = (): unknown => applyResources(context, { resources: [strict], dryRun });
      expect(apply).toThrow(/Source\/trips: late: max none → 5 \(breaks backward\); read by Model\/late-trips/);
      expect(apply).toThrow(expect.objectContaining({ code: 'EVL_RESOURCE_INCOMPATIBLE', kind: 'terminal' }));
    }
    const planned = applyResources(context, { resources: [strict], force: true, dryRun: true });
    expect(planned.results).toEqual([{ kind: 'Source', name: 'trips', revision: 2, change: 'changed' }]);
    expect(listResources(context.store, { kind: 'Source' }).resources[0]?.revision).toBe(1);
    const { overridden } = applyResources(context, { resources: [strict], force: true });
    expect(overridden).toHaveLength(1);
    const { revisions } = listRevisions(context.store, { kind: 'Source', name: 'trips' });
    expect(revisions.map((r) => [r.resource?.revision, r.sequence, r.overridden.length])).toEqual([
      [1, 1, 0],
      [2, 3, 1],
    ]);
    expect(verifyLedger(context.store)).toMatchObject({ entries: 3, intact: true });
  });

  it('another type of a column that is read is refused even with force', () => {
    const context = withModel();
    const [source] = testResources() as [registry.Resource];
    const specJson = source.specJson.replace(
      '"late":{"required":true,"type":"number"}',
      '"late":{"required":true,"type":"timestamp"}',
    );
    expect(specJson).not.toBe(source.specJson);
    expect(() => applyResources(context, { resources: [{ ...source, specJson }], force: true })).toThrow(/late/);
  });

  it('a full outbox refuses changes but not repeats', () => {
    const context = withModel({ outboxEventsMax: 2 });
    expect(applyResources(context, { resources: testResources() }).results).toHaveLength(2);
    expect(() => registerVersion(context, { version: testVersion('a') })).toThrow(
      expect.objectContaining({ code: 'EVL_REGISTRY_OUTBOX_FULL', kind: 'retryable' }),
    );
    expect(listVersions(context.store, { model: '' }).versions).toEqual([]);
  });
});

describe('registerVersion', () => {
  it('numbers versions and is idempotent on the job', () => {
    const context = withModel();
    const first = registerVersion(context, { version: testVersion('a') }).version;
    const second = registerVersion(context, { version: testVersion('b') }).version;
    const again = registerVersion(context, { version: testVersion('a', { metrics: { auc: 0.1 } }) }).version;
    expect([first?.version, second?.version, first?.stage]).toEqual(['1', '2', 'candidate']);
    expect(again).toEqual(first);
    expect(getVersion(context.store, { model: 'late-trips', version: '1' }).version).toEqual({
      ...testVersion('a'),
      version: '1',
      stage: 'candidate',
    });
    const changed = context.store.queued(10).filter((event) => event.topic === topics.modelVersion);
    expect(changed.map((event) => registry.VersionChanged.fromJSON(JSON.parse(event.value)).version?.version)).toEqual([
      '1',
      '2',
    ]);
  });

  it.each([
    ['approved', 'pass', 'all 1 gates passed'],
    ['rejected', 'fail', 'auc: fail (0.5 < 0.6)'],
  ])('a version that is %s already moves there in the same step', (stage, verdict, reason) => {
    const context = withModel();
    const gates = [{ name: 'auc', verdict, detail: '0.5 < 0.6', champion: 0.6, challenger: 0.5 }];
    const register = () => registerVersion(context, { version: testVersion('a', { stage, gates }) }).version;
    expect([register()?.stage, register()?.stage]).toEqual([stage, stage]);
    const events = context.store
      .queued(10)
      .slice(2)
      .map((e) => registry.VersionChanged.fromJSON(JSON.parse(e.value)));
    expect(events.map((e) => [e.previousStage, e.version?.stage, e.reason])).toEqual([
      ['', 'candidate', 'registered by job a'],
      ['candidate', stage, reason],
    ]);
    expect(verifyLedger(context.store)).toMatchObject({ entries: 4, intact: true });
  });

  it.each<[string, Partial<registry.ModelVersion>, string]>([
    ['no job', { jobId: '' }, 'EVL_REGISTRY_VERSION_INVALID'],
    ['a metric that is not a number', { metrics: { auc: NaN } }, 'EVL_REGISTRY_VERSION_INVALID'],
    ['its own number', { version: '9' }, 'EVL_REGISTRY_VERSION_INVALID'],
    ['a stage of its own', { stage: 'production' }, 'EVL_REGISTRY_VERSION_INVALID'],
    [
      'an artifact that is a path',
      { artifacts: [{ name: '../model', digest: 'a'.repeat(64), sizeBytes: 1 }] },
      'EVL_REGISTRY_VERSION_INVALID',
    ],
    [
      'a digest that is none',
      { artifacts: [{ name: 'model.onnx', digest: 'x', sizeBytes: 1 }] },
      'EVL_REGISTRY_VERSION_INVALID',
    ],
    ['a model that was never applied', { model: 'late-trip' }, 'EVL_REGISTRY_MODEL_NOT_FOUND'],
  ])('a version with %s is refused', (_name, wrong, code) => {
    const context = withModel();
    expect(() => registerVersion(context, { version: testVersion('a', wrong) })).toThrow(
      expect.objectContaining({ code }),
    );
    expect(context.store.versions()).toEqual([]);
  });
});

describe('setStage', () => {
  it('promotes and archives in one step, and a repeat does nothing', () => {
    const context = withModel();
    for (const job of ['a', 'b']) registerVersion(context, { version: testVersion(job) });
    for (const version of ['1', '2']) setStage(context, move(version, 'approved'));
    setStage(context, move('1', 'production'));
    const queuedBefore = context.store.queuedCount();
    setStage(context, move('2', 'production'));
    expect(setStage(context, move('2', 'production')).version?.stage).toBe('production');
    const events = context.store
      .queued(100)
      .slice(queuedBefore)
      .map((event) => registry.VersionChanged.fromJSON(JSON.parse(event.value)));
    expect(events.map((e) => [e.version?.version, e.previousStage, e.version?.stage, e.eventTimeMs])).toEqual([
      ['1', 'production', 'archived', 5_000],
      ['2', 'approved', 'production', 5_000],
    ]);
    expect(listVersions(context.store, { model: 'late-trips' }).versions.map((v) => v.stage)).toEqual([
      'archived',
      'production',
    ]);
    expect(verifyLedger(context.store)).toMatchObject({ entries: 9, intact: true });
  });

  it('says what is allowed', () => {
    const context = withModel();
    registerVersion(context, { version: testVersion('a') });
    expect(() => setStage(context, move('1', 'production'))).toThrow(
      /is candidate and cannot become production; allowed: approved, rejected/,
    );
    expect(() => setStage(context, move('7', 'approved'))).toThrow(/there is no version "7" of "late-trips": it has 1/);
    expect(() => setStage(context, move('1', 'prod'))).toThrow(
      expect.objectContaining({ code: 'EVL_REGISTRY_STAGE_INVALID' }),
    );
  });

  it('ids of events are the same in a second registry that was told the same', () => {
    const ids = [withModel(), withModel()].map((context) => {
      registerVersion(context, { version: testVersion('a') });
      setStage(context, move('1', 'approved'));
      return context.store.queued(100).map((event) => event.headers['ce_id']);
    });
    expect(ids[0]).toEqual(ids[1]);
    expect(new Set(ids[0]).size).toBe(4);
  });
});

it('wire forms that come back are the ones that went in', () => {
  const context = withModel();
  const listed = listResources(context.store, { kind: '' }).resources;
  expect(listed.map((r) => r.digest).sort()).toEqual(
    testResources()
      .map((r) => r.digest)
      .sort(),
  );
});
