import { eventually } from '@everloop/testing';
import { expect, it } from 'vitest';
import { resourcesFor, spec } from './fixtures.ts';
import { setUp } from './harness.ts';

const rowWith = (viewAgesMs: readonly number[]) => ({ values: ['EWR', 1, 2], degradedViews: [], viewAgesMs });
const features = { trip: 'T1', origin: 'EWR', distance: 1 };

it('ages of features are in the answer, where a view has something, and in the log in any case', async () => {
  const model = { ...spec, views: [...spec.views, ...spec.views] };
  const harness = setUp(
    {
      createReader: () => ({
        needsStore: true,
        read: (rows) => Promise.resolve(rows.map(() => rowWith([60_250, -1]))),
        readWithoutStore: (rows) => rows.map(() => rowWith([-1, -1])),
        replay: () => null,
      }),
    },
    resourcesFor(model, 'conditions'),
  );
  await harness.start();
  await harness.route({});
  await eventually(() => harness.gateway.service.modelReady({ name: 'delay', version: '1' }).ready);
  const asked = { model: 'delay', version: '', id: 'r', unit: '', route: '', eventTimeMs: 1, explain: false, features };
  expect((await harness.gateway.serving.predict(asked)).featureAges).toEqual([{ view: 'conditions', seconds: 60.25 }]);
  expect(harness.records[0]?.inference).toMatchObject({
    viewNames: ['conditions', 'conditions'],
    viewAgeSeconds: [60.25, -1],
  });
  await harness.stop();
});
