import path from 'node:path';
import { openDuckDb, type DuckDb } from '@everloop/storage';
import { pause } from '@everloop/service';
import { eventually } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { existsSync } from 'node:fs';
import { compareAnswers } from '../src/data-faults/answers.ts';
import { historyRelation } from '../src/data-faults/history.ts';
import { historySql, judge, ledgerSql } from '../src/data-faults/recompute.ts';
import { Replica } from '../src/data-faults/replica.ts';
import { latestMs, questions, rideRecords, seeded, spanMs, startMs } from '../src/data-faults/rides.ts';
import { createWorld, type World } from '../src/data-faults/world.ts';

/** EVL_FAULT_RECORDS and EVL_FAULT_KILLS make a quick run of it; EVL_FAULT_SEED another one. */
const records = Number(process.env['EVL_FAULT_RECORDS'] ?? 1_000_000);
const kills = Number(process.env['EVL_FAULT_KILLS'] ?? 20);
const seed = Number(process.env['EVL_FAULT_SEED'] ?? 4);

const transactionFault = 'libs/kafka/test/transaction-fault.ts';
const storeFault = 'e2e/src/data-faults/store-fault.ts';
const waitMs = 120_000;
/** Pause between two looks at how far a victim is, milliseconds; short, so that its death has no favourite moment. */
const lookMs = 5;
const endMs = startMs + spanMs;

const say = (line: string): void => {
  process.stderr.write(`${(performance.now() / 1_000).toFixed(0)} s: ${line}\n`);
};

let world: World;
let duck: DuckDb;
const replicas: Replica[] = [];
let published = 0;
const feed = rideRecords(records, seed);

async function replica(service: 'validator' | 'feature-store', name: string): Promise<Replica> {
  const made = await Replica.create({ service, name, folder: world.folder, env: world.env });
  replicas.push(made);
  return made;
}

beforeAll(async () => {
  world = await createWorld({ log: say, bufferedRows: Math.max(100, Math.ceil(records / 250)) });
  duck = await openDuckDb({ memoryLimitMib: 2_048, threads: 2, tempDir: path.join(world.folder, 'spill') });
});
afterAll(async () => {
  await Promise.all(replicas.map((each) => each.kill()));
  duck.close();
  await world.close();
});

/** Publishes the next `share` of all records. */
async function publish(share: number): Promise<void> {
  const until = Math.min(records, published + Math.ceil(records * share));
  function* portion() {
    while (published < until) {
      const { value, done } = feed.next();
      if (done === true) return;
      published += 1;
      yield value;
    }
  }
  await world.publish(portion());
}

/** What was published has come through: the mark that follows it was passed on in every partition, and all of it is applied. */
async function settled(): Promise<void> {
  const before = await world.validated();
  await world.publishWatermark(startMs + Math.floor((published / records) * spanMs) - latestMs);
  const past = async (): Promise<boolean> =>
    (await world.validated()).every((end, partition) => end > (before[partition] ?? 0));
  await eventually(past, { timeoutMs: waitMs, what: 'the mark in every partition of .valid' });
  let last: readonly number[] = [];
  const done = async (): Promise<boolean> => {
    const [ends, applied] = await Promise.all([world.validated(), world.applied()]);
    const isStill = ends.every((end, partition) => end === last[partition]);
    last = ends;
    // A partition ends with the mark of a transaction, sometimes with those of transactions that were given up.
    return isStill && ends.every((end, partition) => end - (applied[partition] ?? 0) <= 4);
  };
  await eventually(done, { timeoutMs: waitMs, what: 'everything applied' });
}

const total = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);

/** Kills a process once it has got on by `step`, and starts it again at once. */
async function killAfter(victim: Replica, step: number, position: () => Promise<readonly number[]>): Promise<void> {
  const target = total(await position()) + step;
  const endsAt = performance.now() + waitMs;
  while (total(await position()) < target) {
    if (performance.now() > endsAt) throw new Error(`no ${step} further records in ${waitMs} ms`);
    await pause(lookMs);
  }
  await victim.kill();
  victim.start();
}

/** Rounds of a further portion of records, in the middle of which both processes are killed at random points. */
async function killing(validator: Replica, store: Replica, rounds: number): Promise<void> {
  const random = seeded(seed);
  const share = 0.7 / rounds;
  for (let round = 1; round <= rounds; round++) {
    const step = (): number => Math.floor(records * share * (0.05 + 0.75 * random()));
    await Promise.all([
      publish(share),
      killAfter(validator, step(), () => world.validated()),
      killAfter(store, step(), () => world.applied()),
    ]);
    say(`killed ${2 * round} times`);
  }
}

