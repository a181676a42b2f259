import { openSqlite, type SqliteRow } from '@everloop/storage';

import { errors } from '../../errors.ts';
import type { CatalogEntry, DatasetCatalog, TagMove } from '../../ports.ts';

const schema = `
  CREATE TABLE IF NOT EXISTS dataset (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, model TEXT NOT NULL, created_at_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL, reason TEXT NOT NULL, parent TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS dataset_model ON dataset (model, seq);
  CREATE TABLE IF NOT EXISTS tag (tag TEXT PRIMARY KEY, id TEXT NOT NULL REFERENCES dataset (id));
  CREATE TABLE IF NOT EXISTS tag_move (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, tag TEXT NOT NULL, id TEXT NOT NULL, previous_id TEXT NOT NULL, moved_by TEXT NOT NULL,
    reason TEXT NOT NULL, at_ms INTEGER NOT NULL);`;

const prefixMin = 4;
const tagPattern = /^[A-Za-z][A-Za-z0-9._/-]{0,99}$/;

/** The catalog of snapshots in an SQLite file; every change is one transaction. Entries and moves of tags are never changed. */
export function createSqliteCatalog(path: string): DatasetCatalog & { close(): void } {
  const db = openSqlite(path);
  db.exec(schema);
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
    record: ({ id, model, createdAtMs, createdBy, reason }) =>
      db.transaction(() => {
        const known = db.get('SELECT * FROM dataset WHERE id = ?', id);
        if (known !== undefined) return entry(known);
        const parent = db.get('SELECT id FROM dataset WHERE model = ? ORDER BY seq DESC LIMIT 1', model);
        db.run(
          'INSERT INTO dataset (id, model, created_at_ms, created_by, reason, parent) VALUES (?, ?, ?, ?, ?, ?)',
          ...[id, model, createdAtMs, createdBy, reason, String(parent?.['id'] ?? '')],
        );
        return get(id);
      }),
    list: (model, limit) =>
      (model === ''
        ? db.all('SELECT * FROM dataset ORDER BY seq DESC LIMIT ?', limit)
        : db.all('SELECT * FROM dataset WHERE model = ? ORDER BY seq DESC LIMIT ?', model, limit)
      ).map(entry),
    get,
    tag: ({ tag, ref, by, reason, atMs }) =>
      db.transaction(() => {
        if (!tagPattern.test(tag) || /^[0-9a-f]{4,}$/.test(tag))
          throw errors.requestInvalid(
            `"${tag}" cannot be a tag: letters, digits and . _ / - after a letter, at most 100, and not like the digits of an id`,
          );
        const previousId = String(db.get('SELECT id FROM tag WHERE tag = ?', tag)?.['id'] ?? '');
        const id = ref === '' ? '' : get(ref).id;
        if (ref === '' && previousId === '') throw errors.datasetNotFound(tag);
        const move: TagMove = { tag, id, previousId, by, reason, atMs };
        if (id === previousId) return move;
        if (id === '') db.run('DELETE FROM tag WHERE tag = ?', tag);
        else
          db.run('INSERT INTO tag (tag, id) VALUES (?, ?) ON CONFLICT (tag) DO UPDATE SET id = excluded.id', tag, id);
        db.run(
          'INSERT INTO tag_move (tag, id, previous_id, moved_by, reason, at_ms) VALUES (?, ?, ?, ?, ?, ?)',
          ...[tag, id, previousId, by, reason, atMs],
        );
        return move;
      }),
    moves: (id) =>
      db.all('SELECT * FROM tag_move WHERE id = ? OR previous_id = ? ORDER BY seq', id, id).map((row) => ({
        tag: String(row['tag']),
        id: String(row['id']),
        previousId: String(row['previous_id']),
        by: String(row['moved_by']),
        reason: String(row['reason']),
        atMs: Number(row['at_ms']),
      })),
    close: () => db.close(),
  };
}
