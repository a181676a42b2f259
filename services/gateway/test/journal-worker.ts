import { topics } from '@everloop/contracts';
import { pause } from '@everloop/service';
import { testBus } from '@everloop/testing';
import { createJournalLog } from '../src/adapters/journal/journal-log.ts';
import { Journal } from '../src/adapters/journal/journal.ts';
import { withTopicPrefix } from './topic-prefix.ts';

/* A process that logs numbered predictions, and tells its parent each number that it would have answered, until it is killed. */
const [folder = '', prefix = '', from = ''] = process.argv.slice(2);
const bus = withTopicPrefix(await testBus(), prefix);
const publisher = bus.publisher({ name: 'journal-worker' });
await publisher.start();
const journal = new Journal({ folder, segmentBytes: 20_000, syncEveryMs: 50, onDamaged: () => undefined });
const log = createJournalLog({
  ...{ journal, publisher, nowMs: Date.now, lingerMs: 5, bytesMax: 1_000_000_000 },
  feeds: bus.feeds({ groupId: `${prefix}.journal`, stateTopic: topics.gatewayJournal, isAlone: true }),
  onRecovered: () => undefined,
  onPositionLost: () => {
    throw new Error('the position was lost');
  },
});
for (const part of log.parts) await part.start();
for (let n = Number(from); ; n += 1) {
  log.append('served', [{ joinKey: String(n), value: Buffer.from(String(n)) }]);
  await log.written();
  process.send?.(n);
  if (n % 20 === 0) await pause(1);
}
