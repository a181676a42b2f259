import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { registry } from '@everloop/contracts';
import { connect, type GrpcClient } from '@everloop/grpc';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { testResources, testVersion } from '../src/fixtures.ts';

let dir = '';
let child: ChildProcess | null = null;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'evl-registry-'));
});

afterEach(async () => {
  child?.kill('SIGKILL');
  await rm(dir, { recursive: true });
});

/** Starts the service with a broker that is not there, and resolves when gRPC listens. */
async function startWithoutBroker(): Promise<{
  readonly child: ChildProcess;
  readonly client: GrpcClient<registry.RegistryServiceService>;
}> {
  const env = {
    ...process.env,
    KAFKA_BROKERS: '127.0.0.1:1',
    EVL_HTTP_PORT: '0',
    EVL_GRPC_PORT: '0',
    EVL_DATA_DIR: dir,
  };
  const started = spawn(process.execPath, [join(import.meta.dirname, '../src/main.ts')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child = started;
  for await (const line of createInterface({ input: started.stdout })) {
    const entry = JSON.parse(line) as { readonly message?: string; readonly port?: number };
    if (entry.message !== 'gRPC listens' || entry.port === undefined) continue;
    started.stdout.resume();
    const client = connect(registry.RegistryServiceService, `127.0.0.1:${entry.port}`, {
      name: 'test',
      deadlineMs: 10_000,
    });
    return { child: started, client };
  }
  throw new Error('the registry ended before gRPC listened');
}

it('serves while Kafka is away, survives a kill, and drains on SIGTERM', async () => {
  const first = await startWithoutBroker();
  await first.client.applyResources({ resources: testResources(), force: false, dryRun: false });
  await first.client.registerVersion({ version: testVersion('a') });
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  first.client.close();

  const second = await startWithoutBroker();
  expect(await second.client.verifyLedger({})).toMatchObject({ entries: 3, intact: true });
  expect((await second.client.registerVersion({ version: testVersion('a') })).version?.version).toBe('1');
  second.client.close();
  second.child.kill('SIGTERM');
  expect(await once(second.child, 'exit')).toEqual([0, null]);
});
