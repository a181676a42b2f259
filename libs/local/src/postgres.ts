import { spawnSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { exchange } from './exchange.ts';
import { provisionExtra } from './extras.ts';
import { localError } from './fail.ts';
import { moveIntoPlace, type Log } from './provision.ts';
import { superviseProcess, type SupervisedProcess } from './supervise.ts';
import type { Environment } from './tools.ts';
import { readZipEntry } from './zip.ts';

/** A Postgres that was started here, with an empty database. */
export interface LocalPostgres {
  /** `postgres://<user>:<password>@127.0.0.1:<port>/postgres`; the user may do anything. */
  readonly url: string;
  readonly process: SupervisedProcess;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const host = '127.0.0.1';
/** The user `nobody` of Linux: Postgres refuses to run as root. */
const unprivileged = { uid: 65_534, gid: 65_534 };

interface Build {
  readonly artifact: string;
  readonly archive: string;
}

/** The published build for an operating system and processor; null if there is none. */
export function postgresBuild(platform: string = process.platform, arch: string = process.arch): Build | null {
  const isKnown = (platform === 'linux' || platform === 'darwin') && (arch === 'x64' || arch === 'arm64');
  if (!isKnown) return null;
  return {
    artifact: `${platform}-${arch === 'x64' ? 'amd64' : 'arm64v8'}`,
    archive: `postgres-${platform}-${arch === 'x64' ? 'x86_64' : 'arm_64'}.txz`,
  };
}

/**
 * Starts Postgres 17 on loopback over data of its own that ends with it, for tests. Needs `tar` with xz. As root it runs as the
 * user `nobody`. A start takes about 2 s, the first one also a download of 15 MB (30 MB on macOS).
 */
export async function startLocalPostgres(options: {
  readonly port: number;
  readonly log: Log;
  readonly env?: Environment;
}): Promise<LocalPostgres> {
  const env = options.env ?? process.env;
  const programs = await provisionPrograms(options.log, env);
  const user = process.getuid?.() === 0 ? unprivileged : undefined;
  const dir = mkdtempSync(join(tmpdir(), 'everloop-postgres-data-'));
  const data = join(dir, 'data');
  const password = randomBytes(12).toString('hex');
  const passwordFile = join(dir, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user !== undefined) for (const path of [dir, passwordFile]) chownSync(path, user.uid, user.gid);
  const cleanup = (): void => rmSync(dir, { recursive: true, force: true });
  const made = spawnSync(
    join(programs, 'bin', 'initdb'),
    [
      '-D',
      data,
      '-U',
      'everloop',
      '-A',
      'scram-sha-256',
      `--pwfile=${passwordFile}`,
      '-E',
      'UTF8',
      '--no-locale',
      '-N',
    ],
    { encoding: 'utf8', cwd: dir, env: { ...env }, ...user },
  );
  if (made.status !== 0) {
    cleanup();
    const said = `${made.stdout}${made.stderr}`.slice(-2_000);
    throw localError('EVL_LOCAL_POSTGRES_INIT', `Postgres could not prepare its data folder:\n${said}`, made.error);
  }
  const settings = { listen_addresses: host, unix_socket_directories: '', fsync: 'off', max_connections: '50' };
  const started = superviseProcess({
    name: 'Postgres',
    command: join(programs, 'bin', 'postgres'),
    args: [
      '-D',
      data,
      '-p',
      String(options.port),
      ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`]),
    ],
    env,
    cwd: dir,
    logFile: join(dir, 'postgres.log'),
    ready: { check: () => postgresAnswers(host, options.port) },
    stopMs: 10_000,
    ...(user === undefined ? {} : { user }),
  });
  const stop = async (): Promise<void> => {
    await started.stop();
    cleanup();
  };
  try {
    await started.ready;
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `postgres://everloop:${password}@${host}:${options.port}/postgres`, process: started, stop };
}

/** Folder with `bin/initdb` and `bin/postgres`, readable for everyone: root's cache is not. */
async function provisionPrograms(log: Log, env: Environment): Promise<string> {
  const build = postgresBuild();
  if (build === null) {
    throw localError(
      'EVL_LOCAL_POSTGRES_MISSING',
      `There is no ready-made Postgres for ${process.platform} on ${process.arch}; the tests that need one cannot run here.`,
    );
  }
  const wanted = (file: string): boolean => file.includes(`-${build.artifact}-`);
  const properties = { 'postgres.platform': build.artifact };
  const [jar = ''] = await provisionExtra(
    { name: 'postgres', what: 'Postgres 17 (15 to 30 MB)', wanted, properties },
    log,
    env,
  );
  const folder = join(tmpdir(), `${basename(jar, '.jar')}-${process.getuid?.() ?? 0}`);
  if (!existsSync(folder)) await unpack(jar, build.archive, folder);
  return folder;
}

async function unpack(jar: string, archive: string, folder: string): Promise<void> {
  const staging = join(tmpdir(), `.postgres-${randomUUID()}`);
  try {
    mkdirSync(staging);
    chmodSync(staging, 0o755);
    const result = spawnSync('tar', ['-xJ', '-C', staging], { input: await readZipEntry(jar, archive) });
    if (result.status !== 0) {
      const said = String(result.stderr).trim();
      throw localError(
        'EVL_LOCAL_ARCHIVE_INVALID',
        `tar could not unpack ${archive} of ${jar} (${said}): install tar and xz, or delete the file`,
        result.error,
      );
    }
    moveIntoPlace(staging, folder);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Whether a Postgres at `address:port` takes sessions: it answers a startup message (protocol 3.0) by asking for a password. */
export async function postgresAnswers(address: string, port: number): Promise<boolean> {
  const parameters = Buffer.from('user\0everloop\0\0');
  const message = Buffer.alloc(8 + parameters.length);
  message.writeInt32BE(message.length, 0);
  message.writeInt32BE(0x00030000, 4);
  parameters.copy(message, 8);
  const answer = await exchange({ host: address, port, timeoutMs: 2_000 }, message, (got) => got.length > 0);
  return answer.toString('latin1', 0, 1) === 'R';
}
