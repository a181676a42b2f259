import { deferred, type Health, type Logger, type Part } from '@everloop/service';
import { PoolWatermark, type PoolStage } from '../../domain/pool-watermarks.ts';
import { workerToReplace, type WearLimits } from '../../domain/worker-wear.ts';
import type { FromWorker, ToWorker } from './messages.ts';

/** A worker process; `cluster` makes them, tests have their own. */
export interface WorkerProcess {
  readonly pid: number | undefined;
  send(message: ToWorker): void;
  kill(signal: 'SIGTERM'): void;
  onMessage(listener: (message: FromWorker) => void): void;
  /** `how` in words: an exit code or a signal. */
  onExit(listener: (how: string) => void): void;
}

export interface SupervisorOptions extends WearLimits {
  readonly workers: number;
  readonly fork: (worker: number) => WorkerProcess;
  readonly logger: Logger;
  /** Monotonic, milliseconds. */
  readonly nowMs: () => number;
  readonly after: (ms: number, action: () => void) => void;
}

interface Slot {
  process: WorkerProcess | null;
  isReady: boolean;
  isAsked: boolean;
  /** It was told to stop, so that another takes its place. */
  isLeaving: boolean;
  startedMs: number;
  rssBytes: number;
  /** Answered by the worker that is there, and by those that were. */
  records: number;
  recordsBefore: number;
  shortLives: number;
}

interface MetricsRound {
  readonly asker: number;
  readonly id: number;
  readonly waiting: Set<number>;
  readonly found: (readonly object[])[];
}

/** The first replacement is at once; after that, lives shorter than `shortLifeMs` double the pause. */
const restartPauseMs = { first: 100, max: 5_000 };
const shortLifeMs = 10_000;
const lookEveryMs = 5_000;
/** Questions for metrics under way at once. */
const roundsMax = 64;

export interface Supervisor extends Part {
  /** Replaces every worker, one after the other. */
  recycle(): void;
}

/**
 * Keeps a pool of workers: replaces one that dies, replaces them one by one when they are asked for, old or large, and lets one of them
 * write the watermark that all have reached. It answers nothing itself; the port is shared by the workers.
 */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  return new PoolSupervisor(options);
}

