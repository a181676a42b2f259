import { gatewayError } from '../errors.ts';
import type { Caller } from '../ports.ts';
import type { Explanation } from './explainer.ts';
import type { ModelCatalog } from './catalog.ts';
import type { Prediction, Predictor } from './predictor.ts';
import { modelNotFound, type Ask } from './prepare.ts';
import type { Statistics } from './statistics.ts';

export interface AnsweringOptions {
  readonly predictor: Pick<Predictor, 'predict'>;
  readonly catalog: ModelCatalog;
  readonly statistics: Statistics;
  /** Whether requests can be taken now. */
  readonly isReady: () => boolean;
  readonly onFailed: (model: string, error: unknown) => void;
}

const none: readonly Explanation[] = [];

/** From a request in any form to its answer in the same form: the one way to a prediction, counted once. */
export class Answering {
  readonly #options: AnsweringOptions;

  constructor(options: AnsweringOptions) {
    this.#options = options;
  }

  /** The answer that `write` makes of the prediction, and of its explanations where they are wanted. */
  async answer<T>(
    ask: Ask,
    write: (prediction: Prediction, explanations: readonly Explanation[]) => T,
    caller?: Caller,
  ): Promise<T> {
    const startedMs = performance.now();
    try {
      this.#requireReady();
      const prediction = await this.#options.predictor.predict(ask, caller);
      const explanations = prediction.explanations === null ? none : await prediction.explanations;
      const predictedMs = performance.now();
      const answer = write(prediction, explanations);
      const answeredMs = performance.now();
      this.#options.statistics.answered({
        model: prediction.prepared.model.name,
        version: prediction.choice.version,
        rows: prediction.scores.length,
        totalMs: answeredMs - startedMs,
        waitMs: prediction.timing.waitMs,
        inputMs: prediction.timing.readMs,
        outputMs: answeredMs - predictedMs,
      });
      return answer;
    } catch (error) {
      this.#failed(ask.model, error);
      throw error;
    }
  }

  /** Throws what would be wrong with every request for the model: EVL_GATEWAY_NOT_READY, EVL_GATEWAY_MODEL_NOT_FOUND. */
  require(model: string): void {
    const { catalog } = this.#options;
    try {
      this.#requireReady();
      if (catalog.get(model) === undefined) throw modelNotFound(model, catalog);
    } catch (error) {
      this.#failed(model, error);
      throw error;
    }
  }

  #requireReady(): void {
    if (!this.#options.isReady())
      throw gatewayError('EVL_GATEWAY_NOT_READY', 'the gateway is starting or stopping; ask again later');
  }

  #failed(model: string, error: unknown): void {
    // Names come from outside; only known ones may become a label.
    this.#options.onFailed(this.#options.catalog.get(model) === undefined ? 'unknown' : model, error);
  }
}
