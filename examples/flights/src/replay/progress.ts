import { progress } from '@everloop/contracts';

/** The last report of one instance of a stage. */
export interface StageReport {
  readonly service: string;
  readonly stage: string;
  readonly instance: string;
  /** Epoch milliseconds UTC of event time. */
  readonly watermarkMs: number;
  /** Wall clock, epoch milliseconds. */
  readonly reportedAtMs: number;
}

/** An instance that says nothing for so long while another one goes on is taken as gone, wall-clock milliseconds. */
const silentMs = 30_000;

interface Waiter {
  readonly service: string;
  readonly stage: string;
  readonly watermarkMs: number;
  readonly resolve: () => void;
}

/** How far every stage of the loop has come, from the progress topic. */
export class ProgressBoard {
  readonly #reports = new Map<string, StageReport>();
  readonly #waiters = new Set<Waiter>();

  /** Takes the value of one record of the progress topic. */
  accept(value: Buffer | string | null): void {
    if (value === null) return;
    const report = progress.Progress.fromJSON(JSON.parse(value.toString()));
    const { service, stage, instance, watermarkMs, reportedAtMs } = report;
    this.#reports.set(`${service}/${stage}/${instance}`, { service, stage, instance, watermarkMs, reportedAtMs });
    for (const waiter of this.#waiters) {
      if (waiter.service !== service || waiter.stage !== stage) continue;
      if (this.watermarkMs(service, stage) < waiter.watermarkMs) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** Smallest watermark over the stage's living instances; -Infinity when none has reported. */
  watermarkMs(service: string, stage: string): number {
    const all = [...this.#reports.values()].filter((report) => report.service === service && report.stage === stage);
    const newestMs = Math.max(...all.map((report) => report.reportedAtMs));
    const living = all.filter((report) => report.reportedAtMs >= newestMs - silentMs);
    return living.length === 0 ? -Infinity : Math.min(...living.map((report) => report.watermarkMs));
  }

  /** Resolves when the stage has come to `watermarkMs`. */
  reached(service: string, stage: string, watermarkMs: number): Promise<void> {
    if (this.watermarkMs(service, stage) >= watermarkMs) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.add({ service, stage, watermarkMs, resolve });
    });
  }

  reports(): readonly StageReport[] {
    return [...this.#reports.values()];
  }
}