/** A second replica stops inside its critical moment, the first one takes over, and then the second one wakes up. */
async function stall(
  heir: Replica,
  sleeper: Replica,
  fault: { readonly module: string; readonly env: string; readonly what: string },
): Promise<void> {
  const marker = path.join(world.folder, `stalled-${fault.what.replaceAll(' ', '-')}`);
  sleeper.start({ module: fault.module, env: { [fault.env]: `SIGSTOP ${fault.what} ${marker}` } });
  await sleeper.ready();
  // It may be ready a little before it holds partitions: a bit more is published until it meets its fault.
  await eventually(
    async () => {
      if (existsSync(marker)) return true;
      await publish(0.002);
      return false;
    },
    { timeoutMs: waitMs, what: `the stall of ${fault.what}` },
  );
  await settled();
  await publish(0.02);
  await settled();
  sleeper.wake();
  await publish(0.02);
  await settled();
  await sleeper.stop();
  expect(heir.running).toBe(true);
}

describe(`${records.toLocaleString('en')} records, seed ${seed}`, () => {
  let validator: Replica;
  let store: Replica;

  it(`go through ${kills} kills of validator and feature store, and through workers that stall and wake up`, async () => {
    validator = await replica('validator', 'validator-1');
    store = await replica('feature-store', 'feature-store-1');
    validator.start();
    store.start();
    await Promise.all([validator.ready(), store.ready()]);
    await killing(validator, store, Math.ceil(kills / 2));
    await Promise.all([validator.ready(), store.ready()]);
    await settled();

    const [validator2, store2] = [
      await replica('validator', 'validator-2'),
      await replica('feature-store', 'feature-store-2'),
    ];
    await stall(validator, validator2, { module: transactionFault, env: 'EVL_FAULT_TRANSACTION', what: '1' });
    say('a validator stalled in a transaction');
    for (const what of ['redis 1', 'manifest 1']) {
      await stall(store, store2, { module: storeFault, env: 'EVL_FAULT_STORE', what });
      say(`a feature store stalled before ${what}`);
    }
    await publish(1);
    await world.publishWatermark(endMs);
    await settled();
    await world.load(duck);
    await judge(duck);
    expect(published).toBe(records);
  }, 900_000);

  it('valid and quarantine are the input, each record once, whole and in order', async () => {
    const [counts] = await duck.all(ledgerSql);
    say(JSON.stringify(counts, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)));
    expect(counts).toMatchObject({
      records: BigInt(records),
      lost: 0n,
      twice: 0n,
      wrongly_quarantined: 0n,
      wrongly_valid: 0n,
      changed: 0n,
      valid_out_of_order: 0n,
      quarantine_out_of_order: 0n,
    });
    expect(Number(counts?.['bad'])).toBeGreaterThan(records * 0.02);
    expect(Number(counts?.['repeats'])).toBeGreaterThan(records * 0.005);
  });

  it.each([
    {
      rpc: 'getOnline',
      what: 'as of moments before and after the last record',
      range: { fromMs: endMs - 3_000_000, untilMs: endMs + 3_600_000 },
    },
    {
      rpc: 'getHistorical',
      what: 'as of any moment',
      range: { fromMs: startMs - 3_600_000, untilMs: endMs + 90_000_000 },
    },
  ] as const)('$rpc answers what DuckDB computes from the raw records, $what', async ({ rpc, range }) => {
    const asked = questions(2_000, seed, range);
    const { rows, wrong } = await compareAnswers({ duck, address: store.address, rpc, asked });
    expect({ rows: rows.length, wrong: wrong.length, some: wrong.slice(0, 2) }).toEqual({
      rows: asked.length,
      wrong: 0,
      some: [],
    });
    expect(new Set(rows.flatMap((row) => row.statuses)).size).toBeGreaterThanOrEqual(rpc === 'getOnline' ? 2 : 4);
  });

  it('the history holds each valid record once', async () => {
    expect(await store.stop()).toBe(0);
    const [counts] = await duck.all(historySql(historyRelation(world.env['EVL_DATA_DIR'] ?? '')));
    const [{ good } = {}] = await duck.all('SELECT count(*) AS good FROM rides');
    expect(counts).toEqual({ rows: good, surplus: 0n, missing: 0n });
    expect(await validator.stop()).toBe(0);
  });
});
