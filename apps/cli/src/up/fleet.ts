import { superviseProcess, type Exit, type SuperviseOptions, type SupervisedProcess } from '@everloop/local';
import { deferred, ServiceError } from '@everloop/service';
import { readableLine } from './log-lines.ts';
import type { UsageMeter } from './usage.ts';

/** Newest log lines that are shown of a process that died. */
const lastLines = 20;

/** The processes of one run: whichever ends without being asked ends the run. */
export class Fleet {
  readonly #meter: UsageMeter;
  readonly #layers: SupervisedProcess[][] = [[]];
  readonly #died = deferred<ServiceError>();
  #stopping: Promise<void> | null = null;

  constructor(meter: UsageMeter) {
    this.#meter = meter;
  }

  /** Resolves with what to tell the person when a process ended by itself. */
  get died(): Promise<ServiceError> {
    return this.#died.promise;
  }

  /** Nothing was started. */
  get isEmpty(): boolean {
    return this.#layers.every((layer) => layer.length === 0);
  }

  /** What is added from now on is stopped before everything that was added so far. */
  nextLayer(): void {
    this.#layers.push([]);
  }

  /** Starts a process; resolves when it is ready. */
  async start(options: SuperviseOptions): Promise<SupervisedProcess> {
    const started = superviseProcess(options);
    this.adopt(started);
    await started.ready.catch(async (error: unknown) => {
      if (started.running) throw error;
      throw deathOf(started, await started.exited);
    });
    return started;
  }

  /** Watches a process that was started elsewhere and stops it with the others. */
  adopt(started: SupervisedProcess, end: 'is a death' | 'ends by itself' = 'is a death'): void {
    this.#layers.at(-1)?.push(started);
    this.#meter.watch(started.name, started.pid);
    // It was still starting when the end came.
    if (this.#stopping !== null) void started.stop();
    void started.exited.then((exit) => {
      if (!exit.asked && end === 'is a death') this.#died.resolve(deathOf(started, exit));
    });
  }

  /** Stops everything, newest layer first, the processes of a layer together. */
  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      for (const layer of this.#layers.toReversed()) await Promise.all(layer.map((each) => each.stop()));
    })();
    return this.#stopping;
  }

  /** Ends everything at once. */
  kill(): void {
    for (const each of this.#layers.flat()) each.kill();
  }
}

function deathOf(dead: SupervisedProcess, exit: Exit): ServiceError {
  const how = exit.signal === null ? `exit code ${exit.code ?? 'unknown'}` : `signal ${exit.signal}`;
  const lines = dead.lastLines(lastLines).map((line) => `  ${readableLine(line)}`);
  return new ServiceError({
    code: 'EVL_UP_PROCESS_DIED',
    kind: 'terminal',
    message: [`${dead.name} ended by itself (${how}). The end of its log ${dead.logFile}:`, ...lines].join('\n'),
  });
}
