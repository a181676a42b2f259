import type { Health, Logger } from '@everloop/service';
import { isConnectionError, rootText } from './errors.ts';
import type { KafkaTelemetry } from './telemetry.ts';

/** After a recovery, milliseconds: what fails so soon was under way before, or will fail again. */
const settlingMs = 500;

/** Knows whether the broker can be reached, and says so once for each outage, whoever finds out first. */
export class Reachability {
  readonly #brokers: string;
  readonly #logger: Logger;
  readonly #telemetry: KafkaTelemetry;
  #reason: string | null = 'not connected yet';
  #announced = false;
  readonly #nowMs: () => number;
  #recoveredAtMs = -Infinity;

  /** `nowMs`: a clock that never goes back, milliseconds. */
  constructor(
    brokers: readonly string[],
    logger: Logger,
    telemetry: KafkaTelemetry,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#brokers = brokers.join(',');
    this.#logger = logger;
    this.#telemetry = telemetry;
    this.#nowMs = nowMs;
  }

  /** A request was answered. */
  succeeded(): void {
    if (this.#reason === null) return;
    this.#reason = null;
    this.#telemetry.reachable(true);
    if (!this.#announced) return;
    this.#logger.info({ brokers: this.#brokers }, `Kafka at ${this.#brokers} can be reached again`);
    this.#announced = false;
    this.#recoveredAtMs = this.#nowMs();
  }

  /** A request failed; true if that was because the broker cannot be reached. */
  failed(error: unknown): boolean {
    if (!isConnectionError(error)) return false;
    if (this.#nowMs() - this.#recoveredAtMs < settlingMs) return true;
    this.#reason = `Kafka at ${this.#brokers} cannot be reached: ${rootText(error)}`;
    this.#telemetry.reachable(false);
    if (!this.#announced) {
      this.#announced = true;
      this.#logger.warn({ brokers: this.#brokers }, `${this.#reason}; retrying, start it or set KAFKA_BROKERS`);
    }
    return true;
  }

  health(): Health {
    return this.#reason === null ? { ok: true } : { ok: false, reason: this.#reason };
  }
}
