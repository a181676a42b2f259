import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { registry, topics, toWire, type SourceSpec } from '@everloop/contracts';
import type { Bus, BusRecord, OutRecord, Publisher } from '@everloop/kafka';
import { eventually, isolatedBus, testBus, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

const prefix = uniqueName('poison');
const topic = 'poison.test';
const partitions = 2;
const mib = 1_048_576;
/** Records of poison, and of how many of them each is ten megabytes. */
const poisons = 330;
/** What a process may grow by while 200 MB of poison go through it, MiB. */
const growthMibMax = 200;

let inner: Bus;
let bus: Bus;
let worker: ChildProcess;
let publisher: Publisher;

beforeAll(async () => {
  inner = await testBus();
  bus = isolatedBus(inner, prefix);
  await bus.ensureTopics([{ name: topics.resources, partitions: 1, compacted: true }]);
  publisher = bus.publisher({ name: 'producer' });
  await publisher.start();
  worker = fork(new URL('./validator-worker.ts', import.meta.url), [prefix], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: ['--max-semi-space-size=8'],
  });
  await once(worker, 'message');
});
afterAll(async () => {
  worker.kill('SIGKILL');
  await publisher.stop();
  await inner.stop();
});

const spec: SourceSpec = {
  ...{ topic, partitions, format: 'json', key: 'id', eventTime: 'at', allowedLatenessMs: 0 },
  ...{ unexpected: 'reject', compatibility: 'backward', unique: [], rules: [] },
  fields: {
    id: { type: 'string', required: true, pattern: '^[a-z0-9]+$' },
    at: { type: 'timestamp', required: true },
    note: { type: 'string', required: false, maxLength: 100 },
  },
};

type Poison = Pick<OutRecord, 'key' | 'value' | 'headers' | 'rawHeaders'> & { readonly rule: string };

const deep = (open: string, close: string): string => `${open.repeat(10_000)}1${close.repeat(10_000)}`;
const manyHeaders = Object.fromEntries(
  Array.from({ length: 5_000 }, (_, i) => [`header-${i}`, [Buffer.from(`v${i}`), null, Buffer.from([0xff, i % 256])]]),
);

/** Each kind of poison and the reason that it is to have. Those of ten megabytes come first. */
const kinds: readonly ((number: number) => Poison)[] = [
  () => ({ key: 'k', value: Buffer.alloc(10 * mib, '{"id":"a",'), rule: 'too_large' }),
  () => ({ key: 'k', value: deep('{"a":', '}'), rule: 'too_deep' }),
  () => ({ key: 'k', value: deep('[', ']'), rule: 'too_deep' }),
  () => ({ key: null, value: Buffer.alloc(200_000, '['), rule: 'too_deep' }),
  () => ({ key: 'k', value: Buffer.from('{"id":"\xff","at":1}', 'latin1'), rule: 'not_utf8' }),
  (n) => ({ key: 'k', value: Buffer.from(Array.from({ length: 300 }, (_, i) => (i * n) % 256)), rule: 'not_utf8' }),
  () => ({ key: 'k', value: null, rule: 'null_value' }),
  () => ({ key: null, value: null, rule: 'null_value' }),
  () => ({ key: 'k', value: '', rule: 'not_json' }),
  () => ({ key: Buffer.alloc(0), value: Buffer.alloc(0), rule: 'not_json' }),
  () => ({ key: 'k', value: '{"id":"a","at":1e999}', rule: 'type' }),
  () => ({ key: 'k', value: 'null', rule: 'not_object' }),
  () => ({ key: 'k', value: `{"id":"a","at":1,"note":"${'x'.repeat(900_000)}"}`, rule: 'max_length' }),
  () => ({
    key: 'k',
    value: JSON.stringify(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`c${i}`, i]))),
    rule: 'more',
  }),
  () => ({ key: Buffer.alloc(100_000, 0xfe), value: '{', rule: 'not_json' }),
  () => ({ key: 'k', value: '{', rawHeaders: manyHeaders, rule: 'not_json' }),
  () => ({ key: 'k', value: '{', headers: { long: 'ü'.repeat(300_000) }, rule: 'not_json' }),
  () => ({
    key: 'k',
    value: '{',
    headers: { 'evl-reasons': 'forged', 'evl-src': 'forged', __proto: 'x' },
    rule: 'not_json',
  }),
];

/** A large one is one of twenty. */
function poison(number: number): Poison {
  const kind = number % 20 === 0 ? kinds[0] : kinds[1 + (number % (kinds.length - 1))];
  return (kind as (typeof kinds)[number])(number);
}

interface Sent extends Poison {
  readonly partition: number;
}

