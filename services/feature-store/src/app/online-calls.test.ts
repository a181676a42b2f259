import { features } from '@everloop/contracts';
import { statusCode, type Mget } from '@everloop/features';
import { describe, expect, it, vi } from 'vitest';

import { everyFunctionResources } from '../../test/every-function.ts';
import { silentTelemetry, tripResources } from '../../test/fixtures.ts';
import { topologyOf } from '../domain/topology.ts';
import { createOnlineCalls, type OnlineCalls } from './online-calls.ts';

const topology = topologyOf(tripResources('t'));

function callsOver(mget: Mget = async (keys) => keys.map(() => null)): OnlineCalls {
  return createOnlineCalls({
    topology: () => topology,
    mget,
    watermarkMs: () => 1_234,
    nowMs: () => 5_000,
    telemetry: silentTelemetry,
  });
}

function request(part: Partial<features.GetOnlineBatchRequest>): features.GetOnlineBatchRequest {
  return features.GetOnlineBatchRequest.fromPartial(part);
}

describe('an online batch', () => {
  it('answers for features of views with their definitions, now unless another moment is given', async () => {
    const mget = vi.fn<Mget>(async (keys) => keys.map(() => null));
    const calls = callsOver(mget);
    const entities = [
      features.EntityColumn.fromPartial({ name: 'origin', texts: ['a', 'b', 'x'], missing: Buffer.from([0, 0, 1]) }),
    ];
    const names = ['origin:events_short', 'origin.mean_short'];
    const answer = await calls.getOnlineBatch(request({ features: names, entities }));
    expect(answer.columns.map(({ name, statuses }) => [name, ...statuses])).toEqual([
      ['origin.events_short', statusCode.notFound, statusCode.notFound, statusCode.notFound],
      ['origin.mean_short', statusCode.notFound, statusCode.notFound, statusCode.notFound],
    ]);
    expect(answer).toMatchObject({ asOfMs: 5_000, watermarkMs: 1_234, rows: 3 });
    expect(answer.definitions).toEqual([{ revision: 1, digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string }]);
    // Two entities on two partitions each; nobody asks for the missing one.
    expect(mget.mock.calls[0]?.[0]).toHaveLength(4);
    const before = await calls.getOnlineBatch(request({ features: names, entities, asOfMs: 7 }));
    expect(before.asOfMs).toBe(7);
  });

  it('answers for the inputs of a model', async () => {
    const entities = [
      features.EntityColumn.fromPartial({ name: 'trip', texts: ['t1'] }),
      features.EntityColumn.fromPartial({ name: 'miles', numbers: [12.5] }),
    ];
    const answer = await callsOver().getOnlineBatch(request({ model: 'late', entities }));
    expect(answer.columns[0]).toMatchObject({ name: 'miles', view: -1, numbers: new Float64Array([12.5]) });
    expect(answer.views.map(({ name }) => name)).toEqual(['plan', 'origin', 'vehicle']);
  });

  describe('of a feature service', () => {
    const services = topologyOf(everyFunctionResources('t'));
    const calls = createOnlineCalls({
      ...{ topology: () => services, watermarkMs: () => null, nowMs: () => 5_000, telemetry: silentTelemetry },
      mget: async (keys) => keys.map(() => null),
    });
    const entities = [
      ...['origin', 'vehicle', 'trip'].map((name) => features.EntityColumn.fromPartial({ name, texts: ['a'] })),
      features.EntityColumn.fromPartial({ name: 'miles', numbers: [12.5] }),
    ];

    it.each([
      ['the newest version by name', 'delays', 1],
      ['exactly the version that is named', 'delays@1', 6],
    ])('is %s', async (_, featureService, computed) => {
      const { columns, views } = await calls.getOnlineBatch(request({ featureService, entities }));
      const names = columns.map(({ name }) => name);
      expect(names.slice(0, 2)).toEqual(['place.total_35', 'place.delays_35']);
      expect(names.filter((name) => name.startsWith('onDemand.'))).toHaveLength(computed);
      expect(views.map(({ name }) => name)).toEqual(['place', 'route', 'visit', 'plan']);
      const byName = new Map(columns.map((column) => [column.name, column]));
      expect(byName.get('onDemand.ratio')).toMatchObject({ view: -1, statuses: Uint8Array.of(statusCode.nullValue) });
      if (computed === 6)
        expect(byName.get('onDemand.always')).toMatchObject({
          ...{ numbers: Float64Array.of(2), statuses: Uint8Array.of(statusCode.present) },
        });
    });

    it('is not found in a version that nobody applied', () => {
      for (const service of ['delays@3', 'delay', 'delays@'])
        expect(() => calls.plan({ service })).toThrow(
          expect.objectContaining({ code: 'EVL_FEATURES_SERVICE_NOT_FOUND' }),
        );
    });
  });

  it('makes one plan for the same question', () => {
    const calls = callsOver();
    expect(calls.plan({ model: 'late' })).toBe(calls.plan({ model: 'late' }));
    const [first, second] = [['plan.seats'], ['plan.vehicle']].map((names) => calls.plan({ features: names }));
    expect(first).not.toBe(second);
    for (let index = 0; index < 300; index += 1)
      calls.plan({ features: Array.from({ length: index + 1 }, () => 'plan.seats') });
    expect(calls.plan({ features: ['plan.seats'] })).not.toBe(first);
  });

  const column = (part: Partial<features.EntityColumn>): features.EntityColumn =>
    features.EntityColumn.fromPartial({ name: 'origin', texts: ['a'], ...part });
  it.each([
    ['nothing asked for', {}, 'REQUEST_INVALID'],
    ['two ways at once', { model: 'late', features: ['plan.seats'] }, 'REQUEST_INVALID'],
    ['an unknown model', { model: 'never' }, 'MODEL_NOT_FOUND'],
    ['an unknown feature service', { featureService: 'none@1' }, 'SERVICE_NOT_FOUND'],
    ['an unknown view', { features: ['none.seats'] }, 'VIEW_UNKNOWN'],
    ['an unknown feature', { features: ['plan.wings'] }, 'PLAN_INVALID'],
    ['columns of unequal length', { entities: [column({}), column({ name: 'b', texts: [] })] }, 'REQUEST_INVALID'],
    ['a column twice', { entities: [column({}), column({})] }, 'REQUEST_INVALID'],
    ['numbers and texts at once', { entities: [column({ numbers: [1] })] }, 'REQUEST_INVALID'],
    ['a mask of another length', { entities: [column({ missing: Buffer.from([0, 1]) })] }, 'REQUEST_INVALID'],
    ['too many rows', { entities: [column({ texts: new Array<string>(10_001).fill('a') })] }, 'REQUEST_INVALID'],
  ])('refuses %s', async (_, part, code) => {
    const whole = 'entities' in part ? { features: ['origin.events_short'], ...part } : part;
    await expect(callsOver().getOnlineBatch(request(whole))).rejects.toMatchObject({ code: `EVL_FEATURES_${code}` });
  });
});
