import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { registry } from '@everloop/contracts';
import { afterEach, expect, it } from 'vitest';
import { connect } from '../src/index.ts';

let child: ChildProcess | null = null;
afterEach(() => child?.disconnect());

async function ask(server: ChildProcess, what: string): Promise<Record<string, number>> {
  const answered = once(server, 'message');
  server.send(what);
  const [answer] = (await answered) as [Record<string, number>];
  return answer;
}

it('a call that is over leaves little behind that only a full collection frees', async () => {
  const flags = ['--expose-gc', '--min-semi-space-size=32', '--max-semi-space-size=32', '--initial-old-space-size=256'];
  const server = fork(path.join(import.meta.dirname, 'retained-server.ts'), { execArgv: flags });
  child = server;
  const [{ port = 0 }] = (await once(server, 'message')) as [{ readonly port?: number }];
  const { RegistryServiceService } = registry;
  const client = connect(RegistryServiceService, `127.0.0.1:${port}`, { name: 'retained', deadlineMs: 20_000 });
  const call = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 20)
      await Promise.all(Array.from({ length: 20 }, () => client.getVersion({ model: 'm', version: '1' })));
  };
  const calls = 600;
  await call(calls);
  await ask(server, 'begin');
  await call(calls);
  const { bytes = Number.NaN } = await ask(server, 'end');
  client.close();
  // 4.0 KB, nearly all of it Node's own streams; 6.2 with all that hangs on them.
  expect(bytes / calls).toBeLessThan(5_000);
  expect(bytes / calls).toBeGreaterThan(0);
});
