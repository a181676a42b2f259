import type { rollout } from '@everloop/contracts';
import { classify } from '@everloop/service';
import { addDifference, noDifference, type ShadowDrop, type ShadowReport } from '../domain/difference.ts';
import { InFlight } from '../domain/in-flight.ts';

export interface ShadowQueueOptions {
  /** Most rows of one shadow that wait or run. */
  readonly rowsMax: number;
  /** Scores that take longer are dropped, milliseconds; null: never, as a replay wants it. */
  readonly deadlineMs: number | null;
  /** Tries of one shadow before it is given up; a killed model process loses what it was doing. */
  readonly tries: number;
  readonly onDropped: (reason: ShadowDrop, rows: number, error?: unknown) => void;
}

/** One shadow of one answered request. */
export interface ShadowTask {
  readonly model: string;
  readonly shadow: rollout.Shadow;
  /** Scores of the answer, float64 [rows]. */
  readonly answered: Float64Array;
  readonly score: () => Promise<Float64Array>;
  /** Called once with scores that came in time. */
  readonly onScored: (scores: Float64Array, latencyMs: number) => void;
}

/**
 * Runs shadow predictions behind the answers and compares them: each shadow has its own bounded queue, never in the way of an answer nor of
 * another shadow; what is dropped is reported with its reason.
 */
export class ShadowQueues {
  readonly #options: ShadowQueueOptions;
  readonly #inFlight = new InFlight();
  readonly #rows = new Map<string, number>();
  readonly #reports = new Map<string, ShadowReport>();

  constructor(options: ShadowQueueOptions) {
    this.#options = options;
  }

  /** No room for `rows` more of one shadow. */
  isFull(model: string, version: string, rows: number): boolean {
    return (this.#rows.get(keyOf(model, version)) ?? 0) + rows > this.#options.rowsMax;
  }

  /** Runs in the background; dropped when the queue is full, it takes too long or every try failed. Resolves when it is over; never rejects. */
  async add(task: ShadowTask): Promise<void> {
    const key = keyOf(task.model, task.shadow.version);
    const rows = task.answered.length;
    if (this.isFull(task.model, task.shadow.version, rows)) {
      this.#options.onDropped('full', rows);
      return;
    }
    this.#rows.set(key, (this.#rows.get(key) ?? 0) + rows);
    const ticket = this.#inFlight.begin();
    await this.#run(task);
    const left = (this.#rows.get(key) ?? rows) - rows;
    if (left > 0) this.#rows.set(key, left);
    else this.#rows.delete(key);
    this.#inFlight.end(ticket);
  }

  /** Resolves when every shadow that was added before has been logged or dropped. */
  settled(): Promise<void> {
    return this.#inFlight.settled();
  }

  /** A route came into force: shadows that are not in it begin anew when they come back. */
  keepOnly(model: string, versions: ReadonlySet<string>): void {
    for (const [key, report] of this.#reports)
      if (report.model === model && !versions.has(report.version)) this.#reports.delete(key);
    for (const version of versions) {
      const key = keyOf(model, version);
      if (!this.#reports.has(key)) this.#reports.set(key, { model, version, ...noDifference() });
    }
  }

  /** One for each shadow of the routes in force. */
  get reports(): readonly ShadowReport[] {
    return [...this.#reports.values()];
  }

  async #run(task: ShadowTask): Promise<void> {
    const { deadlineMs, tries, onDropped } = this.#options;
    const rows = task.answered.length;
    const startedMs = performance.now();
    for (let left = tries; ; left -= 1) {
      try {
        const scores = await task.score();
        const latencyMs = performance.now() - startedMs;
        if (deadlineMs !== null && latencyMs > deadlineMs) onDropped('deadline', rows);
        else this.#take(task, scores, latencyMs);
        return;
      } catch (error) {
        const isLate = deadlineMs !== null && performance.now() - startedMs > deadlineMs;
        if (left > 1 && !isLate && classify(error) === 'retryable') continue;
        onDropped(isLate ? 'deadline' : 'failed', rows, error);
        return;
      }
    }
  }

  #take({ model, shadow, answered, onScored }: ShadowTask, scores: Float64Array, latencyMs: number): void {
    onScored(scores, latencyMs);
    const report = this.#reports.get(keyOf(model, shadow.version));
    if (report !== undefined) addDifference(report, answered, scores, shadow.tolerance);
  }
}

function keyOf(model: string, version: string): string {
  return `${model}/${version}`;
}
