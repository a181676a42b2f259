import { sqlName, type DuckDb } from '@everloop/storage';

import { CanonicalRows, type HashedColumn } from '../../domain/canonical-rows.ts';

/** Rows that are hashed between two looks at other work. */
const hashedRows = 8_192;

/** SHA-256 of the rows of a table with `__row` 1..n in that order, or of those that fit a condition; how many they are. */
export async function contentHash(
  duck: DuckDb,
  table: string,
  columns: readonly string[],
  condition = 'true',
): Promise<{ readonly digest: string; readonly rows: number }> {
  const selected = `SELECT ${columns.map(sqlName).join(', ')} FROM ${table}`;
  const header = await duck.columns(`${selected} LIMIT 0`);
  const [last] = await duck.all(`SELECT coalesce(max(__row), 0) AS n FROM ${table}`);
  const end = Number(last?.['n'] ?? 0);
  const hash = new CanonicalRows([...header.columns].map(([name, { type }]) => ({ name, type })));
  for (let from = 0; from < end; from += hashedRows) {
    const block = await duck.columns(
      `${selected} WHERE __row > ${from} AND __row <= ${from + hashedRows} AND ${condition} ORDER BY __row`,
    );
    hash.add([...block.columns.values()] satisfies HashedColumn[], block.rows);
    // The sink and the gRPC server get a turn between two blocks.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return { digest: hash.digest(), rows: hash.rows };
}
