import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registry, toWire, topics, type SourceSpec } from '@everloop/contracts';
import type { Bus, BusRecord, OutRecord } from '@everloop/kafka';
import { eventually, isolatedBus, testBus, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEditedLine } from '../src/quarantine/export-line.ts';
import { listAll, listSource } from '../src/quarantine/list.ts';
import { replay } from '../src/quarantine/replay.ts';
import { showRecord } from '../src/quarantine/show.ts';
import { ledgerReport } from '../src/report/ledger.ts';
import { readSources } from '../src/report/read-logs.ts';
import type { ReplayCounts } from '../src/report/replay-counts.ts';

const prefix = uniqueName('quarantine');
const folder = mkdtempSync(join(tmpdir(), 'everloop-quarantine-'));
let inner: Bus;
let bus: Bus;

beforeAll(async () => {
  inner = await testBus();
  bus = isolatedBus(inner, prefix);
  await bus.ensureTopics([{ name: topics.resources, partitions: 1, compacted: true }]);
});
afterAll(async () => {
  await inner.stop();
  rmSync(folder, { recursive: true });
});

const contract: Omit<SourceSpec, 'topic'> = {
  ...{ partitions: 2, format: 'json', key: 'id', eventTime: 'at', allowedLatenessMs: 0, unexpected: 'reject' },
  ...{ compatibility: 'backward', unique: [], rules: [] },
  fields: {
    id: { type: 'string', required: true },
    at: { type: 'timestamp', required: true },
    delay: { type: 'number', required: true },
  },
};

async function publish(records: readonly OutRecord[]): Promise<void> {
  const publisher = bus.publisher({ name: 'test' });
  await publisher.publish(records);
  await publisher.stop();
}

/** A Source whose quarantine holds `count` records without a delay, in two partitions. */
async function quarantined(name: string, count: number, more: Partial<SourceSpec> = {}): Promise<SourceSpec> {
  const spec: SourceSpec = { ...contract, topic: `${name}.topic`, ...more };
  await bus.ensureTopics([spec.topic, `${spec.topic}.quarantine`].map((topic) => ({ name: topic, partitions: 2 })));
  const wire = toWire({ kind: 'Source', name, revision: 1, spec });
  await publish([
    {
      topic: topics.resources,
      partition: 0,
      key: `Source/${name}`,
      value: JSON.stringify(registry.Resource.toJSON(wire)),
    },
  ]);
  const reasons = [{ rule: 'required', path: 'delay', message: 'absent', value: '' }];
  await publish(
    Array.from({ length: count }, (_, n) => ({
      ...{ topic: `${spec.topic}.quarantine`, partition: n % 2, key: `k${n % 5}` },
      value: JSON.stringify({ id: `k${n % 5}`, at: n }),
      headers: {
        'evl-src': `${spec.topic}/${n % 2}/${Math.floor(n / 2)}`,
        'evl-reasons': JSON.stringify(reasons),
        n: String(n),
      },
    })),
  );
  return spec;
}

async function read(topic: string): Promise<BusRecord[]> {
  const found: BusRecord[] = [];
  await bus.readAll([topic], (batch) => void found.push(...batch.records));
  return found;
}

const asked = { dryRun: false, force: false, env: {} } as const;
const origins = (records: readonly BusRecord[]): string[] =>
  records.map(({ headers }) => headers['evl-replay-of'] ?? '');

