import { features, type serving } from '@everloop/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { silentTelemetry, tripResources } from '../../test/fixtures.ts';
import { createHistoryWorld, type HistoryWorld } from '../../test/history-world.ts';
import { createHistoricalCalls, type HistoricalCalls } from './historical-calls.ts';

let world: HistoryWorld;
let calls: HistoricalCalls;

beforeAll(async () => {
  world = await createHistoryWorld(tripResources('h'));
  const arrival = (timeMs: number, origin: string, delay: number, partition = 0) => ({
    ...{ source: 'arrived', partition, timeMs },
    fields: { trip: `t${timeMs}`, origin, vehicle: 'v1', delay, at: timeMs },
  });
  await world.add([arrival(100, 'a', 10), arrival(110, 'a', 20, 1), arrival(500, 'late', 1)]);
  calls = createHistoricalCalls({ topology: () => world.topology, history: world.history, telemetry: silentTelemetry });
});
afterAll(() => world.close());

const text = (value: string): serving.FeatureValue => ({ kind: { $case: 'text', value } });
const asked = ['origin.mean_long', 'origin.events_short', 'vehicle.events_long'];
const row = (origin: string | null, asOfMs: number): features.EntityRow => ({
  request: { ...(origin === null ? {} : { origin: text(origin) }), vehicle: text('v1') },
  asOfMs,
});

async function answers(...requests: Partial<features.GetHistoricalStreamRequest>[]) {
  const all: features.GetHistoricalStreamResponse[] = [];
  async function* source() {
    for (const request of requests) yield features.GetHistoricalStreamRequest.fromPartial(request);
  }
  for await (const answer of calls.getHistoricalStream(source())) all.push(answer);
  return all;
}
const valuesOf = (answer: features.GetHistoricalStreamResponse | undefined) =>
  answer?.rows.map(({ values }) => values.map(({ kind }) => (kind?.$case === 'number' ? kind.value : null)));

describe('getHistoricalStream', () => {
  it('answers any features for the rows of a table, message by message, in order', async () => {
    const [first, second, ...rest] = await answers(
      { features: asked, rows: [row('a', 120), row('a', 105)] },
      { rows: [row('a', 99)] },
    );
    expect(first?.names).toEqual(asked);
    expect(second?.names).toEqual([]);
    expect(rest).toEqual([]);
    expect(valuesOf(first)).toEqual([
      [15, 2, 2],
      [10, 1, 1],
    ]);
    expect(valuesOf(second)).toEqual([[null, null, null]]);
  });

  it('keeps the rows of entities that have nothing, only something later, or no key', async () => {
    const [answer] = await answers({ features: asked, rows: [row('nobody', 120), row('late', 400), row(null, 120)] });
    expect(answer?.rows).toHaveLength(3);
    expect(valuesOf(answer)).toEqual([
      [null, null, 2],
      [null, null, null],
      [null, null, 2],
    ]);
    expect(answer?.rows.map(({ statuses }) => statuses[0])).toEqual(Array(3).fill('FEATURE_STATUS_NOT_FOUND'));
  });

  it('has no limit on rows: 30,000 in messages of 10,000', async () => {
    const rows = Array.from({ length: 10_000 }, (_, index) => row('a', index % 300));
    let counted = 0;
    for (const answer of await answers({ features: asked, rows }, { rows }, { rows })) counted += answer.rows.length;
    expect(counted).toBe(30_000);
  });

  it('answers the inputs of a model', async () => {
    const [answer] = await answers({ model: 'late', rows: [row('a', 120)] });
    expect(answer?.names).toEqual(world.topology.models.get('late')?.inputs.map(({ name }) => name));
    expect(answer?.rows).toHaveLength(1);
  });

  it('tells the names even when nothing is asked', async () => {
    expect(await answers({ features: ['origin.mean_long'] })).toEqual([{ names: ['origin.mean_long'], rows: [] }]);
    expect(await answers()).toEqual([]);
  });

  it.each<[string, Partial<features.GetHistoricalStreamRequest>, string]>([
    ['nothing to look up', {}, 'EVL_FEATURES_REQUEST_INVALID'],
    ['both', { model: 'late', features: asked }, 'EVL_FEATURES_REQUEST_INVALID'],
    ['a name without a view', { features: ['mean_long'] }, 'EVL_FEATURES_REQUEST_INVALID'],
    ['a feature that is not there', { features: ['origin.mean'] }, 'EVL_FEATURES_PLAN_INVALID'],
    ['a view that is not there', { features: ['orign.mean_long'] }, 'EVL_FEATURES_VIEW_UNKNOWN'],
    ['a model that is not there', { model: 'x' }, 'EVL_FEATURES_MODEL_NOT_FOUND'],
    ['too many rows', { features: asked, rows: Array(10_001).fill(row('a', 1)) }, 'EVL_FEATURES_REQUEST_INVALID'],
  ])('%s is refused', async (_name, request, code) => {
    await expect(answers(request)).rejects.toMatchObject({ code, kind: 'terminal' });
  });
});

describe('describe', () => {
  it('tells entities, features, owner, definition and freshness', async () => {
    const { views } = await calls.describe({ views: ['origin'] });
    expect(views).toEqual([
      {
        ...{ name: 'origin', source: 'arrived', entity: [{ name: 'origin', type: 'string' }] },
        ...{ ttlMs: 500, hopMs: 10, description: 'test', owner: 'test' },
        ...{ newestEventMs: 500, newestKnownMs: 500, records: 3, revision: 1 },
        digest: expect.stringMatching(/^[0-9a-f]{64}$/),
        features: expect.arrayContaining([
          { name: 'mean_long', type: 'number', function: 'mean', column: 'delay', windowMs: 120 },
          { name: 'events_short', type: 'number', function: 'count', column: '', windowMs: 35 },
        ]),
      },
    ]);
    expect((await calls.describe({ views: [] })).views.map(({ name }) => name)).toEqual(['origin', 'plan', 'vehicle']);
    const [plan] = (await calls.describe({ views: ['plan'] })).views;
    expect(plan).toMatchObject({ newestEventMs: 0, newestKnownMs: 0, records: 0 });
    await expect(calls.describe({ views: ['x'] })).rejects.toMatchObject({ code: 'EVL_FEATURES_VIEW_UNKNOWN' });
  });
});
