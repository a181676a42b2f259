import { openDuckDb } from '@everloop/storage';

import { HistoryCompaction } from '../src/adapters/history-compaction.ts';
import { HistoryTables } from '../src/adapters/history-tables.ts';
import { silentTelemetry } from './fixtures.ts';
import { historyRow, historyTable, historyTopic, historyTotal } from './history-rows.ts';

/*
 * Takes the partition over and writes its rows from where it stands, merging and removing files all the while, until all are there, or somebody
 * else has taken the partition. Tells its parent how far it has come.
 */
const [dir = ''] = process.argv.slice(2);
const orphaned = (): void => process.exit(1);
process.on('disconnect', orphaned);
const tell = (message: object): void => void process.send?.(message);

const duck = await openDuckDb({ memoryLimitMib: 128, threads: 1 });
const tables = new HistoryTables({ dataDir: dir, duck, bufferedRowsMax: 10, telemetry: silentTelemetry });
await tables.declare([historyTable]);
const limits = { smallRows: 10, targetRows: 640, fan: 4 };
const shared = { dataDir: dir, duck, tables, limits, graceMs: 100, now: Date.now, telemetry: silentTelemetry };
const compaction = new HistoryCompaction(shared);
let next = await tables.nextOffset(historyTopic, 0);
tell({ began: next });
try {
  while (next < historyTotal) {
    await tables.append(historyTopic, 0, [historyRow(next)], next + 1);
    next += 1;
    if (next % 40 === 0) {
      await compaction.compact();
      await compaction.sweep();
      tell({ reached: next });
    }
  }
  await tables.flush();
  tell({ done: next });
} catch (error) {
  // A merge that wakes up may find its files removed: that, too, only when they are the heir's.
  if (await tables.isHeld(historyTopic, 0)) throw error;
  tell({ taken: next });
}
process.off('disconnect', orphaned);
process.disconnect();
