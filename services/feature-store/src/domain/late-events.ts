/** How far the events of one partition have come. */
interface Reach {
  /** Records before this offset were counted, here or by who held the partition before. */
  nextOffset: number;
  newestMs: number;
}

/**
 * Finds events that come later than their Source allows: older than the newest event that came before them in their partition by more than
 * `allowedLatenessMs`. They are applied like all others (rows and history are corrected); this only says how many and how late. The newest
 * event is known from where the partition was taken over on, so right after that fewer are found, never more.
 */
export class LateEvents {
  readonly #reaches = new Map<string, Reach>();

  /** A partition is held from now on; records before `nextOffset` were applied before and do not count again. */
  begin(topic: string, partition: number, nextOffset: number): void {
    const known = this.#reaches.get(`${topic}/${partition}`);
    this.#reaches.set(`${topic}/${partition}`, {
      nextOffset: Math.max(nextOffset, known?.nextOffset ?? 0),
      newestMs: known?.newestMs ?? -Infinity,
    });
  }

  end(topic: string, partition: number): void {
    this.#reaches.delete(`${topic}/${partition}`);
  }

  /** How late each late one of these records is behind the newest event, milliseconds. Rows in order of offsets; those that were counted are left out. */
  count(
    topic: string,
    partition: number,
    rows: readonly { readonly offset: number; readonly timeMs: number }[],
    allowedLatenessMs: number,
  ): number[] {
    const key = `${topic}/${partition}`;
    const reach = this.#reaches.get(key) ?? { nextOffset: 0, newestMs: -Infinity };
    this.#reaches.set(key, reach);
    const lateness: number[] = [];
    for (const { offset, timeMs } of rows) {
      const behindMs = reach.newestMs - timeMs;
      if (behindMs > allowedLatenessMs && offset >= reach.nextOffset) lateness.push(behindMs);
      reach.newestMs = Math.max(reach.newestMs, timeMs);
      reach.nextOffset = Math.max(reach.nextOffset, offset + 1);
    }
    return lateness;
  }
}
