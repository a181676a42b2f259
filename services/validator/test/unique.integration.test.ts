import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { registry, topics, toWire, type SourceSpec } from '@everloop/contracts';
import type { Bus, BusRecord, OutRecord } from '@everloop/kafka';
import { eventually, isolatedBus, testBus, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

const prefix = uniqueName('unique');
const topic = 'unique.test';
const partitions = 4;
const minuteMs = 60_000;
const withinMs = 60 * minuteMs;
const latenessMs = 10 * minuteMs;
const startMs = 1_357_000_000_000;
const portion = 6_000;

let inner: Bus;
let bus: Bus;
const workers: ChildProcess[] = [];

beforeAll(async () => {
  inner = await testBus();
  bus = isolatedBus(inner, prefix);
  await bus.ensureTopics([{ name: topics.resources, partitions: 1, compacted: true }]);
});
afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await inner.stop();
});

async function start(): Promise<ChildProcess> {
  const child = fork(new URL('./validator-worker.ts', import.meta.url), [prefix], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  workers.push(child);
  await once(child, 'message');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Leaves the group in order: its partitions are given to others at once. */
async function leave(child: ChildProcess): Promise<void> {
  child.send('stop');
  await once(child, 'exit');
}

const spec: SourceSpec = {
  ...{ topic, partitions, format: 'json', key: 'id', eventTime: 'at', allowedLatenessMs: latenessMs },
  ...{ unexpected: 'reject', compatibility: 'backward', rules: [] },
  unique: [{ fields: ['id'], withinMs }],
  fields: { id: { type: 'string', required: true }, at: { type: 'timestamp', required: true } },
};

/** mulberry32: a small seeded generator of numbers in [0, 1). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = seeded(9);
let made = 0;

/**
 * Twelve hours in all: a key comes up to four times within some hundred records of its partition, later records up to ten minutes late, and again
 * after hours, when it counts as new.
 */
function record(): OutRecord {
  const number = made++;
  const partition = number % partitions;
  const at = startMs + number * 1_000 - Math.floor(random() * latenessMs);
  const id = `p${partition}-${Math.floor(number / 1_200) % 9}-${Math.floor(random() * 700)}`;
  return { topic, partition, key: id, value: JSON.stringify({ id, at }) };
}

async function publish(count: number): Promise<void> {
  const publisher = bus.publisher({ name: 'producer' });
  for (let left = count; left > 0; left -= 200)
    await publisher.publish(Array.from({ length: Math.min(200, left) }, record));
  await publisher.stop();
}

async function judged(): Promise<number> {
  const ends = await Promise.all(
    ['valid', 'quarantine'].map(async (suffix) => {
      const offsets = await bus.offsets(`${topic}.${suffix}`);
      return offsets.reduce((sum, { high }) => sum + Number(high), 0);
    }),
  );
  return ends.reduce((sum, end) => sum + end, 0);
}

/** Publishes a portion and lets something happen in the middle of it. */
async function during(what: () => Promise<void>): Promise<void> {
  const target = (await judged()) + Math.floor(portion * (0.1 + 0.7 * random()));
  await Promise.all([
    publish(portion),
    (async () => {
      await eventually(async () => (await judged()) > target, { timeoutMs: 60_000, what: 'some progress' });
      await what();
    })(),
  ]);
}

async function read(name: string): Promise<readonly BusRecord[]> {
  const found: BusRecord[] = [];
  await bus.readAll([name], ({ records }) => void found.push(...records));
  return found;
}

/** Where the raw records lie that are to be valid, and for each of the others the one that it repeats: in the order of their partition. */
function expected(raw: readonly BusRecord[]): { valid: Set<string>; repeats: Map<string, string> } {
  const accepted = new Map<string, { readonly at: number; readonly place: string }[]>();
  const valid = new Set<string>();
  const repeats = new Map<string, string>();
  for (const one of raw) {
    const { id, at } = JSON.parse(String(one.value)) as { readonly id: string; readonly at: number };
    const place = `${topic}/${one.partition}/${one.offset}`;
    const before = accepted.get(id) ?? [];
    const first = before.find((other) => Math.abs(other.at - at) < withinMs);
    if (first !== undefined) {
      repeats.set(place, first.place);
      continue;
    }
    valid.add(place);
    accepted.set(id, [...before, { at, place }]);
  }
  return { valid, repeats };
}

it('values stay unique, each once, while validators are killed, leave, join and are suspended', async () => {
  const value = JSON.stringify(registry.Resource.toJSON(toWire({ kind: 'Source', name: 'unique', revision: 1, spec })));
  const publisher = bus.publisher({ name: 'registry' });
  await publisher.publish([{ topic: topics.resources, partition: 0, key: 'Source/unique', value }]);
  await publisher.stop();
  let [one, two] = [await start(), await start()];
  await eventually(() => bus.partitionCount(`${topic}.quarantine`), { timeoutMs: 60_000, what: 'the topics' });

  await during(async () => {
    await kill(one);
    one = await start();
  });
  await during(async () => await leave(two));
  await during(async () => {
    two = await start();
  });
  await during(async () => {
    await Promise.all([kill(one), kill(two)]);
    [one, two] = [await start(), await start()];
  });
  await during(async () => {
    // Longer than its session: its partitions are given away, and what it still holds in memory is of yesterday.
    two.kill('SIGSTOP');
    const before = await judged();
    await publish(portion);
    await eventually(async () => (await judged()) >= before + portion, { timeoutMs: 60_000, what: 'the heir' });
    two.kill('SIGCONT');
  });
  await during(async () => await kill(one));

  const raw = await read(topic);
  expect(raw).toHaveLength(made);
  const { valid, repeats } = expected(raw);
  // The transactions' own marks take offsets too, so the count of what was read decides.
  const [passed, refused] = await eventually(
    async () => {
      const found = [await read(`${topic}.valid`), await read(`${topic}.quarantine`)] as const;
      return found[0].length + found[1].length >= made ? found : null;
    },
    { timeoutMs: 120_000, what: 'all records judged' },
  );
  const place = ({ headers }: BusRecord): string => headers['evl-src'] ?? '';
  expect([passed.length, refused.length]).toEqual([valid.size, repeats.size]);
  expect(new Set(passed.map(place))).toEqual(valid);
  expect(new Map(refused.map((each) => [place(each), firstNamed(each)]))).toEqual(repeats);
  expect(repeats.size).toBeGreaterThan(made / 10);
  expect(valid.size).toBeGreaterThan(made / 10);
}, 300_000);

/** The place of the record that a repeat's only reason names. */
function firstNamed({ headers }: BusRecord): string {
  const reasons = JSON.parse(headers['evl-reasons'] ?? '[]') as readonly { rule: string; message: string }[];
  expect(reasons.map(({ rule }) => rule)).toEqual(['unique']);
  return /in (?:.*\.)?(unique\.test\/\d+\/\d+)$/.exec(reasons[0]?.message ?? '')?.[1] ?? '';
}
