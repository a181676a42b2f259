import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '@everloop/local';
import { ServiceError } from '@everloop/service';

type Environment = Readonly<Record<string, string | undefined>>;

/** Oldest Go that the programs' modules are built with, and the oldest that fetches a newer one by itself where GOTOOLCHAIN lets it. */
const goMinorMin = 25;
const fetchingMinorMin = 21;

/** Why no Go program can be built here; null when one can. */
export function goMissing(env: Environment = process.env): string | null {
  const asked = spawnSync('go', ['env', 'GOVERSION', 'GOTOOLCHAIN'], { encoding: 'utf8', env: { ...env } });
  const [, minor, toolchain] = /^go1\.(\d+)\S*\s+(\S*)/.exec(asked.error === undefined ? asked.stdout : '') ?? [];
  const wanted = toolchain === undefined || toolchain === 'local' ? goMinorMin : fetchingMinorMin;
  if (Number(minor ?? 0) >= wanted) return null;
  const found = minor === undefined ? 'found none' : `found go1.${minor}, GOTOOLCHAIN=${toolchain ?? ''}`;
  return `Go 1.${goMinorMin} or newer, or 1.${fetchingMinorMin} with GOTOOLCHAIN=auto, is needed to build it: ${found}`;
}

/**
 * Path of a Go program, `name` of the module's package at a version (`example.org/m/cmd/p@v1.2.3`): built once by `go install`, whose module proxy and
 * checksum database say that it is what its authors published, and kept in the cache folder. Takes minutes the first time: call it in a hook with a limit
 * of its own. Throws EVL_TESTING_GO_INSTALL.
 */
export async function goProgram(name: string, source: string, env: Environment = process.env): Promise<string> {
  const folder = join(cacheFolder(env), `go-${name}-${/@v([\w.-]+)$/.exec(source)?.[1] ?? 'unpinned'}`);
  if (!existsSync(join(folder, name))) await install(folder, source, env);
  return join(folder, name);
}

async function install(folder: string, source: string, env: Environment): Promise<void> {
  const staging = `${folder}.staging-${randomUUID().slice(0, 8)}`;
  mkdirSync(staging, { recursive: true });
  try {
    const child = spawn('go', ['install', source], {
      // Two compilers at once: cold, these are hundreds of packages, and tests run beside them.
      env: { ...env, GOBIN: staging, GOFLAGS: `${env['GOFLAGS'] ?? ''} -p=2`.trim() },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-2_000);
    });
    const code = await new Promise<number | string>((resolve) => {
      child.on('error', (error) => resolve(error.message));
      child.on('close', (exit, signal) => resolve(exit ?? signal ?? 'unknown'));
    });
    if (code !== 0) {
      throw new ServiceError({
        code: 'EVL_TESTING_GO_INSTALL',
        kind: 'terminal',
        message: `go install ${source} failed (${code}); check the network and GOPROXY:\n${output}`,
      });
    }
    // Another process may have been faster; its program is the same.
    if (!existsSync(folder)) renameSync(staging, folder);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}
