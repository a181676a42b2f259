import { features, type DatasetManifest, type ModelSpec, type TypedResource } from '@everloop/contracts';
import {
  catalogOf,
  isReplayable,
  planLookup,
  rawValues,
  readColumn,
  vectorOfGolden,
  type FeatureScalar,
} from '@everloop/features';
import { readParquetColumns } from '@everloop/storage';
import { expect, it } from 'vitest';

import { createFeatureCalls } from '../src/app/feature-calls.ts';
import { topologyOf } from '../src/domain/topology.ts';
import { silentTelemetry, tripResources } from './fixtures.ts';
import { createHistoryWorld } from './history-world.ts';
import { createTestDatasets } from './test-datasets.ts';

const hour = 3_600_000;
const trips = 60;

/** The trips' Model with an input that is computed from a request field and a stored feature. */
function resourcesWith(cel: string): readonly TypedResource[] {
  return tripResources('g', 1).map((resource) => {
    if (resource.kind === 'FeatureView') return { ...resource, spec: { ...resource.spec, ttlMs: 1_000 * hour } };
    if (resource.kind !== 'Model') return resource;
    const spec: ModelSpec = {
      ...resource.spec,
      inputs: [...resource.spec.inputs, { name: 'long', type: 'number', from: 'onDemand.long' }],
      onDemand: [{ name: 'long', type: 'number', cel, description: 'of the trip' }],
    };
    return { ...resource, spec };
  });
}

it('a training set has what on-demand inputs are computed from, by which they are computed again; it is the same when made again', async () => {
  const resources = resourcesWith('request.miles / 10.0 + plan.seats');
  const world = await createHistoryWorld(resources);
  await world.add(
    Array.from({ length: trips }, (_, index) => {
      const leaves = (index + 2) * hour;
      const [origin, vehicle] = [`o${index % 5}`, `v${index % 7}`];
      const plan = { trip: `t${index}`, origin, vehicle, seats: (index * 37) % 90, miles: (index * 131) % 997 };
      return [
        { source: 'planned', timeMs: leaves - hour, fields: { ...plan, leaves, at: leaves - hour } },
        {
          source: 'arrived',
          timeMs: leaves + hour / 2,
          fields: { trip: plan.trip, origin, vehicle, delay: index % 2 === 0 ? 30 : 0, at: leaves + hour / 2 },
        },
      ];
    }).flat(),
  );
  const made = await createTestDatasets(world.dir, world.duck, world.tables);
  const calls = createFeatureCalls({
    ...{ topology: () => topologyOf(resources), mget: () => Promise.resolve([]), history: world.history },
    ...{ ...made, telemetry: silentTelemetry },
  });
  const until = (trips + 2) * hour;
  const { dataset, path } = await calls.createDataset(
    features.CreateDatasetRequest.fromPartial({
      model: 'late',
      fromMs: hour,
      untilMs: until,
      asOfMs: until,
      createdBy: 'test',
    }),
  );
  const id = dataset?.snapshotId ?? '';
  const manifest = JSON.parse((await made.snapshots.get({ ref: id })).manifestJson) as DatasetManifest;
  expect(manifest.columns.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['long', readColumn('request.miles'), readColumn('plan.seats')]),
  );
  const table = await readParquetColumns(path, { threads: 1 });
  const model = resources.find(({ kind }) => kind === 'Model');
  if (model?.kind !== 'Model') throw new Error('no model');
  const plan = planLookup(model.spec, catalogOf(resources));
  expect(table.rows).toBeGreaterThan(30);
  for (let row = 0; row < table.rows; row += 1) {
    const value = (name: string): FeatureScalar | undefined => {
      const found = table.columns.get(name)?.values[row];
      return typeof found === 'number' && Number.isNaN(found) ? null : found;
    };
    const raw = rawValues(model.spec, table.columns.keys(), value);
    const inputs = model.spec.inputs.map(({ name }) => value(name) ?? null);
    expect(isReplayable(plan, { timeMs: 0, score: 0, inputs, ...raw })).toBe(true);
    expect(vectorOfGolden(plan, raw).values).toEqual(inputs);
    expect(inputs.at(-1)).not.toBeNull();
  }
  expect(await made.snapshots.verify({ ref: id })).toMatchObject({ equal: true });
  await world.close();
});
