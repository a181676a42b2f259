import { features } from '@everloop/contracts';
import { planLookup } from '@everloop/features';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { everyFunctionResources } from '../../test/every-function.ts';
import { silentTelemetry } from '../../test/fixtures.ts';
import { createHistoryWorld, type HistoryWorld } from '../../test/history-world.ts';
import { createHistoricalCalls, type HistoricalCalls } from '../app/historical-calls.ts';
import { labelInputs } from './dataset-checks.ts';
import { planService } from './feature-plan.ts';
import { definitionsOf, topologyOf } from './topology.ts';

const topology = topologyOf(everyFunctionResources('f'));
const spec = topology.models.get('everything');
if (spec === undefined) throw new Error('no model');

describe('what a model pins', () => {
  it('is among the definitions of its training set', () => {
    const keys = definitionsOf(topology, 'everything', planLookup(spec, topology.catalog)).map(
      ({ kind, name }) => `${kind}/${name}`,
    );
    expect(keys.slice(0, 2)).toEqual(['FeatureService/delays@1', 'FeatureView/newest']);
    expect(keys).toContain('Model/everything');
  });

  it('shows a label that an on-demand feature is computed from', () => {
    const views = new Map([['plan', { source: 'arrived', entity: ['trip'], columns: new Set(['delay']) }]]);
    const model = {
      ...spec,
      views: [{ view: 'plan', key: 'request.trip' }],
      inputs: [{ name: 'late', type: 'number' as const, from: 'onDemand.late' }],
    };
    expect(labelInputs(model, views)).toEqual([]);
    expect(labelInputs(model, views, new Map([['late', ['request.miles', 'plan.delay']]]))).toEqual(['late']);
  });

  it('has a plan with the fields of the question that are no entity', () => {
    const { names, bindings } = planService('delays@2', topology.catalog);
    expect(names.at(-1)).toBe('onDemand.ratio');
    expect(bindings.map(({ view }) => view.name)).toEqual(['place', 'route', 'visit', 'plan']);
    expect(() => planService('delays@7', topology.catalog)).toThrow(
      expect.objectContaining({ code: 'EVL_FEATURES_SERVICE_NOT_FOUND' }),
    );
  });
});

describe('a feature service in history', () => {
  let world: HistoryWorld;
  let calls: HistoricalCalls;
  beforeAll(async () => {
    world = await createHistoryWorld(everyFunctionResources('f'));
    const arrival = (timeMs: number, delay: number) => ({
      ...{ source: 'arrived', partition: 0, timeMs },
      fields: { trip: `t${timeMs}`, origin: 'a', vehicle: 'v1', delay, at: timeMs },
    });
    await world.add([arrival(100, 10), arrival(110, 20)]);
    calls = createHistoricalCalls({
      topology: () => world.topology,
      history: world.history,
      telemetry: silentTelemetry,
    });
  });
  afterAll(() => world.close());

  async function answer(part: Partial<features.GetHistoricalStreamRequest>) {
    async function* source() {
      yield features.GetHistoricalStreamRequest.fromPartial(part);
    }
    for await (const first of calls.getHistoricalStream(source())) return first;
    throw new Error('no answer');
  }
  const text = (value: string) => ({ kind: { $case: 'text' as const, value } });
  const rows = [
    {
      request: {
        origin: text('a'),
        vehicle: text('v1'),
        trip: text('t'),
        miles: { kind: { $case: 'number' as const, value: 5 } },
      },
      asOfMs: 120,
    },
  ];

  it('is answered with what it computes', async () => {
    const { names, rows: found } = await answer({ featureService: 'delays@1', rows });
    const values = new Map(names.map((name, index) => [name, found[0]?.values[index]?.kind]));
    expect(values.get('place.mean_120')).toEqual({ $case: 'number', value: 15 });
    expect(values.get('onDemand.per_mile')).toEqual({ $case: 'number', value: 15 / 2 });
    expect(values.get('onDemand.where')).toEqual({ $case: 'missing', value: true });
    expect(values.get('onDemand.always')).toEqual({ $case: 'number', value: 2 });
  });

  it('is the newest by its name, and one question at a time', async () => {
    expect((await answer({ featureService: 'delays', rows })).names.at(-1)).toBe('onDemand.ratio');
    await expect(answer({ featureService: 'delays', model: 'late', rows })).rejects.toMatchObject({
      code: 'EVL_FEATURES_REQUEST_INVALID',
    });
    await expect(answer({ featureService: 'none', rows })).rejects.toMatchObject({
      code: 'EVL_FEATURES_SERVICE_NOT_FOUND',
    });
  });

  it('is described with who pins it', async () => {
    const { services } = await calls.describe({ views: ['plan'] });
    expect(services.map(({ name, version, models, onDemand }) => [name, version, models, onDemand.length])).toEqual([
      ['delays', 1, ['everything'], 6],
      ['delays', 2, [], 1],
    ]);
    expect(services[0]?.digest).toMatch(/^[0-9a-f]{64}$/);
  });
});
