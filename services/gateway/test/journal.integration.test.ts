import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { topics } from '@everloop/contracts';
import type { Bus } from '@everloop/kafka';
import { eventually, testBus, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJournalLog } from '../src/adapters/journal/journal-log.ts';
import { Journal } from '../src/adapters/journal/journal.ts';
import { withTopicPrefix } from './topic-prefix.ts';

const prefix = uniqueName('journal');
const folder = mkdtempSync(path.join(tmpdir(), 'everloop-journal-'));
const children: ChildProcess[] = [];
let bus: Bus;

beforeAll(async () => {
  bus = withTopicPrefix(await testBus(), prefix);
  await bus.ensureTopics([
    { name: topics.gatewayJournal, partitions: 1, compacted: true },
    { name: topics.inferenceServed, partitions: 3 },
    { name: topics.inferenceShadowed, partitions: 3 },
  ]);
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await bus.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function logged(): Promise<number[]> {
  const found: number[] = [];
  await bus.readAll([topics.inferenceServed], ({ records }) => {
    for (const { value } of records) if ((value?.length ?? 0) > 0) found.push(Number(value));
  });
  return found;
}

describe('the journal on a real broker', () => {
  it('kill -9 at any moment: what was answered is in Kafka once', { timeout: 300_000 }, async () => {
    const answered = new Set<number>();
    let next = 0;
    for (let round = 0; round < 5; round += 1) {
      const from = next;
      const child = fork(new URL('./journal-worker.ts', import.meta.url), [folder, prefix, String(from)], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      children.push(child);
      child.on('message', (n: number) => {
        answered.add(n);
        next = Math.max(next, n + 1);
      });
      // Some rounds end before anything of theirs is in Kafka, some amid transactions.
      const wanted = round % 2 === 0 ? 200 : 2_000 + round * 777;
      await eventually(() => next >= from + wanted, { timeoutMs: 100_000 });
      child.kill('SIGKILL');
      await once(child, 'exit');
      // What was written and not told any more may be in Kafka too: the next process does not use its numbers.
      next += 1_000;
    }
    const journal = new Journal({ folder, segmentBytes: 20_000, syncEveryMs: 50, onDamaged: () => undefined });
    const publisher = bus.publisher({ name: 'journal-test' });
    await publisher.start();
    const log = createJournalLog({
      ...{ journal, publisher, nowMs: Date.now, lingerMs: 5, bytesMax: 1_000_000_000 },
      feeds: bus.feeds({ groupId: `${prefix}.journal`, stateTopic: topics.gatewayJournal, isAlone: true }),
      onRecovered: () => undefined,
      onPositionLost: () => undefined,
    });
    for (const part of log.parts) await part.start();
    await log.advance(1, ['served', 'shadowed']);
    expect(log.queuedBytes).toBe(0);
    const found = await logged();
    for (const part of log.parts.toReversed()) await part.stop();
    await publisher.stop();
    const distinct = new Set(found);
    expect(found.length).toBe(distinct.size);
    expect([...answered].filter((n) => !distinct.has(n))).toEqual([]);
    expect(answered.size).toBeGreaterThan(6_000);
  });
});
