import { inference } from '@everloop/contracts';
import { ServiceError } from '@everloop/service';
import { describe, expect, it } from 'vitest';
import { scheduleOf, type Schedule } from '../data/flights.ts';
import { smallTables } from '../data/testing.ts';
import { addAsks, askAll, defaultAsk, noAsks, type Gateway } from './ask.ts';
import { inferRequest } from './request.ts';

const tables = smallTables(
  Array.from({ length: 200 }, (_, row) => ({
    schedDepMs: Date.UTC(2013, 0, 1, 10, 15),
    flight: row,
    depDelay: 0,
    elapsed: 244,
    arrDelay: 0,
  })),
);
const schedules: Schedule[] = Array.from({ length: 200 }, (_, row) => scheduleOf(tables.flights, row));
const options = { ...defaultAsk, initialPauseMs: 0, maxPauseMs: 0 };

function failure(code: string, kind: 'retryable' | 'terminal'): ServiceError {
  return new ServiceError({ code, kind, message: code });
}

/** A gateway that answers with `answer` and counts how many requests it holds at once. */
function gatewayOf(
  answer: (id: string, tries: number) => void,
  ready = true,
): Gateway & { most: number; calls: number } {
  const tries = new Map<string, number>();
  let open = 0;
  const gateway = {
    most: 0,
    calls: 0,
    modelReady: () => Promise.resolve({ ready }),
    async modelInfer(request: inference.ModelInferRequest) {
      gateway.calls += 1;
      open += 1;
      gateway.most = Math.max(gateway.most, open);
      await Promise.resolve();
      open -= 1;
      tries.set(request.id, (tries.get(request.id) ?? 0) + 1);
      answer(request.id, tries.get(request.id) ?? 0);
      return inference.ModelInferResponse.fromPartial({ id: request.id });
    },
  };
  return gateway;
}

describe('askAll', () => {
  it('asks every flight once, at most 64 at a time', async () => {
    const gateway = gatewayOf(() => undefined);
    expect(await askAll(gateway, schedules, options)).toEqual({ ...noAsks, wanted: 200, asked: 200, answered: 200 });
    expect(gateway.most).toBe(64);
    expect(gateway.calls).toBe(200);
  });

  it('asks nothing while no model is ready', async () => {
    const gateway = gatewayOf(() => undefined, false);
    expect(await askAll(gateway, schedules, options)).toEqual({ ...noAsks, wanted: 200, unanswered: 200 });
    expect(gateway.calls).toBe(0);
  });

  it('repeats what may pass and counts what does not', async () => {
    const gateway = gatewayOf((id, tries) => {
      if (id.includes('.UA.7.') && tries < 3) throw failure('EVL_GRPC_UNAVAILABLE', 'retryable');
      if (id.includes('.UA.8.')) throw failure('EVL_GATEWAY_REQUEST_INVALID', 'terminal');
      if (id.includes('.UA.9.')) throw failure('EVL_GATEWAY_NO_VERSION', 'retryable');
    });
    const counts = await askAll(gateway, schedules, options);
    expect(counts).toEqual({
      wanted: 200,
      asked: 200,
      answered: 198,
      unanswered: 1,
      failed: 1,
      failures: { EVL_GATEWAY_REQUEST_INVALID: 1 },
    });
    expect(gateway.calls).toBe(202);
  });

  it('gives up after the last try', async () => {
    const gateway = gatewayOf(() => {
      throw failure('EVL_GRPC_UNAVAILABLE', 'retryable');
    });
    const counts = await askAll(gateway, schedules.slice(0, 1), { ...options, attempts: 3 });
    expect(counts.failures).toEqual({ EVL_GRPC_UNAVAILABLE: 1 });
    expect(gateway.calls).toBe(3);
  });
});

describe('addAsks', () => {
  it('adds counts and failures by code', () => {
    const one = { ...noAsks, wanted: 3, failed: 1, failures: { A: 1 } };
    expect(addAsks(one, { ...one, failures: { A: 2, B: 1 } })).toEqual({
      ...noAsks,
      wanted: 6,
      failed: 2,
      failures: { A: 3, B: 1 },
    });
  });
});

describe('inferRequest', () => {
  it('survives the wire and asks as of an hour before departure', () => {
    const [schedule] = schedules;
    if (schedule === undefined) throw new Error('no flight');
    const request = inferRequest('arrival-delay', schedule);
    const wire = inference.ModelInferRequest.decode(inference.ModelInferRequest.encode(request).finish());
    expect(wire.id).toBe('2013-01-01.UA.0.EWR');
    expect(wire.parameters['event_time_ms']?.parameterChoice).toEqual({
      $case: 'int64Param',
      value: BigInt(Date.UTC(2013, 0, 1, 9, 15)),
    });
    const byName = Object.fromEntries(
      wire.inputs.map(({ name, contents }) => [
        name,
        contents?.fp64Contents[0] ?? Buffer.from(contents?.bytesContents[0] ?? []).toString(),
      ]),
    );
    expect(byName).toEqual({
      flight_id: '2013-01-01.UA.0.EWR',
      carrier: 'UA',
      origin: 'EWR',
      dest: 'IAH',
      sched_minute: 315,
      weekday: 2,
      sched_duration: 244,
      distance: 1400,
    });
  });
});
