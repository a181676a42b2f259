import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { partitionDir, readManifest, writeManifest } from './manifest.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'evl-manifest-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('manifest', () => {
  it('comes back as it was written; there is an empty one before', async () => {
    expect(await readManifest(dir, 'a.valid', 1)).toMatchObject({ nextOffset: 0, files: [] });
    const times = { minTimeMs: 1, maxTimeMs: 2, lateRows: 3, maxLagMs: 4 };
    const file = { file: '0-9.parquet', firstOffset: 0, lastOffset: 9, rows: 10, ...times };
    const manifest = {
      format: 2,
      topic: 'a.valid',
      partition: 1,
      nextOffset: 10,
      files: [file],
      retired: [{ file: '0-4.parquet', sinceMs: 5 }],
    } as const;
    await writeManifest(dir, manifest);
    expect(await readManifest(dir, 'a.valid', 1)).toEqual(manifest);
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
    const folder = partitionDir(dir, 'b', 0);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'manifest.json'), text);
    await expect(readManifest(dir, 'b', 0)).rejects.toMatchObject({ code: 'EVL_FEATURES_MANIFEST_INVALID' });
  });

  it.each(['..', '.', '', 'a/b', 'a\u0000b'])('no topic name leads out of the folder: %j', (topic) => {
    expect(() => partitionDir(dir, topic, 0)).toThrow(expect.objectContaining({ code: 'EVL_FEATURES_TOPIC_INVALID' }));
  });
});
