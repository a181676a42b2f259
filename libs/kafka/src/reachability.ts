import type { Health, Logger } from '@everloop/service';
import { isConnectionError, rootText } from './errors.ts';
import type { KafkaTelemetry } from './telemetry.ts';

/** Knows whether the broker can be reached, and says so once for each outage, whoever finds out first. */
export class Reachability {
  readonly #brokers: string;
  readonly #logger: Logger;
  readonly #telemetry: KafkaTelemetry;
  #reason: string | null = 'not connected yet';
  #announced = false;

  constructor(brokers: readonly string[], logger: Logger, telemetry: KafkaTelemetry) {
    this.#brokers = brokers.join(',');
    this.#logger = logger;
    this.#telemetry = telemetry;
  }

  /** A request was answered. */
  succeeded(): void {
    if (this.#reason === null) return;
    this.#reason = null;
    this.#telemetry.reachable(true);
    if (this.#announced)
      this.#logger.info({ brokers: this.#brokers }, `Kafka at ${this.#brokers} can be reached again`);
    this.#announced = false;
  }

  /** A request failed; true if that was because the broker cannot be reached. */
  failed(error: unknown): boolean {
    if (!isConnectionError(error)) return false;
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
