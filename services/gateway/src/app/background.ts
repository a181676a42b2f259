import type { servingApi } from '@everloop/contracts';
import { classify } from '@everloop/service';
import { gatewayError } from '../errors.ts';
import type { Caller, ServingService } from '../ports.ts';

export interface BackgroundOptions {
  readonly service: Pick<ServingService, 'predict'>;
  /** Requests under way at once. */
  readonly inFlightMax: number;
  /** How long requests that cannot be answered now are tried again, milliseconds. */
  readonly patienceMs: number;
  /** Time that only grows, milliseconds. */
  readonly nowMs: () => number;
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Pauses while the gateway refuses for want of room, or has no version yet, milliseconds. */
const pauseMs = { first: 50, max: 2_000 };

/**
 * Predictions that nobody waits for: few at once, so that calls which somebody waits for always find room, and each tried again while the
 * gateway is too busy for it.
 */
export class Background {
  readonly #options: BackgroundOptions;
  readonly #stopping = new AbortController();
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;

  constructor(options: BackgroundOptions) {
    this.#options = options;
  }

  /** Until when a request that comes now is tried. */
  patienceEndMs(): number {
    return this.#options.nowMs() + this.#options.patienceMs;
  }

  /**
   * Rejects as the call does once it is tried until `untilMs` (it is tried once in any case), at once where another try cannot help, and with
   * EVL_GATEWAY_NOT_READY when the gateway stops. Each try has a caller of its own.
   */
  async predict(
    request: servingApi.PredictRequest,
    untilMs: number,
    callerOf: () => Caller,
  ): Promise<servingApi.PredictResponse> {
    await this.#enter();
    try {
      return await this.#try(request, untilMs, callerOf);
    } finally {
      this.#underWay -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** What is under way or waits ends with an error; nothing begins any more. */
  stop(): void {
    this.#stopping.abort();
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #enter(): Promise<void> {
    if (this.#underWay >= this.#options.inFlightMax) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#underWay += 1;
  }

  async #try(
    request: servingApi.PredictRequest,
    untilMs: number,
    callerOf: () => Caller,
  ): Promise<servingApi.PredictResponse> {
    const { service, nowMs, pause } = this.#options;
    const { signal } = this.#stopping;
    for (let waitMs = pauseMs.first; ; waitMs = Math.min(waitMs * 2, pauseMs.max)) {
      if (signal.aborted) throw stopped();
      try {
        return await service.predict(request, callerOf());
      } catch (error) {
        if (classify(error) !== 'retryable' || nowMs() >= untilMs) throw error;
      }
      await pause(waitMs, signal).catch(() => undefined);
    }
  }
}

function stopped(): Error {
  return gatewayError(
    'EVL_GATEWAY_NOT_READY',
    'the gateway is stopping; another one answers, or this one when it is back',
  );
}
