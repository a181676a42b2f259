import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { Server, ServerCredentials } from '@grpc/grpc-js';
import { features } from '@everloop/contracts';

/** A gRPC server in a process of its own that does nothing but answer. */
export interface GrpcEcho {
  readonly address: string;
  /** CPU seconds that its process has used so far. */
  cpuSeconds(): Promise<number>;
  close(): Promise<void>;
}

interface Reply {
  readonly port?: number;
  readonly cpuSeconds?: number;
}

async function ask(child: ChildProcess, message: string): Promise<Reply> {
  const answered = once(child, 'message');
  child.send(message);
  const [reply] = (await answered) as [Reply];
  return reply;
}

/** Starts a bare grpc-js server that answers GetOnlineBatch with `bytes`, without decoding the request. */
export async function startGrpcEcho(bytes: Buffer): Promise<GrpcEcho> {
  const child = fork(import.meta.filename, ['serve']);
  const { port } = await ask(child, bytes.toString('base64'));
  return {
    address: `127.0.0.1:${String(port)}`,
    cpuSeconds: async () => (await ask(child, 'cpu')).cpuSeconds ?? Number.NaN,
    async close() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

/** The other process: the first message is the answer, each further one asks for the CPU time. */
async function serve(): Promise<void> {
  const [text] = (await once(process, 'message')) as [string];
  const bytes = Buffer.from(text, 'base64');
  const { getOnlineBatch } = features.FeatureServiceService;
  const server = new Server({ 'grpc.enable_channelz': 0 });
  const method = {
    ...{ path: getOnlineBatch.path, requestStream: false, responseStream: false, originalName: 'getOnlineBatch' },
    requestSerialize: (value: Buffer) => value,
    requestDeserialize: (value: Buffer) => value,
    responseSerialize: (value: Buffer) => value,
    responseDeserialize: (value: Buffer) => value,
  };
  server.addService(
    { getOnlineBatch: method },
    {
      getOnlineBatch: (_call: unknown, callback: (error: null, answer: Buffer) => void) => callback(null, bytes),
    },
  );
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error;
    process.send?.({ port });
  });
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuSeconds: (user + system) / 1e6 });
  });
  process.on('disconnect', () => process.exit(0));
}

if (process.argv[2] === 'serve' && process.argv[1] === import.meta.filename) await serve();
