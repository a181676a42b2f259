import { serving, servingApi, topics } from '@everloop/contracts';
import { deferred } from '@everloop/service';
import { eventually } from '@everloop/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { routed, setUp, shadow, type Harness } from './harness.ts';

const request = (id: string) =>
  servingApi.PredictRequest.fromPartial({ model: 'delay', id, features: { trip: id, origin: 'EWR', distance: 100 } });

let harness: Harness;
beforeEach(async () => {
  harness = setUp();
  await harness.start();
  await routed(harness, { shadows: [shadow('2')] });
});
afterEach(() => harness.stop());

const marks = () => harness.facts.filter((fact) => fact.startsWith('log '));

it('records of a prediction go to the log of its transaction, those of its shadow too, and nothing to the journal', async () => {
  const scored = deferred<Float64Array>();
  harness.runner.score = (version) =>
    version === '2' ? scored.promise : Promise.resolve(Float64Array.of(Number(version) / 10));
  const log = harness.gateway.transactions.begin().attempt();
  const answer = await harness.gateway.serving.predict(request('a'), { isOver: false, log });
  const taken = log.take();
  scored.resolve(Float64Array.of(0.2));
  const records = (await taken).map(({ stream, joinKey, value }) => {
    const { score, requestId } = serving.Inference.decode(value);
    return [stream, joinKey, requestId, score];
  });
  expect(records).toEqual([
    ['served', 'a', 'a', answer.score],
    ['shadowed', 'a', 'a', 0.2],
  ]);
  expect(harness.records).toEqual([]);
});

it('a watermark waits for a transaction with records, not for one without, and others are logged meanwhile', async () => {
  const [idle, busy] = [harness.gateway.transactions.begin(), harness.gateway.transactions.begin()];
  idle.attempt();
  await harness.gateway.serving.predict(request('a'), { isOver: false, log: busy.attempt() });
  await harness.bus.mark(topics.clock, 2_000);
  await harness.gateway.serving.predict(request('b'));
  await eventually(() => harness.records.length === 2);
  await new Promise(setImmediate);
  expect(marks()).toEqual([]);
  busy.end();
  await eventually(() => marks().length === 1);
  expect(marks()).toEqual(['log 2000 after 2']);
});
