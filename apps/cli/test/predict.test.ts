import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceError } from '@everloop/service';
import { openDuckDb, sqlText, type DuckDb, type DuckRow } from '@everloop/storage';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createProgram } from '../src/program.ts';
import { runCommandLine } from '../src/run-command-line.ts';
import { fakeGateway, type FakeGateway } from './fake-gateway.ts';

let folder: string;
let gateway: FakeGateway;
let duck: DuckDb;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'everloop-predict-'));
  gateway = await fakeGateway();
  duck = await openDuckDb({ memoryLimitMib: 256 });
});
afterEach(async () => {
  duck.close();
  await gateway.server.stop();
  rmSync(folder, { recursive: true });
});

const path = (name: string): string => join(folder, name);

/** Rows of which every seventh has no `x`. */
async function rowsFile(count: number): Promise<string> {
  const query = `SELECT 'r' || i AS rid, CASE WHEN i % 7 = 0 THEN NULL ELSE i / 2 END AS x, 100 + i AS carrier, 1000 * i AS at, 'x' AS other FROM (SELECT range AS i FROM range(${count}))`;
  await duck.copyToParquet(query, path('rows.parquet'));
  return path('rows.parquet');
}

async function run(...args: string[]) {
  const [printed, errors]: [string[], string[]] = [[], []];
  const program = createProgram({
    env: { EVL_GATEWAY_ADDRESS: gateway.address() },
    print: (text) => void printed.push(text),
    commands: { up: () => Promise.reject(new Error('no')), report: () => Promise.reject(new Error('no')) },
  });
  const code = await runCommandLine(program, ['predict', '--model', 'm', ...args], (line) => void errors.push(line));
  return { code, printed: printed.join('\n'), errors: errors.join('\n') };
}

const all = (file: string): Promise<DuckRow[]> =>
  duck.all(`SELECT * FROM read_parquet(${sqlText(path(file))}) ORDER BY "row"`);

