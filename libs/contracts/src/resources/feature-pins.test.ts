import { describe, expect, it } from 'vitest';
import { featurePins, pinDifference, servicePinnedBy } from './feature-pins.ts';
import { parseResources } from './load.ts';
import { ofKind } from './wire.ts';

const text = `
kind: Source
name: trips
spec:
  topic: trips
  key: id
  eventTime: at
  fields: { id: { type: string, required: true }, at: { type: timestamp, required: true }, late: { type: number } }
---
kind: FeatureView
name: delays
spec: { source: trips, entity: id, columns: [late], ttl: 1h }
---
kind: FeatureService
name: lateness
spec: { version: 1, features: [{ view: delays }], onDemand: [{ name: hours, type: number, cel: delays.late / 60 }] }
---
kind: Model
name: late
spec:
  request: [{ name: id, type: string }]
  joinKey: id
  examples: { source: trips, time: at }
  features: { service: lateness, version: 1 }
  views: [{ view: delays, key: request.id }]
  onDemand:
    - { name: short, type: boolean, cel: size(request.id) < 3 }
    - { name: unused, type: boolean, cel: size(request.id) < 4 }
  inputs: [{ name: hours, type: number, from: onDemand.hours }, { name: short, type: number, from: onDemand.short }]
  label: { source: trips, key: id, field: late, above: 0, wait: 1d }
  training: { recipe: gbdt }
`;

function pinsOf(from = '', to = ''): Readonly<Record<string, string>> {
  const resources = parseResources([{ name: 'f.yaml', text: text.replace(from, to) }]);
  const by = <T>(all: readonly { readonly name: string; readonly spec: T }[]) =>
    new Map(all.map(({ name, spec }) => [name, spec] as const));
  const [model] = ofKind(resources, 'Model');
  if (model === undefined) throw new Error('no model');
  return featurePins(model.spec, {
    views: by(ofKind(resources, 'FeatureView')),
    sources: by(ofKind(resources, 'Source')),
    services: by(ofKind(resources, 'FeatureService')),
  });
}

describe('the features that a version was trained with', () => {
  it('are the service, its digest, and the on-demand features that the model uses itself', () => {
    const pins = pinsOf();
    expect(servicePinnedBy(pins)).toBe('lateness@1');
    expect(pins['featureServiceDigest']).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.parse(pins['onDemand'] ?? '')).toEqual({ short: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    expect(pinDifference(pins, pinsOf())).toBeNull();
  });

  it('are nothing for a model without either', () => {
    expect(pinDifference({ rounds: '40' }, {})).toBeNull();
  });

  it.each<[string, [string, string], RegExp | null]>([
    ['another time to live', ['ttl: 1h', 'ttl: 2h'], /of digest [0-9a-f]{12}, and its features mean digest/],
    ['another expression of the service', ['late / 60', 'late / 6'], /features mean digest/],
    ['another expression of the model', ['size(request.id) < 3', 'size(request.id) < 2'], /by other expressions/],
    ['another expression that is not used', ['size(request.id) < 4', 'size(request.id) < 5'], null],
    ['another description', ['ttl: 1h }', 'ttl: 1h, description: x }'], null],
  ])('differ by %s', (_, change, message) => {
    const difference = pinDifference(pinsOf(), pinsOf(...change));
    if (message === null) expect(difference).toBeNull();
    else expect(difference).toMatch(message);
  });

  it('differ when there was no service, or is none', () => {
    expect(pinDifference({}, pinsOf())).toBe('it was trained with no FeatureService, and the Model pins lateness@1');
    expect(pinDifference(pinsOf(), {})).toBe('it was trained with FeatureService lateness@1, and the Model pins none');
  });
});
