import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { inference } from '@everloop/contracts';
import { connect, type GrpcClient } from '@everloop/grpc';
import { freePorts } from '@everloop/local';
import { pause } from '@everloop/service';
import { cpuSecondsOf } from './process-stats.ts';
import { program } from './subject.ts';

/** As `npm start` starts it. */
const flags = [
  ...['--max-old-space-size=384', '--initial-old-space-size=256'],
  ...['--max-semi-space-size=64', '--min-semi-space-size=32'],
] as const;

/** A server with its processes. */
export interface Subject {
  readonly address: string;
  /** CPU seconds of all its processes so far. */
  cpuSeconds(): number;
  /** Resolves when what it logs of the requests that it has answered is in Kafka; that is part of what they cost. */
  logged?(): Promise<void>;
}

export interface StartedGateway extends Subject {
  /** Where its HTTP port is, `host:port`. */
  readonly http: string;
  logged(): Promise<void>;
  readonly client: GrpcClient<typeof inference.GRPCInferenceServiceService>;
  close(): Promise<void>;
}

/** Starts a gateway as it runs in service, or a pool; resolves when each of the models answers. */
export async function startGateway(
  env: Readonly<Record<string, string>>,
  { models, isFree }: { readonly models: readonly string[]; readonly isFree: boolean },
): Promise<StartedGateway> {
  const profiles = process.env['EVL_BENCH_PROFILES'];
  const profiling = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
  const [http = 0, grpc = 0] = await freePorts(2);
  const ports = { EVL_HTTP_PORT: String(http), EVL_GRPC_PORT: String(grpc) };
  const child = program('../../services/gateway/src/main.ts', {
    ...{ flags: [...flags, ...profiling], isFree },
    env: { ...env, ...ports, EVL_LOG_LEVEL: 'warn' },
  });
  const address = `127.0.0.1:${grpc}`;
  const client = connect(inference.GRPCInferenceServiceService, address, { name: 'bench', deadlineMs: 5_000 });
  const close = async (): Promise<void> => {
    client.close();
    if (child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  try {
    await untilReady(client, models, child);
  } catch (error) {
    await close();
    throw error;
  }
  const pid = child.pid ?? 0;
  const logged = async (): Promise<void> => {
    for (let tries = 0; (await metricOf(`127.0.0.1:${http}`, 'everloop_gateway_log_queued_bytes')) !== 0; tries += 1) {
      if (tries > 1_200) throw new Error('the log did not come to Kafka');
      await pause(50);
    }
  };
  return {
    ...{ address, http: `127.0.0.1:${http}`, client, logged, close },
    cpuSeconds: () => familyOf(pid).reduce((sum, each) => sum + cpuSecondsOf(each), 0),
  };
}

/** A value of a metric that has no labels but the service; null where there is none. */
export async function metricOf(http: string, name: string): Promise<number | null> {
  const metrics = await (await fetch(`http://${http}/metrics`)).text();
  const [, value] = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(metrics) ?? [];
  return value === undefined ? null : Number(value);
}

async function untilReady(
  client: StartedGateway['client'],
  models: readonly string[],
  gateway: ChildProcess,
): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const asked = await Promise.allSettled(models.map((name) => client.modelReady({ name, version: '' })));
    if (asked.every((each) => each.status === 'fulfilled' && each.value.ready)) return;
    if (tries > 600 || gateway.exitCode !== null) throw new Error('the gateway did not become ready');
    await pause(100);
  }
}

/** A process with all that it has started. */
function familyOf(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').map(Number);
  return [pid, ...children.filter((child) => child > 0).flatMap(familyOf)];
}
