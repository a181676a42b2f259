import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { digestOf } from './digest.ts';
import { createObjectStore } from './object-store.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'evl-objects-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('object store', () => {
  it('gives back what was put, under the SHA-256 of its bytes', async () => {
    const store = createObjectStore(dir);
    const bytes = Buffer.from('hello');
    const digest = await store.put(bytes);
    expect(digest).toBe('2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824');
    expect(await store.get(digest)).toEqual(bytes);
    expect(await store.has(digest)).toBe(true);
    expect(await readdir(join(dir, '.staging'))).toEqual([]);
  });

  it('stores a staged file by moving it', async () => {
    const store = createObjectStore(dir);
    const staged = await store.stage('rows.parquet');
    await writeFile(staged, 'rows');
    const digest = await store.putFile(staged);
    expect(digest).toBe(digestOf(Buffer.from('rows')));
    expect((await store.get(digest)).toString()).toBe('rows');
  });

  it('takes the same object twice, also concurrently', async () => {
    const store = createObjectStore(dir);
    const digests = await Promise.all(Array.from({ length: 8 }, () => store.put(Buffer.from('same'))));
    expect(new Set(digests).size).toBe(1);
  });

  it('refuses bytes that changed on the disk, and heals when the object is put again', async () => {
    const store = createObjectStore(dir);
    const digest = await store.put(Buffer.from('model'));
    await writeFile(store.path(digest), 'mOdel');
    await expect(store.get(digest)).rejects.toMatchObject({ code: 'EVL_STORAGE_DIGEST_MISMATCH' });
    await store.put(Buffer.from('model'));
    expect((await store.get(digest)).toString()).toBe('model');
  });

  it('says that an object is missing', async () => {
    await expect(createObjectStore(dir).get('0'.repeat(64))).rejects.toMatchObject({
      code: 'EVL_STORAGE_OBJECT_NOT_FOUND',
    });
  });

  it.each(['', '../../etc/passwd', 'A'.repeat(64), `${'0'.repeat(63)}/`, `${'0'.repeat(64)}\n`])(
    'never makes a path of %j',
    async (name) => {
      const store = createObjectStore(dir);
      expect(() => store.path(name)).toThrow(expect.objectContaining({ code: 'EVL_STORAGE_DIGEST_INVALID' }));
      await expect(store.get(name)).rejects.toMatchObject({ code: 'EVL_STORAGE_DIGEST_INVALID' });
    },
  );
});
