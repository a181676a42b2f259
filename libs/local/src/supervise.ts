import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { errorText, pause } from '@everloop/service';
import { localError } from './fail.ts';
import { guard, unguard } from './guardian.ts';
import type { Environment } from './tools.ts';

/** How a process shows that it can do its work. */
export type Readiness =
  /** GET answers 200. */
  | { readonly url: string }
  | { readonly tcp: { readonly host: string; readonly port: number } }
  /** Resolves to true; a rejection means not yet. */
  | { readonly check: () => Promise<boolean> };

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It was told to stop. */
  readonly asked: boolean;
}

export interface SuperviseOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the process. */
  readonly env: Environment;
  readonly cwd?: string;
  /** Runs it as this user; only root may. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Receives standard output and standard error. */
  readonly logFile: string;
  /** Also receives each line of standard output, without its end. */
  readonly onLine?: (line: string) => void;
  readonly ready: Readiness;
  /** Longest wait until it is ready, milliseconds; default 60,000. */
  readonly readyMs?: number;
  /** Time from SIGTERM to SIGKILL, milliseconds; default 15,000. */
  readonly stopMs?: number;
}

/** A process that was started here. It is never started again by itself: who supervises decides. */
export interface SupervisedProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when it is ready; rejects with EVL_LOCAL_PROCESS_DIED or EVL_LOCAL_PROCESS_NOT_READY. */
  readonly ready: Promise<void>;
  readonly exited: Promise<Exit>;
  readonly running: boolean;
  /** SIGTERM, then after the deadline SIGKILL; idempotent. Resolves when it has ended. */
  stop(): Promise<Exit>;
  /** SIGKILL to it and what it started. */
  kill(): void;
  /** The newest lines of its log. */
  lastLines(count: number): readonly string[];
}

/** How much of a log's end is looked at for its last lines, bytes. */
const tailBytes = 64 * 1024;

/** Pause between two looks at whether a process is ready, milliseconds. */
const lookMs = 100;

/**
 * Starts a process in a process group of its own, so that a Ctrl-C at the terminal reaches only the supervisor, which then
 * stops its processes in order. Should the supervisor be killed by force, a guardian ends them.
 */
export function superviseProcess(options: SuperviseOptions): SupervisedProcess {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a');
  const child = spawn(options.command, [...options.args], {
    env: { ...options.env },
    stdio: ['ignore', options.onLine === undefined ? log : 'pipe', log],
    detached: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...options.user,
  });
  closeSync(log);
  const { onLine } = options;
  if (onLine !== undefined && child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      appendFileSync(options.logFile, `${line}\n`);
      onLine(line);
    });
  }
  return new Supervised(child, options);
}

class Supervised implements SupervisedProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  readonly ready: Promise<void>;
  readonly exited: Promise<Exit>;
  running = true;
  readonly #child: ChildProcess;
  readonly #options: SuperviseOptions;
  readonly #ended = new AbortController();
  #asked = false;

  constructor(child: ChildProcess, options: SuperviseOptions) {
    this.name = options.name;
    this.logFile = options.logFile;
    this.pid = child.pid ?? 0;
    this.#child = child;
    this.#options = options;
    if (this.pid !== 0) guard(this.pid);
    this.exited = new Promise((resolve) => {
      child.once('error', (error) =>
        this.#end(
          localError(
            'EVL_LOCAL_PROCESS_DIED',
            `${options.name} could not be started (${options.command}): ${errorText(error)}`,
            error,
          ),
          null,
          null,
          resolve,
        ),
      );
      child.once('exit', () => this.#sweep());
      child.once(
        options.onLine === undefined ? 'exit' : 'close',
        (code: number | null, signal: NodeJS.Signals | null) => this.#end(null, code, signal, resolve),
      );
    });
    this.ready = this.#awaitReady();
    // Whoever only waits for the end need not handle a readiness that never came.
    this.ready.catch(() => undefined);
  }

  async stop(): Promise<Exit> {
    this.#asked = true;
    if (!this.running) return this.exited;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), this.#options.stopMs ?? 15_000);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  kill(): void {
    this.#asked = true;
    if (!this.running || this.pid === 0) return;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      this.#child.kill('SIGKILL');
    }
  }

  lastLines(count: number): readonly string[] {
    if (!existsSync(this.logFile)) return [];
    const file = openSync(this.logFile, 'r');
    try {
      const tail = Buffer.alloc(tailBytes);
      const bytes = readSync(file, tail, 0, tailBytes, Math.max(0, fstatSync(file).size - tailBytes));
      return tail.toString('utf8', 0, bytes).trimEnd().split('\n').slice(-count);
    } finally {
      closeSync(file);
    }
  }

  #end(error: Error | null, code: number | null, signal: NodeJS.Signals | null, resolve: (exit: Exit) => void): void {
    if (!this.running) return;
    this.running = false;
    const how = signal === null ? `exit code ${code ?? 'unknown'}` : signal;
    const last = this.lastLines(12)
      .map((line) => `    ${line}`)
      .join('\n');
    this.#ended.abort(
      error ??
        localError(
          'EVL_LOCAL_PROCESS_DIED',
          `${this.name} ended before it was ready (${how}). The end of its log ${this.logFile}:\n${last}`,
        ),
    );
    resolve({ code, signal, asked: this.#asked });
  }

  /** Ends what the process had started and left behind. */
  #sweep(): void {
    if (this.pid === 0) return;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // Nothing was left.
    }
    unguard(this.pid);
  }

  async #awaitReady(): Promise<void> {
    const { signal } = this.#ended;
    const endsAt = performance.now() + (this.#options.readyMs ?? 60_000);
    for (;;) {
      const isReady = await look(this.#options.ready).catch(() => false);
      signal.throwIfAborted();
      if (isReady) return;
      if (performance.now() > endsAt) {
        const last = this.lastLines(12)
          .map((line) => `    ${line}`)
          .join('\n');
        throw localError(
          'EVL_LOCAL_PROCESS_NOT_READY',
          `${this.name} runs but was not ready in time. The end of its log ${this.logFile}:\n${last}`,
        );
      }
      await pause(lookMs, signal);
    }
  }
}

async function look(ready: Readiness): Promise<boolean> {
  if ('check' in ready) return ready.check();
  if ('tcp' in ready) return connects(ready.tcp.host, ready.tcp.port);
  const response = await fetch(ready.url, { signal: AbortSignal.timeout(2_000) });
  await response.body?.cancel();
  return response.status === 200;
}

function connects(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', done(true));
    socket.once('error', done(false));
    socket.setTimeout(2_000, done(false));
  });
}
