import type { inference } from '@everloop/contracts';
import { classify, retry, ServiceError } from '@everloop/service';
import type { Schedule } from '../data/flights.ts';
import { inferRequest } from './request.ts';

/** What the application uses of the gateway. */
export interface Gateway {
  modelReady(request: inference.ModelReadyRequest): Promise<inference.ModelReadyResponse>;
  modelInfer(request: inference.ModelInferRequest): Promise<inference.ModelInferResponse>;
}

/** What became of the flights; `wanted` = answered + unanswered + failed. */
export interface AskCounts {
  readonly wanted: number;
  /** Requests that were sent; the others were not, because the gateway said that the model was not ready. */
  readonly asked: number;
  readonly answered: number;
  /** There was no version of the model yet. */
  readonly unanswered: number;
  readonly failed: number;
  /** Failed flights by error code. */
  readonly failures: Readonly<Record<string, number>>;
}

export interface AskOptions {
  readonly model: string;
  /** Requests in flight at once. */
  readonly concurrency: number;
  /** Tries of one request, and the pauses between them in milliseconds. */
  readonly attempts: number;
  readonly initialPauseMs: number;
  readonly maxPauseMs: number;
}

export const defaultAsk: AskOptions = {
  model: 'arrival-delay',
  concurrency: 64,
  attempts: 8,
  initialPauseMs: 50,
  maxPauseMs: 5_000,
};

const noVersionCode = 'EVL_GATEWAY_NO_VERSION';

export const noAsks: AskCounts = { wanted: 0, asked: 0, answered: 0, unanswered: 0, failed: 0, failures: {} };

export function addAsks(a: AskCounts, b: AskCounts): AskCounts {
  const failures = { ...a.failures };
  for (const [code, count] of Object.entries(b.failures)) failures[code] = (failures[code] ?? 0) + count;
  return {
    wanted: a.wanted + b.wanted,
    asked: a.asked + b.asked,
    answered: a.answered + b.answered,
    unanswered: a.unanswered + b.unanswered,
    failed: a.failed + b.failed,
    failures,
  };
}

const codeOf = (error: unknown): string => (error instanceof ServiceError ? error.code : 'unknown');
const worthRetry = (error: unknown): boolean => classify(error) === 'retryable' && codeOf(error) !== noVersionCode;

function withRetry<T>(call: () => Promise<T>, options: AskOptions): Promise<T> {
  const { attempts, initialPauseMs: initialMs, maxPauseMs: maxMs } = options;
  return retry(call, { attempts, initialMs, maxMs, when: worthRetry });
}

async function modelIsReady(gateway: Gateway, options: AskOptions): Promise<boolean> {
  try {
    const answer = await withRetry(() => gateway.modelReady({ name: options.model, version: '' }), options);
    return answer.ready;
  } catch (error) {
    if (codeOf(error) === noVersionCode || codeOf(error).endsWith('_NOT_FOUND')) return false;
    throw error;
  }
}

/** Asks the gateway about every flight, `concurrency` at a time. One question comes first: whether the model is ready at all. */
export async function askAll(
  gateway: Gateway,
  schedules: readonly Schedule[],
  options: AskOptions = defaultAsk,
): Promise<AskCounts> {
  const wanted = schedules.length;
  if (wanted === 0) return noAsks;
  if (!(await modelIsReady(gateway, options))) return { ...noAsks, wanted, unanswered: wanted };
  let answered = 0;
  let unanswered = 0;
  const failures: Record<string, number> = {};
  const queue = schedules.values();
  const worker = async (): Promise<void> => {
    for (const schedule of queue) {
      try {
        await withRetry(() => gateway.modelInfer(inferRequest(options.model, schedule)), options);
        answered += 1;
      } catch (error) {
        const code = codeOf(error);
        if (code === noVersionCode) unanswered += 1;
        else failures[code] = (failures[code] ?? 0) + 1;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.concurrency, wanted) }, worker));
  const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
  return { wanted, asked: wanted, answered, unanswered, failed, failures };
}
