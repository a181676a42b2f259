import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cacheFolder } from '@everloop/local';
import { pause, ServiceError } from '@everloop/service';

type Environment = Readonly<Record<string, string | undefined>>;

/** A Python that can make virtual environments. */
export interface Python {
  readonly command: string;
  /** `3.11.7` */
  readonly version: string;
}

/** Oldest Python that the pinned packages run on. */
const pythonMinorMin = 11;

/** Installs packages several times faster than pip and in the same way on every run. */
const uv = 'uv==0.13.9';

/** Pause between two looks at an installation that another process makes, milliseconds. */
const lookMs = 200;

function pythonError(code: `EVL_TESTING_${string}`, message: string): ServiceError {
  return new ServiceError({ code, kind: 'terminal', message });
}

/** The first `python3` on PATH that is new enough and has the venv module, or why there is none. */
export function findPython(env: Environment = process.env): Python | { readonly missing: string } {
  const probe = 'import sys, venv, ensurepip; print("%d.%d.%d" % sys.version_info[:3])';
  const seen: string[] = [];
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const command = join(folder, 'python3');
    if (folder === '' || !existsSync(command)) continue;
    const { stdout } = spawnSync(command, ['-c', probe], { encoding: 'utf8', env: { ...env } });
    const version = (stdout as string | null)?.trim() ?? '';
    if (Number(/^3\.(\d+)\./.exec(version)?.[1] ?? 0) >= pythonMinorMin) return { command, version };
    seen.push(`${command} ${version === '' ? 'has no venv module' : `is ${version}`}`);
  }
  const found = seen.length === 0 ? 'found none' : seen.join('; ');
  return {
    missing: `Python 3.${pythonMinorMin} or newer with venv is needed: ${found}; install python3 and python3-venv`,
  };
}

/**
 * The pinned requirements of a file of libs/testing/python: `feast` (Feast with DuckDB and gRPC, pandas), `spark` (PySpark), `odcs` (the JSON
 * schema of the Open Data Contract Standard, and a validator), `tritonclient`, `kserve`, `mlserver` (clients of the Open Inference Protocol), `obp` (what Open
 * Bandit Pipeline's estimators import), `grpc` (gRPC alone, with its compiler), `shap` (shap and ONNX Runtime),
 * `drift` (SciPy and River).
 */
export function pythonRequirements(
  name: 'feast' | 'spark' | 'odcs' | 'obp' | 'tritonclient' | 'kserve' | 'mlserver' | 'grpc' | 'shap' | 'drift',
): string[] {
  const text = readFileSync(new URL(`../python/${name}.txt`, import.meta.url), 'utf8');
  return text.split('\n').filter((line) => line.trim() !== '');
}

/**
 * Path of the `python` of a virtual environment that holds exactly `requirements` (each `name==version`, with or without a
 * marker); made once and kept in the cache folder, under a name that changes with the requirements and with the Python. Several processes
 * may ask at once: one installs, the others wait. A killed installation leaves nothing that counts.
 *
 * Programs in the environment's `bin` are started as `python -m …`. Errors: EVL_TESTING_PYTHON_MISSING,
 * EVL_TESTING_REQUIREMENT_UNPINNED, EVL_TESTING_INSTALL_FAILED.
 */
export async function pythonVenv(
  name: string,
  requirements: readonly string[],
  env: Environment = process.env,
): Promise<string> {
  const loose = requirements.filter((line) => !/^[A-Za-z0-9._-]+(\[[a-z0-9,_-]+\])?==[^\s;*]+(\s*;.*)?$/.test(line));
  if (loose.length > 0) {
    throw pythonError('EVL_TESTING_REQUIREMENT_UNPINNED', `${loose.join(', ')}: write name==version`);
  }
  const python = findPython(env);
  if ('missing' in python) throw pythonError('EVL_TESTING_PYTHON_MISSING', python.missing);
  const key = createHash('sha256')
    .update([python.command, python.version, uv, ...requirements].join('\n'))
    .digest('hex')
    .slice(0, 12);
  const folder = join(cacheFolder(env), `python-${name}-${key}`);
  const program = join(folder, 'bin', 'python');
  await onlyOnce(folder, () => installAll(python, folder, requirements, env));
  return program;
}

/** Runs `make` unless `folder` exists; another process that is making it is waited for, one that died on it is replaced. */
async function onlyOnce(folder: string, make: () => Promise<void>): Promise<void> {
  const lock = `${folder}.lock`;
  mkdirSync(join(folder, '..'), { recursive: true });
  while (!existsSync(folder)) {
    if (!take(lock)) {
      await pause(lookMs);
      continue;
    }
    try {
      if (!existsSync(folder)) await make();
    } finally {
      rmSync(lock, { force: true });
    }
  }
}

/** True if the lock is now ours. A lock whose process is gone is removed; the next look takes it. */
function take(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  try {
    const holder = Number(readFileSync(lock, 'utf8'));
    const isBeingWritten = holder === 0 && Date.now() - statSync(lock).mtimeMs < 10_000;
    if (!isBeingWritten && !isAlive(holder)) rmSync(lock, { force: true });
  } catch {
    // It was released in between.
  }
  return false;
}

function isAlive(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function installAll(
  python: Python,
  folder: string,
  requirements: readonly string[],
  env: Environment,
): Promise<void> {
  const staging = `${folder}.staging-${randomUUID().slice(0, 8)}`;
  try {
    const [tools, packages] = [join(staging, 'tools'), join(staging, 'venv')];
    mkdirSync(staging, { recursive: true });
    writeFileSync(join(staging, 'requirements.txt'), `${requirements.join('\n')}\n`);
    await run(python.command, ['-m', 'venv', tools], env);
    await run(join(tools, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', uv], env);
    const uvProgram = join(tools, 'bin', 'uv');
    await run(
      uvProgram,
      ['venv', '--quiet', '--relocatable', '--no-project', '--python', python.command, packages],
      env,
    );
    const into = ['--python', join(packages, 'bin', 'python'), '-r', join(staging, 'requirements.txt')];
    await run(uvProgram, ['pip', 'install', '--quiet', ...into], env);
    rename(packages, folder);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Should two processes have installed after all, the first one's folder counts. */
function rename(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}

async function run(command: string, args: readonly string[], env: Environment): Promise<void> {
  const child = spawn(command, args, { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4_000);
    });
  }
  const code = await new Promise<number | string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (exit, signal) => resolve(exit ?? signal ?? 'unknown'));
  });
  if (code === 0) return;
  throw pythonError(
    'EVL_TESTING_INSTALL_FAILED',
    `${command} ${args.slice(0, 3).join(' ')} … failed (${code}); check the network and the package index (PIP_INDEX_URL, UV_DEFAULT_INDEX):\n${output}`,
  );
}
