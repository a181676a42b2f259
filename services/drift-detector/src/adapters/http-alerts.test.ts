import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { drift } from '@everloop/contracts';
import { createLogger } from '@everloop/service';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Notice } from '../domain/alarm.ts';
import { createAlertmanager, createAlertWebhook, type HttpAlertOptions } from './http-alerts.ts';

interface Call {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let server: Server;
let calls: Call[];
let answers: number[];
let options: HttpAlertOptions;

const notice = (id: string): Notice => ({
  raisedAtMs: 60_000,
  endsAtMs: 240_000,
  alert: drift.DriftAlert.fromPartial({
    id,
    model: 'm',
    monitor: 'watch',
    kind: 'data',
    severity: 'page',
    message: 'ü',
  }),
});

beforeEach(async () => {
  [calls, answers] = [[], []];
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { method, url: path, headers } = request;
      calls.push({ method, path, headers, body: Buffer.concat(parts).toString('utf8') });
      response.writeHead(answers.shift() ?? 200).end('because');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const logger = createLogger({ service: 'test', level: 'silent' });
  options = { url, logger, deadlineMs: 5_000, runbooks: 'r', pauseMs: 1 };
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('Alertmanager', () => {
  test('gets all alarms in one call of its API v2', async () => {
    await createAlertmanager({ ...options, url: `${options.url}/prefix/` }).send([notice('a'), notice('b')]);
    expect(calls).toMatchObject([{ method: 'POST', path: '/prefix/api/v2/alerts' }]);
    expect(calls[0]?.headers['content-type']).toBe('application/json');
    const body = JSON.parse(calls[0]?.body ?? '') as { readonly labels: object }[];
    expect(body.map(({ labels }) => labels)).toMatchObject([{ severity: 'page' }, { severity: 'page' }]);
  });

  test.each([503, 408, 429, 500])('%i is asked again', async (status) => {
    answers = [status, status];
    await createAlertmanager(options).send([notice('a')]);
    expect(calls).toHaveLength(3);
  });

  test('after five tries it is called away', async () => {
    answers = Array.from({ length: 9 }, () => 503);
    await expect(createAlertmanager(options).send([notice('a')])).rejects.toMatchObject({
      code: 'EVL_DRIFT_ALERT_UNDELIVERED',
      kind: 'retryable',
    });
    expect(calls).toHaveLength(5);
  });

  test.each([400, 401, 404])('%i is a refusal and not asked again', async (status) => {
    answers = [status];
    await expect(createAlertmanager(options).send([notice('a')])).rejects.toMatchObject({
      code: 'EVL_DRIFT_ALERT_REFUSED',
      kind: 'terminal',
      message: expect.stringContaining('because'),
    });
    expect(calls).toHaveLength(1);
  });

  test('nobody there is called away, with what the network said as cause', async () => {
    const url = 'http://127.0.0.1:9';
    await expect(createAlertmanager({ ...options, url, attempts: 2 }).send([notice('a')])).rejects.toMatchObject({
      code: 'EVL_DRIFT_ALERT_UNDELIVERED',
      cause: expect.any(Error),
    });
  });
});

describe('webhook', () => {
  test('gets one call for each alarm, signed by the bytes of the body', async () => {
    await createAlertWebhook({ ...options, secret: 's3' }).send([notice('a'), notice('b')]);
    expect(calls.map(({ headers }) => headers['x-everloop-event'])).toEqual(['a', 'b']);
    for (const { headers, body } of calls) {
      const hmac = createHmac('sha256', 's3').update(body, 'utf8').digest('hex');
      expect(headers['x-everloop-signature']).toBe(`sha256=${hmac}`);
      expect(JSON.parse(body)).toMatchObject({ version: '1', status: 'firing', message: 'ü' });
    }
  });

  test('without a secret there is no signature', async () => {
    await createAlertWebhook({ ...options, secret: null }).send([notice('a')]);
    expect(calls[0]?.headers).not.toHaveProperty('x-everloop-signature');
  });

  test('a redirect is not followed: it would lead the signed body elsewhere', async () => {
    answers = [302];
    await expect(createAlertWebhook({ ...options, secret: 's3' }).send([notice('a')])).rejects.toMatchObject({
      kind: 'terminal',
    });
    expect(calls).toHaveLength(1);
  });
});
