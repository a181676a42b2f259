import type { Marker } from './markers.ts';

/** Longest snapshot, characters; Kafka keeps at most 4,096 bytes with a committed offset. */
const snapshotCharsMax = 3_500;

/**
 * Watermark of one partition: the smallest over its writers, null until each of them has been heard. Never goes back.
 * Memory: one number for each writer.
 */
export class PartitionWatermark {
  #expected = 1;
  readonly #byWriter = new Map<string, number>();
  #value: number | null = null;

  /** Epoch milliseconds, null while unknown. */
  get value(): number | null {
    return this.#value;
  }

  /** Takes a marker; true if the watermark moved. O(writers). */
  observe(marker: Marker): boolean {
    if (marker.writers !== this.#expected) {
      // The writing service was scaled: what its former tasks said no longer bounds what the new ones will write.
      this.#expected = marker.writers;
      this.#byWriter.clear();
    }
    const before = this.#byWriter.get(marker.writer);
    if (before !== undefined && before >= marker.watermarkMs) return false;
    this.#byWriter.set(marker.writer, marker.watermarkMs);
    if (this.#byWriter.size < this.#expected) return false;
    const smallest = Math.min(...this.#byWriter.values());
    if (this.#value !== null && smallest <= this.#value) return false;
    this.#value = smallest;
    return true;
  }

  /** The state as text to keep with a committed offset; empty while nothing is known or when it would be too long. */
  snapshot(): string {
    if (this.#byWriter.size === 0) return '';
    const text = JSON.stringify({ n: this.#expected, v: this.#value, w: Object.fromEntries(this.#byWriter) });
    return text.length <= snapshotCharsMax ? text : '';
  }

  /** Takes the state back from `snapshot`; text that is none is ignored. */
  restore(snapshot: string | null): void {
    const state = parseSnapshot(snapshot);
    if (state === null) return;
    this.#expected = state.n;
    this.#value = state.v;
    this.#byWriter.clear();
    for (const [writer, watermarkMs] of Object.entries(state.w)) this.#byWriter.set(writer, watermarkMs);
  }
}

/** Watermark over several partitions (named by any key): the smallest of theirs, null while one of them is unknown. Never goes back. */
export class WatermarkTracker {
  readonly #partitions = new Map<string, PartitionWatermark>();
  #value: number | null = null;

  constructor(keys: Iterable<string>) {
    for (const key of keys) this.#partitions.set(key, new PartitionWatermark());
  }

  /** Epoch milliseconds, null while unknown. */
  get value(): number | null {
    return this.#value;
  }

  partition(key: string): PartitionWatermark {
    const found = this.#partitions.get(key);
    if (found !== undefined) return found;
    const added = new PartitionWatermark();
    this.#partitions.set(key, added);
    return added;
  }

  /** Adds partitions that are read from now on and drops the others; the watermark does not go back. */
  retain(keys: ReadonlySet<string>): void {
    for (const key of this.#partitions.keys()) if (!keys.has(key)) this.#partitions.delete(key);
    for (const key of keys) this.partition(key);
  }

  /** Takes a marker that was read from partition `key`; true if the smallest watermark moved. O(partitions) when the partition's moved. */
  observe(key: string, marker: Marker): boolean {
    return this.partition(key).observe(marker) && this.refresh();
  }

  /** Computes the smallest watermark again, after `restore` or `retain`; true if it moved. */
  refresh(): boolean {
    const smallest = smallestKnown(this.#partitions.values());
    if (smallest === null || (this.#value !== null && smallest <= this.#value)) return false;
    this.#value = smallest;
    return true;
  }
}

function smallestKnown(partitions: Iterable<PartitionWatermark>): number | null {
  let smallest: number | null = null;
  for (const { value } of partitions) {
    if (value === null) return null;
    smallest = smallest === null ? value : Math.min(smallest, value);
  }
  return smallest;
}

interface Snapshot {
  readonly n: number;
  readonly v: number | null;
  readonly w: Readonly<Record<string, number>>;
}

function parseSnapshot(text: string | null): Snapshot | null {
  if (text === null || text === '') return null;
  try {
    const value: unknown = JSON.parse(text);
    return isSnapshot(value) ? value : null;
  } catch {
    return null;
  }
}

function isSnapshot(value: unknown): value is Snapshot {
  if (typeof value !== 'object' || value === null || !('n' in value) || !('v' in value) || !('w' in value))
    return false;
  if (!Number.isSafeInteger(value.n) || (value.v !== null && !Number.isSafeInteger(value.v))) return false;
  return (
    typeof value.w === 'object' && value.w !== null && Object.values(value.w).every((w) => Number.isSafeInteger(w))
  );
}
