import { encodeEvent, eventId, topics, type servingApi } from '@everloop/contracts';
import type { Batch, Bus, BusRecord, OutRecord, TaskHandler } from '@everloop/kafka';
import type { Part } from '@everloop/service';
import type { Background } from '../app/background.ts';
import { rowError } from '../app/row-error.ts';
import type { StreamRecord, TransactionLog, TransactionLogs } from '../app/transaction-logs.ts';
import { RequestRefused } from '../errors.ts';
import type { Caller } from '../ports.ts';
import { topicOf } from './log-topics.ts';
import { readObject, readPredict, writePrediction } from './serving-json.ts';

/** Answers requests, one at a time or many; see `Background`. */
export type BackgroundPredictions = Pick<Background, 'predict' | 'patienceEndMs' | 'stop'>;

export interface RequestTasksOptions {
  readonly bus: Pick<Bus, 'ensureTopics' | 'tasks'>;
  readonly background: BackgroundPredictions;
  readonly transactions: Pick<TransactionLogs, 'begin'>;
  readonly partitions: number;
  /** Most requests in one transaction: as many as may be under way, so that none waits in it for its turn. */
  readonly recordsMax: number;
  /** Wall clock, epoch milliseconds: a record carries when its answer was made. */
  readonly nowMs: () => number;
  /** `code` is OK or the code of the error. */
  readonly onAnswered: (code: string) => void;
}

/** Consumer group that shares the partitions of the requests out among gateways. */
const groupId = 'everloop.gateway.requests';

/** Headers of a request that its answer has too, so that whoever asked finds it. */
const echoedHeaders = ['correlation_id', 'correlation-id', 'traceparent'] as const;

/**
 * Answers the requests of `everloop.predict.request.v1`, each once: answers, the records of their predictions and the offsets of their requests
 * are one transaction. A request that is answered again after a crash keeps its decision id, since it keeps its request id.
 */
export function createRequestTasks(options: RequestTasksOptions): Part {
  const { bus, background, partitions, recordsMax } = options;
  const tasks = bus.tasks({
    ...{ groupId, recordsMax, inputs: [topics.predictRequest], restore: { kind: 'none' } },
    createHandler: () => createRequestHandler(options),
  });
  return {
    name: 'requests over Kafka',
    start: async () => {
      await bus.ensureTopics([topics.predictRequest, topics.predictAnswer].map((name) => ({ name, partitions })));
      await tasks.start();
    },
    stop: async () => {
      const stopped = tasks.stop();
      background.stop();
      await stopped;
    },
  };
}

/** The handler of one partition; answers keep the order of their requests. */
export function createRequestHandler({
  background,
  transactions,
  nowMs,
  onAnswered,
}: Pick<RequestTasksOptions, 'transactions' | 'nowMs' | 'onAnswered'> & {
  readonly background: Pick<BackgroundPredictions, 'predict' | 'patienceEndMs'>;
}): TaskHandler {
  let open: TransactionLog | null = null;
  return {
    async onRecords({ records }: Batch, context) {
      const transaction = (open ??= transactions.begin());
      const untilMs = background.patienceEndMs();
      const predict: Predict = async (request) => {
        let log = transaction.attempt();
        const callerOf = (): Caller => ({ isOver: false, log: (log = transaction.attempt()) });
        const response = await background.predict(request, untilMs, callerOf);
        return { response, logged: await log.take() };
      };
      const answers = await Promise.all(records.map((record) => answerTo(record, predict)));
      const timestampMs = nowMs();
      for (const { record, code, logged } of answers) {
        for (const { stream, joinKey, value } of logged)
          context.emit({ topic: topicOf[stream], key: joinKey, value, timestampMs });
        context.emit(record);
        onAnswered(code);
      }
    },
    settled() {
      open?.end();
      open = null;
    },
  };
}

interface Predicted {
  readonly response: servingApi.PredictResponse;
  readonly logged: readonly StreamRecord[];
}

type Predict = (request: servingApi.PredictRequest) => Promise<Predicted>;

interface Answer {
  readonly record: OutRecord;
  readonly logged: readonly StreamRecord[];
  readonly code: string;
}

async function answerTo(record: BusRecord, predict: Predict): Promise<Answer> {
  const id = eventId('predict', record.topic, String(record.partition), String(record.offset));
  let request: servingApi.PredictRequest | null = null;
  try {
    request = readRequest(record, id);
    const { response, logged } = await predict(request);
    const answer = { id: request.id, prediction: writePrediction(response) };
    return { record: toRecord(record, request.model, answer), logged, code: 'OK' };
  } catch (error) {
    const told = rowError(error);
    // A bug is rolled back and tried again, as in every task, and never passes for an answer.
    if (told === null) throw error;
    if (told.code === 'EVL_GATEWAY_NOT_READY') throw error;
    const answer = { id: request?.id ?? id, error: told };
    return { record: toRecord(record, request?.model ?? '', answer), logged: [], code: told.code };
  }
}

/** The body of `POST /v1/models/{model}:predict`, and the model. Throws EVL_GATEWAY_REQUEST_INVALID. */
function readRequest({ value, topic, partition, offset }: BusRecord, id: string): servingApi.PredictRequest {
  const where = `request ${topic}/${partition}/${offset}`;
  const body = readObject(value ?? Buffer.alloc(0));
  if (!body.ok) throw new RequestRefused(where, body.reasons);
  const { model, ...rest } = body.value;
  if (typeof model !== 'string' || model === '')
    throw new RequestRefused(where, ["'model' must be the name of a model"]);
  const read = readPredict(model, rest);
  if (!read.ok) throw new RequestRefused(where, read.reasons);
  return read.value.id === '' ? { ...read.value, id } : read.value;
}

function toRecord(asked: BusRecord, model: string, answer: object): OutRecord {
  const { topic, partition, offset, key, headers } = asked;
  const event = encodeEvent({
    id: eventId('predict-answer', topic, String(partition), String(offset)),
    type: topics.predictAnswer,
    source: 'everloop/gateway',
    subject: model,
    data: answer,
  });
  const echoed = echoedHeaders.flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...{ topic: topics.predictAnswer, partition, key, value: event.value },
    headers: { ...event.headers, ...Object.fromEntries(echoed), 'evl-src': `${topic}/${partition}/${offset}` },
  };
}
