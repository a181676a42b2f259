import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';

import { ServiceError } from '@everloop/service';

import type { Column, ColumnTable } from './duckdb.ts';

/*
 * A table of columns as bytes, for tables that must not lie on a disk in the clear: magic "EVLCOLS1", u32 length of the header (JSON: rows and
 * the columns' names and types), the header, then zstd of the columns: float64 little-endian; texts as one JSON list, u32 length first.
 */
const magic = Buffer.from('EVLCOLS1');

/** The bytes of a table. O(cells). */
export function encodeColumns({ columns, rows }: ColumnTable): Buffer {
  const header = Buffer.from(JSON.stringify({ rows, columns: [...columns].map(([name, { type }]) => [name, type]) }));
  const bodies = [...columns.values()].map(columnBytes);
  return Buffer.concat([magic, u32(header.length), header, zstdCompressSync(Buffer.concat(bodies))]);
}

/** The table of bytes that `encodeColumns` made; EVL_STORAGE_COLUMNS_INVALID for any others. */
export function decodeColumns(bytes: Uint8Array): ColumnTable {
  try {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (!buffer.subarray(0, magic.length).equals(magic)) throw new Error('other magic');
    const headerEnd = magic.length + 4 + buffer.readUInt32LE(magic.length);
    const header = JSON.parse(buffer.subarray(magic.length + 4, headerEnd).toString()) as {
      readonly rows: number;
      readonly columns: readonly (readonly [string, Column['type']])[];
    };
    const body = zstdDecompressSync(buffer.subarray(headerEnd));
    const columns = new Map<string, Column>();
    let at = 0;
    for (const [name, type] of header.columns) {
      if (type === 'number') {
        const values = Float64Array.from({ length: header.rows }, (_, row) => body.readDoubleLE(at + 8 * row));
        columns.set(name, { type, values });
        at += 8 * header.rows;
      } else {
        const end = at + 4 + body.readUInt32LE(at);
        const values = JSON.parse(body.subarray(at + 4, end).toString()) as (string | null)[];
        columns.set(name, { type, values });
        at = end;
      }
    }
    return { columns, rows: header.rows };
  } catch (error) {
    const message = `the bytes are no table of columns: ${error instanceof Error ? error.message : String(error)}`;
    throw new ServiceError({ code: 'EVL_STORAGE_COLUMNS_INVALID', kind: 'terminal', message, cause: error });
  }
}

/** Rows of `first`, then of `second`; both have the same columns. EVL_STORAGE_COLUMNS_INVALID names a column that only one has. */
export function concatColumns(first: ColumnTable, second: ColumnTable): ColumnTable {
  const columns = new Map<string, Column>();
  for (const name of new Set([...first.columns.keys(), ...second.columns.keys()])) {
    const [a, b] = [first.columns.get(name), second.columns.get(name)];
    if (a?.type === 'number' && b?.type === 'number') {
      const values = new Float64Array(a.values.length + b.values.length);
      values.set(a.values);
      values.set(b.values, a.values.length);
      columns.set(name, { type: 'number', values });
    } else if (a?.type === 'string' && b?.type === 'string')
      columns.set(name, { type: 'string', values: [...a.values, ...b.values] });
    else {
      const message = `two tables cannot be joined end to end: they differ in column ${name}`;
      throw new ServiceError({ code: 'EVL_STORAGE_COLUMNS_INVALID', kind: 'terminal', message });
    }
  }
  return { columns, rows: first.rows + second.rows };
}

function columnBytes(column: Column): Buffer {
  if (column.type === 'number') {
    const bytes = Buffer.alloc(8 * column.values.length);
    column.values.forEach((value, row) => bytes.writeDoubleLE(value, 8 * row));
    return bytes;
  }
  const text = Buffer.from(JSON.stringify(column.values));
  return Buffer.concat([u32(text.length), text]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
