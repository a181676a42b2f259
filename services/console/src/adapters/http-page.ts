import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { FastifyInstance, FastifyReply } from 'fastify';

const publicFolder = path.resolve(import.meta.dirname, '../../public');
const uplot = path.dirname(createRequire(import.meta.url).resolve('uplot/package.json'));

const files: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  '/': { file: path.join(publicFolder, 'index.html'), type: 'text/html; charset=utf-8' },
  '/app.js': { file: path.join(publicFolder, 'app.js'), type: 'text/javascript; charset=utf-8' },
  '/style.css': { file: path.join(publicFolder, 'style.css'), type: 'text/css; charset=utf-8' },
  '/uplot.js': { file: path.join(uplot, 'dist/uPlot.iife.min.js'), type: 'text/javascript; charset=utf-8' },
  '/uplot.css': { file: path.join(uplot, 'dist/uPlot.min.css'), type: 'text/css; charset=utf-8' },
};

/** Browsers that may watch at once; each costs a timer and a socket. */
const watchersMax = 100;
/** Most updates a second that a browser gets, as a pause in milliseconds. */
const updatePauseMs = 500;

export interface PageSource {
  /** Changes whenever the page would. */
  readonly revision: number;
  json(): string;
}

/** The page, its files, `/api/state` (JSON) and `/api/events` (server-sent events, at most two a second, only when something changed). */
export function addPage(app: FastifyInstance, source: PageSource): { readonly closeWatchers: () => void } {
  const watchers = new Set<FastifyReply>();
  app.addHook('onSend', async (_request, reply) => {
    // uPlot sets styles by script, which the policy allows; inline styles and scripts stay forbidden.
    void reply.headers({
      'content-security-policy':
        "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
  });
  for (const [url, { file, type }] of Object.entries(files)) {
    app.get(url, async (_request, reply) => reply.type(type).send(await readFile(file)));
  }
  app.get('/api/state', async (_request, reply) => reply.type('application/json').send(source.json()));
  app.get('/api/events', (_request, reply) => {
    if (watchers.size >= watchersMax) {
      void reply.code(503).send({ error: `EVL_CONSOLE_WATCHERS_FULL: ${watchersMax} pages watch already; close one.` });
      return;
    }
    watch(reply, source, watchers);
  });
  return {
    closeWatchers: () => {
      for (const watcher of watchers) watcher.raw.end();
    },
  };
}

function watch(reply: FastifyReply, source: PageSource, watchers: Set<FastifyReply>): void {
  reply.hijack();
  reply.raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    connection: 'keep-alive',
  });
  watchers.add(reply);
  let sent = -1;
  const send = (): void => {
    // A browser that does not keep up misses states, never the newest.
    if (source.revision === sent || reply.raw.writableNeedDrain) return;
    sent = source.revision;
    reply.raw.write(`data: ${source.json()}\n\n`);
  };
  send();
  const timer = setInterval(send, updatePauseMs);
  reply.raw.on('close', () => {
    clearInterval(timer);
    watchers.delete(reply);
  });
}
