import { deferred } from './async.ts';
import { classify, toServiceError, type ServiceError } from './errors.ts';
import { listenError } from './listen-error.ts';
import { createHttpApp, type FastifyInstance, type Readiness } from './http.ts';
import type { Health, Part } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import type { RenderMetrics } from './metrics.ts';

/** `new` → `starting` → `running` → `draining` → `stopped` or `failed`. */
export type ServiceState = 'new' | 'starting' | 'running' | 'draining' | 'stopped' | 'failed';

/** Exit codes of a service: everything drained; a part or the program failed; the drain deadline passed. */
export const exitCodes = { drained: 0, failed: 1, forced: 70 } as const;

export interface ServiceOptions {
  readonly name: string;
  /** Started in this order, stopped in the reverse one. */
  readonly parts: readonly Part[];
  /** Where /healthz, /readyz and /metrics listen; port 0 takes a free one, null: nowhere. */
  readonly http: {
    readonly host: string;
    readonly port: number;
    /**
     * Listens only while all parts run: for processes that share a port, of which one that starts or stops must be given nothing. Else HTTP
     * comes first and goes last, so that a starting service can be asked.
     */
    readonly onlyWhileRunning?: boolean;
    /** What /metrics serves; default: the metrics of this process. */
    readonly metrics?: RenderMetrics;
  } | null;
  readonly logger: Logger;
  /** Longest time from the first stop request to the end, milliseconds; default 20,000, under the 30 s that orchestrators give. */
  readonly drainMs?: number;
  /** Adds the service's own HTTP routes before listening. */
  readonly extraRoutes?: (app: FastifyInstance) => void | Promise<void>;
}

/** What a run touches of its process; tests give their own. */
export interface ProcessHost {
  on(event: string, listener: (value: unknown) => void): unknown;
  off(event: string, listener: (value: unknown) => void): unknown;
  setExitCode(code: number): void;
  exit(code: number): void;
}

const processHost: ProcessHost = {
  on: (event, listener) => process.on(event, listener),
  off: (event, listener) => process.off(event, listener),
  setExitCode: (code) => {
    process.exitCode = code;
  },
  exit: (code) => process.exit(code),
};

/** How long a drained process may still live with open handles before it is ended, milliseconds. */
const lingerMs = 1_000;

/**
 * Runs a service to its end: HTTP first (so that a starting service can be asked), then the parts in order. SIGTERM, SIGINT, a
 * part that fails to start or reports `failed`, an uncaught exception or an unhandled rejection stop the parts in reverse. The first
 * error wins and is logged once. Resolves when everything is stopped; the process then ends with `exitCodes`.
 */
export async function runService(options: ServiceOptions, host: ProcessHost = processHost): Promise<void> {
  const run = new ServiceRun(options);
  const onSignal = (signal: unknown): void => run.requestStop(String(signal));
  const onCrash = (error: unknown): void => run.fail(error);
  const listeners: readonly (readonly [string, (value: unknown) => void])[] = [
    ['SIGTERM', onSignal],
    ['SIGINT', onSignal],
    ['uncaughtException', onCrash],
    ['unhandledRejection', onCrash],
  ];
  for (const [event, listener] of listeners) host.on(event, listener);
  try {
    await run.startAll();
    await run.stopRequested;
    const forced = await run.stopAll();
    const code = forced ? exitCodes.forced : run.failed ? exitCodes.failed : exitCodes.drained;
    host.setExitCode(code);
    if (forced) host.exit(code);
    // A handle that something forgot must not keep a drained process alive.
    else setTimeout(() => host.exit(code), lingerMs).unref();
  } finally {
    for (const [event, listener] of listeners) host.off(event, listener);
  }
}

