import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { openSqlite } from './sqlite.ts';

it('keeps what a transaction stored and nothing of one that failed', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'evl-sqlite-'));
  const path = join(dir, 'deep', 'ledger.sqlite');
  const first = openSqlite(path);
  first.exec('CREATE TABLE entry (id INTEGER PRIMARY KEY, text TEXT NOT NULL)');
  first.transaction(() => first.run('INSERT INTO entry (id, text) VALUES (?, ?)', 1, 'kept'));
  expect(() =>
    first.transaction(() => {
      first.run('INSERT INTO entry (id, text) VALUES (?, ?)', 2, 'lost');
      first.run('INSERT INTO entry (id, text) VALUES (?, ?)', 1, 'twice');
    }),
  ).toThrow(/UNIQUE/);
  first.close();
  const second = openSqlite(path);
  expect(second.all('SELECT id, text FROM entry').map((row) => ({ ...row }))).toEqual([{ id: 1, text: 'kept' }]);
  expect(second.get('SELECT text FROM entry WHERE id = ?', 7)).toBeUndefined();
  expect(second.get('PRAGMA journal_mode')).toMatchObject({ journal_mode: 'wal' });
  second.close();
  await rm(dir, { recursive: true });
});
