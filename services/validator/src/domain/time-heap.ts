/** A binary heap of things with a time: the oldest is at hand. Adding and taking cost O(log n). */
export class TimeHeap<T extends { readonly timeMs: number }> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  get oldest(): T | undefined {
    return this.#items[0];
  }

  add(item: T): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent];
      if (above === undefined || above.timeMs <= item.timeMs) break;
      items[at] = above;
      at = parent;
    }
    items[at] = item;
  }

  /** Removes and returns the oldest. */
  take(): T | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const child = (items[left + 1]?.timeMs ?? Infinity) < (items[left]?.timeMs ?? Infinity) ? left + 1 : left;
      const below = items[child];
      if (below === undefined || below.timeMs >= last.timeMs) break;
      items[at] = below;
      at = child;
    }
    items[at] = last;
    return first;
  }
}
