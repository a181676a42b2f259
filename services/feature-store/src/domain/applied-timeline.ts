/** Offset after the last record, by topic and partition. */
export type AppliedOffsets = ReadonlyMap<string, readonly number[]>;

/** How far records were applied to the online rows. Between two looks that found the same, nothing was applied. */
export interface AppliedSpan {
  /** Wall clock, epoch milliseconds, after the first look that found it. */
  readonly fromMs: number;
  /** Before the last look that found it; smaller than `fromMs` when there was one look. */
  readonly untilMs: number;
  /** What every row holds at least. */
  readonly floor: AppliedOffsets;
  /** What any row holds at most: more than the floor where the buckets of a partition differ. */
  readonly ceiling: AppliedOffsets;
}

function isEqual(a: AppliedOffsets, b: AppliedOffsets): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([topic, offsets]) => {
    const other = b.get(topic);
    return other?.length === offsets.length && offsets.every((offset, partition) => offset === other[partition]);
  });
}

/** The newest spans, at most `max`, in order of time: what the online rows held at a moment that has passed. */
export class AppliedTimeline {
  readonly #max: number;
  #spans: AppliedSpan[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /** Wall clock of the newest look; -Infinity before the first. */
  get untilMs(): number {
    return this.#spans.at(-1)?.untilMs ?? -Infinity;
  }

  /** Adds what one look found: it was begun at `untilMs` and over at `fromMs`. */
  add(look: AppliedSpan): void {
    const last = this.#spans.at(-1);
    if (last !== undefined && isEqual(last.floor, look.floor) && isEqual(last.ceiling, look.ceiling)) {
      this.#spans[this.#spans.length - 1] = { ...last, untilMs: look.untilMs };
      return;
    }
    this.#spans.push(look);
    if (this.#spans.length > this.#max) this.#spans = this.#spans.slice(-this.#max);
  }

  /** What the rows held already at a moment; null when that is not known any more. */
  before(atMs: number): AppliedSpan | null {
    return this.#spans.findLast(({ fromMs }) => fromMs <= atMs) ?? null;
  }

  /** What the rows did not go beyond by a moment; null when that is not known yet. */
  after(atMs: number): AppliedSpan | null {
    return this.#spans.find(({ untilMs }) => untilMs >= atMs) ?? null;
  }
}
