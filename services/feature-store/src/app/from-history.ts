import { rowKey, viewEvent } from '@everloop/features';

import { errors } from '../errors.ts';
import { recordOfHistory } from '../domain/history-record.ts';
import type { TopicWork } from '../domain/topology.ts';
import type { History } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import type { DecodedRecord, OnlineWriter } from './online-writer.ts';

/** Records of one page of the history. */
const pageRecords = 10_000;
/** Online rows that are made in memory at once; the history is read once for each such lot. */
const lotRows = 20_000;

export interface FromHistory {
  readonly online: OnlineWriter;
  readonly history: History;
  readonly telemetry: Telemetry;
}

/** Event times, epoch milliseconds, [from, until); null: all. */
export interface MaterialiseRange {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Records of a topic partition out of the history, page by page. */
export async function* historyPages(
  history: History,
  work: TopicWork,
  partition: number,
  range: { readonly from: number; readonly until: number },
): AsyncGenerator<readonly DecodedRecord[]> {
  for (let { from } = range; from < range.until;) {
    const rows = await history.scan(work.topic, partition, { from, until: range.until, limit: pageRecords });
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map((row) => recordOfHistory(work, row));
    from = last.offset + 1;
  }
}

/**
 * Applies to the online rows what the topic does not keep any more and the history has: offsets from `applied` to `stored`. The same
 * writer as for the stream, so the same rows. Resolves with the new position.
 */
export async function backfill(
  { online, history, telemetry }: FromHistory,
  work: TopicWork,
  partition: number,
  { applied, stored }: { readonly applied: number; readonly stored: number },
): Promise<number> {
  let records = 0;
  let position = applied;
  for await (const page of historyPages(history, work, partition, { from: applied, until: stored })) {
    position = (page.at(-1)?.offset ?? position) + 1;
    await online.apply(work, partition, page, position);
    records += page.length;
  }
  await online.apply(work, partition, [], stored);
  telemetry.backfilled(work.topic, partition, records, applied);
  return stored;
}

/**
 * Makes the online rows of a topic partition anew from the history: those of every entity of `views` with an event in the range.
 * Nothing else may be applied to the partition meanwhile. Costs one reading of the history, and one for each 20,000 rows.
 */
export async function materialise(
  { online, history, telemetry }: FromHistory,
  work: TopicWork,
  partition: number,
  asked: { readonly views: ReadonlySet<string> | null; readonly range: MaterialiseRange | null },
): Promise<{ readonly rows: number; readonly records: number }> {
  const startedMs = performance.now();
  const until = await online.reach(work, partition);
  const stored = await history.nextOffset(work.topic, partition);
  if (stored < until) throw errors.historyBehind(work.topic, partition, stored, until);
  const pages = () => historyPages(history, work, partition, { from: 0, until });
  const views = work.views.filter(({ name }) => asked.views === null || asked.views.has(name));
  const keys = new Set<string>();
  let records = 0;
  for await (const page of pages()) {
    records += page.length;
    for (const record of page) {
      for (const view of views) {
        const event = viewEvent(view, record.fields, record);
        if (event !== null && isIn(asked.range, event.timeMs)) keys.add(rowKey(view.name, partition, event.key));
      }
    }
  }
  let rows = 0;
  const all = [...keys];
  for (let from = 0; from < all.length; from += lotRows)
    rows += await online.replace(work, partition, new Set(all.slice(from, from + lotRows)), pages());
  telemetry.materialised(work.topic, partition, rows, records, performance.now() - startedMs);
  return { rows, records };
}

function isIn(range: MaterialiseRange | null, timeMs: number): boolean {
  return range === null || (timeMs >= range.fromMs && timeMs < range.untilMs);
}
