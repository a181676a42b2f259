import { canonicalJson, registry } from '@everloop/contracts';
import { openSqlite, type Sqlite, type SqliteRow } from '@everloop/storage';
import { type LedgerEntry, type LedgerType, nextEntry } from '../domain/ledger.ts';
import { type StoredVersion, storedStage } from '../domain/versions.ts';
import type { QueuedEvent, RegistryReader, RegistryStore, RegistryWriter } from '../ports.ts';

/** Entries read at a time while walking the ledger: bounds memory, costs nothing. */
const pageEntries = 500;

const schema = `
CREATE TABLE IF NOT EXISTS ledger (
  sequence INTEGER PRIMARY KEY, type TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,
  previous_hash TEXT NOT NULL, hash TEXT NOT NULL UNIQUE
) STRICT;
CREATE TRIGGER IF NOT EXISTS ledger_keeps BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END;
CREATE TRIGGER IF NOT EXISTS ledger_stays BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END;
CREATE TABLE IF NOT EXISTS resource (
  kind TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL, spec_json TEXT NOT NULL, digest TEXT NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT;
CREATE TABLE IF NOT EXISTS version (
  model TEXT NOT NULL, version INTEGER NOT NULL, job_id TEXT NOT NULL, stage TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (model, version), UNIQUE (model, job_id)
) STRICT;
CREATE TABLE IF NOT EXISTS outbox (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, headers TEXT NOT NULL
) STRICT;
`;

/** Opens the registry's SQLite database; `:memory:` for tests. */
export function openRegistryStore(path: string): RegistryStore {
  const db = openSqlite(path);
  db.exec(schema);
  const reader = createReader(db);
  const writer = createWriter(db, reader);
  return {
    ...reader,
    transaction: (work) => db.transaction(() => work(writer)),
    published: (sequence) => void db.run('DELETE FROM outbox WHERE sequence <= ?', sequence),
    close: () => db.close(),
  };
}

function createReader(db: Sqlite): RegistryReader {
  const columns = 'sequence, type, subject, body, previous_hash, hash';
  function* entries(): Iterable<LedgerEntry> {
    for (let after = 0; ;) {
      const rows = db.all(
        `SELECT ${columns} FROM ledger WHERE sequence > ? ORDER BY sequence LIMIT ?`,
        after,
        pageEntries,
      );
      for (const row of rows) yield toEntry(row);
      if (rows.length < pageEntries) return;
      after = Number(rows[rows.length - 1]?.['sequence']);
    }
  }
  return {
    entries,
    resources: (kind) => {
      const order = 'ORDER BY kind, name';
      const rows =
        kind === undefined
          ? db.all(`SELECT * FROM resource ${order}`)
          : db.all(`SELECT * FROM resource WHERE kind = ? ${order}`, kind);
      return rows.map(toResource);
    },
    versions: (model) => {
      const order = 'ORDER BY model, version';
      const rows =
        model === undefined
          ? db.all(`SELECT * FROM version ${order}`)
          : db.all(`SELECT * FROM version WHERE model = ? ${order}`, model);
      return rows.map(toVersion);
    },
    version: (model, version) => {
      if (!/^[1-9]\d{0,14}$/.test(version)) return null;
      const row = db.get('SELECT * FROM version WHERE model = ? AND version = ?', model, Number(version));
      return row === undefined ? null : toVersion(row);
    },
    versionOfJob: (model, jobId) => {
      const row = db.get('SELECT * FROM version WHERE model = ? AND job_id = ?', model, jobId);
      return row === undefined ? null : toVersion(row);
    },
    queued: (limit) => db.all('SELECT * FROM outbox ORDER BY sequence LIMIT ?', limit).map(toQueued),
    queuedCount: () => Number(db.get('SELECT count(*) AS n FROM outbox')?.['n'] ?? 0),
  };
}

function createWriter(db: Sqlite, reader: RegistryReader): RegistryWriter {
  return {
    ...reader,
    append(fact) {
      const last = db.get('SELECT sequence, hash FROM ledger ORDER BY sequence DESC LIMIT 1');
      const entry = nextEntry(
        last === undefined ? null : { sequence: Number(last['sequence']), hash: String(last['hash']) },
        fact,
      );
      const { sequence, type, subject, body, previousHash, hash } = entry;
      db.run('INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?)', sequence, type, subject, body, previousHash, hash);
      return entry;
    },
    putResource({ kind, name, revision, specJson, digest }) {
      db.run('INSERT OR REPLACE INTO resource VALUES (?, ?, ?, ?, ?)', kind, name, revision, specJson, digest);
    },
    addVersion({ registered, stage }) {
      const body = canonicalJson(registry.ModelVersion.toJSON(registered));
      db.run(
        'INSERT INTO version VALUES (?, ?, ?, ?, ?)',
        registered.model,
        Number(registered.version),
        registered.jobId,
        stage,
        body,
      );
    },
    setStage(model, version, stage) {
      db.run('UPDATE version SET stage = ? WHERE model = ? AND version = ?', stage, model, Number(version));
    },
    enqueue({ topic, key, value, headers }) {
      db.run(
        'INSERT INTO outbox (topic, key, value, headers) VALUES (?, ?, ?, ?)',
        topic,
        key,
        value,
        JSON.stringify(headers),
      );
    },
  };
}

function toEntry(row: SqliteRow): LedgerEntry {
  return {
    sequence: Number(row['sequence']),
    type: String(row['type']) as LedgerType,
    subject: String(row['subject']),
    body: String(row['body']),
    previousHash: String(row['previous_hash']),
    hash: String(row['hash']),
  };
}

function toResource(row: SqliteRow): registry.Resource {
  return {
    kind: String(row['kind']),
    name: String(row['name']),
    revision: Number(row['revision']),
    specJson: String(row['spec_json']),
    digest: String(row['digest']),
  };
}

function toVersion(row: SqliteRow): StoredVersion {
  return {
    registered: registry.ModelVersion.fromJSON(JSON.parse(String(row['body']))),
    stage: storedStage(String(row['stage'])),
  };
}

function toQueued(row: SqliteRow): QueuedEvent {
  return {
    sequence: Number(row['sequence']),
    topic: String(row['topic']),
    key: String(row['key']),
    value: String(row['value']),
    headers: JSON.parse(String(row['headers'])) as Record<string, string>,
  };
}
