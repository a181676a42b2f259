import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findPython, pythonRequirements, pythonVenv } from './python.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'everloop-python-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function python3(folder: string, script: string): string {
  mkdirSync(join(dir, folder), { recursive: true });
  writeFileSync(join(dir, folder, 'python3'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(dir, folder, 'python3'), 0o755);
  return join(dir, folder);
}

describe('findPython', () => {
  it('no Python: says what is needed', () => {
    expect(findPython({ PATH: dir })).toEqual({
      missing: 'Python 3.11 or newer with venv is needed: found none; install python3 and python3-venv',
    });
  });

  it('passes by one that is too old and one without venv, and names them if there is no other', () => {
    const [old, bare] = [python3('old', 'echo 3.9.2'), python3('bare', 'exit 1')];
    expect(findPython({ PATH: `${old}:${bare}` })).toMatchObject({
      missing: expect.stringMatching(/old\/python3 is 3\.9\.2; .*bare\/python3 has no venv module/),
    });
    const fine = python3('fine', 'echo 3.13.5');
    expect(findPython({ PATH: `${old}:${bare}:${fine}` })).toEqual({
      command: join(fine, 'python3'),
      version: '3.13.5',
    });
  });
});

describe('pythonVenv', () => {
  it.each(['pandas', 'pandas>=2', 'pandas==2.*', 'git+https://x', '-r other.txt'])(
    'refuses %j, which is no exact version',
    async (line) => {
      await expect(pythonVenv('x', ['numpy==2.4.6', line], { PATH: dir })).rejects.toMatchObject({
        code: 'EVL_TESTING_REQUIREMENT_UNPINNED',
        message: expect.stringContaining(line),
      });
    },
  );

  it('takes the committed lists', async () => {
    for (const name of ['feast', 'spark'] as const) {
      const requirements = pythonRequirements(name);
      expect(requirements.some((line) => line.startsWith(`${name === 'spark' ? 'pyspark' : name}==`))).toBe(true);
      await expect(pythonVenv(name, requirements, { PATH: dir })).rejects.toMatchObject({
        code: 'EVL_TESTING_PYTHON_MISSING',
      });
    }
  });

  it('a failed installation says why and leaves nothing', async () => {
    const folder = python3('fails', `[ "$1" = -c ] && echo 3.13.5 || { echo 'no room' >&2; exit 3; }`);
    const env = { PATH: `${folder}:/bin`, XDG_CACHE_HOME: dir };
    await expect(pythonVenv('x', ['numpy==2.4.6'], env)).rejects.toMatchObject({
      code: 'EVL_TESTING_INSTALL_FAILED',
      message: expect.stringContaining('no room'),
    });
    expect(readdirSync(join(dir, 'everloop'))).toEqual([]);
  });
});
