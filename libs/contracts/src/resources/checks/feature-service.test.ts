import { describe, expect, it } from 'vitest';
import { featureDigests, resolveService, serviceDigest } from '../feature-services.ts';
import { parseResources } from '../load.ts';
import { ofKind } from '../wire.ts';

const good = `
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
    car: { type: string }
    paid: { type: boolean }
    tags: { type: array }
---
kind: FeatureView
name: trip-plan
spec: { source: trips, entity: id, columns: [car, paid, tags], ttl: 1h }
---
kind: FeatureView
name: delays
spec:
  source: trips
  entity: car
  ttl: 1h
  aggregations:
    - { name: mean_late, function: mean, column: late, window: 1h }
    - { name: newest, function: lastK, k: 3, column: late, window: 1h }
---
kind: FeatureService
name: lateness
spec:
  version: 1
  features: [{ view: trip-plan, features: [paid] }, { view: delays }]
  request: [{ name: hour, type: number }]
  onDemand: [{ name: late_share, type: number, cel: "trip_plan.paid ? delays.mean_late / request.hour : 0.0" }]
---
kind: Model
name: lateness
spec:
  request: [{ name: id, type: string }, { name: hour, type: number }]
  joinKey: id
  examples: { source: trips, time: at }
  features: { service: lateness, version: 1 }
  views: [{ view: trip-plan, key: request.id }, { view: delays, key: trip-plan.car }]
  onDemand: [{ name: is_night, type: boolean, cel: "request.hour < 6.0" }]
  inputs:
    - { name: late, type: number, from: delays.mean_late }
    - { name: share, type: number, from: onDemand.late_share }
    - { name: night, type: number, from: onDemand.is_night }
  label: { source: trips, key: id, field: late, above: 0, wait: 1d }
  training: { recipe: gbdt }
`.replace('tags: { type: array }', 'tags: { type: array }\n    hour: { type: number }');

function read(...changes: readonly (readonly [string, string])[]) {
  let text = good;
  for (const [from, to] of changes) {
    expect(text).toContain(from);
    text = text.replaceAll(from, to);
  }
  return parseResources([{ name: 'f.yaml', text }]);
}

function definitions(resources: ReturnType<typeof read>) {
  const by = <T>(all: readonly { readonly name: string; readonly spec: T }[]) =>
    new Map(all.map(({ name, spec }) => [name, spec] as const));
  return { views: by(ofKind(resources, 'FeatureView')), sources: by(ofKind(resources, 'Source')) };
}

