import { createHmac } from 'node:crypto';
import { retry, type Logger } from '@everloop/service';
import { alertmanagerAlert, webhookPayload } from '../domain/notice.ts';
import { alertRefused, alertUndelivered } from '../errors.ts';
import type { AlertTarget } from '../ports.ts';

export interface HttpAlertOptions {
  readonly url: string;
  readonly logger: Logger;
  /** For one call, milliseconds. */
  readonly deadlineMs: number;
  /** Where the runbooks are, without a slash at the end. */
  readonly runbooks: string;
  /** Calls of one delivery at most. Default 5. */
  readonly attempts?: number;
  /** First pause between them, milliseconds; doubled each time up to 5 s. Default 200. */
  readonly pauseMs?: number;
}

interface Call {
  readonly target: string;
  readonly url: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers that may be others a moment later: overload, a proxy without its server, too many calls. */
function isPassing(status: number): boolean {
  return status >= 500 || status === 408 || status === 429;
}

async function post(call: Call, deadlineMs: number): Promise<void> {
  let response: Response;
  try {
    response = await fetch(call.url, {
      method: 'POST',
      body: call.body,
      headers: { 'content-type': 'application/json', ...call.headers },
      redirect: 'manual',
      signal: AbortSignal.timeout(deadlineMs),
    });
  } catch (error) {
    throw alertUndelivered(call.target, call.url, 'no answer', error);
  }
  // The body is read even where nobody needs it: only then is the connection free for the next call.
  const text = await response.text().catch(() => '');
  if (response.ok) return;
  const answer = `HTTP ${response.status} ${text.slice(0, 200)}`.trim();
  throw isPassing(response.status)
    ? alertUndelivered(call.target, call.url, answer)
    : alertRefused(call.target, call.url, answer);
}

async function deliver(call: Call, options: HttpAlertOptions): Promise<void> {
  await retry(() => post(call, options.deadlineMs), {
    initialMs: options.pauseMs ?? 200,
    maxMs: 5_000,
    attempts: options.attempts ?? 5,
    onRetry: (error) => options.logger.warn({ target: call.target, err: error }, 'alert not delivered; trying again'),
  });
}

/** Alertmanager's API v2 at the base `url`. */
export function createAlertmanager(options: HttpAlertOptions): AlertTarget {
  const url = `${options.url.replace(/\/+$/, '')}/api/v2/alerts`;
  return {
    name: 'alertmanager',
    async send(notices) {
      const body = JSON.stringify(notices.map((notice) => alertmanagerAlert(notice, options.runbooks)));
      await deliver({ target: 'alertmanager', url, body }, options);
    },
  };
}

/**
 * Any server that takes JSON: one call for each alarm that is raised or over. With a secret, `X-Everloop-Signature` is `sha256=` and
 * the HMAC-SHA256 of the body's bytes in hex, as GitHub signs its webhooks.
 */
export function createAlertWebhook(options: HttpAlertOptions & { readonly secret: string | null }): AlertTarget {
  return {
    name: 'webhook',
    async send(notices) {
      for (const notice of notices) {
        const body = JSON.stringify(webhookPayload(notice, options.runbooks));
        const { secret, url } = options;
        const signature = secret === null ? null : createHmac('sha256', secret).update(body).digest('hex');
        const headers = {
          'x-everloop-event': notice.alert.id,
          ...(signature === null ? {} : { 'x-everloop-signature': `sha256=${signature}` }),
        };
        await deliver({ target: 'webhook', url, body, headers }, options);
      }
    },
  };
}
