import { fastify, type FastifyInstance } from 'fastify';
import { classify, errorText, ServiceError } from './errors.ts';
import { listenError } from './listen-error.ts';
import type { Health, Part } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import { renderMetrics, type RenderMetrics } from './metrics.ts';

export type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** What /readyz reports: the service's state and each part's health. */
export interface Readiness {
  readonly ok: boolean;
  readonly state: string;
  readonly parts: readonly { readonly name: string; readonly health: Health }[];
}

export interface HealthServerOptions {
  readonly readiness: () => Readiness;
  readonly logger: Logger;
  readonly extraRoutes?: (app: FastifyInstance) => void | Promise<void>;
  /** What /metrics serves; default: the metrics of this process. */
  readonly metrics?: RenderMetrics;
}

/** Largest request body that a route takes, bytes; a page of predictions fits, a mistake does not exhaust memory. */
const bodyBytesMax = 4 * 1024 * 1024;

/**
 * An HTTP app with GET /healthz (200 while the process runs), /readyz (200 or 503, with each part's health) and /metrics
 * (Prometheus text). A ServiceError thrown by an extra route becomes a status by its kind with `{ code, message }`.
 */
export async function createHttpApp(options: HealthServerOptions): Promise<FastifyInstance> {
  const app = fastify({ bodyLimit: bodyBytesMax, forceCloseConnections: 'idle' });
  app.get('/healthz', () => ({ ok: true }));
  app.get('/readyz', (_request, reply) => {
    const readiness = options.readiness();
    return reply.code(readiness.ok ? 200 : 503).send(readiness);
  });
  app.get('/metrics', async (_request, reply) => {
    const { text, contentType } = await (options.metrics ?? renderMetrics)();
    return reply.header('content-type', contentType).send(text);
  });
  app.setErrorHandler((error: unknown, request, reply) => {
    const status = httpStatusOf(error);
    if (status >= 500)
      options.logger.error({ err: error, method: request.method, url: request.url }, 'HTTP request failed');
    const code = error instanceof ServiceError ? error.code : 'EVL_HTTP_REQUEST_FAILED';
    return reply.code(status).send({ code, message: errorText(error) });
  });
  await options.extraRoutes?.(app);
  return app;
}

export interface HttpPartOptions {
  readonly name: string;
  readonly host: string;
  /** 0 takes a free one; the part's `port` says which. */
  readonly port: number;
  /** Variable that chooses another port, for the error. */
  readonly portVariable: string;
  readonly logger: Logger;
  readonly routes: (app: FastifyInstance) => void | Promise<void>;
}

/** A listener of its own beside that of health and metrics: for an API that its clients expect on a certain port. */
export function createHttpPart(options: HttpPartOptions): Part & { readonly port: number } {
  let app: FastifyInstance | null = null;
  return {
    name: options.name,
    get port() {
      const address = app?.server.address();
      return typeof address === 'object' && address !== null ? address.port : 0;
    },
    async start() {
      const made = fastify({ bodyLimit: bodyBytesMax, forceCloseConnections: 'idle' });
      app = made;
      await options.routes(made);
      const { host, port, portVariable, logger, name } = options;
      await made.listen({ host, port }).catch((error: unknown) => {
        throw listenError(error, { host, port }, portVariable);
      });
      logger.info({ host, port: this.port }, `${name} listens`);
    },
    async stop() {
      await app?.close();
    },
  };
}

function httpStatusOf(error: unknown): number {
  if (error instanceof ServiceError) {
    if (error.code.endsWith('_NOT_FOUND')) return 404;
    if (/_(FULL|EXHAUSTED)$/.test(error.code)) return 429;
    return { retryable: 503, terminal: 400, bug: 500 }[error.kind];
  }
  // Fastify's own refusals (malformed JSON, body too large) carry their status.
  if (typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number') {
    return error.statusCode;
  }
  return classify(error) === 'retryable' ? 503 : 500;
}
