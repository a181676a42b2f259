/** Most places that are waited for at once; more are simply not waited for. */
const waitingMax = 100_000;

/** Who waits for records to be in the online rows, by the place of the raw record (`<topic>/<partition>/<offset>`). */
export class AppliedPlaces {
  readonly #waiting = new Map<string, (() => void)[]>();
  #count = 0;

  /** Says that records are in the online rows now. O(places) while anybody waits, else O(1). */
  applied(places: readonly string[]): void {
    if (this.#waiting.size === 0) return;
    for (const place of places) for (const resolve of this.#waiting.get(place) ?? []) resolve();
  }

  /** Resolves with the places that were applied when all were, or after `waitMs` of wall-clock time. */
  async wait(places: readonly string[], waitMs: number): Promise<ReadonlySet<string>> {
    const applied = new Set<string>();
    if (this.#count + places.length > waitingMax || places.length === 0) return applied;
    this.#count += places.length;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const notices = places.map((place) => {
      const notice = (): void => {
        applied.add(place);
        if (applied.size === places.length) resolve(undefined);
      };
      this.#waiting.set(place, [...(this.#waiting.get(place) ?? []), notice]);
      return { place, notice };
    });
    const timer = setTimeout(resolve, waitMs, undefined);
    await promise;
    clearTimeout(timer);
    for (const { place, notice } of notices) this.#forget(place, notice);
    this.#count -= places.length;
    return applied;
  }

  #forget(place: string, notice: () => void): void {
    const left = (this.#waiting.get(place) ?? []).filter((one) => one !== notice);
    if (left.length === 0) this.#waiting.delete(place);
    else this.#waiting.set(place, left);
  }
}
