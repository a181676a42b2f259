import { servingApi, topics } from '@everloop/contracts';
import type { BusRecord, OutRecord, TaskContext } from '@everloop/kafka';
import { deferred } from '@everloop/service';
import { describe, expect, it } from 'vitest';
import { TransactionLogs } from '../app/transaction-logs.ts';
import { gatewayError, RequestRefused } from '../errors.ts';
import type { RecordLog } from '../ports.ts';
import { createRequestHandler } from './kafka-requests.ts';

const record = (offset: number, value: unknown, headers: Record<string, string> = {}): BusRecord => ({
  ...{
    topic: topics.predictRequest,
    partition: 3,
    offset: BigInt(offset),
    key: Buffer.from('k'),
    headers,
    timestampMs: 0,
  },
  value: value === null ? null : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
});

function setUp(
  predict: (request: servingApi.PredictRequest, log?: RecordLog) => Promise<servingApi.PredictResponse>,
  tries = 1,
) {
  const [out, codes, asked]: [OutRecord[], string[], servingApi.PredictRequest[]] = [[], [], []];
  const transactions = new TransactionLogs();
  const handler = createRequestHandler({
    transactions,
    nowMs: () => 77,
    background: {
      patienceEndMs: () => 1,
      async predict(request, _untilMs, callerOf) {
        asked.push(request);
        for (let left = tries; ; left -= 1) {
          try {
            return await predict(request, callerOf().log);
          } catch (error) {
            if (left <= 1) throw error;
          }
        }
      },
    },
    onAnswered: (code) => void codes.push(code),
  });
  const context: TaskContext = {
    partition: 3,
    replaying: false,
    emit: (one) => void out.push(one),
    emitWatermark: () => undefined,
  };
  const give = async (...records: BusRecord[]) =>
    await handler.onRecords({ topic: topics.predictRequest, partition: 3, records }, context);
  const answers = () =>
    out
      .filter(({ topic }) => topic === topics.predictAnswer)
      .map(({ value }) => JSON.parse(String(value)) as Record<string, unknown>);
  return { answers, asked, codes, give, handler, out, transactions };
}

const scored = (score: number) => Promise.resolve(servingApi.PredictResponse.fromPartial({ score, decisionId: 'd' }));

