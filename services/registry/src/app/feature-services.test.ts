import { type FeatureServiceSpec, parseResources, toWire } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { testContext, testVersion } from '../fixtures.ts';
import { applyResources } from './apply-resources.ts';
import type { AppContext } from './context.ts';
import { registerVersion } from './register-version.ts';
import { listResources, verifyLedger } from './read.ts';

const views = `
kind: Source
name: trips
spec:
  topic: trips
  key: id
  eventTime: at
  fields:
    id: { type: string, required: true }
    at: { type: timestamp, required: true }
    late: { type: number }
---
kind: FeatureView
name: delays
spec:
  source: trips
  entity: id
  ttl: 1d
  aggregations:
    - { name: mean_late, function: mean, column: late, window: 1h }
`;
const service = `
kind: FeatureService
name: lateness
spec:
  version: 1
  features: [{ view: delays }]
  onDemand: [{ name: hours, type: number, cel: delays.mean_late / 60 }]
`;
const model = `
kind: Model
name: late
spec:
  request: [{ name: id, type: string }]
  joinKey: id
  examples: { source: trips, time: at }
  features: { service: lateness, version: 1 }
  views: [{ view: delays, key: request.id }]
  inputs: [{ name: hours, type: number, from: onDemand.hours }]
  label: { source: trips, key: id, field: late, above: 0, wait: 1d }
  training: { recipe: gbdt }
`;
const more = '\n    - { name: trips, function: count, window: 1h }\n';

function apply(context: AppContext, ...documents: string[]): string[] {
  const resources = parseResources([{ name: 'f.yaml', text: documents.join('\n---\n') }]).map(toWire);
  return applyResources(context, { resources }).results.map(({ name, change }) => `${name} ${change}`);
}

function pinsOf(context: AppContext): string[] {
  return listResources(context.store, { kind: 'FeatureService' }).resources.map(({ name, specJson }) => {
    const { pins } = JSON.parse(specJson) as FeatureServiceSpec;
    return `${name}: ${Object.keys(pins).join(' ')}`;
  });
}

describe('the share of the log', () => {
  const sampled = (share: number): string => model.replace('joinKey: id', `joinKey: id\n  log: { share: ${share} }`);

  it('stays as it was when the Model was applied first', () => {
    const context = testContext();
    apply(context, views, service, sampled(0.5));
    expect(apply(context, views, service, sampled(0.5))).toContain('late unchanged');
    for (const changed of [sampled(0.1), model])
      expect(() => apply(context, views, service, changed)).toThrow(
        /keep log.share 0.5, or apply the Model under another/,
      );
  });

  it('cannot be less than all for a Model that logged all', () => {
    const context = testContext();
    apply(context, views, service, model);
    expect(apply(context, views, service, sampled(1))).toContain('late changed');
    const run = () => apply(context, views, service, sampled(0.5));
    expect(run).toThrow(expect.objectContaining({ code: 'EVL_RESOURCE_IMMUTABLE' }));
  });
});

describe('a FeatureService in the registry', () => {
  it('pins its features when it is applied first, and is unchanged after that', () => {
    const context = testContext();
    expect(apply(context, views, service, model)).toContain('lateness@1 created');
    expect(pinsOf(context)).toEqual(['lateness@1: delays.mean_late']);
    expect(apply(context, views, service, model)).toContain('lateness@1 unchanged');
    // Another feature of the view is free, and does not join a version that is there.
    expect(apply(context, `${views.trimEnd()}${more}`, service, model)).toEqual([
      ...['trips unchanged', 'delays changed', 'lateness@1 unchanged', 'late unchanged'],
    ]);
    expect(pinsOf(context)).toEqual(['lateness@1: delays.mean_late']);
    expect(apply(context, `${views.trimEnd()}${more}`, service.replace('version: 1', 'version: 2'))).toContain(
      'lateness@2 created',
    );
    expect(pinsOf(context)).toEqual(['lateness@1: delays.mean_late', 'lateness@2: delays.mean_late delays.trips']);
    expect(verifyLedger(context.store)).toMatchObject({ intact: true });
  });

  it('never changes under its version', () => {
    const context = testContext();
    apply(context, views, service, model);
    const changed = service.replace('/ 60', '/ 3600');
    expect(() => apply(context, views, changed)).toThrow(expect.objectContaining({ code: 'EVL_RESOURCE_IMMUTABLE' }));
    expect(() => apply(context, views, changed)).toThrow(/raise spec.version.*version 2 or above/);
  });

  it.each<[string, [string, string]]>([
    ['another window', ['window: 1h', 'window: 2h']],
    ['another time to live', ['ttl: 1d', 'ttl: 2d']],
    ['another column type', ['late: { type: number }', 'late: { type: integer }']],
  ])('keeps its features from %s, with the names of those who pin them', (_, [from, to]) => {
    const context = testContext();
    apply(context, views, service, model);
    const run = () =>
      apply(context, views.replace(from, to).replace('key: id', 'key: id\n  compatibility: none'), service, model);
    expect(run).toThrow(expect.objectContaining({ code: 'EVL_RESOURCE_PINNED' }));
    expect(run).toThrow(/"mean_late".*pinned by FeatureService\/lateness@1, Model\/late/);
    expect(run).toThrow(/new version of the FeatureService/);
  });

  it('lets the way through pass: a feature beside, a new version, a model that pins it', () => {
    const context = testContext();
    apply(context, views, service, model);
    const wider = `${views.trimEnd()}\n    - { name: mean_late_2h, function: mean, column: late, window: 2h }\n`;
    const second = service.replace('version: 1', 'version: 2').replace('mean_late /', 'mean_late_2h /');
    const moved = model.replace('version: 1', 'version: 2');
    expect(apply(context, wider, service, second, moved)).toEqual([
      ...['trips unchanged', 'delays changed', 'lateness@1 unchanged', 'lateness@2 created', 'late changed'],
    ]);
  });

  it('registers versions that were trained with a service that is there', () => {
    const context = testContext();
    apply(context, views, service, model);
    const trained = (featureService: string, jobId: string) =>
      registerVersion(context, { version: testVersion(jobId, { model: 'late', parameters: { featureService } }) });
    expect(trained('lateness@1', 'a').version?.parameters).toEqual({ featureService: 'lateness@1' });
    expect(() => trained('lateness@2', 'b')).toThrow(/no FeatureService "lateness@2".*did you mean "lateness@1"/);
  });

  it('lets what is not pinned change', () => {
    const context = testContext();
    apply(context, views);
    expect(apply(context, views.replace('window: 1h', 'window: 2h'))).toContain('delays changed');
  });
});
