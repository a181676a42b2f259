import { decisionIdOf, eventId, inclusionWeight, isLogged } from '@everloop/contracts';
import { eventually } from '@everloop/testing';
import { expect, it } from 'vitest';
import { resourcesFor, spec, trip } from './fixtures.ts';
import { setUp, shadow, type Harness } from './harness.ts';

const share = 0.25;

const isReady = (harness: Harness) =>
  eventually(() => harness.gateway.service.modelReady({ name: 'delay', version: '' }).ready);

async function run(log: { readonly share: number } | undefined) {
  const harness = setUp({}, resourcesFor({ ...spec, ...(log === undefined ? {} : { log }) }, 'conditions'));
  await harness.start();
  await harness.route({ shadows: [shadow('2')] });
  await isReady(harness);
  const answers = [];
  for (let n = 0; n < 100; n += 1) answers.push(await harness.infer({ id: `r${n}`, inputs: trip(`T${n}`, `U${n}`) }));
  await harness.stop();
  const of = (stream: string) => harness.records.filter((each) => each.stream === stream).map((each) => each.inference);
  return { answers, served: of('served'), shadowed: of('shadowed') };
}

it('logs the rows whose decisions are in the share, with its probability, and answers all alike', async () => {
  const { answers, served, shadowed } = await run({ share });
  const ids = answers.flatMap(({ parameters }) => {
    const choice = parameters['decision_id']?.parameterChoice;
    return choice?.$case === 'stringParam' ? choice.value.split(',') : [];
  });
  expect(ids).toHaveLength(200);
  const expected = ids.filter((id) => isLogged(id, share));
  expect(expected.length).toBeGreaterThan(20);
  expect(expected.length).toBeLessThan(90);
  expect(served.map(({ decisionId }) => decisionId)).toEqual(expected);
  expect(served.every((record) => inclusionWeight(record) === 4)).toBe(true);
  // A shadow is there where its answer is.
  expect(new Set(shadowed.map(({ joinKey }) => joinKey))).toEqual(new Set(served.map(({ joinKey }) => joinKey)));
});

it('a retry is logged as the first time was', async () => {
  const harness = setUp({}, resourcesFor({ ...spec, log: { share } }, 'conditions'));
  await harness.start();
  await harness.route({});
  await isReady(harness);
  const logged = (n: number): boolean => isLogged(eventId('decision', 'delay', `r${n}`), share);
  for (let n = 0; n < 20; n += 1) for (let time = 0; time < 2; time += 1) await harness.infer({ id: `r${n}` });
  const expected = Array.from({ length: 20 }, (_, n) => n).filter(logged);
  expect(harness.records.map(({ inference }) => inference.requestId)).toEqual(
    expected.flatMap((n) => [`r${n}`, `r${n}`]),
  );
  await harness.stop();
});

it.each([[undefined], [{ share: 1 }]])('with %j everything is logged, as before', async (log) => {
  const { served, shadowed } = await run(log);
  expect([served.length, shadowed.length]).toEqual([200, 200]);
  expect(served.every(({ inclusionProbability }) => inclusionProbability === 0)).toBe(true);
});

it('says of each row of a request which it is, so that a shadow leads to its answer', async () => {
  const { served, shadowed } = await run(undefined);
  expect(served.slice(0, 4).map(({ requestRow }) => requestRow)).toEqual([1, 2, 1, 2]);
  const answers = shadowed.map((inference) => decisionIdOf(inference, null)).sort();
  expect(answers).toEqual(served.map(({ decisionId }) => decisionId).sort());
});

it('logs every decision of a model with rewards, and its share of the predictions', async () => {
  const rewards = { waitMs: 1_000, default: 0, aggregate: 'sum', min: 0, max: 1 } as const;
  const harness = setUp({}, resourcesFor({ ...spec, log: { share }, rewards }, 'conditions'));
  await harness.start();
  await harness.route({});
  await isReady(harness);
  for (let n = 0; n < 100; n += 1) await harness.infer({ id: `r${n}` });
  await harness.stop();
  expect(harness.decided).toHaveLength(100);
  expect(harness.records.map(({ inference }) => inference.decisionId)).toEqual(
    harness.decided.map(({ decisionId }) => decisionId).filter((id) => isLogged(id, share)),
  );
});
