import type { IncomingHttpHeaders } from 'node:http';
import { connect, type ClientHttp2Session } from 'node:http2';
import type { LoadRun } from './h2load.ts';
import { percentile } from './quantiles.ts';

/** As `Load` of h2load, with a body for each request in turn: h2load sends the same again and again. */
export interface VariedLoad {
  readonly url: string;
  readonly bodies: readonly Buffer[];
  readonly headers: Readonly<Record<string, string>>;
  readonly requests: number;
  readonly connections: number;
  readonly streams: number;
}

/** Load by this process: slower than h2load, fast enough for servers that do more than answer. Throws when a call does not end with gRPC's OK. */
export async function runVariedLoad(load: VariedLoad): Promise<LoadRun> {
  const { origin, pathname } = new URL(load.url);
  const sessions = Array.from({ length: load.connections }, () => connect(origin));
  const tookMs = new Float64Array(load.requests);
  let next = 0;
  const worker = async (session: ClientHttp2Session): Promise<void> => {
    for (let index = next++; index < load.requests; index = next++) {
      const startedMs = performance.now();
      await callOf(
        session,
        { ':method': 'POST', ':path': pathname, ...load.headers },
        load.bodies[index % load.bodies.length],
      );
      tookMs[index] = performance.now() - startedMs;
    }
  };
  const startedMs = performance.now();
  try {
    await Promise.all(sessions.flatMap((session) => Array.from({ length: load.streams }, () => worker(session))));
  } finally {
    for (const session of sessions) session.close();
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  tookMs.sort();
  const rounded = (q: number): number => Number(percentile(tookMs, q).toFixed(3));
  return { requestsPerSecond: Math.round(load.requests / seconds), p50Ms: rounded(0.5), p99Ms: rounded(0.99) };
}

/** One unary call; rejects unless it ends with OK. */
export function callOf(
  session: ClientHttp2Session,
  headers: Record<string, string>,
  body: Buffer | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers);
    let grpcStatus: unknown;
    stream.on('trailers', (trailers: IncomingHttpHeaders) => {
      grpcStatus = trailers['grpc-status'];
    });
    // A server that refuses says so in its only headers.
    stream.on('response', (response) => {
      grpcStatus = response['grpc-status'];
    });
    stream.on('data', () => undefined);
    stream.on('error', reject);
    stream.on('close', () => {
      if (grpcStatus === '0') resolve();
      else reject(new Error(`a call ended with the gRPC status ${String(grpcStatus)}`));
    });
    stream.end(body);
  });
}
