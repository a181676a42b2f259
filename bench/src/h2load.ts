import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { canPin } from './process-stats.ts';
import { percentile } from './quantiles.ts';
import { cores } from './subject.ts';

/** Load of one run: `connections × streams` calls are under way at any time. */
export interface Load {
  readonly url: string;
  /** The body of every request: one gRPC frame, or JSON. */
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly requests: number;
  readonly connections: number;
  readonly streams: number;
}

export interface LoadRun {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The frame of one unary gRPC message: uncompressed, length, message. */
export function grpcFrame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

export const grpcHeaders = { 'content-type': 'application/grpc', te: 'trailers' } as const;

/** Throws where h2load is not installed: nothing else here makes enough load with one core. */
export function needH2load(): void {
  if (spawnSync('h2load', ['--version']).status !== 0)
    throw new Error('this bench needs h2load; install it (Debian: apt-get install nghttp2-client)');
}

/** Runs h2load, which ends by itself; throws when a request has no answer with status 2xx. */
export async function runLoad(load: Load): Promise<LoadRun> {
  const folder = mkdtempSync(path.join(tmpdir(), 'everloop-load-'));
  try {
    const [bodyFile, logFile] = [path.join(folder, 'body'), path.join(folder, 'log')];
    writeFileSync(bodyFile, load.body);
    const args = [
      ...['-n', String(load.requests), '-c', String(load.connections), '-m', String(load.streams)],
      ...['-d', bodyFile, `--log-file=${logFile}`],
      ...Object.entries(load.headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
      load.url,
    ];
    const output = await collect('h2load', args);
    const rate = Number(/finished in [^,]+, ([\d.]+) req\/s/.exec(output)?.[1]);
    const succeeded = Number(/(\d+) succeeded/.exec(output)?.[1]);
    if (succeeded !== load.requests || Number.isNaN(rate)) throw new Error(`h2load did not succeed: ${output}`);
    // Start in microseconds since the epoch, status, duration in microseconds.
    const tookUs = Float64Array.from(readFileSync(logFile, 'utf8').trimEnd().split('\n'), (line) =>
      Number(line.split('\t')[2]),
    ).sort();
    return {
      requestsPerSecond: Math.round(rate),
      p50Ms: percentile(tookUs, 0.5) / 1_000,
      p99Ms: percentile(tookUs, 0.99) / 1_000,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function collect(command: string, args: readonly string[]): Promise<string> {
  const [program, ...rest]: [string, ...string[]] = canPin()
    ? ['taskset', '-c', String(cores.others), command, ...args]
    : [command, ...args];
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`${command} ended with ${String(code)}: ${output}`);
  return output;
}
