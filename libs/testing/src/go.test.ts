import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { goMissing, goProgram } from './go.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'everloop-go-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** An environment whose only `go` is this shell script. */
function withGo(script: string) {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'go'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, 'go'), 0o755);
  return { PATH: `${bin}:/usr/bin:/bin`, XDG_CACHE_HOME: folder, GOFLAGS: '-buildvcs=false' };
}

describe('goMissing', () => {
  it.each([
    ['new enough', "printf 'go1.26.8\\nlocal\\n'", null],
    ['fetches a newer one', "printf 'go1.21.0\\nauto\\n'", null],
    ['too old, and may not fetch', "printf 'go1.24.4\\nlocal\\n'", 'found go1.24, GOTOOLCHAIN=local'],
    ['too old to know toolchains', "printf 'go1.19.8\\n\\n'", 'found go1.19'],
    ['no Go at all', 'exit 1', 'found none'],
  ])('%s', (_, script, reason) => {
    const missing = goMissing(withGo(script));
    if (reason === null) expect(missing).toBeNull();
    else expect(missing).toContain(reason);
  });

  it('says so when nothing of that name is there', () => {
    expect(goMissing({ PATH: folder })).toContain('found none');
  });
});

describe('goProgram', () => {
  const source = 'example.org/m/cmd/tool@v1.2.3';

  it('is built once, two packages at a time, and kept by its version', async () => {
    const env = withGo(`echo "$GOFLAGS $*" >> "\${0%/*}/../calls"; echo built > "$GOBIN/tool"`);
    const program = await goProgram('tool', source, env);
    expect(existsSync(program)).toBe(true);
    expect(program).toContain('go-tool-1.2.3');
    expect(await goProgram('tool', source, env)).toBe(program);
    expect(readFileSync(join(folder, 'calls'), 'utf8')).toBe(`-buildvcs=false -p=2 install ${source}\n`);
  });

  it('leaves nothing behind when it cannot be built, and says why', async () => {
    const env = withGo('echo "no such host" >&2; exit 1');
    await expect(goProgram('tool', source, env)).rejects.toThrow(/go install example.*failed \(1\)[\s\S]*no such host/);
    expect(readdirSync(folder, { recursive: true }).filter((name) => String(name).includes('go-tool'))).toEqual([]);
  });
});