const good = (number: number): Poison => ({
  key: number % 3 === 0 ? null : `k${number}`,
  value: JSON.stringify({ id: `g${number}`, at: 1_357_000_000_000 + number }),
  rawHeaders: { trace: [Buffer.from([number % 256, 0xff])] },
  rule: '',
});

async function send(records: readonly Sent[]): Promise<void> {
  for (const record of records) await publisher.publish([{ topic, ...record }]);
}

async function read(name: string): Promise<readonly BusRecord[]> {
  const found: BusRecord[] = [];
  await bus.readAll([name], ({ records }) => void found.push(...records)).catch(() => undefined);
  return found;
}

async function ends(name: string): Promise<number> {
  return (await bus.offsets(name)).reduce((sum, { high }) => sum + Number(high), 0);
}

/** Headers without those that a validator writes. */
function foreign(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !['evl-src', 'evl-reasons'].includes(name)));
}

const bytesOf = (data: string | Buffer | null): Buffer | null => (data === null ? null : Buffer.from(data));

/** Most memory that the worker has held at once since the last `forgetPeak`, MiB; null where the system does not say. */
function peakMib(): number | null {
  const file = `/proc/${worker.pid ?? 0}/status`;
  const [, kib] = existsSync(file) ? (/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(file, 'utf8')) ?? []) : [];
  return kib === undefined ? null : Math.round(Number(kib) / 1_024);
}

it('poison of every kind is quarantined as it came, with its reason, at bounded memory, and no partition stops', async () => {
  const value = JSON.stringify(registry.Resource.toJSON(toWire({ kind: 'Source', name: 'poison', revision: 1, spec })));
  await publisher.publish([{ topic: topics.resources, partition: 0, key: 'Source/poison', value }]);
  await eventually(() => bus.partitionCount(`${topic}.quarantine`), { timeoutMs: 60_000, what: 'the topics' });

  // What a validator needs anyway: code, connections, and a first large record.
  const warm: Sent[] = [0, 1].flatMap((partition) => [
    { ...poison(0), partition },
    { ...good(partition), partition },
  ]);
  await send(warm);
  await eventually(async () => (await read(`${topic}.valid`)).length === 2, { timeoutMs: 60_000, what: 'the first' });
  const base = peakMib();

  const sent: Sent[] = Array.from({ length: poisons }, (_, i) => i).flatMap((number) => [
    { ...poison(number), partition: number % partitions },
    { ...good(number + 2), partition: (number + (number >> 1)) % partitions },
  ]);
  await send(sent);
  const all = [...warm, ...sent];
  const total = (await ends(topic)) - all.length;
  expect(total).toBe(0);
  const valid = await eventually(
    async () => {
      const found = await read(`${topic}.valid`);
      return found.length === poisons + 2 ? found : null;
    },
    { timeoutMs: 120_000, what: 'all good records' },
  );
  const peak = peakMib();
  const quarantined = await eventually(
    async () => {
      const found = await read(`${topic}.quarantine`);
      return found.length === poisons + 2 ? found : null;
    },
    { timeoutMs: 60_000, what: 'all poison' },
  );

  for (const [judged, isBad] of [
    [valid, false],
    [quarantined, true],
  ] as const) {
    for (const partition of [0, 1]) {
      const mine = judged.filter((each) => each.partition === partition);
      const raw = all.filter((each) => each.partition === partition && (each.rule !== '') === isBad);
      // In the order in which they came, too.
      expect(mine.map(({ headers }) => Number(headers['evl-src']?.split('/')[2]))).toEqual(
        mine.map(({ headers }) => Number(headers['evl-src']?.split('/')[2])).toSorted((a, b) => a - b),
      );
      for (const [index, record] of mine.entries()) {
        const original = raw[index] as Sent;
        const { key, value: bytes, rawHeaders } = record;
        const wanted = bytesOf(original.value);
        expect(bytes === null ? wanted === null : wanted?.equals(bytes)).toBe(true);
        const texts = Object.fromEntries(
          Object.entries(original.rawHeaders ?? {}).map(([name, values]) => [name, values.at(-1)?.toString() ?? '']),
        );
        expect({ key, rawHeaders, headers: foreign(record.headers) }).toEqual({
          key: bytesOf(original.key),
          rawHeaders: original.rawHeaders,
          headers: { ...foreign(original.headers ?? {}), ...texts },
        });
        if (!isBad) continue;
        const reasons = JSON.parse(record.headers['evl-reasons'] ?? '[]') as { readonly rule: string }[];
        expect(reasons.map(({ rule }) => rule)).toContain(original.rule);
      }
    }
  }
  if (base !== null && peak !== null) {
    process.stderr.write(`validator: ${base} MiB before, ${peak} MiB after ${poisons} records of poison\n`);
    expect(peak).toBeLessThan(base + growthMibMax);
  }
}, 240_000);
