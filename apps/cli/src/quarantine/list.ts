import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { once } from 'node:events';
import type { Bus, BusRecord } from '@everloop/kafka';
import { table } from '../table.ts';
import { visible } from './bytes.ts';
import { QuarantineCounts } from './counts.ts';
import { exportLine } from './export-line.ts';
import { findSource, readQuarantine, readReplayed, readSources, type QuarantinedSource } from './log.ts';
import { placeOf, reasonsOf } from './quarantined.ts';
import { isSelected, type Selection } from './select.ts';

export interface ListOptions extends Selection {
  /** Newest records to show. */
  readonly limit: number;
  readonly export?: string;
}

const reasonsShown = 20;
const keyCharsShown = 40;

/** Every Source with what its quarantine holds. */
export async function listAll(bus: Bus, selection: Selection): Promise<string> {
  const replayed = await readReplayed(bus);
  const rows: string[][] = [];
  for (const source of await readSources(bus)) {
    const counts = await countOf(bus, source, selection, replayed.get(source.spec.topic) ?? new Set(), () => undefined);
    const often = counts
      .kinds()
      .slice(0, 2)
      .map((kind) => `${kindText(kind)} (${grouped(kind.records)})`);
    const times = counts.records === 0 ? ['-', '-'] : [minute(counts.firstMs), minute(counts.lastMs)];
    rows.push([source.name, grouped(counts.records), grouped(counts.replayed), ...times, often.join(', ')]);
  }
  if (rows.length === 0) return 'no Source is applied';
  return table(['SOURCE', 'RECORDS', 'SENT BACK', 'FIRST', 'LAST', 'MOST OFTEN'], rows);
}

/** One Source: counts by rule and time, and the newest records. With `export` the selected records go to a file instead of the list. */
export async function listSource(bus: Bus, text: string, options: ListOptions): Promise<string> {
  const source = await findSource(bus, text);
  const places = (await readReplayed(bus)).get(source.spec.topic) ?? new Set<string>();
  const newest: BusRecord[] = [];
  const file = options.export === undefined ? null : await exportFile(options.export);
  const counts = await countOf(bus, source, options, places, async (record) => {
    newest.push(record);
    if (newest.length > options.limit * 2) newest.sort(byAge).splice(options.limit);
    await file?.write(exportLine(record));
  });
  await file?.finish();
  const head = `Source ${source.name}: ${grouped(counts.records)} records in ${source.topic}, ${grouped(counts.replayed)} of them sent back`;
  if (counts.records === 0) return `${head}; nothing to show`;
  if (options.export !== undefined) return `${head}; written to ${options.export}`;
  return [head, byRule(counts), byTime(counts), newestTable(newest.sort(byAge).slice(0, options.limit), places)].join(
    '\n\n',
  );
}

async function countOf(
  bus: Bus,
  source: QuarantinedSource,
  selection: Selection,
  replayed: ReadonlySet<string>,
  onRecord: (record: BusRecord) => void | Promise<void>,
): Promise<QuarantineCounts> {
  const counts = new QuarantineCounts();
  await readQuarantine(bus, source.topic, async (record) => {
    if (!isSelected(record, selection)) return;
    counts.add(record, replayed.has(placeOf(record)));
    await onRecord(record);
  });
  return counts;
}

function byAge(a: BusRecord, b: BusRecord): number {
  return b.timestampMs - a.timestampMs || b.partition - a.partition || Number(b.offset - a.offset);
}

function byRule(counts: QuarantineCounts): string {
  const kinds = counts.kinds();
  const rows = kinds
    .slice(0, reasonsShown)
    .map(({ rule, path, records, firstMs, lastMs }) => [
      rule,
      path === '' ? '-' : visible(path),
      grouped(records),
      minute(firstMs),
      minute(lastMs),
    ]);
  const more = kinds.length > reasonsShown ? `\n… and ${kinds.length - reasonsShown} more kinds of reasons` : '';
  return table(['RULE', 'COLUMN', 'RECORDS', 'FIRST', 'LAST'], rows) + more;
}

function byTime(counts: QuarantineCounts): string {
  const { lengthMs, periods } = counts.periods();
  const digits = lengthMs < 24 * 3_600_000 ? 16 : 10;
  const heading = digits === 16 ? 'HOUR' : lengthMs === 24 * 3_600_000 ? 'DAY' : '30 DAYS FROM';
  const rows = periods.map(({ fromMs, records }) => [
    new Date(fromMs).toISOString().slice(0, digits).replace('T', ' '),
    grouped(records),
  ]);
  return table([heading, 'RECORDS'], rows);
}

function newestTable(records: readonly BusRecord[], replayed: ReadonlySet<string>): string {
  const rows = records.map((record) => [
    placeOf(record),
    minute(record.timestampMs),
    visible((record.key?.toString() ?? '-').slice(0, keyCharsShown)),
    replayed.has(placeOf(record)) ? 'yes' : '-',
    [...new Set(reasonsOf(record).map(kindText))].slice(0, 4).join(', '),
  ]);
  return table(['PLACE', 'WRITTEN', 'KEY', 'SENT BACK', 'REASONS'], rows);
}

function kindText({ rule, path }: { readonly rule: string; readonly path: string }): string {
  return path === '' ? rule : `${rule} ${visible(path)}`;
}

/** Lines go to a file beside the wanted one, which appears under its name when it is whole. */
async function exportFile(path: string) {
  const stream = createWriteStream(`${path}.part`);
  await once(stream, 'open');
  return {
    async write(line: string): Promise<void> {
      if (!stream.write(`${line}\n`)) await once(stream, 'drain');
    },
    async finish(): Promise<void> {
      stream.end();
      await once(stream, 'close');
      await rename(`${path}.part`, path);
    },
  };
}

/** @example minute(0) // '1970-01-01 00:00' */
export function minute(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
}

export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
