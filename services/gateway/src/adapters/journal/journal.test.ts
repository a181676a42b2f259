import { appendFileSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { JournalRecord } from './frames.ts';
import { Journal, type JournalOptions } from './journal.ts';
import { comparePositions, parsePosition, positionText, type Position } from './position.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function newFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'everloop-journal-'));
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function openJournal(folder: string, options: Partial<JournalOptions> = {}) {
  const damaged: string[] = [];
  const journal = new Journal({
    ...{ folder, segmentBytes: 200, syncEveryMs: 1_000 },
    onDamaged: (segment, byte) => damaged.push(`${segment}:${byte}`),
    ...options,
  });
  cleanUps.push(() => journal.close());
  return { journal, damaged };
}

const record = (n: number, bytes = 30): JournalRecord => ({
  ...{ stream: n % 3 === 0 ? 'shadowed' : 'served', timestampMs: n, key: `k${n}` },
  value: Buffer.alloc(bytes, n),
});

/** Everything behind a position. */
async function rest(
  journal: Journal,
  from: Position,
): Promise<{ readonly keys: readonly string[]; readonly at: Position }> {
  const keys: string[] = [];
  for (let at = from; ;) {
    const { records, next } = await journal.read(at);
    if (records.length === 0) return { keys, at: next };
    keys.push(...records.map(({ key }) => key));
    at = next;
  }
}

const segmentsOf = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.journal'));
const keysOf = (count: number, from = 0) => Array.from({ length: count }, (_, n) => `k${n + from}`);

describe('Journal', () => {
  it('gives back what was appended, in order, over segments and lives', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(fc.nat({ max: 150 }), { maxLength: 6 }), { maxLength: 5 }), async (lives) => {
        const folder = newFolder();
        let count = 0;
        for (const sizes of lives) {
          const { journal } = openJournal(folder);
          for (const bytes of sizes) {
            journal.append(record(count, bytes));
            count += 1;
            if (bytes % 2 === 0) await journal.written();
          }
          await journal.written();
          expect((await rest(journal, journal.begin)).keys).toEqual(keysOf(count));
          cleanUps.pop();
          await journal.close();
        }
      }),
      { numRuns: 30 },
    );
  });

  it('writes what is appended together at once, and knows what waits', async () => {
    const { journal } = openJournal(newFolder(), { segmentBytes: 10_000 });
    for (let n = 0; n < 5; n += 1) journal.append(record(n));
    const { bytes, end } = journal;
    expect(bytes).toBeGreaterThan(150);
    expect((await journal.read(journal.begin)).records).toEqual([]);
    await journal.written();
    const { keys, at } = await rest(journal, journal.begin);
    expect(keys).toEqual(keysOf(5));
    expect(comparePositions(at, end)).toBe(0);
    expect(journal.bytes).toBe(bytes);
    journal.release(at);
    expect(journal.bytes).toBe(0);
  });

  it('wakes who waits for more', async () => {
    const { journal } = openJournal(newFolder());
    const { signal } = new AbortController();
    expect(await journal.available(journal.begin, 1, signal)).toBe(false);
    const waiting = journal.available(journal.begin, 60_000, signal);
    journal.append(record(0));
    expect(await waiting).toBe(true);
    expect(await journal.available(journal.end, 60_000, AbortSignal.abort())).toBe(false);
  });

  it('removes the files that are not needed any more, and keeps the others', async () => {
    const folder = newFolder();
    const { journal } = openJournal(folder);
    for (let n = 0; n < 20; n += 1) {
      journal.append(record(n));
      await journal.written();
    }
    const before = segmentsOf(folder).length;
    expect(before).toBeGreaterThan(3);
    const { next } = await journal.read(journal.begin);
    const { next: later } = await journal.read(next);
    journal.release(later);
    expect(segmentsOf(folder).length).toBeLessThan(before);
    const { keys, at } = await rest(journal, later);
    expect(keys).toEqual(keysOf(20).slice(-keys.length));
    journal.release(at);
    expect(segmentsOf(folder)).toHaveLength(1);
  });

  it.each([
    ['cut off', (file: string) => truncateSync(file, 90)],
    ['followed by what is no record', (file: string) => appendFileSync(file, 'half a record')],
  ])('goes on behind a file that is %s: what was written whole counts', async (_what, damage) => {
    const folder = newFolder();
    const first = openJournal(folder, { segmentBytes: 10_000 });
    for (let n = 0; n < 4; n += 1) first.journal.append(record(n));
    await first.journal.close();
    cleanUps.pop();
    const [name = ''] = segmentsOf(folder);
    damage(path.join(folder, name));
    const { journal, damaged } = openJournal(folder);
    journal.append(record(4));
    await journal.written();
    const { keys } = await rest(journal, journal.begin);
    expect(keys.at(-1)).toBe('k4');
    expect(keysOf(4)).toEqual(expect.arrayContaining(keys.slice(0, -1)));
    expect(keys.slice(0, -1)).toEqual(keysOf(keys.length - 1));
    expect(damaged).toHaveLength(1);
  });

  it('reads a record that is larger than what it reads at a time', async () => {
    const { journal } = openJournal(newFolder(), { segmentBytes: 100_000_000 });
    journal.append(record(0, 3_000_000));
    journal.append(record(1));
    await journal.written();
    expect((await rest(journal, journal.begin)).keys).toEqual(['k0', 'k1']);
  });

  it('keeps its id, and never uses the number of a file again', async () => {
    const folder = newFolder();
    const first = openJournal(folder).journal;
    const { id, end } = first;
    await first.close();
    cleanUps.pop();
    for (const name of segmentsOf(folder)) rmSync(path.join(folder, name));
    const { journal } = openJournal(folder);
    expect(journal.id).toBe(id);
    expect(comparePositions(journal.begin, end)).toBeGreaterThan(0);
  });

  it('belongs to one process at a time; the lock of one that is gone is taken over', () => {
    const folder = newFolder();
    writeFileSync(path.join(folder, 'lock'), `1 ${hostname()}`);
    expect(() => openJournal(folder)).toThrow(expect.objectContaining({ code: 'EVL_GATEWAY_JOURNAL_LOCKED' }));
    writeFileSync(path.join(folder, 'lock'), `4194305 ${hostname()}`);
    expect(() => openJournal(folder)).not.toThrow();
  });
});

describe('positions', () => {
  it('are text and back', () => {
    expect(parsePosition(positionText({ segment: 12, byte: 345 }))).toEqual({ segment: 12, byte: 345 });
    expect(parsePosition(undefined)).toBeNull();
    expect(parsePosition('12:-1')).toBeNull();
  });
});
