import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openSqlite } from '@everloop/storage';
import { beforeEach, describe, expect, it } from 'vitest';

import { createSqliteCatalog } from './sqlite-catalog.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'evl-catalog-'));
  return () => rmSync(dir, { recursive: true });
});

const open = (name: string) => createSqliteCatalog(join(dir, `${name}.sqlite`), join(dir, 'catalog'));
const id = (digit: string) => digit.repeat(64);
const snapshot = (digit: string, model = 'm') => ({
  ...{ id: id(digit), model, createdAtMs: 5, createdBy: 'kim', reason: 'r' },
});
const move = (tag: string, ref: string) => ({ tag, ref, by: 'kim', reason: 'good', atMs: 7 });

describe('the catalog', () => {
  it('of two processes that share the objects is one', () => {
    const [here, there] = [open('here'), open('there')];
    here.record(snapshot('a'));
    there.record(snapshot('b'));
    expect(here.record(snapshot('c'))).toMatchObject({ parent: id('b') });
    expect(there.record(snapshot('c'))).toMatchObject({ parent: id('b') });
    here.tag(move('best', 'aaaa'));
    expect(there.tag(move('best', 'bbbb'))).toMatchObject({ previousId: id('a'), id: id('b') });
    expect(here.get('best').id).toBe(id('b'));
    expect(here.list('m', 9)).toEqual(there.list('m', 9));
    expect(here.list('', 9).map((entry) => entry.id)).toEqual([id('c'), id('b'), id('a')]);
    expect(there.moves(id('a'))).toHaveLength(2);
    here.close();
    there.close();
  });

  it('comes back when its index is lost', () => {
    const before = open('lost');
    before.record(snapshot('a'));
    before.record(snapshot('b'));
    before.tag(move('best', 'bbbb'));
    before.tag(move('best', ''));
    before.tag(move('first', 'aaaa'));
    const [list, moves] = [before.list('m', 9), before.moves(id('b'))];
    before.close();
    for (const name of readdirSync(dir).filter((each) => each.startsWith('lost'))) rmSync(join(dir, name));
    const after = open('lost');
    expect([after.list('m', 9), after.moves(id('b'))]).toEqual([list, moves]);
    expect(after.get('first').tags).toEqual(['first']);
    after.close();
  });

  it('of before there was a journal is taken over, once', () => {
    const old = openSqlite(join(dir, 'old.sqlite'));
    const made = open('old');
    made.record(snapshot('a'));
    made.record(snapshot('b', 'n'));
    made.tag(move('best', 'aaaa'));
    const list = made.list('', 9);
    made.close();
    old.exec('DROP TABLE journal');
    old.close();
    rmSync(join(dir, 'catalog'), { recursive: true });
    const again = open('old');
    expect(again.list('', 9)).toEqual(list);
    again.close();
    const other = open('other');
    expect(other.list('', 9)).toEqual(list);
    expect(other.get('best').id).toBe(id('a'));
    other.close();
  });

  it('refuses what it cannot read, and names the file', () => {
    const catalog = open('x');
    catalog.record(snapshot('a'));
    writeFileSync(join(dir, 'catalog', '000000000002.json'), '{"kind":');
    expect(() => catalog.list('', 9)).toThrow(
      expect.objectContaining({
        code: 'EVL_FEATURES_CATALOG_INVALID',
        message: expect.stringContaining('000000000002.json') as string,
      }),
    );
    catalog.close();
  });
});