describe('everloop predict', () => {
  it('scores every row in order, puts refused ones aside with their reasons, and the counts add up', async () => {
    const input = await rowsFile(1_000);
    const { code, printed } = await run('--in', input, '--out', path('scores.parquet'), '--id', 'rid', '--time', 'at', '--batch', '64', '--part-rows', '300'); // prettier-ignore
    expect(code).toBe(0);
    expect(printed).toMatch(/^1000 rows: 857 scored in .*scores.parquet, 143 refused in .*scores.refused.parquet/);
    expect(printed).toMatch(/the input has no absent/);
    const scores = await all('scores.parquet');
    expect(scores).toHaveLength(857);
    for (const { row, id, score, model_version } of scores) {
      expect({ id, score, model_version }).toEqual({ id: `r${row}`, score: Number(row), model_version: '7' });
    }
    const refused = await all('scores.refused.parquet');
    expect(refused).toHaveLength(143);
    expect(refused[1]).toEqual({ row: 7n, id: 'r7', error: 'EVL_GATEWAY_REQUEST_INVALID', reasons: 'x is missing; and more' }); // prettier-ignore
    expect(gateway.asked.find(({ id }) => id === 'r3')).toMatchObject({
      ...{ eventTimeMs: 3_000, unit: '', features: { x: 1.5, carrier: '103' } },
    });
    expect(readdirSync(folder).filter((name) => name.endsWith('.parts'))).toEqual([]);
  });

  it('reads CSV, and gives each row an id that is the same in every run', async () => {
    writeFileSync(path('rows.csv'), 'x,carrier\n1,AA\n2,\n');
    await run('--in', path('rows.csv'), '--out', path('a.parquet'), '--model-version', '3');
    await run('--in', path('rows.csv'), '--out', path('b.parquet'), '--model-version', '3');
    const [a, b] = [await all('a.parquet'), await all('b.parquet')];
    expect(a).toEqual(b);
    expect(a.map(({ score, model_version }) => [score, model_version])).toEqual([[2, '3'], [4, '3']]); // prettier-ignore
    expect(new Set(a.map(({ id }) => id)).size).toBe(2);
    expect(gateway.asked[1]?.features).toEqual({ x: 2 });
  });

  it('asks rows again that the gateway was too busy for, and only those', async () => {
    const input = await rowsFile(20);
    gateway.busy.set('r3', 2).set('r5', 1);
    expect(await run('--in', input, '--out', path('s.parquet'), '--id', 'rid')).toMatchObject({ code: 0 });
    expect(await all('s.parquet')).toHaveLength(17);
    expect(Math.max(...gateway.answered.values())).toBe(1);
  });

  it('goes on behind the last whole part, and shows nothing before all is there', async () => {
    const input = await rowsFile(1_000);
    const args = ['--in', input, '--out', path('s.parquet'), '--id', 'rid', '--part-rows', '100', '--batch', '50', '--calls', '1', '--attempts', '1']; // prettier-ignore
    gateway.onCall = (calls) => {
      if (calls > 9) throw new ServiceError({ code: 'EVL_GATEWAY_QUEUE_FULL', kind: 'retryable', message: 'full' });
    };
    expect(await run(...args)).toMatchObject({ code: 1, errors: expect.stringMatching(/EVL_GATEWAY_QUEUE_FULL/) });
    expect(existsSync(path('s.parquet'))).toBe(false);
    gateway.onCall = () => undefined;
    const { code, printed } = await run(...args);
    expect(code).toBe(0);
    expect(printed).toMatch(/400 of them were answered by an earlier run/);
    expect(await all('s.parquet')).toHaveLength(857);
    expect(gateway.answered.get('r399')).toBe(1);
    // The part that was not whole is asked again, with the same ids.
    expect(gateway.answered.get('r401')).toBe(2);
    expect(await run(...args)).toMatchObject({ code: 2, errors: expect.stringMatching(/is there already/) });
  });

  it('kill -9 amid the rows: run again, it is whole', { timeout: 120_000 }, async () => {
    const input = await rowsFile(3_000);
    const args = ['--in', input, '--out', path('s.parquet'), '--id', 'rid', '--part-rows', '200', '--batch', '50'];
    const main = join(import.meta.dirname, '../src/main.ts');
    for (const kills of [12, 30]) {
      const reached = Promise.withResolvers<undefined>();
      let seen = 0;
      gateway.onCall = () => {
        seen += 1;
        if (seen === kills) reached.resolve(undefined);
      };
      const child = spawn(process.execPath, [main, 'predict', '--model', 'm', '--gateway', gateway.address(), ...args]);
      await reached.promise;
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect(existsSync(path('s.parquet'))).toBe(false);
    }
    gateway.onCall = () => undefined;
    expect(await run(...args)).toMatchObject({ code: 0, printed: expect.stringMatching(/^3000 rows: 2571 scored/) });
    const scores = await all('s.parquet');
    expect(scores.map(({ row }) => Number(row))).toEqual(
      Array.from({ length: 3_000 }, (_, n) => n).filter((n) => n % 7 !== 0),
    );
  });

  it('has an output without rows for an input without rows', async () => {
    const input = await rowsFile(0);
    expect(await run('--in', input, '--out', path('s.parquet'))).toMatchObject({ code: 0 });
    expect(await all('s.parquet')).toEqual([]);
  });

  it.each([
    ['no file', ['--in', 'absent.parquet'], /does not exist/],
    ['a column that is not there', ['--id', 'nope'], /there is no column nope/],
    ['a time that is none', ['--time', 'other'], /a time is epoch milliseconds/],
  ])('refuses %s', async (_name, args, message) => {
    const input = await rowsFile(3);
    const { code, errors } = await run('--in', input, '--out', path('s.parquet'), ...args);
    expect(errors).toMatch(message);
    expect(code).toBe(2);
  });

  it('does not go on with the parts of another job', async () => {
    const input = await rowsFile(300);
    const args = ['--in', input, '--out', path('s.parquet'), '--part-rows', '100', '--attempts', '1'];
    gateway.onCall = () => {
      throw new ServiceError({ code: 'EVL_GATEWAY_MODEL_NOT_FOUND', kind: 'terminal', message: 'none' });
    };
    expect(await run(...args)).toMatchObject({ code: 2 });
    gateway.onCall = () => undefined;
    const other = await run(...args, '--model-version', '2');
    expect(other).toMatchObject({ code: 2, errors: expect.stringMatching(/another job|other input/) });
    expect(await run(...args)).toMatchObject({ code: 0 });
  });

  it('says how to name a gateway that does not answer', async () => {
    const input = await rowsFile(3);
    const { code, errors } = await run('--in', input, '--out', path('s.parquet'), '--gateway', '127.0.0.1:1');
    expect(errors).toMatch(/EVL_CLI_GATEWAY_UNREACHABLE.*--gateway/);
    expect(code).toBe(1);
  });
});
