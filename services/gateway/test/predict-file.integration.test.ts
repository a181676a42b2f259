import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { serving, topics } from '@everloop/contracts';
import { openDuckDb, sqlText, type DuckDb } from '@everloop/storage';
import { eventually, testBrokers, testRedisUrl } from '@everloop/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sigmoid } from './real/logistic.ts';
import { startRealGateway, type RealGateway } from './real/real-gateway.ts';

const run = promisify(execFile);
const everloop = resolve(import.meta.dirname, '../../../apps/cli/src/main.ts');
const count = 5_000;

let folder: string;
let gateway: RealGateway;
let duck: DuckDb;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'everloop-predict-file-'));
  duck = await openDuckDb();
  gateway = await startRealGateway({ brokers: testBrokers().join(','), redisUrl: testRedisUrl() });
});
afterAll(async () => {
  await gateway.stop();
  duck.close();
  rmSync(folder, { recursive: true, force: true });
});

it('everloop predict: each row of a file is scored by the running gateway, and logged once', async () => {
  const [rows, scores] = [join(folder, 'rows.parquet'), join(folder, 'scores.parquet')];
  const row = `SELECT range AS i FROM range(${count})`;
  // Every tenth row has no distance, which this model refuses.
  const query = `SELECT 'T' || i AS trip, 'EWR' AS origin, CASE WHEN i % 10 = 0 THEN NULL ELSE i % 300 END AS distance FROM (${row})`;
  await duck.copyToParquet(query, rows);
  const asked = ['predict', '--model', 'delay', '--in', rows, '--out', scores, '--id', 'trip', '--part-rows', '1000'];
  const { stdout } = await run(process.execPath, [everloop, ...asked, '--gateway', `127.0.0.1:${gateway.grpcPort}`]);
  expect(stdout).toMatch(new RegExp(`^${count} rows: 4500 scored in .*, 500 refused in `));
  const answers = await duck.all(`SELECT * FROM read_parquet(${sqlText(scores)})`);
  for (const { row: at, id, score } of answers) {
    expect(id).toBe(`T${at}`);
    expect(score).toBeCloseTo(sigmoid((Number(at) % 300) / 100), 6);
  }
  const logged = await eventually(async () => {
    const ids: string[] = [];
    await gateway.bus.readAll([topics.inferenceServed], ({ records }) => {
      for (const { value } of records) if (value !== null) ids.push(serving.Inference.decode(value).decisionId);
    });
    return ids.length >= answers.length ? ids : undefined;
  });
  expect([...logged].sort()).toEqual(answers.map(({ decision_id }) => String(decision_id)).sort());
});
