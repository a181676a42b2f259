import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drift } from '@everloop/contracts';
import { createLogger } from '@everloop/service';
import { eventually } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAlertmanager } from '../src/adapters/http-alerts.ts';
import type { Notice } from '../src/domain/alarm.ts';

const binary = ['alertmanager', 'prometheus-alertmanager'].find(
  (name) => spawnSync(name, ['--version']).error === undefined,
);
const isNeeded = process.env['CI'] === 'true';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

// Left out only where nobody relies on it: .ci/run installs Alertmanager.
describe.skipIf(binary === undefined && !isNeeded)('the real Alertmanager', () => {
  let folder: string;
  let url: string;
  let child: ChildProcess;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'alertmanager-'));
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    await writeFile(join(folder, 'c.yml'), 'route: { receiver: none }\nreceivers: [{ name: none }]\n');
    const options = [`--config.file=${folder}/c.yml`, `--storage.path=${folder}`, '--cluster.listen-address='];
    child = spawn(binary ?? 'alertmanager', [...options, `--web.listen-address=127.0.0.1:${port}`]);
    await eventually(
      async () =>
        await fetch(`${url}/-/ready`).then(
          ({ ok }) => ok,
          () => false,
        ),
      { timeoutMs: 20_000, what: 'Alertmanager is ready' },
    );
  });
  afterAll(async () => {
    child.kill();
    await rm(folder, { recursive: true, force: true });
  });

  const active = async (): Promise<readonly unknown[]> => {
    const response = await fetch(`${url}/api/v2/alerts?active=true`);
    return (await response.json()) as readonly unknown[];
  };
  const notice = (endsAtMs: number, message = 'temp'): Notice => ({
    raisedAtMs: Date.now() - 60_000,
    endsAtMs,
    alert: drift.DriftAlert.fromPartial({
      ...{ id: 'a', model: 'm', monitor: 'watch', kind: 'data', severity: 'ticket', reportId: 'r', message },
    }),
  });

  test('takes an alarm, repeats as one, and its end', async () => {
    const logger = createLogger({ service: 'test', level: 'silent' });
    const target = createAlertmanager({ url, logger, deadlineMs: 5_000, runbooks: 'https://runbooks.example' });
    const hour = 3_600_000;
    await target.send([notice(Date.now() + hour)]);
    await target.send([notice(Date.now() + hour, 'temp and wind')]);
    await eventually(async () => (await active()).length === 1, { timeoutMs: 10_000, what: 'one alert' });
    expect(await active()).toMatchObject([
      {
        labels: { alertname: 'EverloopDriftDetected', model: 'm', monitor: 'watch', severity: 'ticket' },
        annotations: { description: 'temp and wind', runbook_url: 'https://runbooks.example/drift.md' },
        status: { state: 'active' },
      },
    ]);
    await target.send([notice(Date.now() - 1_000)]);
    await eventually(async () => (await active()).length === 0, { timeoutMs: 10_000, what: 'no alert' });
  });
});