describe('requests over Kafka', () => {
  it('are the body of the HTTP call with the model, and are answered in order, in their partition, under their key', async () => {
    const { answers, asked, codes, give, out } = setUp(({ id }) => scored(id === 'slow' ? 0.1 : 0.2));
    const body = { model: 'delay', id: 'slow', unit: 'u', features: { distance: 100 }, event_time_ms: 5, version: '2' };
    await give(record(0, body), record(1, { model: 'delay', features: {} }, { correlation_id: 'c7', other: 'x' }));
    expect(asked[0]).toMatchObject({
      ...{
        model: 'delay',
        version: '2',
        id: 'slow',
        unit: 'u',
        features: { distance: 100 },
        eventTimeMs: 5,
        route: '',
      },
    });
    expect(answers()).toMatchObject([
      { id: 'slow', prediction: { score: 0.1, decision_id: 'd' } },
      { prediction: { score: 0.2 } },
    ]);
    expect(codes).toEqual(['OK', 'OK']);
    expect(out[1]).toMatchObject({ topic: topics.predictAnswer, partition: 3, key: Buffer.from('k') });
    expect(out[1]?.headers).toMatchObject({
      ...{ correlation_id: 'c7', 'evl-src': `${topics.predictRequest}/3/1`, ce_subject: 'delay' },
    });
    expect(out[1]?.headers).not.toHaveProperty('other');
  });

  it('without an id have one of their place, so that another try is the same request', async () => {
    const [first, again] = [setUp(() => scored(1)), setUp(() => scored(1))];
    for (const one of [first, again]) await one.give(record(7, { model: 'delay', features: {} }));
    expect(first.asked[0]?.id).toMatch(/^[0-9a-f]{32}$/);
    expect(again.out).toEqual(first.out);
    await again.give(record(8, { model: 'delay', features: {} }));
    expect(again.asked[1]?.id).not.toBe(first.asked[0]?.id);
  });

  it.each([
    ['nothing', null, /not JSON/],
    ['no JSON', '{', /not JSON/],
    ['no object', '[]', /JSON object/],
    ['no model', { features: {} }, /'model'/],
    ['a wrong field', { model: 'm', features: {}, feature: 1 }, /did you mean 'features'/],
    ['a wrong type', { model: 'm', features: 7 }, /'features' must be an object/],
  ])('with %s are answered with all reasons, and predict nothing', async (_name, value, reason) => {
    const { answers, asked, codes, give } = setUp(() => scored(1));
    await give(record(0, value));
    expect(asked).toEqual([]);
    expect(codes).toEqual(['EVL_GATEWAY_REQUEST_INVALID']);
    expect(answers()[0]).toMatchObject({ error: { message: expect.stringMatching(reason), retryable: false } });
  });

  it('are told why they were refused, and whether another try may help', async () => {
    const { answers, give } = setUp(({ id }) =>
      Promise.reject(
        id === 'a'
          ? new RequestRefused('it', ['distance is missing', 'carrier is unseen'])
          : gatewayError('EVL_GATEWAY_QUEUE_FULL', 'full'),
      ),
    );
    await give(record(0, { model: 'm', id: 'a', features: {} }), record(1, { model: 'm', id: 'b', features: {} }));
    expect(answers()).toMatchObject([
      {
        id: 'a',
        error: { code: 'EVL_GATEWAY_REQUEST_INVALID', reasons: ['distance is missing', 'carrier is unseen'] },
      },
      { id: 'b', error: { code: 'EVL_GATEWAY_QUEUE_FULL', reasons: [], retryable: true } },
    ]);
  });

  it.each([
    ['a bug', new Error('oh')],
    ['a stop', gatewayError('EVL_GATEWAY_NOT_READY', 'stopping')],
  ])('have no answer where %s ends them, so that the batch is rolled back', async (_name, error) => {
    const { give, out } = setUp(() => Promise.reject(error));
    await expect(give(record(0, { model: 'm', features: {} }))).rejects.toBe(error);
    expect(out).toEqual([]);
  });

  describe('have the records of their predictions', () => {
    const value = Buffer.from('record');
    const logging =
      (...failures: boolean[]) =>
      async ({ id }: servingApi.PredictRequest, log?: RecordLog) => {
        log?.append('served', [{ joinKey: id, value }]);
        log?.append('decided', [{ joinKey: `d${id}`, value }]);
        if (failures.shift() === true) throw gatewayError('EVL_GATEWAY_QUEUE_FULL', 'full');
        return await scored(1);
      };
    const ask = (offset: number) => record(offset, { model: 'm', id: `r${offset}`, features: {} });
    const places = (out: readonly OutRecord[]) => out.map(({ topic, key }) => [topic, String(key)]);

    it('in the same transaction, before the answer, with the time of the answer', async () => {
      const { give, out } = setUp(logging());
      await give(ask(0), ask(1));
      expect(places(out)).toEqual([
        [topics.inferenceServed, 'r0'],
        [topics.decisionMade, 'dr0'],
        [topics.predictAnswer, 'k'],
        [topics.inferenceServed, 'r1'],
        [topics.decisionMade, 'dr1'],
        [topics.predictAnswer, 'k'],
      ]);
      expect(out[0]).toMatchObject({ value, timestampMs: 77 });
    });

    it('of the try that was answered, not of those before it', async () => {
      const { give, out } = setUp(logging(true, true), 3);
      await give(ask(0));
      expect(places(out).map(([topic]) => topic)).toEqual([
        ...[topics.inferenceServed, topics.decisionMade, topics.predictAnswer],
      ]);
    });

    it('not at all where the answer is an error', async () => {
      const { answers, give, out } = setUp(logging(true));
      await give(ask(0));
      expect(out).toHaveLength(1);
      expect(answers()).toMatchObject([{ error: { code: 'EVL_GATEWAY_QUEUE_FULL' } }]);
    });

    it('and those of their shadows, for which the answer waits', async () => {
      const shadowed = deferred();
      const { give, out } = setUp(async (request, log) => {
        log?.follows?.(shadowed.promise.then(() => log.append('shadowed', [{ joinKey: 's', value }])));
        return await logging()(request, log);
      });
      const given = give(ask(0));
      await new Promise(setImmediate);
      expect(out).toEqual([]);
      shadowed.resolve();
      await given;
      expect(places(out)).toContainEqual([topics.inferenceShadowed, 's']);
    });

    it.each([true, false])('and no watermark passes them until they are committed, or given up (%s)', async (how) => {
      const { give, handler, transactions } = setUp(logging());
      await give(ask(0));
      await give(ask(1));
      let isSettled = false;
      const settled = transactions.settled().then(() => (isSettled = true));
      await new Promise(setImmediate);
      expect(isSettled).toBe(false);
      handler.settled?.(how);
      await settled;
      await give(ask(2));
      handler.settled?.(how);
      await transactions.settled();
    });
  });
});