class ServiceRun {
  readonly #options: ServiceOptions;
  readonly #stop = deferred();
  readonly #started: Part[] = [];
  #state: ServiceState = 'new';
  #error: ServiceError | null = null;
  #app: FastifyInstance | null = null;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  get stopRequested(): Promise<void> {
    return this.#stop.promise;
  }

  get failed(): boolean {
    return this.#error !== null;
  }

  requestStop(why: string): void {
    if (this.#state === 'draining' || this.#state === 'stopped' || this.#state === 'failed') return;
    this.#options.logger.info({ why }, 'stopping');
    this.#state = 'draining';
    this.#stop.resolve();
  }

  fail(error: unknown): void {
    const failure = toServiceError(error, { code: 'EVL_SERVICE_FAILED', message: `${this.#options.name} failed` });
    if (this.#error === null) {
      this.#error = failure;
      this.#options.logger.fatal({ err: failure, kind: classify(failure) }, 'service failed');
    } else {
      this.#options.logger.warn({ err: failure }, 'another error after the first');
    }
    this.requestStop(failure.code);
  }

  async startAll(): Promise<void> {
    const { logger, parts, http, name } = this.#options;
    this.#state = 'starting';
    try {
      if (http?.onlyWhileRunning !== true) await this.#listen();
      for (const part of parts) {
        // Recorded first, so that a part that fails half way is stopped too; stop is legal at any time.
        this.#started.push(part);
        const stopped = await Promise.race([part.start().then(() => false), this.#stop.promise.then(() => true)]);
        if (stopped) return;
        void part.failed?.then((error) => this.fail(error));
      }
      this.#state = 'running';
      if (http?.onlyWhileRunning === true) await this.#listen();
      logger.info({ parts: parts.map((part) => part.name) }, `${name} runs`);
    } catch (error) {
      this.fail(error);
    }
  }

  async #listen(): Promise<void> {
    const { http, logger, extraRoutes } = this.#options;
    if (http === null) return;
    const { host, port, metrics } = http;
    this.#app = await createHttpApp({
      readiness: () => this.#readiness(),
      logger,
      ...(extraRoutes === undefined ? {} : { extraRoutes }),
      ...(metrics === undefined ? {} : { metrics }),
    });
    const address = await this.#app.listen({ host, port }).catch((error: unknown) => {
      throw listenError(error, { host, port }, 'EVL_HTTP_PORT');
    });
    logger.info({ address }, 'HTTP listens');
  }

  /** Stops what was started; true if the deadline came first. */
  async stopAll(): Promise<boolean> {
    const { logger, http, drainMs = 20_000 } = this.#options;
    let current = 'HTTP';
    const drained = (async () => {
      if (http?.onlyWhileRunning === true) await this.#app?.close().catch((error: unknown) => this.fail(error));
      for (const part of this.#started.toReversed()) {
        current = part.name;
        await part.stop().catch((error: unknown) => this.fail(error));
      }
      current = 'HTTP';
      await this.#app?.close().catch((error: unknown) => this.fail(error));
      return 'drained' as const;
    })();
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<'forced'>((resolve) => {
      timer = setTimeout(() => resolve('forced'), drainMs);
    });
    const outcome = await Promise.race([drained, deadline]);
    clearTimeout(timer);
    this.#state = this.#error === null && outcome === 'drained' ? 'stopped' : 'failed';
    if (outcome === 'forced') logger.fatal({ part: current, drainMs }, 'the drain deadline passed; ending by force');
    else logger.info({ state: this.#state }, 'stopped');
    return outcome === 'forced';
  }

  #readiness(): Readiness {
    const parts = this.#options.parts.map((part, index) => ({ name: part.name, health: this.#healthOf(part, index) }));
    return { ok: this.#state === 'running' && parts.every(({ health }) => health.ok), state: this.#state, parts };
  }

  #healthOf(part: Part, index: number): Health {
    if (this.#state === 'starting' && index >= this.#started.length - 1)
      return { ok: false, reason: 'not started yet' };
    return part.health?.() ?? { ok: true };
  }
}