describe('everloop quarantine', () => {
  it('lists, shows, exports, and sends edited records back once', async () => {
    const spec = await quarantined('flights', 6);
    expect(await listAll(bus, {})).toMatch(/^flights +6 +0 .*required delay \(6\)$/m);
    const listed = await listSource(bus, 'flights', { limit: 2 });
    expect(listed).toMatch(/^required +delay +6 /m);
    expect(listed.split('\n').filter((line) => /^[01]\/\d/.test(line))).toHaveLength(2);
    const shown = await showRecord(bus, {
      source: spec.topic,
      place: { partition: 0, offset: 1n },
      full: false,
      env: {},
    });
    expect(shown).toMatch(/raw +flights\.topic\/0\/1/);
    expect(shown).toContain('"id": "k2"');
    await expect(
      showRecord(bus, { source: 'flights', place: { partition: 0, offset: 99n }, full: false, env: {} }),
    ).rejects.toThrow(/no record at 0\/99/);

    const file = join(folder, 'edit.jsonl');
    expect(await listSource(bus, 'flights', { limit: 0, export: file })).toMatch(/written to/);
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    expect(lines).toHaveLength(6);
    writeFileSync(file, (lines[0] ?? '').replace('"at":', '"delay":1.50,"at":'));
    const edited = new Map(
      [
        [readEditedLine(readFileSync(file, 'utf8'), 1, `${spec.topic}.quarantine`)].map(
          (line) => [line.place, line] as const,
        ),
      ].flat(),
    );
    const request = { ...asked, source: 'flights', edited };
    expect(await replay(bus, { ...request, dryRun: true })).toMatch(
      /^1 records of flights would be sent back, 1 of them pass/,
    );
    expect(await read(spec.topic)).toEqual([]);
    expect(await replay(bus, request)).toMatch(/^1 records of flights were sent back, 1 of them pass/);
    expect(await replay(bus, request)).toMatch(/^0 records of flights were sent back/);
    const sent = await read(spec.topic);
    expect(sent.map(({ value }) => value?.toString())).toEqual([expect.stringContaining('"delay":1.50')]);
    expect(await listAll(bus, {})).toMatch(/^flights +6 +1 /m);
  });

  it('the ledger balances after a replay: what was sent back is told apart from what was produced', async () => {
    const spec = await quarantined('balanced', 8);
    const { topic } = spec;
    await bus.ensureTopics([{ name: `${topic}.valid`, partitions: 2 }]);
    await publish(
      Array.from({ length: 8 }, (_, n) => ({
        topic,
        partition: n % 2,
        key: `k${n % 5}`,
        value: JSON.stringify({ at: n }),
      })),
    );
    const counts: ReplayCounts = {
      ...{ complete: true, fromMs: 0, untilMs: 1, steps: 1, stepsWithoutModel: 0, wallSeconds: 1 },
      produced: { [topic]: { records: 8, broken: 8, markers: 0 } },
      predictions: { wanted: 0, asked: 0, answered: 0, unanswered: 0, failed: 0, failures: {} },
    };
    const ledger = async () => {
      const { ledgers } = await readSources(bus, [topic]);
      return ledgerReport(
        counts,
        ledgers.map((each) => each.balance()),
        [],
      );
    };
    expect((await ledger()).problems).toEqual([]);
    expect(await replay(bus, { ...asked, source: 'balanced', patch: { delay: 0 } })).toMatch(/^8 records/);
    // Until the validator has judged them they are on their way.
    expect((await ledger()).problems.join()).toContain('8 missing');
    const sent = (await read(topic)).filter(({ headers }) => headers['evl-replay-of'] !== undefined);
    await publish(
      sent.map(({ key, value, headers, partition, offset }) => ({
        ...{ topic: `${topic}.valid`, partition, key: String(key), value: String(value) },
        headers: { ...headers, 'evl-src': `${topic}/${partition}/${offset}` },
      })),
    );
    const after = await ledger();
    expect(after.problems).toEqual([]);
    expect(after.sources).toMatchObject([{ records: 16, replayed: 8, valid: 8, quarantined: 8 }]);
  });

  it('records go back as they are when the contract has changed, in the order of each partition; what still fails stays', async () => {
    const spec = await quarantined('lax', 40, {
      fields: { ...contract.fields, delay: { type: 'number', required: false } },
      rules: [{ name: 'early', cel: 'record.at < 30' }],
    });
    const text = await replay(bus, { ...asked, source: 'lax' });
    expect(text).toMatch(/^30 records of lax were sent back, 30 of them pass/);
    expect(text).toMatch(/^10 would be quarantined again and stay/m);
    const sent = await read(spec.topic);
    for (const partition of [0, 1]) {
      const mine = sent.filter((one) => one.partition === partition);
      const offsets = origins(mine).map((origin) => Number(origin.split('/').at(-1)));
      expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
      expect(
        mine.every(
          ({ headers, key, value }) =>
            headers['n'] !== undefined && key?.toString() === JSON.parse(value?.toString() ?? '').id,
        ),
      ).toBe(true);
    }
    expect(sent[0]?.headers).not.toHaveProperty('evl-reasons');
    expect(sent[0]?.headers).not.toHaveProperty('evl-src');
  });

  it('each record goes back exactly once, though the command is killed and run again, twice at a time', async () => {
    const count = 12_000;
    const spec = await quarantined('killed', count);
    const start = (): ChildProcess => fork(join(import.meta.dirname, 'quarantine-worker.ts'), [prefix, 'killed']);
    for (let kills = 0; kills < 3; kills += 1) {
      const before = (await read(spec.topic)).length;
      const child = start();
      await eventually(async () => (await read(spec.topic)).length > before || child.exitCode !== null, {
        timeoutMs: 60_000,
      });
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    const twins = [start(), start()];
    await Promise.all(twins.map((child) => once(child, 'exit')));
    expect(twins.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    const sent = origins(await read(spec.topic));
    expect([sent.length, new Set(sent).size]).toEqual([count, count]);
  }, 180_000);
});
