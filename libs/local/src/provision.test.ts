import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readDigests, sha512File, verifyFiles } from './digests.ts';
import { cacheFolder, provisionPlatform, redisBinaryName } from './provision.ts';
import { findJava, findMaven, javaMajor } from './tools.ts';
import { readZipEntry } from './zip.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'everloop-provision-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const silent = (): void => undefined;

function program(name: string, script: string): void {
  mkdirSync(join(dir, 'bin'), { recursive: true });
  writeFileSync(join(dir, 'bin', name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(dir, 'bin', name), 0o755);
}

describe('Java and Maven', () => {
  it.each([
    ['17.0.15', 17],
    ['1.8.0_392', 8],
    ['11.0.2', 11],
    ['21-ea', 21],
    ['25', 25],
  ])('major of %s is %i', (version, major) => expect(javaMajor(version)).toBe(major));

  it('no Java: says what is needed and how to get it', () => {
    expect(() => findJava({ PATH: dir })).toThrow(/Java 17 or newer is needed: found none; install one \(Debian/);
  });

  it('a Java that is too old is named', () => {
    program('java', `echo 'openjdk version "11.0.22" 2024-01-16' >&2`);
    expect(() => findJava({ PATH: join(dir, 'bin') })).toThrow(/Java 17 or newer is needed: found 11\.0\.22/);
  });

  it('JAVA_HOME wins over PATH', () => {
    program('java', `echo 'openjdk version "21.0.1" 2023-10-17' >&2`);
    expect(findJava({ JAVA_HOME: dir, PATH: process.env['PATH'] })).toMatchObject({
      major: 21,
      command: join(dir, 'bin', 'java'),
    });
  });

  it('no Maven: says what it is for', () => {
    expect(() => findMaven({ PATH: dir })).toThrow(
      /Maven is needed to download Kafka and Redis: found none; install it/,
    );
  });
});

describe('download', () => {
  const environment = () => ({ PATH: `${join(dir, 'bin')}:/usr/bin:/bin`, XDG_CACHE_HOME: join(dir, 'cache') });

  it('a failing Maven: its last words and what to check; nothing stays behind', async () => {
    program('java', `echo 'openjdk version "17.0.1" 2021-10-19' >&2`);
    program('mvn', "echo 'Could not transfer artifact: Connection refused'; exit 1");
    const failing = provisionPlatform(silent, environment());
    await expect(failing).rejects.toMatchObject({ code: 'EVL_LOCAL_DOWNLOAD_FAILED' });
    await expect(failing).rejects.toThrow(/settings\.xml[\s\S]*Connection refused/);
    expect(readdirSync(cacheFolder(environment()))).toEqual([]);
  });

  it('jars that are not the published ones are refused; nothing stays behind', async () => {
    program('java', `echo 'openjdk version "17.0.1" 2021-10-19' >&2`);
    program(
      'mvn',
      `for a in "$@"; do case $a in -DoutputDirectory=*) echo evil > "\${a#*=}/kafka_2.13-4.2.2.jar" ;; esac; done`,
    );
    const failing = provisionPlatform(silent, environment());
    await expect(failing).rejects.toMatchObject({ code: 'EVL_LOCAL_DIGEST_MISMATCH' });
    await expect(failing).rejects.toThrow(/kafka_2\.13-4\.2\.2\.jar is not the file that was published/);
    await expect(failing).rejects.toThrow(/kafka-clients-4\.2\.2\.jar is missing/);
    expect(readdirSync(cacheFolder(environment()))).toEqual([]);
  });
});

describe('digests', () => {
  it('the list has the broker, Redis and its programs', () => {
    const names = [...readDigests(join(import.meta.dirname, '..', 'kafka-jars.sha512')).keys()];
    expect(names).toEqual(
      expect.arrayContaining([
        'kafka_2.13-4.2.2.jar',
        'embedded-redis-0.9.1.jar',
        redisBinaryName('linux', 'x64'),
        redisBinaryName('darwin', 'arm64'),
      ]),
    );
  });

  it('a changed and a missing file are both named', async () => {
    writeFileSync(join(dir, 'a'), 'a');
    writeFileSync(join(dir, 'b'), 'b');
    const digests = new Map([
      ['a', await sha512File(join(dir, 'a'))],
      ['b', await sha512File(join(dir, 'a'))],
      ['c', '0'.repeat(128)],
    ]);
    await expect(verifyFiles(dir, digests, 'Do this.')).rejects.toThrow(
      /: b is not the file that was published .*; c is missing\. Do this\./,
    );
    await verifyFiles(dir, new Map([...digests].slice(0, 1)), '');
  });

  it('matches sha512sum', async () => {
    writeFileSync(join(dir, 'x'), 'abc');
    // FIPS 180-2, appendix C.1.
    expect(await sha512File(join(dir, 'x'))).toMatch(/^ddaf35a193617aba/);
  });

  it('a line that is no digest is refused', () => {
    writeFileSync(join(dir, 'list'), 'abc  file\n');
    expect(() => readDigests(join(dir, 'list'))).toThrow(/is not '<sha512> {2}<file name>'/);
  });
});

/** A zip as other programs make it: local header, data, central directory, end record, with a comment. */
function makeZip(entries: readonly { name: string; bytes: Buffer; deflate: boolean }[], comment: string): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes, deflate } of entries) {
    const packed = deflate ? deflateRawSync(bytes) : bytes;
    const nameBytes = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(deflate ? 8 : 0, 4);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(nameBytes.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, nameBytes, packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, tail, nameBytes]));
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, central, end, Buffer.from(comment, 'latin1')]);
}

describe('readZipEntry', () => {
  it('finds each entry, stored or deflated', async () => {
    const file = join(dir, 'a.zip');
    const entry = fc.record({
      name: fc.stringMatching(/^[a-z]{1,8}$/),
      bytes: fc.uint8Array({ maxLength: 300 }),
      deflate: fc.boolean(),
    });
    const archive = fc.uniqueArray(entry, { selector: ({ name }) => name, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(archive, fc.stringMatching(/^[a-z ]{0,40}$/), async (entries, comment) => {
        writeFileSync(
          file,
          makeZip(
            entries.map(({ bytes, ...rest }) => ({ ...rest, bytes: Buffer.from(bytes) })),
            comment,
          ),
        );
        for (const { name, bytes } of entries) expect(await readZipEntry(file, name)).toEqual(Buffer.from(bytes));
        await expect(readZipEntry(file, 'NOTHING')).rejects.toThrow(/has no entry 'NOTHING'/);
      }),
      { numRuns: 50 },
    );
  });

  it('reads what another program made', async () => {
    writeFileSync(join(dir, 'hello.txt'), 'hello '.repeat(1_000));
    const made = spawnSync('python3', ['-m', 'zipfile', '-c', 'b.zip', 'hello.txt'], { cwd: dir });
    if (made.status !== 0) return;
    expect((await readZipEntry(join(dir, 'b.zip'), 'hello.txt')).toString()).toBe('hello '.repeat(1_000));
  });

  it('an archive that is cut short is refused', async () => {
    const file = join(dir, 'cut.zip');
    writeFileSync(file, makeZip([{ name: 'a', bytes: Buffer.alloc(500, 1), deflate: false }], ''));
    truncateSync(file, 300);
    await expect(readZipEntry(file, 'a')).rejects.toMatchObject({ code: 'EVL_LOCAL_ARCHIVE_INVALID' });
  });
});
