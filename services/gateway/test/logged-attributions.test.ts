import { eventId, isLogged, type ModelSpec } from '@everloop/contracts';
import { encodeGolden } from '@everloop/features';
import { deferred } from '@everloop/service';
import { eventually } from '@everloop/testing';
import { afterEach, expect, it } from 'vitest';
import type { GatewayOptions } from '../src/app/gateway.ts';
import { resourcesFor, spec, trip } from './fixtures.ts';
import { goldenRows, pinsOf, scoreOf } from './golden-rows.ts';
import { challenger, setUp, type Harness } from './harness.ts';

const golden = encodeGolden({ inputs: spec.inputs.map(({ name }) => name), rows: goldenRows() });
const base = goldenRows().reduce((sum, { score }) => sum + score, 0) / 10;
const dropped = 'everloop_gateway_attributions_dropped_total';
const share = 0.25;

let harness: Harness;
afterEach(() => harness.stop());

async function start(
  log: NonNullable<ModelSpec['log']>,
  overrides: Partial<GatewayOptions> = {},
  withGolden = true,
): Promise<void> {
  harness = setUp(overrides, resourcesFor({ ...spec, log }, 'conditions'));
  if (withGolden) harness.versions.golden = { '1': golden, '2': golden };
  harness.versions.parameters = { '1': pinsOf(spec), '2': pinsOf(spec) };
  harness.runner.score = (_version, batch) => Promise.resolve(scoreOf(batch));
  await harness.start();
  await harness.route({});
  await eventually(() => harness.gateway.service.modelReady({ name: 'delay', version: '1' }).ready);
}

const idOf = (n: number): string => eventId('decision', 'delay', `r${n}`);
/** Requests in the order of their numbers that are logged with attributions. */
const wanted = (count: number, of = share): number[] =>
  Array.from({ length: count }, (_, n) => n).filter((n) => isLogged(idOf(n), of));
const explained = (): string[] =>
  harness.records
    .filter(({ inference }) => inference.attributions.length > 0)
    .map(({ inference }) => inference.decisionId);

it('logs the share of the decisions with what each input contributed, the same when they are asked again', async () => {
  await start({ share: 1, attributions: share });
  for (let n = 0; n < 60; n += 1) await harness.infer({ id: `r${n}`, inputs: trip(`T${n}`) });
  expect(wanted(60).length).toBeGreaterThan(5);
  expect(explained()).toEqual(wanted(60).map(idOf));
  expect(harness.records).toHaveLength(60);
  for (const { inference } of harness.records.filter(({ inference: each }) => each.attributions.length > 0)) {
    expect(inference.inputNames).toHaveLength(inference.attributions.length);
    expect(inference.attributions.reduce((sum, each) => sum + each, base)).toBeCloseTo(inference.score, 12);
  }
  const first = harness.records.map(({ inference }) => inference.attributions);
  for (let n = 0; n < 60; n += 1) await harness.infer({ id: `r${n}`, inputs: trip(`T${n}`) });
  expect(harness.records.slice(60).map(({ inference }) => inference.attributions)).toEqual(first);
  expect(await harness.metric(dropped)).toEqual({});
});

it('explains only what is logged, and only rows of the share of a batch', async () => {
  await start({ share: 0.5, attributions: 0.5 });
  await harness.infer({ id: 'batch', inputs: trip(...Array.from({ length: 8 }, (_, n) => `T${n}`)) });
  const ids = Array.from({ length: 8 }, (_, row) => eventId('decision', 'delay', 'batch', `#${row}`));
  expect(explained()).toEqual(ids.filter((id) => isLogged(id, 0.5)));
  expect(explained()).toEqual(harness.records.map(({ inference }) => inference.decisionId));
});

it('explains no other version than the champion', async () => {
  await start({ share: 1, attributions: 1 });
  await harness.route({ revision: '2', challengers: [challenger('2', 0.5)] });
  await eventually(() => harness.runner.versions.length === 2);
  await eventually(
    () => harness.gateway.service.modelMetadata({ name: 'delay', version: '' }).properties['policy_revision'] === '2',
  );
  for (let n = 0; n < 20; n += 1) await harness.infer({ id: `r${n}` });
  const versions = new Set(harness.records.map(({ inference }) => inference.modelVersion));
  expect([...versions].sort()).toEqual(['1', '2']);
  for (const { inference } of harness.records)
    expect(inference.attributions.length > 0).toBe(inference.modelVersion === '1');
});

/** Explanations stand still until the gate opens. */
function hold(): () => void {
  const gate = deferred();
  harness.runner.score = async (_version, batch) => {
    if (batch.rows > 1) await gate.promise;
    return scoreOf(batch);
  };
  return gate.resolve;
}

it('logs without, and counts it, when too many wait; a replay leaves none out', async () => {
  for (const clock of ['wall', 'event'] as const) {
    await start({ share: 1, attributions: 1 }, { clock, explainQueueRowsMax: 2 });
    const open = hold();
    const answers = Array.from({ length: 5 }, (_, n) => harness.infer({ id: `r${n}`, inputs: trip(`T${n}`) }));
    // What is not explained is answered at once; the others when they have been.
    await eventually(() => harness.records.length === (clock === 'wall' ? 3 : 0));
    open();
    await Promise.all(answers);
    expect([harness.records.length, explained().length]).toEqual([5, clock === 'wall' ? 2 : 5]);
    expect(await harness.metric(dropped)).toEqual(clock === 'wall' ? { 'delay full': 3 } : {});
    if (clock === 'wall') await harness.stop();
  }
});

it('logs without, and counts it, where the version has no golden rows or its runs fail', async () => {
  await start({ share: 1, attributions: 1 }, {}, false);
  await harness.infer({ id: 'r1' });
  expect(await harness.metric(dropped)).toEqual({ 'delay no-golden-rows': 1 });
  await harness.stop();
  await start({ share: 1, attributions: 1 });
  harness.runner.score = (_version, batch) =>
    batch.rows > 1 ? Promise.reject(new Error('broken')) : Promise.resolve(scoreOf(batch));
  await harness.infer({ id: 'r1' });
  expect([harness.records.length, explained().length]).toEqual([1, 0]);
  expect(await harness.metric(dropped)).toEqual({ 'delay failed': 1 });
});

it('without it nothing is explained', async () => {
  await start({ share: 1 });
  for (let n = 0; n < 10; n += 1) await harness.infer({ id: `r${n}` });
  expect(explained()).toEqual([]);
  expect(harness.runner.runs.every(({ batch }) => batch.rows === 1 || batch.rows === 10)).toBe(true);
});
