import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { exchange } from './exchange.ts';
import { localError } from './fail.ts';
import { provisionPlatform, redisBinaryName, type Log } from './provision.ts';
import { superviseProcess, type SupervisedProcess } from './supervise.ts';
import { findProgram, type Environment } from './tools.ts';

export interface LocalRedisOptions {
  /** Log and working folder. */
  readonly dir: string;
  readonly port: number;
  readonly log: Log;
  readonly env?: Environment;
}

/** A Redis that was started here. */
export interface LocalRedis {
  /** `redis://127.0.0.1:<port>` */
  readonly url: string;
  readonly process: SupervisedProcess;
  stop(): Promise<void>;
}

const host = '127.0.0.1';

/** Starts Redis on loopback, in memory only: what it holds can be rebuilt from Kafka. */
export async function startLocalRedis(options: LocalRedisOptions): Promise<LocalRedis> {
  const started = await startRedisServer(options, {});
  return {
    url: `redis://${host}:${options.port}`,
    process: started,
    stop: async () => {
      await started.stop();
    },
  };
}

/** Starts one Redis process with further settings, and waits until it answers. */
export async function startRedisServer(
  options: LocalRedisOptions,
  more: Readonly<Record<string, string | number>>,
): Promise<SupervisedProcess> {
  const env = options.env ?? process.env;
  const { redisServer } = await provisionPlatform(options.log, env);
  const command = redisServer ?? findProgram('redis-server', env);
  if (command === null) {
    throw localError(
      'EVL_LOCAL_REDIS_MISSING',
      `There is no ready-made Redis for this machine (${redisBinaryName()}); install redis-server, or set REDIS_URL to one that runs.`,
    );
  }
  mkdirSync(options.dir, { recursive: true });
  const basic = { port: options.port, bind: host, save: '', appendonly: 'no', dir: options.dir, daemonize: 'no' };
  const settings = { ...basic, ...more };
  const started = superviseProcess({
    name: 'Redis',
    command,
    args: Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]),
    env,
    cwd: options.dir,
    logFile: join(options.dir, 'redis.log'),
    ready: { check: () => redisAnswers(host, options.port) },
    stopMs: 5_000,
  });
  try {
    await started.ready;
  } catch (error) {
    await started.stop();
    throw error;
  }
  return started;
}

/** Whether a Redis at `host:port` answers PING. */
export async function redisAnswers(address: string, port: number): Promise<boolean> {
  const answer = await exchange({ host: address, port, timeoutMs: 2_000 }, Buffer.from('PING\r\n'), (got) =>
    got.includes('\r\n'),
  );
  return answer.toString('latin1').startsWith('+PONG');
}
