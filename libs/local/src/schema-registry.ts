import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { provisionExtra } from './extras.ts';
import { localError } from './fail.ts';
import { moveIntoPlace, type Log } from './provision.ts';
import { superviseProcess, type SupervisedProcess } from './supervise.ts';
import { findJava, type Environment } from './tools.ts';

/** A Schema Registry that was started here, in memory. */
export interface LocalSchemaRegistry {
  /** Base URL of Confluent's REST API, version 7: `http://127.0.0.1:<port>/apis/ccompat/v7`. */
  readonly url: string;
  readonly process: SupervisedProcess;
  stop(): Promise<void>;
}

const host = '127.0.0.1';

/**
 * Starts Apicurio Registry on loopback, for tests that need a Schema Registry of somebody else's making; the first start also downloads
 * 142 MB. About 200 MB of memory and 5 s.
 */
export async function startLocalSchemaRegistry(options: {
  /** Working folder, for its log. */
  readonly dir: string;
  readonly port: number;
  readonly log: Log;
  readonly env?: Environment;
}): Promise<LocalSchemaRegistry> {
  const env = options.env ?? process.env;
  const java = findJava(env);
  const spec = { name: 'schema-registry', what: 'a Schema Registry (142 MB)', wanted: () => true } as const;
  const [archive = ''] = await provisionExtra(spec, options.log, env);
  const folder = unpackBeside(archive);
  const program = readdirSync(folder).find((name) => name.endsWith('-runner.jar')) ?? '';
  mkdirSync(options.dir, { recursive: true });
  const url = `http://${host}:${options.port}/apis/ccompat/v7`;
  const started = superviseProcess({
    name: 'Schema Registry',
    command: java.command,
    args: ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-jar', join(folder, program)],
    env: { ...env, QUARKUS_HTTP_HOST: host, QUARKUS_HTTP_PORT: String(options.port) },
    cwd: options.dir,
    logFile: join(options.dir, 'schema-registry.log'),
    ready: { url: `${url}/subjects` },
    stopMs: 10_000,
  });
  try {
    await started.ready;
  } catch (error) {
    await started.stop();
    throw error;
  }
  return {
    url,
    process: started,
    stop: async () => {
      await started.stop();
    },
  };
}

/** The unpacked archive, in a folder beside that of the archive; made once, staged and renamed when whole. */
function unpackBeside(archive: string): string {
  const folder = `${dirname(archive)}-unpacked`;
  if (existsSync(folder)) return folder;
  const staging = join(dirname(folder), `.staging-${randomUUID()}`);
  try {
    mkdirSync(staging);
    const result = spawnSync('tar', ['-xzf', archive, '-C', staging], { encoding: 'utf8' });
    if (result.status !== 0) {
      throw localError(
        'EVL_LOCAL_ARCHIVE_INVALID',
        `tar could not unpack ${basename(archive)} (${result.stderr.trim()}): install tar, or delete ${archive}`,
        result.error,
      );
    }
    moveIntoPlace(staging, folder);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  return folder;
}
