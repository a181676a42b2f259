import { once } from 'node:events';
import { fastify, type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emptyLoop } from '../domain/loop-state.ts';
import { toPage } from '../domain/page-state.ts';
import { addPage, type PageSource } from './http-page.ts';

let app: FastifyInstance;
let closeWatchers: () => void;
const source: PageSource = { revision: 1, json: () => JSON.stringify(toPage(emptyLoop)) };

beforeEach(() => {
  app = fastify({ forceCloseConnections: true });
  ({ closeWatchers } = addPage(app, source));
});
afterEach(async () => {
  closeWatchers();
  await app.close();
});

describe('addPage', () => {
  it.each([
    ['/', 'text/html', 'Waiting for a first version'],
    ['/app.js', 'text/javascript', 'EventSource'],
    ['/style.css', 'text/css', 'prefers-color-scheme'],
    ['/uplot.js', 'text/javascript', 'uPlot'],
    ['/uplot.css', 'text/css', '.uplot'],
  ])('serves %s', async (url, type, text) => {
    const answer = await app.inject({ url });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toContain(type);
    expect(answer.body).toContain(text);
  });

  it('allows no script and no style but its own files', async () => {
    const answer = await app.inject({ url: '/' });
    expect(answer.headers['content-security-policy']).toContain("default-src 'self'");
    expect(answer.headers['content-security-policy']).not.toContain('unsafe');
    expect(answer.body).not.toMatch(/<script>|<style|style=|onclick=/);
  });

  it('gives the state without data', async () => {
    const answer = await app.inject({ url: '/api/state' });
    expect(answer.json()).toEqual({
      eventTimeMs: null,
      stages: [],
      models: [],
      quality: { holds: [], windows: [] },
      log: [],
    });
  });

  it('knows no other files', async () => {
    expect((await app.inject({ url: '/../package.json' })).statusCode).toBe(404);
  });

  it('sends the state to who watches, and ends when told', async () => {
    const address = await app.listen({ host: '127.0.0.1', port: 0 });
    const answer = await fetch(`${address}/api/events`);
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    const reader = answer.body?.getReader();
    const first = await reader?.read();
    expect(Buffer.from(first?.value ?? []).toString()).toBe(`data: ${source.json()}\n\n`);
    closeWatchers();
    expect((await reader?.read())?.done).toBe(true);
  });

  it('refuses the hundred and first watcher', async () => {
    const address = await app.listen({ host: '127.0.0.1', port: 0 });
    const stop = new AbortController();
    const watching = Array.from({ length: 100 }, () => fetch(`${address}/api/events`, { signal: stop.signal }));
    await Promise.all(watching);
    const refused = await fetch(`${address}/api/events`);
    expect(refused.status).toBe(503);
    expect(await refused.text()).toContain('EVL_CONSOLE_WATCHERS_FULL');
    const closed = once(app.server, 'close');
    stop.abort();
    await app.close();
    await closed;
  });
});
