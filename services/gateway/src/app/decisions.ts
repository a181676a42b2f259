import type { Choice } from '../domain/routing.ts';

/**
 * What was chosen for the newest requests, so that a request that is asked again is answered by the same version, whatever the
 * route has become. Bounded: the oldest is forgotten. Of this process alone; the draw itself is the same in every replica.
 */
export class Decisions {
  readonly #max: number;
  readonly #choices = new Map<string, Choice>();

  constructor(max: number) {
    this.#max = max;
  }

  get(model: string, requestId: string): Choice | undefined {
    return this.#choices.get(keyOf(model, requestId));
  }

  put(model: string, requestId: string, choice: Choice): void {
    if (this.#max === 0) return;
    this.#choices.set(keyOf(model, requestId), choice);
    if (this.#choices.size <= this.#max) return;
    for (const oldest of this.#choices.keys()) {
      this.#choices.delete(oldest);
      return;
    }
  }
}

function keyOf(model: string, requestId: string): string {
  return `${model}\0${requestId}`;
}
