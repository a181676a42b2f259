import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { pythonVenv } from './python.ts';

it('installs once for all who ask, also after an installation that was killed', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'everloop-python-'));
  try {
    const env = { ...process.env, XDG_CACHE_HOME: dir };
    const requirements = ['toolz==1.1.0', 'colorama==0.4.6 ; sys_platform == "win32"'];
    mkdirSync(join(dir, 'everloop'));
    const [first, second] = await Promise.all([
      pythonVenv('probe', requirements, env),
      pythonVenv('probe', requirements, env),
    ]);
    expect(second).toBe(first);
    const { stdout } = spawnSync(first, ['-c', 'import toolz; print(toolz.__version__)'], { encoding: 'utf8' });
    expect(stdout).toBe('1.1.0\n');
    expect(readdirSync(join(dir, 'everloop'))).toHaveLength(1);
    const folder = join(first, '..', '..');
    rmSync(folder, { recursive: true });
    // No process has this number.
    writeFileSync(`${folder}.lock`, '4194305');
    expect(await pythonVenv('probe', requirements, env)).toBe(first);
    expect(readdirSync(join(dir, 'everloop'))).toHaveLength(1);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
