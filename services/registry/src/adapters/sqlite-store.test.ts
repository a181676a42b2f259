import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqlite } from '@everloop/storage';
import { expect, it } from 'vitest';
import { applyResources } from '../app/apply-resources.ts';
import { verifyLedger } from '../app/read.ts';
import { registerVersion } from '../app/register-version.ts';
import { testContext, testResources, testVersion } from '../fixtures.ts';

async function filled(): Promise<{ readonly path: string; readonly dispose: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'evl-registry-'));
  const path = join(dir, 'registry.sqlite');
  const context = testContext({ path });
  applyResources(context, { resources: testResources() });
  registerVersion(context, { version: testVersion('a') });
  context.store.close();
  return { path, dispose: () => rm(dir, { recursive: true }) };
}

it('the database itself refuses to change or remove an entry', async () => {
  const { path, dispose } = await filled();
  const db = openSqlite(path);
  expect(() => db.run(`UPDATE ledger SET body = '{}' WHERE sequence = 1`)).toThrow(/only grows/);
  expect(() => db.run('DELETE FROM ledger')).toThrow(/only grows/);
  db.close();
  await dispose();
});

it.each<[string, string, RegExp]>([
  ['a changed body', `UPDATE ledger SET body = replace(body, '0.7', '0.9') WHERE sequence = 3`, /entry 3 does not fit/],
  ['a removed entry', 'DELETE FROM ledger WHERE sequence = 2', /entry 2 does not fit/],
  ['a cut end', 'DELETE FROM ledger WHERE sequence = 3', /late-trips@1 is not as the ledger tells/],
  ['a changed stage', `UPDATE version SET stage = 'production'`, /late-trips@1 is not as the ledger tells/],
  ['a body that is no JSON', `UPDATE ledger SET body = '{' WHERE sequence = 1`, /entry 1 cannot be read/],
])('%s is found', async (_name, sql, problem) => {
  const { path, dispose } = await filled();
  const db = openSqlite(path);
  db.exec('DROP TRIGGER ledger_keeps; DROP TRIGGER ledger_stays;');
  db.exec(sql);
  db.close();
  const { store } = testContext({ path });
  const verdict = verifyLedger(store);
  expect(verdict.intact).toBe(false);
  expect(verdict.problems.join('\n')).toMatch(problem);
  store.close();
  await dispose();
});

it('a transaction that fails leaves neither entry nor event', () => {
  const { store } = testContext();
  const fail = (): void =>
    store.transaction((writer) => {
      writer.append({ type: 'resource.applied', subject: 'a/b', body: '{}' });
      writer.enqueue({ topic: 't', key: 'k', value: 'v', headers: {} });
      throw new Error('no');
    });
  expect(fail).toThrow('no');
  expect([[...store.entries()], store.queuedCount()]).toEqual([[], 0]);
});
