import { deferred, type Health, type Logger, type Part } from '@everloop/service';
import { ChildLink, type Call, type EndReason } from './child-link.ts';
import { onnxError } from './errors.ts';
import type { HostReply, HostRequest, LoadedModel, RunInput } from './host-protocol.ts';
import type { Provider } from './providers.ts';
import { prepare, Wear, type HeldModel, type RecycleLimits } from './succession.ts';

export interface ModelHostOptions {
  readonly logger: Logger;
  /** Name of the part in logs and health. */
  readonly name: string;
  /** V8 heap of the child, MiB. Default 128: it holds batches, not models. */
  readonly oldSpaceMib?: number;
  /** Resident memory above which the child is replaced, bytes. Default 1 GiB. */
  readonly rssBytesMax?: number;
  /** Longest time to load a model, milliseconds. Default 20,000. */
  readonly loadTimeoutMs?: number;
  /** Longest time until a new child is ready, milliseconds. Default 30,000: a loaded machine starts Node slowly. */
  readonly readyMs?: number;
  /** Most calls that wait for the child. Default 4,096. */
  readonly pendingMax?: number;
  /**
   * When another process takes the child's place without a failed or delayed call: after 50 unloads, or growth by 256 MiB since the
   * first one, by default. For as long as it takes to load the models, both are there, and loads and unloads wait.
   */
  readonly recycle?: RecycleLimits;
  /** Where models run, by preference. Default: the CPU. */
  readonly providers?: readonly Provider[];
}

/**
 * Runs ONNX models in a child process that can be killed, because a model file is untrusted input. A call on which the child
 * hangs, outgrows its memory or dies fails with its own error; the child is started again with all its models, and calls it had
 * not come to yet are asked again, so the caller of a good model sees only a delay.
 */
export interface ModelHost extends Part {
  /**
   * Loads or replaces a model after checking its digest (SHA-256, hex), its operators and its inputs and outputs.
   * Rejects with EVL_ONNX_LOAD_FAILED, which names file, digest and what to do.
   */
  load(key: string, path: string, digestHex: string): Promise<LoadedModel>;
  /** Harmless when the model is not loaded. */
  unload(key: string): Promise<void>;
  /**
   * Scores in [0, 1], one for each row. Rejects with EVL_ONNX_NOT_LOADED, EVL_ONNX_INPUT_INVALID (shape), EVL_ONNX_RUN_FAILED,
   * EVL_ONNX_HOST_TIMEOUT, EVL_ONNX_HOST_MEMORY, EVL_ONNX_HOST_CRASHED, EVL_ONNX_HOST_STOPPED or EVL_ONNX_QUEUE_FULL.
   */
  run(key: string, input: RunInput, options: { readonly timeoutMs: number }): Promise<Float64Array>;
  /** For telemetry and tests. */
  status(): HostStatus;
}

export interface HostStatus {
  readonly pid: number | undefined;
  readonly rssBytes: number;
  readonly restarts: number;
  /** Processes that handed over to their successor. */
  readonly recycles: number;
  readonly models: readonly string[];
  readonly runtimeVersion: string;
}

type State = 'new' | 'running' | 'stopped';

/** The first restart is at once; after that, lives shorter than `shortLifeMs` double the pause. */
const restartPauseMs = { first: 50, max: 5_000 };
const shortLifeMs = 10_000;

export function createModelHost(options: ModelHostOptions): ModelHost {
  return new ForkedModelHost(options);
}

class ForkedModelHost implements ModelHost {
  readonly name: string;
  readonly #options: Required<ModelHostOptions>;
  readonly #models = new Map<string, HeldModel>();
  #state: State = 'new';
  #link: ChildLink | undefined;
  /** Prepared to take the place of `#link`. */
  #successor: ChildLink | undefined;
  /** Have handed over and give their last answers. */
  readonly #retiring = new Set<ChildLink>();
  /** Loads and unloads that wait for a succession to end. */
  #held: Call[] = [];
  #wear: Wear;
  #recycles = 0;
  #ready = false;
  #waiting: Call[] = [];
  #nextId = 1;
  #restarts = 0;
  #shortLives = 0;
  #spawnedAt = 0;
  #runtimeVersion = '';
  #started = deferred();
  #restartTimer: NodeJS.Timeout | undefined;

