import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { trainerError } from '../errors.ts';

export interface ChildOptions {
  readonly entry: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly timeoutMs: number;
  /** Limit of the heap and of resident memory each, MiB. */
  readonly memoryMib: number;
  readonly signal: AbortSignal;
  /** Files and folders that it may read, and those that it may write; nothing else, as far as JavaScript can reach. */
  readonly readable: readonly string[];
  readonly writable: readonly string[];
  /** User that it runs as; null: the one of this process. Only root can choose. */
  readonly uid: number | null;
  /** Each line of standard output that is a JSON object. */
  readonly onLine: (line: Readonly<Record<string, unknown>>) => void;
}

const stderrCharsMax = 4_000;
const memoryPollMs = 500;
const mib = 1024 * 1024;
const pageBytes = 4_096;

/**
 * Runs a program of user code with nothing of this process but its arguments: an empty environment, its own folder, no standard
 * input, and no files but those that it is given. Resolves when it ended with code 0; otherwise rejects with EVL_TRAINER_RECIPE_FAILED, _TIMEOUT, _MEMORY, or the signal's reason.
 */
export function runChild(options: ChildOptions): Promise<void> {
  const { signal, timeoutMs, memoryMib } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const flags = [`--max-old-space-size=${memoryMib}`, ...permissions(options)];
    const child = spawn(process.execPath, [...flags, options.entry, ...options.args], {
      cwd: options.cwd,
      env: {},
      ...(options.uid === null ? {} : { uid: options.uid, gid: options.uid }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let why: Error | null = null;
    let said = '';
    let stderr = '';
    const kill = (reason: Error): void => {
      why ??= reason;
      child.kill('SIGKILL');
    };
    const onAbort = (): void => kill(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(() => kill(timedOut(timeoutMs)), timeoutMs);
    const poll = setInterval(() => {
      const used = residentMib(child.pid);
      if (used > memoryMib) kill(tooLarge(used, memoryMib));
    }, memoryPollMs);
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = parseLine(text);
      if (line?.['event'] === 'failed') said = String(line['message']);
      if (line !== null) options.onLine(line);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-stderrCharsMax);
    });
    const end = (error: Error | null): void => {
      clearTimeout(timer);
      clearInterval(poll);
      signal.removeEventListener('abort', onAbort);
      if (error === null) resolve();
      else reject(error);
    };
    child.on('error', (error) =>
      end(trainerError('EVL_TRAINER_RECIPE_FAILED', `the recipe could not be started: ${error.message}`, error)),
    );
    child.on('close', (code, killedBy) => {
      if (why !== null) end(why);
      else if (code === 0) end(null);
      else end(ended(code, killedBy, said === '' ? stderr.trim() : said));
    });
  });
}

/**
 * Node's permission model: no other files, no child processes, no workers, no inspector. Native code (DuckDB reads the training set) is not
 * bound by it; another user is (`uid`).
 */
function permissions({ readable, writable }: ChildOptions): readonly string[] {
  return [
    ...['--permission', '--allow-addons', '--disable-warning=PERM0001'],
    ...readable.map((path) => `--allow-fs-read=${path}`),
    ...writable.map((path) => `--allow-fs-write=${path}`),
  ];
}

function parseLine(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Resident memory; 0 where there is no /proc, and there only the heap is limited. */
function residentMib(pid: number | undefined): number {
  try {
    return (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * pageBytes) / mib;
  } catch {
    return 0;
  }
}

function timedOut(timeoutMs: number): Error {
  return trainerError(
    'EVL_TRAINER_RECIPE_TIMEOUT',
    `the recipe was ended after ${timeoutMs} ms (training.timeout of the Model)`,
  );
}

function tooLarge(used: number, limit: number): Error {
  const message = `the recipe was ended with ${Math.round(used)} MiB of memory; ${limit} MiB are allowed (EVL_TRAINER_RECIPE_MEMORY)`;
  return trainerError('EVL_TRAINER_RECIPE_MEMORY', message);
}

function ended(code: number | null, killedBy: string | null, why: string): Error {
  return trainerError(
    'EVL_TRAINER_RECIPE_FAILED',
    `the recipe ended with ${killedBy ?? `code ${code}`}: ${why === '' ? 'it said nothing' : why}`,
  );
}
