import { errorText } from '@everloop/service';
import { sqlName, sqlText, type DuckDb } from '@everloop/storage';
import type { Cell } from '../domain/field-value.ts';
import { errors } from '../errors.ts';
import type { Chunk, Item } from '../ports.ts';

/**
 * The rows of a Parquet file in the order of the file, about 2,048 at a time. The cursor is the number of the next row; going on
 * skips the row groups before it. Times become epoch milliseconds, decimals text, lists and structs JSON text, bytes base64.
 */
export async function* parquetChunks(duck: DuckDb, part: string, path: string, cursor: string): AsyncGenerator<Chunk> {
  let next = cursor === '' ? 0 : Number(cursor);
  const columns = await columnsOf(duck, part, path);
  const list = columns.map(({ name, sql }) => `${sql} AS ${sqlName(name)}`).join(', ');
  const rows = duck.stream(
    `SELECT file_row_number, ${list} FROM read_parquet(${sqlText(path)}, file_row_number = true) WHERE file_row_number >= ${next}`,
  );
  for (;;) {
    const step = await rows.next().catch((error: unknown) => {
      throw errors.partUnusable(part, errorText(error), error);
    });
    if (step.done === true) return;
    const items: Item[] = [];
    for (const [number, ...values] of step.value) {
      // The position is only right if the rows come in the order of the file.
      if (Number(number) !== next) throw new Error(`row ${String(number)} of ${part} came where row ${next} was due`);
      next += 1;
      const row: Record<string, Cell> = {};
      columns.forEach(({ name }, i) => {
        row[name] = values[i] ?? null;
      });
      items.push({ kind: 'row', row, place: `${part}:${next}` });
    }
    yield { items, cursor: String(next) };
  }
}

async function columnsOf(
  duck: DuckDb,
  part: string,
  path: string,
): Promise<readonly { readonly name: string; readonly sql: string }[]> {
  try {
    const described = await duck.all(`DESCRIBE SELECT * FROM read_parquet(${sqlText(path)})`);
    return described.map((row) => {
      const name = String(row['column_name']);
      return { name, sql: asCell(sqlName(name), String(row['column_type'])) };
    });
  } catch (error) {
    throw errors.partUnusable(part, errorText(error), error);
  }
}

/** SQL of a column as something that JSON has. */
function asCell(column: string, type: string): string {
  if (/\[\d*\]$/.test(type) || /^(STRUCT|MAP|UNION)\b/.test(type)) return `CAST(to_json(${column}) AS VARCHAR)`;
  if (type === 'DATE' || /^TIMESTAMP_/.test(type)) return `epoch_ms(CAST(${column} AS TIMESTAMP))`;
  if (/^TIMESTAMP\b/.test(type)) return `epoch_ms(${column})`;
  if (type === 'BLOB') return `base64(${column})`;
  if (/^(BOOLEAN|VARCHAR|U?(TINYINT|SMALLINT|INTEGER|BIGINT)|FLOAT|DOUBLE)$/.test(type)) return column;
  return `CAST(${column} AS VARCHAR)`;
}