  constructor(options: ModelHostOptions) {
    this.name = options.name;
    this.#options = {
      oldSpaceMib: 128,
      rssBytesMax: 1024 ** 3,
      loadTimeoutMs: 20_000,
      readyMs: 30_000,
      pendingMax: 4_096,
      providers: ['cpu'],
      recycle: { unloads: 50, growthBytes: 256 * 1024 ** 2 },
      ...options,
    };
    this.#wear = new Wear(this.#options.recycle);
  }

  start(): Promise<void> {
    if (this.#state === 'new') {
      this.#state = 'running';
      this.#spawn();
    }
    return this.#started.promise;
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    clearTimeout(this.#restartTimer);
    const why: EndReason = { kind: 'stop', detail: 'was stopped' };
    for (const call of [...this.#held.splice(0), ...this.#waiting.splice(0)]) call.abandon(why);
    this.#started.promise.catch(() => undefined);
    this.#started.reject(onnxError('EVL_ONNX_HOST_STOPPED', `${this.name} was stopped before it was ready`));
    const links = [this.#link, this.#successor, ...this.#retiring].filter((link) => link !== undefined);
    await Promise.all(links.map((link) => link.kill(why)));
  }

  health(): Health {
    return this.#ready ? { ok: true } : { ok: false, reason: `${this.name}: the model process is not running` };
  }

  status(): HostStatus {
    return {
      pid: this.#link?.pid,
      rssBytes: this.#link?.rssBytes ?? 0,
      restarts: this.#restarts,
      recycles: this.#recycles,
      models: [...this.#models.keys()],
      runtimeVersion: this.#runtimeVersion,
    };
  }

  load(key: string, path: string, digestHex: string): Promise<LoadedModel> {
    const request: HostRequest = { kind: 'load', id: this.#nextId++, key, path, digest: digestHex };
    const what = `Model file ${path} (model ${key}, expected digest ${digestHex})`;
    return this.#call(request, this.#options.loadTimeoutMs, what, (reply) => {
      if (reply.kind !== 'loaded') throw loadFailed(what, reply.kind === 'failed' ? reply.message : 'gave no model');
      this.#models.set(key, { path, digest: digestHex, model: reply.model });
      return reply.model;
    });
  }

  async unload(key: string): Promise<void> {
    if (!this.#models.delete(key)) return;
    const beforeBytes = this.#link?.rssBytes ?? 0;
    await this.#call(
      { kind: 'unload', id: this.#nextId++, key },
      this.#options.loadTimeoutMs,
      `Model ${key}`,
      (reply) => {
        if (reply.kind === 'unloaded') this.#unloaded(beforeBytes, reply.rssBytes);
      },
    );
  }

  async run(key: string, input: RunInput, options: { readonly timeoutMs: number }): Promise<Float64Array> {
    const held = this.#models.get(key);
    if (held === undefined) throw onnxError('EVL_ONNX_NOT_LOADED', `Model ${key} is not loaded; load it first.`);
    checkShape(key, input, held.model);
    if (input.rows === 0) return new Float64Array();
    const request: HostRequest = { kind: 'run', id: this.#nextId++, key, ...input };
    return this.#call(request, options.timeoutMs, `Model ${key} on ${input.rows} rows`, (reply) => {
      if (reply.kind === 'scored') return reply.scores;
      if (reply.kind !== 'failed') throw onnxError('EVL_ONNX_RUN_FAILED', `Model ${key} gave no scores.`);
      throw onnxError(reply.code === 'EVL_ONNX_NOT_LOADED' ? reply.code : 'EVL_ONNX_RUN_FAILED', `${reply.message}.`);
    });
  }

  #call<T>(request: HostRequest, timeoutMs: number, what: string, take: (reply: HostReply) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const call: Call = {
        request,
        timeoutMs,
        isReload: false,
        // What `take` throws rejects the call.
        settle: (reply) => resolve(Promise.resolve(reply).then(take)),
        abandon: (why) => reject(endError(request, what, why)),
      };
      if (this.#state !== 'running') call.abandon({ kind: 'stop', detail: 'is not running' });
      else if (this.#waiting.length + this.#held.length + (this.#link?.inFlight ?? 0) >= this.#options.pendingMax)
        reject(
          onnxError(
            'EVL_ONNX_QUEUE_FULL',
            `${this.#options.pendingMax} calls wait for ${this.name}; send fewer at a time.`,
          ),
        );
      else this.#submit(call);
    });
  }

  #submit(call: Call): void {
    if (this.#successor !== undefined && call.request.kind !== 'run') this.#held.push(call);
    else if (this.#ready && this.#link !== undefined) this.#link.send(call);
    else this.#waiting.push(call);
  }

  #spawn(): void {
    this.#wear = new Wear(this.#options.recycle);
    this.#link = this.#fork((link, runtimeVersion, trouble) => this.#onReady(link, runtimeVersion, trouble));
    this.#spawnedAt = performance.now();
  }

  #fork(onReady: (link: ChildLink, runtimeVersion: string, trouble: string | null) => void): ChildLink {
    const link: ChildLink = new ChildLink({
      ...this.#options,
      onReady: (runtimeVersion, trouble) => onReady(link, runtimeVersion, trouble),
      onEnd: (why, innocent) => this.#onEnd(link, why, innocent),
    });
    return link;
  }

  #onReady(link: ChildLink, runtimeVersion: string, trouble: string | null): void {
    if (trouble !== null) {
      this.#started.reject(providerMissing(this.#options.providers, trouble));
      void this.stop();
      return;
    }
    this.#ready = true;
    this.#runtimeVersion = runtimeVersion;
    for (const [key, held] of this.#models) link.send(this.#reload(key, held));
    for (const call of this.#waiting.splice(0)) link.send(call);
    this.#started.resolve();
  }

  #unloaded(beforeBytes: number, nowBytes: number): void {
    this.#wear.unloaded(beforeBytes, nowBytes);
    const from = this.#link;
    if (from === undefined || !this.#ready || this.#successor !== undefined || !this.#wear.isOver(nowBytes)) return;
    // Whatever comes of it: the next try is after as many unloads again.
    this.#wear = new Wear(this.#options.recycle);
    this.#successor = this.#fork((to) => void this.#succeed(from, to));
  }

  /** Calls go to `to` from now on, if it has all models; else `from` goes on. */
  async #succeed(from: ChildLink, to: ChildLink): Promise<void> {
    try {
      const { loadTimeoutMs: timeoutMs } = this.#options;
      await prepare({ from, to, timeoutMs, models: () => [...this.#models], nextId: () => this.#nextId++ });
      if (this.#successor === to && this.#link === from) this.#handOver(from, to);
    } catch (error) {
      if (this.#successor === to)
        this.#options.logger.warn({ err: error }, 'no other model process could take over; the old one goes on');
      void to.kill({ kind: 'stop', detail: 'could not take over' });
    }
    this.#endSuccession(to);
  }

  #handOver(from: ChildLink, to: ChildLink): void {
    this.#link = to;
    this.#recycles += 1;
    this.#spawnedAt = performance.now();
    this.#retiring.add(from);
    this.#options.logger.info(
      { rssBytes: from.rssBytes, recycles: this.#recycles, models: this.#models.size },
      'another model process took over',
    );
    from.retire();
  }

  #endSuccession(successor: ChildLink): void {
    if (this.#successor !== successor) return;
    this.#successor = undefined;
    for (const call of this.#held.splice(0)) this.#submit(call);
  }

  /** A model that no longer loads is given up: its runs fail, the others go on. */
  #reload(key: string, held: HeldModel): Call {
    const giveUp = (why: string): void => {
      if (this.#models.get(key) === held) this.#models.delete(key);
      this.#options.logger.error(
        { model: key, path: held.path, digest: held.digest, why },
        'model could not be loaded again',
      );
    };
    return {
      request: { kind: 'load', id: this.#nextId++, key, path: held.path, digest: held.digest },
      timeoutMs: this.#options.loadTimeoutMs,
      isReload: true,
      settle: (reply) => {
        if (reply.kind !== 'loaded') giveUp(reply.kind === 'failed' ? reply.message : 'no model');
      },
      abandon: (why) => giveUp(why.detail),
    };
  }

  #onEnd(link: ChildLink, why: EndReason, innocent: readonly Call[]): void {
    const again = innocent.filter((call) => !call.isReload);
    if (this.#state === 'stopped') {
      for (const call of again) call.abandon(why);
      return;
    }
    if (this.#retiring.delete(link)) for (const call of again) this.#submit(call);
    else if (link === this.#link) this.#restart(why, again);
    else {
      this.#options.logger.warn(
        { why: why.kind, detail: why.detail },
        'the next model process ended; the old one goes on',
      );
      this.#endSuccession(link);
    }
  }

  #restart(why: EndReason, again: readonly Call[]): void {
    const wasReady = this.#ready;
    this.#ready = false;
    this.#link = undefined;
    const successor = this.#successor;
    if (successor !== undefined) {
      void successor.kill({ kind: 'stop', detail: 'has nobody to take over from' });
      this.#endSuccession(successor);
    }
    this.#restarts += 1;
    this.#options.logger.warn(
      { why: why.kind, detail: why.detail, restarts: this.#restarts },
      'model process ended, starting it again',
    );
    this.#waiting = [...again, ...this.#waiting];
    // Whoever waits is told now; waiting for a process that does not start has no end.
    if (!wasReady) for (const call of this.#waiting.splice(0)) call.abandon(why);
    const pauseMs =
      this.#shortLives === 0 ? 0 : Math.min(restartPauseMs.max, restartPauseMs.first * 2 ** this.#shortLives);
    this.#shortLives = performance.now() - this.#spawnedAt < shortLifeMs ? this.#shortLives + 1 : 0;
    this.#restartTimer = setTimeout(() => this.#spawn(), pauseMs);
  }
}

function providerMissing(providers: readonly Provider[], trouble: string): Error {
  return onnxError(
    'EVL_ONNX_PROVIDER_MISSING',
    `ONNX Runtime cannot use ${providers.join(', ')} here: ${trouble}. CUDA needs the CUDA libraries of onnxruntime-node, those of CUDA and cuDNN, and a GPU; ` +
      'install them, or choose cpu.',
  );
}

function checkShape(key: string, input: RunInput, model: LoadedModel): void {
  const numeric = input.rows * model.nNumeric;
  const categories = input.rows * model.nCategories;
  if (input.numeric.length === numeric && input.categories.length === categories) return;
  throw onnxError(
    'EVL_ONNX_INPUT_INVALID',
    `Model ${key} wants ${numeric} numbers and ${categories} categories for ${input.rows} rows ` +
      `and was given ${input.numeric.length} and ${input.categories.length}.`,
  );
}

function loadFailed(what: string, why: string): Error {
  return onnxError(
    'EVL_ONNX_LOAD_FAILED',
    `${what} ${why}. Restore the file from a copy, or register the model again.`,
  );
}

function endError(request: HostRequest, what: string, why: EndReason): Error {
  if (why.kind === 'stop') return onnxError('EVL_ONNX_HOST_STOPPED', `${what}: the model process ${why.detail}.`);
  if (request.kind === 'load') return loadFailed(what, `brought the model process down, which ${why.detail}`);
  const message = `${what}: the model process ${why.detail}; it is started again.`;
  if (why.kind === 'timeout') return onnxError('EVL_ONNX_HOST_TIMEOUT', message);
  return onnxError(why.kind === 'memory' ? 'EVL_ONNX_HOST_MEMORY' : 'EVL_ONNX_HOST_CRASHED', message);
}