class PoolSupervisor implements Supervisor {
  readonly name = 'workers';
  readonly #options: SupervisorOptions;
  readonly #slots: Slot[];
  readonly #watermarks: Readonly<Record<PoolStage, PoolWatermark>>;
  /** Who writes which watermark now. */
  readonly #writing: Record<PoolStage, number | null> = { log: null, routes: null };
  readonly #rounds = new Map<number, MetricsRound>();
  readonly #started = deferred();
  readonly #ended = deferred();
  #nextRound = 1;
  #isStopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const { workers } = options;
    this.#watermarks = { log: new PoolWatermark(workers), routes: new PoolWatermark(workers) };
    this.#slots = Array.from({ length: workers }, () => ({
      ...{ process: null, isReady: false, isAsked: false, isLeaving: false, startedMs: 0 },
      ...{ rssBytes: 0, records: 0, recordsBefore: 0, shortLives: 0 },
    }));
  }

  /** Resolves when every worker has answered that it is ready. */
  start(): Promise<void> {
    this.#slots.forEach((slot, worker) => this.#fork(slot, worker));
    this.#look();
    return this.#started.promise;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#started.resolve();
    for (const { process } of this.#slots) process?.kill('SIGTERM');
    this.#endIfAlone();
    await this.#ended.promise;
  }

  health(): Health {
    const isAny = this.#slots.some(({ isReady }) => isReady);
    return isAny ? { ok: true } : { ok: false, reason: 'no worker is ready' };
  }

  recycle(): void {
    for (const slot of this.#slots) slot.isAsked = true;
    this.#replaceNext();
  }

  #fork(slot: Slot, worker: number): void {
    const { fork, nowMs, logger } = this.#options;
    const child = fork(worker);
    Object.assign(slot, { process: child, isReady: false, isAsked: false, isLeaving: false, rssBytes: 0 });
    slot.startedMs = nowMs();
    child.onMessage((message) => {
      if (slot.process === child) this.#take(slot, worker, message);
    });
    child.onExit((how) => this.#onExit(slot, worker, how));
    logger.info({ worker, pid: child.pid }, 'worker started');
  }

  #onExit(slot: Slot, worker: number, how: string): void {
    const { logger, nowMs, after } = this.#options;
    const { isLeaving } = slot;
    slot.process = null;
    slot.isReady = false;
    slot.recordsBefore += slot.records;
    slot.records = 0;
    for (const stage of ['log', 'routes'] as const) if (this.#writing[stage] === worker) this.#writing[stage] = null;
    for (const id of this.#rounds.keys()) this.#answered(id, worker, null);
    if (this.#isStopping) {
      this.#endIfAlone();
      return;
    }
    if (isLeaving) {
      logger.info({ worker, how }, 'worker handed over');
      this.#fork(slot, worker);
    } else {
      logger.error({ worker, how }, 'a worker ended; another takes its place and its journal');
      const { first, max } = restartPauseMs;
      const pauseMs = slot.shortLives === 0 ? 0 : Math.min(max, first * 2 ** Math.min(slot.shortLives, 16));
      slot.shortLives = nowMs() - slot.startedMs < shortLifeMs ? slot.shortLives + 1 : 0;
      after(pauseMs, () => {
        if (!this.#isStopping) this.#fork(slot, worker);
      });
    }
    this.#write();
  }

  #take(slot: Slot, worker: number, message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        slot.isReady = true;
        if (this.#slots.every(({ isReady }) => isReady)) this.#started.resolve();
        this.#write();
        this.#replaceNext();
        break;
      case 'alive':
        slot.rssBytes = message.rssBytes;
        slot.records = message.records;
        break;
      case 'reached':
        this.#watermarks[message.stage].reached(worker, message.watermarkMs);
        this.#write();
        break;
      case 'wrote':
        this.#watermarks[message.stage].written(message.watermarkMs);
        if (this.#writing[message.stage] === worker) this.#writing[message.stage] = null;
        this.#write();
        break;
      case 'askMetrics':
        this.#ask(worker, message.id);
        break;
      case 'metrics':
        this.#answered(message.id, worker, message.metrics);
    }
  }

  /** Lets a worker write what is due; one at a time for a stage, so that watermarks are written once and in order. */
  #write(): void {
    const writer = this.#slots.findIndex(({ isReady, isLeaving }) => isReady && !isLeaving);
    if (writer < 0 || this.#isStopping) return;
    const records = this.#slots.reduce((sum, slot) => sum + slot.recordsBefore + slot.records, 0);
    for (const stage of ['log', 'routes'] as const) {
      const { due } = this.#watermarks[stage];
      if (due === null || this.#writing[stage] !== null) continue;
      this.#writing[stage] = writer;
      this.#slots[writer]?.process?.send({ kind: 'write', stage, watermarkMs: due, records });
    }
  }

  #look(): void {
    this.#replaceNext();
    this.#options.after(lookEveryMs, () => {
      if (!this.#isStopping) this.#look();
    });
  }

  #replaceNext(): void {
    const { logger, nowMs } = this.#options;
    if (this.#isStopping || this.#slots.some(({ isLeaving }) => isLeaving)) return;
    const states = this.#slots.map((slot) => ({ ...slot, ageMs: nowMs() - slot.startedMs }));
    const next = workerToReplace(states, this.#options);
    const slot = this.#slots[next?.worker ?? -1];
    if (next === null || slot === undefined) return;
    slot.isLeaving = true;
    logger.info({ ...next, pid: slot.process?.pid, rssBytes: slot.rssBytes }, 'worker is replaced');
    slot.process?.kill('SIGTERM');
  }

  #ask(asker: number, id: number): void {
    if (this.#rounds.size >= roundsMax) return;
    const round = this.#nextRound++;
    const asked = [...this.#slots.keys()].filter((worker) => this.#slots[worker]?.isReady === true);
    this.#rounds.set(round, { asker, id, waiting: new Set(asked), found: [] });
    for (const worker of asked) this.#slots[worker]?.process?.send({ kind: 'giveMetrics', id: round });
  }

  #answered(id: number, worker: number, metrics: readonly object[] | null): void {
    const round = this.#rounds.get(id);
    if (round === undefined || !round.waiting.delete(worker)) return;
    if (metrics !== null) round.found.push(metrics);
    if (round.waiting.size > 0) return;
    this.#rounds.delete(id);
    this.#slots[round.asker]?.process?.send({ kind: 'allMetrics', id: round.id, metrics: round.found });
  }

  #endIfAlone(): void {
    if (this.#slots.every(({ process }) => process === null)) this.#ended.resolve();
  }
}
