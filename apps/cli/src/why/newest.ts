/** Which part of a model's history is told. */
export interface Period {
  /** From this event time on, epoch milliseconds UTC. */
  readonly sinceMs: number;
  /** Before this event time. */
  readonly untilMs: number;
  /** Entries that are told, the newest ones. */
  readonly limit: number;
}

/** Keeps the newest of what it is given within a period, in bounded memory. */
export interface Newest<T> {
  add(one: T): void;
  /** Newest first; of two at the same time the one that was given later. */
  list(): readonly T[];
}

/** At most twice `limit` are held at a time. O(log limit) an item, amortised. */
export function newestOf<T>({ sinceMs, untilMs, limit }: Period, timeOf: (one: T) => number): Newest<T> {
  let kept: { readonly one: T; readonly atMs: number; readonly order: number }[] = [];
  let order = 0;
  const cut = (): void => {
    kept = kept.sort((a, b) => b.atMs - a.atMs || b.order - a.order).slice(0, limit);
  };
  return {
    add: (one) => {
      const atMs = timeOf(one);
      if (atMs < sinceMs || atMs >= untilMs) return;
      kept.push({ one, atMs, order: order++ });
      if (kept.length >= 2 * limit) cut();
    },
    list: () => {
      cut();
      return kept.map(({ one }) => one);
    },
  };
}
