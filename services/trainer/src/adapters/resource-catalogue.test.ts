import { parseResources, registry, topics, toWire } from '@everloop/contracts';
import type { Bus, FollowOptions } from '@everloop/kafka';
import { testLogger } from '@everloop/testing';
import { describe, expect, it } from 'vitest';
import { createResourceCatalogue } from './resource-catalogue.ts';

const text = `
kind: Source
name: trips
spec:
  topic: trips
  key: id
  eventTime: at
  fields: { id: { type: string, required: true }, at: { type: timestamp, required: true }, late: { type: number } }
  windows: [{ name: volume, every: 1h, rules: [{ name: rows, check: rows, min: 1 }] }]
---
kind: FeatureView
name: delays
spec: { source: trips, entity: id, columns: [late], ttl: 1h }
---
kind: FeatureService
name: lateness
spec: { version: 1, features: [{ view: delays }] }
---
kind: Model
name: late
spec:
  request: [{ name: id, type: string }]
  joinKey: id
  examples: { source: trips, time: at }
  features: { service: lateness, version: 1 }
  views: [{ view: delays, key: request.id }]
  inputs: [{ name: late, type: number, from: delays.late }]
  label: { source: trips, key: id, field: late, above: 0, wait: 1d }
  training: { recipe: gbdt }
---
kind: Monitor
name: b-watch
spec: { model: late, unit: id }
---
kind: Monitor
name: c-watch
spec: { model: late, unit: late }
---
kind: Monitor
name: a-watch
spec: { model: late }
`;

describe('the catalogue of resources', () => {
  it('knows the features that a model pins, and judges the sources behind them', () => {
    let onRecord: FollowOptions['onRecord'] | undefined;
    const bus: Pick<Bus, 'follow'> = {
      follow: (options) => {
        ({ onRecord } = options);
        return {} as ReturnType<Bus['follow']>;
      },
    };
    const { catalogue } = createResourceCatalogue(bus, testLogger());
    for (const [offset, resource] of parseResources([{ name: 'f.yaml', text }]).entries()) {
      const value = Buffer.from(JSON.stringify(registry.Resource.toJSON(toWire(resource))));
      const key = Buffer.from(`${resource.kind}/${resource.name}`);
      void onRecord?.({
        topic: topics.resources,
        partition: 0,
        offset: BigInt(offset),
        key,
        value,
        headers: {},
        timestampMs: 0,
      });
    }
    const model = catalogue.model('late');
    // As the drift detector: the first Monitor by name that names one.
    expect(model?.unit).toBe('id');
    expect(model?.pins).toMatchObject({
      featureService: 'lateness@1',
      featureServiceDigest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    expect(model === undefined ? [] : catalogue.judgedSources(model.spec)).toEqual([{ source: 'trips', echoMs: 0 }]);
  });
});
