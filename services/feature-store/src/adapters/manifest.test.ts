import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  type Manifest,
  isPartFileName,
  newestVersion,
  partFileName,
  partitionDir,
  putManifest,
  readManifest,
} from './manifest.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'evl-manifest-'));
});
afterAll(() => rm(dir, { recursive: true }));

const times = { minTimeMs: 1, maxTimeMs: 2, lateRows: 3, maxLagMs: 4 };
const file = { file: '0-9-00c0ffee.parquet', firstOffset: 0, lastOffset: 9, rows: 10, ...times };
const manifestOf = (topic: string, nextOffset = 10): Manifest => ({
  ...{ format: 2, topic, partition: 0, nextOffset },
  ...{ files: [file], retired: [{ file: '0-4.parquet', sinceMs: 5 }] },
});
const versions = async (topic: string) =>
  (await readdir(join(partitionDir(dir, topic, 0), 'manifests'))).filter((name) => name.endsWith('.json'));

describe('manifest', () => {
  it('comes back as it was written; there is an empty one before', async () => {
    expect(await readManifest(dir, 'a.valid', 0)).toMatchObject({ version: 0, manifest: { nextOffset: 0, files: [] } });
    expect(await newestVersion(dir, 'a.valid', 0)).toBe(0);
    const stored = { version: 1, manifest: manifestOf('a.valid') };
    expect(await putManifest(dir, stored)).toBe(true);
    expect(await readManifest(dir, 'a.valid', 0)).toEqual(stored);
  });

  it('of several that write a version at once, one does; the others are told', async () => {
    for (let version = 1; version <= 20; version += 1) {
      const writes = [1, 2, 3, 4].map((who) => putManifest(dir, { version, manifest: manifestOf('race', who) }));
      const won = await Promise.all(writes);
      expect(won.filter(Boolean)).toHaveLength(1);
      const { manifest } = await readManifest(dir, 'race', 0);
      expect(manifest.nextOffset).toBe(won.indexOf(true) + 1);
    }
  });

  it('few versions stay, and one whose number is free again counts for nothing', async () => {
    for (let version = 1; version <= 30; version += 1)
      expect(await putManifest(dir, { version, manifest: manifestOf('long', version) })).toBe(true);
    expect(await versions('long')).toHaveLength(8);
    expect(await putManifest(dir, { version: 2, manifest: manifestOf('long', 2) })).toBe(false);
    expect(await putManifest(dir, { version: 30, manifest: manifestOf('long', 7) })).toBe(false);
    expect(await readManifest(dir, 'long', 0)).toEqual({ version: 30, manifest: manifestOf('long', 30) });
    expect((await versions('long')).sort()[0]).toBe('000000000023.json');
  });

  it('can be read at any moment while it is written again and again', async () => {
    await putManifest(dir, { version: 1, manifest: manifestOf('busy', 1) });
    const writing = { isOver: false };
    const work = (async () => {
      for (let version = 2; version <= 200; version += 1)
        await putManifest(dir, { version, manifest: manifestOf('busy', version) });
      writing.isOver = true;
    })();
    let last = 0;
    while (!writing.isOver) {
      const { version, manifest } = await readManifest(dir, 'busy', 0);
      expect(manifest.nextOffset).toBe(version);
      expect(version).toBeGreaterThanOrEqual(last);
      last = version;
    }
    await work;
  });

  it('that was stored before there were versions is taken over by the first of them', async () => {
    const folder = partitionDir(dir, 'old', 0);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifestOf('old', 77)));
    const { version, manifest } = await readManifest(dir, 'old', 0);
    expect([version, manifest]).toEqual([0, manifestOf('old', 77)]);
    expect(await putManifest(dir, { version: 1, manifest })).toBe(true);
    expect(await readManifest(dir, 'old', 0)).toEqual({ version: 1, manifest: manifestOf('old', 77) });
    expect(await readdir(folder)).not.toContain('manifest.json');
  });

  it.each([
    ['half a file', '{"format":2,'],
    ['another partition', '{"format":2,"topic":"b","partition":3,"nextOffset":0,"files":[]}'],
    [
      'a path instead of a file',
      '{"format":2,"topic":"b","partition":0,"nextOffset":0,"files":[{"file":"../x.parquet"}]}',
    ],
    ['something else', 'null'],
  ])('is refused when it is %s', async (_, text) => {
    const folder = join(partitionDir(dir, 'b', 0), 'manifests');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, '000000000001.json'), text);
    await expect(readManifest(dir, 'b', 0)).rejects.toMatchObject({ code: 'EVL_FEATURES_MANIFEST_INVALID' });
  });

  it('names of files are never given twice', () => {
    const names = Array.from({ length: 100 }, () => partFileName(3, 9));
    expect(new Set(names).size).toBe(100);
    expect(names.every(isPartFileName)).toBe(true);
    expect(['3-9.parquet', '3-9-00c0ffee.parquet'].every(isPartFileName)).toBe(true);
    expect(['x-9.parquet', '3-9-zz.parquet', '3-9.json'].some(isPartFileName)).toBe(false);
  });

  it.each(['..', '.', '', 'a/b', 'a\u0000b'])('no topic name leads out of the folder: %j', (topic) => {
    expect(() => partitionDir(dir, topic, 0)).toThrow(expect.objectContaining({ code: 'EVL_FEATURES_TOPIC_INVALID' }));
  });
});
