import { openSqlite, type Sqlite, type SqliteRow } from '@everloop/storage';

import { errors } from '../../errors.ts';
import type { CatalogEntry, DatasetCatalog, TagMove } from '../../ports.ts';
import { CatalogJournal, type CatalogChange } from './catalog-journal.ts';

const schema = `
  CREATE TABLE IF NOT EXISTS dataset (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, model TEXT NOT NULL, created_at_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL, reason TEXT NOT NULL, parent TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS dataset_model ON dataset (model, seq);
  CREATE TABLE IF NOT EXISTS tag (tag TEXT PRIMARY KEY, id TEXT NOT NULL REFERENCES dataset (id));
  CREATE TABLE IF NOT EXISTS tag_move (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, tag TEXT NOT NULL, id TEXT NOT NULL, previous_id TEXT NOT NULL, moved_by TEXT NOT NULL,
    reason TEXT NOT NULL, at_ms INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS journal (applied INTEGER NOT NULL);`;

const prefixMin = 4;
const tagPattern = /^[A-Za-z][A-Za-z0-9._/-]{0,99}$/;

/** Attempts to write a change while others write theirs. */
const appendTries = 100;

/**
 * The catalog of snapshots. What happened is the journal beside the objects (`journalDir`), which several processes may share; the SQLite
 * file is an index of it that is brought up to date before each answer and made anew when it is lost. Entries and moves of tags are never changed.
 */
export function createSqliteCatalog(path: string, journalDir: string): DatasetCatalog & { close(): void } {
  const db = openSqlite(path);
  db.exec(schema);
  const journal = new CatalogJournal(journalDir);

  const applied = (): number => Number(db.get('SELECT applied FROM journal')?.['applied'] ?? 0);

  /** Applies what others wrote since the last look. */
  function catchUp(): void {
    for (let number = applied() + 1; ; number += 1) {
      const change = journal.read(number);
      if (change === null) return;
      db.transaction(() => {
        // Another process may have the same file.
        if (applied() >= number) return;
        applyChange(db, change);
        setApplied(db, number);
      });
    }
  }

  /** Writes the change that `decide` makes of the catalog as it is then, unless it is null, and applies it. */
  function change(decide: () => CatalogChange | null): void {
    for (let tries = 1; tries <= appendTries; tries += 1) {
      catchUp();
      const wanted = decide();
      if (wanted === null) return;
      if (!journal.append(applied() + 1, wanted)) continue;
      catchUp();
      return;
    }
    throw errors.catalogBusy();
  }

  if (db.get('SELECT applied FROM journal') === undefined) adopt(db, journal);
  catchUp();

  const tagsOf = (id: string): string[] =>
    db.all('SELECT tag FROM tag WHERE id = ? ORDER BY tag', id).map((row) => String(row['tag']));
  const entry = (row: SqliteRow): CatalogEntry => ({
    id: String(row['id']),
    model: String(row['model']),
    createdAtMs: Number(row['created_at_ms']),
    createdBy: String(row['created_by']),
    reason: String(row['reason']),
    parent: String(row['parent']),
    tags: tagsOf(String(row['id'])),
  });
  const get = (ref: string): CatalogEntry => {
    const tagged = db.get('SELECT id FROM tag WHERE tag = ?', ref);
    const isPrefix = ref.length >= prefixMin && /^[0-9a-f]+$/.test(ref);
    const [found, second] =
      tagged !== undefined
        ? db.all('SELECT * FROM dataset WHERE id = ?', String(tagged['id']))
        : isPrefix
          ? db.all("SELECT * FROM dataset WHERE id LIKE ? || '%' ORDER BY seq LIMIT 2", ref)
          : [];
    if (second !== undefined)
      throw errors.requestInvalid(`"${ref}" begins the id of several snapshots; give more of it`);
    if (found === undefined) throw errors.datasetNotFound(ref);
    return entry(found);
  };
  return {
    record(wanted) {
      change(() => {
        const known = db.get('SELECT id FROM dataset WHERE id = ?', wanted.id);
        return known === undefined ? { kind: 'record', ...wanted } : null;
      });
      return get(wanted.id);
    },
    list(model, limit) {
      catchUp();
      const rows =
        model === ''
          ? db.all('SELECT * FROM dataset ORDER BY seq DESC LIMIT ?', limit)
          : db.all('SELECT * FROM dataset WHERE model = ? ORDER BY seq DESC LIMIT ?', model, limit);
      return rows.map(entry);
    },
    get(ref) {
      catchUp();
      return get(ref);
    },
    tag({ tag, ref, by, reason, atMs }) {
      if (!tagPattern.test(tag) || /^[0-9a-f]{4,}$/.test(tag))
        throw errors.requestInvalid(
          `"${tag}" cannot be a tag: letters, digits and . _ / - after a letter, at most 100, and not like the digits of an id`,
        );
      let move: TagMove = { tag, id: '', previousId: '', by, reason, atMs };
      change(() => {
        const previousId = String(db.get('SELECT id FROM tag WHERE tag = ?', tag)?.['id'] ?? '');
        const id = ref === '' ? '' : get(ref).id;
        if (ref === '' && previousId === '') throw errors.datasetNotFound(tag);
        move = { tag, id, previousId, by, reason, atMs };
        return id === previousId ? null : { kind: 'tag', ...move };
      });
      return move;
    },
    moves(id) {
      catchUp();
      return db.all('SELECT * FROM tag_move WHERE id = ? OR previous_id = ? ORDER BY seq', id, id).map((row) => ({
        tag: String(row['tag']),
        id: String(row['id']),
        previousId: String(row['previous_id']),
        by: String(row['moved_by']),
        reason: String(row['reason']),
        atMs: Number(row['at_ms']),
      }));
    },
    close: () => db.close(),
  };
}

