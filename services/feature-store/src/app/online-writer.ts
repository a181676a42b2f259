import {
  applyEvent,
  decodeRow,
  keyPartition,
  newRow,
  rowKey,
  viewEvent,
  type CompiledView,
  type EventFields,
  type RecordPlace,
  type RowState,
} from '@everloop/features';

import { RowCache } from '../domain/row-cache.ts';
import type { TopicWork } from '../domain/topology.ts';
import type { OnlinePosition, OnlineRows, RowWrite } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';

/** A decoded record of a topic partition. */
export interface DecodedRecord extends RecordPlace {
  readonly fields: EventFields;
}

/** Rows of one write of `replace`. */
const replacedRowsMax = 2_000;

interface Touched {
  readonly key: string;
  readonly view: CompiledView;
  readonly events: NonNullable<ReturnType<typeof viewEvent>>[];
}

/** Keeps the online rows of the held partitions: one read of rows that are not in memory and one write per batch. */
export class OnlineWriter {
  readonly #rows: OnlineRows;
  readonly #cache: RowCache;
  readonly #telemetry: Telemetry;
  readonly #positions = new Map<string, OnlinePosition>();

  constructor(rows: OnlineRows, cachedRowsMax: number, telemetry: Telemetry) {
    this.#rows = rows;
    this.#cache = new RowCache(cachedRowsMax);
    this.#telemetry = telemetry;
  }

  /** Offset after the last applied record, read from the store again; null when no view reads the topic. */
  async nextOffset(work: TopicWork, partition: number): Promise<number | null> {
    this.release(work.topic, partition);
    if (work.views.length === 0) return null;
    return (await this.#position(work, partition)).nextOffset;
  }

  /** Offset after the last record that any row holds: the furthest of the buckets. */
  async reach(work: TopicWork, partition: number): Promise<number> {
    const { buckets } = await this.#position(work, partition);
    return Math.max(0, ...buckets.map(({ nextOffset }) => nextOffset));
  }

  /** Applies records in order of offsets; those that were applied before are dropped. */
  async apply(
    work: TopicWork,
    partition: number,
    records: readonly DecodedRecord[],
    nextOffset: number,
  ): Promise<void> {
    if (work.views.length === 0) return;
    const owner = ownerOf(work.topic, partition);
    const before = await this.#position(work, partition);
    if (nextOffset <= before.nextOffset) return;
    const touched = this.#gather(work, partition, records, before);
    try {
      const writes = await this.#update([...touched.values()], owner);
      const at = { topic: work.topic, partition, fingerprint: work.fingerprint };
      const startedMs = performance.now();
      this.#positions.set(owner, await this.#rows.store(writes, at, { before, nextOffset }));
      this.#telemetry.onlineWritten(work.topic, writes.length, performance.now() - startedMs, this.#cache.size);
    } catch (error) {
      this.release(work.topic, partition);
      throw error;
    }
  }

  /**
   * Makes the rows of `keys` anew from the records that the position holds, given in order of offsets, and leaves the position: a
   * reader sees the old row or the new one. Nothing else may be applied to the partition meanwhile. Resolves with the rows written.
   */
  async replace(
    work: TopicWork,
    partition: number,
    keys: ReadonlySet<string>,
    pages: AsyncIterable<readonly DecodedRecord[]>,
  ): Promise<number> {
    const position = await this.#position(work, partition);
    const made = new Map<string, RowWrite>();
    for await (const records of pages) {
      for (const record of records) {
        for (const view of work.views) {
          const event = viewEvent(view, record.fields, record);
          const key = event === null ? '' : rowKey(view.name, partition, event.key);
          if (event === null || !keys.has(key)) continue;
          if (record.offset >= (position.buckets[this.#rows.bucketOf(key)]?.nextOffset ?? 0)) continue;
          let write = made.get(key);
          if (write === undefined) made.set(key, (write = { key, view, row: newRow(view) }));
          applyEvent(view, write.row, event);
        }
      }
    }
    const writes = [...made.values()];
    this.#cache.drop(ownerOf(work.topic, partition));
    for (let from = 0; from < writes.length; from += replacedRowsMax)
      await this.#rows.replace(writes.slice(from, from + replacedRowsMax), { topic: work.topic, partition }, position);
    return writes.length;
  }

  /** Positions that this process believes to be stored. */
  held(): { readonly topic: string; readonly partition: number; readonly buckets: OnlinePosition['buckets'] }[] {
    return [...this.#positions].flatMap(([owner, { buckets }]) => {
      const slash = owner.lastIndexOf('/');
      const isStored = buckets.every(({ token }) => token !== null);
      return isStored ? [{ topic: owner.slice(0, slash), partition: Number(owner.slice(slash + 1)), buckets }] : [];
    });
  }

  release(topic: string, partition: number): void {
    const owner = ownerOf(topic, partition);
    this.#positions.delete(owner);
    this.#cache.drop(owner);
  }

  async #position(work: TopicWork, partition: number): Promise<OnlinePosition> {
    const owner = ownerOf(work.topic, partition);
    const known = this.#positions.get(owner);
    if (known !== undefined) return known;
    const stored = await this.#rows.position(work.topic, partition, work.fingerprint);
    this.#positions.set(owner, stored);
    return stored;
  }

  #gather(
    work: TopicWork,
    partition: number,
    records: readonly DecodedRecord[],
    before: OnlinePosition,
  ): Map<string, Touched> {
    const touched = new Map<string, Touched>();
    for (const record of records) {
      if (record.offset < before.nextOffset) continue;
      for (const view of work.views) {
        const event = viewEvent(view, record.fields, record);
        if (event === null) continue;
        if (event.kafkaKey !== null && keyPartition(event.kafkaKey, view.partitions) !== partition) {
          this.#telemetry.misplaced(work.topic, partition, event.key);
        }
        const key = rowKey(view.name, partition, event.key);
        if (record.offset < (before.buckets[this.#rows.bucketOf(key)]?.nextOffset ?? 0)) continue;
        const entry = touched.get(key);
        if (entry === undefined) touched.set(key, { key, view, events: [event] });
        else entry.events.push(event);
      }
    }
    return touched;
  }

  async #update(touched: readonly Touched[], owner: string): Promise<RowWrite[]> {
    const rows = new Map<string, RowState>();
    const missing: Touched[] = [];
    for (const entry of touched) {
      const row = this.#cache.get(entry.key);
      if (row === undefined) missing.push(entry);
      else rows.set(entry.key, row);
    }
    const loaded = await this.#rows.load(missing.map(({ key }) => key));
    missing.forEach(({ key, view }, index) => {
      const bytes = loaded[index] ?? null;
      rows.set(key, (bytes === null ? null : decodeRow(view, bytes)) ?? newRow(view));
    });
    const writes: RowWrite[] = [];
    for (const { key, view, events } of touched) {
      const row = rows.get(key);
      if (row === undefined) continue;
      let changed = false;
      for (const event of events) changed = applyEvent(view, row, event) || changed;
      this.#cache.set(key, owner, row);
      if (changed) writes.push({ key, view, row });
    }
    return writes;
  }
}

function ownerOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
