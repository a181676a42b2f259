import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bus } from '../src/index.ts';
import { numbered, publishAll } from './fixtures.ts';
import { eventually, readTopic, testBus, text, uniqueName } from './support.ts';

let bus: Bus;
const children: ChildProcess[] = [];
beforeAll(async () => {
  bus = testBus();
  await bus.start();
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await bus.stop();
});

function worker(...args: string[]): ChildProcess {
  const child = fork(new URL('./zombie-worker.ts', import.meta.url), args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  children.push(child);
  return child;
}

async function said(child: ChildProcess, what: string): Promise<void> {
  for (;;) if ((await once(child, 'message'))[0] === what) return;
}

describe('a process that was suspended and wakes up after its task was given away', () => {
  it.each(['handler', 'produce'])('writes nothing twice (suspended in: %s)', { timeout: 90_000 }, async (point) => {
    const [from, to, groupId] = [uniqueName('from'), uniqueName('to'), uniqueName('g')];
    await bus.ensureTopics([
      { name: from, partitions: 1 },
      { name: to, partitions: 1 },
    ]);
    const zombie = worker(groupId, from, to, point);
    const stalled = said(zombie, 'stalled');
    await said(zombie, 'running');
    // One batch after the other, so that the third is not the last.
    let sent = 0;
    for (let batch = 0; batch < 3; batch += 1) {
      await publishAll(bus, numbered(from, 100, 1, sent));
      sent += 100;
      if (batch < 2) await eventually(async () => (await readTopic(bus, to)).length === sent);
    }
    await stalled;
    const heir = worker(groupId, from, to, '');
    await publishAll(bus, numbered(from, 500, 1, sent));
    sent += 500;
    await eventually(async () => (await readTopic(bus, to)).length === sent, 60_000);
    zombie.kill('SIGCONT');
    await publishAll(bus, numbered(from, 500, 1, sent));
    sent += 500;
    await eventually(async () => (await readTopic(bus, to)).length >= sent, 60_000);
    for (const child of [zombie, heir]) {
      child.send('stop');
      await once(child, 'exit');
    }
    const values = (await readTopic(bus, to)).map((r) => Number(text(r)));
    expect(values).toEqual(Array.from({ length: sent }, (_, n) => n));
  });
});