function setApplied(db: Sqlite, number: number): void {
  db.run('DELETE FROM journal');
  db.run('INSERT INTO journal (applied) VALUES (?)', number);
}

function applyChange(db: Sqlite, change: CatalogChange): void {
  if (change.kind === 'record') {
    const { id, model, createdAtMs, createdBy, reason } = change;
    const parent = db.get('SELECT id FROM dataset WHERE model = ? ORDER BY seq DESC LIMIT 1', model);
    db.run(
      'INSERT INTO dataset (id, model, created_at_ms, created_by, reason, parent) VALUES (?, ?, ?, ?, ?, ?)',
      ...[id, model, createdAtMs, createdBy, reason, String(parent?.['id'] ?? '')],
    );
    return;
  }
  const { tag, id, previousId, by, reason, atMs } = change;
  if (id === '') db.run('DELETE FROM tag WHERE tag = ?', tag);
  else db.run('INSERT INTO tag (tag, id) VALUES (?, ?) ON CONFLICT (tag) DO UPDATE SET id = excluded.id', tag, id);
  db.run(
    'INSERT INTO tag_move (tag, id, previous_id, moved_by, reason, at_ms) VALUES (?, ?, ?, ?, ?, ?)',
    ...[tag, id, previousId, by, reason, atMs],
  );
}

/** A file of before there was a journal: what it holds becomes the journal's beginning, if there is none yet. */
function adopt(db: Sqlite, journal: CatalogJournal): void {
  const changes: CatalogChange[] = [
    ...db.all('SELECT * FROM dataset ORDER BY seq').map((row) => ({
      kind: 'record' as const,
      ...{ id: String(row['id']), model: String(row['model']), createdAtMs: Number(row['created_at_ms']) },
      ...{ createdBy: String(row['created_by']), reason: String(row['reason']) },
    })),
    ...db.all('SELECT * FROM tag_move ORDER BY seq').map((row) => ({
      kind: 'tag' as const,
      ...{ tag: String(row['tag']), id: String(row['id']), previousId: String(row['previous_id']) },
      ...{ by: String(row['moved_by']), reason: String(row['reason']), atMs: Number(row['at_ms']) },
    })),
  ];
  if (journal.read(1) === null) changes.forEach((change, index) => void journal.append(index + 1, change));
  db.transaction(() => {
    // The index is made anew from the journal, whoever began it.
    for (const table of ['tag', 'tag_move', 'dataset']) db.run(`DELETE FROM ${table}`);
    setApplied(db, 0);
  });
}
