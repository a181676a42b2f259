import type * as fs from 'node:fs';
import { mkdtempSync, rmSync, writevSync, ftruncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Journal } from './journal.ts';

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  return { ...real, writevSync: vi.fn(real.writevSync), ftruncateSync: vi.fn(real.ftruncateSync) };
});

const folder = mkdtempSync(path.join(tmpdir(), 'everloop-journal-'));
const damaged: number[] = [];
const journal = new Journal({ folder, segmentBytes: 10_000, syncEveryMs: 1_000, onDamaged: (at) => damaged.push(at) });
afterEach(async () => {
  await journal.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('a disk that fails', () => {
  it('costs the records of that write only, also where the half of one that it left cannot be cut off', async () => {
    const append = async (key: string) => {
      journal.append({ stream: 'served', timestampMs: 1, key, value: Buffer.alloc(20) });
      await journal.written();
    };
    const fail = () =>
      vi.mocked(writevSync).mockImplementationOnce((file) => {
        writeSync(file, 'half a record');
        throw new Error('ENOSPC');
      });
    await append('a');
    fail();
    await expect(append('lost')).rejects.toMatchObject({ code: 'EVL_GATEWAY_JOURNAL_FAILED' });
    await append('b');
    fail();
    vi.mocked(ftruncateSync).mockImplementationOnce(() => {
      throw new Error('EIO');
    });
    await expect(append('lost too')).rejects.toMatchObject({ code: 'EVL_GATEWAY_JOURNAL_FAILED' });
    await append('c');
    const keys: string[] = [];
    for (let at = journal.begin; ;) {
      const { records, next } = await journal.read(at);
      if (records.length === 0) break;
      keys.push(...records.map(({ key }) => key));
      at = next;
    }
    expect(keys).toEqual(['a', 'b', 'c']);
    expect(damaged).toEqual([]);
  });
});
