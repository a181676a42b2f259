import { CsvParser, type CsvRecord, type CsvUnreadable } from '../domain/csv.ts';
import type { Cell } from '../domain/field-value.ts';
import { errors } from '../errors.ts';
import type { Chunk, Item } from '../ports.ts';

/** Most items of a chunk, and about how many bytes of the file. */
const chunkItemsMax = 1_000;
const chunkBytesMax = 1_048_576;
/** Longest record, bytes: as JSON it must fit into what a broker accepts by default, 1 MiB. */
const recordBytesMax = 524_288;

interface Cursor {
  /** Offset of the next record. */
  readonly byte: number;
  readonly line: number;
  readonly columns: readonly string[];
}

/**
 * The records of a CSV file whose first record names the columns. `open` gives the file's bytes from an offset on. The cursor has
 * offset, line and columns, so that going on costs nothing.
 */
export async function* csvChunks(
  part: string,
  cursor: string,
  open: (from: number) => Promise<AsyncIterable<Uint8Array>>,
): AsyncGenerator<Chunk> {
  const begun = cursor === '' ? null : (JSON.parse(cursor) as Cursor);
  const parser = new CsvParser({ recordBytesMax, from: begun?.byte ?? 0, line: begun?.line ?? 1 });
  let columns = begun?.columns ?? null;
  let items: Item[] = [];
  let byte = begun?.byte ?? 0;
  let chunkFrom = byte;
  const take = (one: CsvRecord | CsvUnreadable): void => {
    if (columns === null) columns = header(part, one);
    else items.push(itemOf(part, columns, one));
    byte = one.end;
  };
  const full = (): boolean => items.length >= chunkItemsMax || (items.length > 0 && byte - chunkFrom >= chunkBytesMax);
  const chunk = (): Chunk => {
    const done = {
      items,
      cursor: JSON.stringify({ byte, line: parser.line, columns: columns ?? [] } satisfies Cursor),
    };
    items = [];
    chunkFrom = byte;
    return done;
  };
  for await (const bytes of await open(byte)) {
    parser.push(bytes);
    for (let one = parser.next(false, columns?.length); one !== null; one = parser.next(false, columns?.length)) {
      take(one);
      if (full()) yield chunk();
    }
  }
  for (let one = parser.next(true, columns?.length); one !== null; one = parser.next(true, columns?.length)) {
    take(one);
    if (full()) yield chunk();
  }
  if (items.length > 0) yield chunk();
}

function header(part: string, first: CsvRecord | CsvUnreadable): readonly string[] {
  if (first.kind === 'unreadable') throw errors.partUnusable(part, `its first line, the header: ${first.why}`);
  const names = first.fields.map((name) => name ?? '');
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw errors.partUnusable(part, `its header names the column "${twice}" twice`);
  return names;
}

function itemOf(part: string, columns: readonly string[], one: CsvRecord | CsvUnreadable): Item {
  const place = `${part}:${one.line}`;
  if (one.kind === 'unreadable') return { kind: 'unreadable', bytes: one.bytes, why: one.why, place };
  const row: Record<string, Cell> = {};
  columns.forEach((name, i) => {
    row[name] = one.fields[i] ?? null;
  });
  return { kind: 'row', row, place };
}
