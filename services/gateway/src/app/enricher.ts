import type { Logger } from '@everloop/service';
import type { FeatureRow } from '../domain/vector.ts';
import type { Caller, FeatureReader, Lookup } from '../ports.ts';
import { Batcher } from './batcher.ts';
import type { ServedModel } from './catalog.ts';

export interface EnricherOptions {
  /** Most rows in one read. */
  readonly rowsMax: number;
  /** Reads under way at once for one model. */
  readonly inFlightMax: number;
  readonly logger: Logger;
  /** Rows that were read without the online store. */
  readonly onDegraded: (rows: number) => void;
}

export interface Enriched {
  readonly rows: readonly FeatureRow[];
  /** The online store could not be asked. */
  readonly isDegraded: boolean;
  /** From the request for features to their reading, milliseconds. */
  readonly waitMs: number;
  /** The reading, milliseconds. */
  readonly readMs: number;
}

interface Request {
  readonly rows: readonly Lookup[];
  readonly caller: Caller | undefined;
  /** On the clock of `performance.now()`. */
  readonly askedMs: number;
}

/** What is missing only because the store could not be asked, as the model declares it. */
function withFallbacks({ spec }: ServedModel, rows: readonly FeatureRow[]): readonly FeatureRow[] {
  if (spec.inputs.every(({ fallback }) => fallback === undefined)) return rows;
  return rows.map((row) => ({
    ...row,
    values: row.values.map((value, index) => value ?? spec.inputs[index]?.fallback ?? null),
  }));
}

/** How often a store that stays away is logged, milliseconds. */
const logEveryMs = 10_000;

/** Adds features to request rows: concurrent requests share one read; without the online store the answer is degraded, not refused. */
export class Enricher {
  readonly #options: EnricherOptions;
  readonly #batchers = new WeakMap<FeatureReader, Batcher<Request, Enriched>>();
  #loggedAtMs = -Infinity;

  constructor(options: EnricherOptions) {
    this.#options = options;
  }

  /** Rejects with EVL_GATEWAY_CALL_CANCELLED when the caller is gone before the reading begins. */
  enrich(model: ServedModel, rows: readonly Lookup[], caller?: Caller): Enriched | Promise<Enriched> {
    if (!model.reader.needsStore) {
      return { rows: model.reader.readWithoutStore(rows), isDegraded: false, waitMs: 0, readMs: 0 };
    }
    let batcher = this.#batchers.get(model.reader);
    if (batcher === undefined) {
      const { rowsMax, inFlightMax } = this.#options;
      batcher = new Batcher({
        isOver: (request) => request.caller?.isOver === true,
        weigh: (request) => request.rows.length,
        weightMax: rowsMax,
        inFlightMax,
        run: (requests) => this.#read(model, requests),
      });
      this.#batchers.set(model.reader, batcher);
    }
    return batcher.submit({ rows, caller, askedMs: performance.now() });
  }

  async #read(model: ServedModel, requests: readonly Request[]): Promise<readonly Enriched[]> {
    const startedMs = performance.now();
    const lookups = requests.flatMap((request) => request.rows);
    let isDegraded = false;
    let rows: readonly FeatureRow[];
    try {
      rows = await model.reader.read(lookups);
    } catch (error) {
      isDegraded = true;
      this.#log(model.name, error);
      this.#options.onDegraded(lookups.length);
      rows = withFallbacks(model, model.reader.readWithoutStore(lookups));
    }
    let at = 0;
    const readMs = performance.now() - startedMs;
    return requests.map((request) => ({
      rows: rows.slice(at, (at += request.rows.length)),
      isDegraded,
      waitMs: startedMs - request.askedMs,
      readMs,
    }));
  }

  #log(model: string, error: unknown): void {
    const nowMs = performance.now();
    if (nowMs - this.#loggedAtMs < logEveryMs) return;
    this.#loggedAtMs = nowMs;
    this.#options.logger.error(
      { err: error, model },
      'features could not be read; answers are degraded until they can',
    );
  }
}