describe('a FeatureService', () => {
  it('is named with its version and has defaults', () => {
    const [service] = ofKind(read(), 'FeatureService');
    expect(service).toMatchObject({ name: 'lateness@1', spec: { version: 1, pins: {}, description: '' } });
    expect(service?.spec.features[1]).toEqual({ view: 'delays', features: [] });
  });

  it('may have another version beside it', () => {
    const [, , , service = ''] = good.split('---');
    const text = `${good}\n---${service.replace('version: 1', 'version: 2')}`;
    const names = ofKind(parseResources([{ name: 'f.yaml', text }]), 'FeatureService').map(({ name }) => name);
    expect(names).toEqual(['lateness@1', 'lateness@2']);
    expect(() => parseResources([{ name: 'f.yaml', text: `${good}\n---${service}` }])).toThrow(
      /already a FeatureService named "lateness@1"/,
    );
  });

  it.each<[string, [string, string], RegExp]>([
    ['an unknown view', ['{ view: delays }]', '{ view: delay }]'], /there is no FeatureView named "delay".*"delays"/],
    ['a view twice', ['{ view: delays }]', '{ view: delays }, { view: delays }]'], /view "delays" is named twice/],
    ['an unknown feature', ['features: [paid]', 'features: [pay]'], /has no feature "pay"/],
    ['an unknown name in CEL', ['delays.mean_late /', 'delays.mean /'], /has no feature "mean" that is used here/],
    ['a view in CEL that is not used', ['delays.mean_late /', 'other.x /'], /"other" is neither request nor a view/],
    ['a feature in CEL that is not used', ['trip_plan.paid ?', 'trip_plan.car == null ?'], /no feature "car" that is/],
    ['a list in CEL', ['delays.mean_late /', 'delays.newest /'], /is a list, which has no value in CEL/],
    ['another type', ['late_share, type: number', 'late_share, type: string'], /gives a number, not a string/],
    ['a model of a version that is not there', ['lateness, version: 1', 'lateness, version: 2'], /named "lateness@2"/],
    [
      'an input that the service does not have',
      ['late, type: number, from: delays.mean_late', 'late, type: category, from: trip-plan.car'],
      /FeatureService "lateness@1" does not have "trip-plan.car"/,
    ],
    [
      'an unknown on-demand feature',
      ['from: onDemand.late_share', 'from: onDemand.share'],
      /no on-demand feature "share"/,
    ],
    [
      'an on-demand feature that is no text',
      ['share, type: number, from', 'share, type: category, from'],
      /is a number/,
    ],
    ['a name twice', ['name: is_night', 'name: late_share'], /an on-demand feature of lateness@1 too/],
    ['CEL of a model over what is not asked', ['request.hour < 6.0', 'request.hours < 6.0'], /has no field "hours"/],
    [
      'a model that binds too little',
      [', { view: delays, key: trip-plan.car }]', ']'],
      /of FeatureService "lateness@1".*"delays" is neither/,
    ],
  ])('%s is wrong', (_, change, message) => {
    expect(() => read(change)).toThrow(message);
  });

  it.each<[string, [string, string], boolean]>([
    ['a description', ['entity: car', 'entity: car\n  description: other'], true],
    [
      'another feature',
      ['    - { name: newest', '    - { name: n, function: count, window: 1h }\n    - { name: newest'],
      true,
    ],
    ['the window', ['column: late, window: 1h', 'column: late, window: 2h'], false],
    ['the function', ['function: mean', 'function: max'], false],
    ['the time to live', ['entity: car\n  ttl: 1h', 'entity: car\n  ttl: 2h'], false],
    ['the hop', ['entity: car', 'entity: car\n  hop: 1m'], false],
    ['the entity', ['entity: car', 'entity: id'], false],
    ['the type of the column', ['late: { type: number }', 'late: { type: integer }'], false],
    ['a limit of the column', ['late: { type: number }', 'late: { type: number, max: 9 }'], true],
    ['the event time', ['eventTime: at', 'eventTime: at\n  createdTime: at'], false],
  ])('with %s changed, the digest of a feature is the same: %s %s', (_, change, isSame) => {
    const digest = (resources: ReturnType<typeof read>) =>
      featureDigests({ features: [{ view: 'delays', features: ['mean_late'] }], pins: {} }, definitions(resources));
    expect(Object.keys(digest(read()))).toEqual(['delays.mean_late']);
    expect(digest(read(change))['delays.mean_late'] === digest(read())['delays.mean_late']).toBe(isSame);
  });

  it('keeps the features that it pinned when its view gets more', () => {
    const [service] = ofKind(read(), 'FeatureService');
    if (service === undefined) throw new Error('no service');
    const pinned = { ...service.spec, pins: featureDigests(service.spec, definitions(read())) };
    const more = definitions(
      read(['    - { name: newest', '    - { name: n, function: count, window: 1h }\n    - { name: newest']),
    );
    expect(Object.keys(featureDigests(pinned, more)).sort()).toEqual([
      'delays.mean_late',
      'delays.newest',
      'trip-plan.paid',
    ]);
    expect(serviceDigest(pinned, more)).toBe(serviceDigest(pinned, definitions(read())));
    expect(serviceDigest(pinned, more)).not.toBe(serviceDigest({ ...pinned, onDemand: [] }, more));
  });

  it('is found by its name, the newest, or exactly', () => {
    const names = ['a@2', 'a@10', 'a@9', 'ab@11'];
    expect(['a', 'a@9', 'ab', 'b', 'a@3'].map((asked) => resolveService(asked, names))).toEqual([
      ...['a@10', 'a@9', 'ab@11'],
      ...[undefined, undefined],
    ]);
  });
});
