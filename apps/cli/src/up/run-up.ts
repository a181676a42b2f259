import { existsSync, readFileSync } from 'node:fs';
import { resolve, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadResources } from '@everloop/contracts';
import { cacheFolder, checkPorts, findJava } from '@everloop/local';
import { errorText, ServiceError } from '@everloop/service';
import { openDataFolder, type DataFolder } from './data-folder.ts';
import { Fleet } from './fleet.ts';
import { listenForInterrupt, type Interrupt } from './interrupt.ts';
import type { UpOptions } from './options.ts';
import { broughtAlong, neededPorts, startPlatform } from './platform.ts';
import { planPorts } from './ports.ts';
import { readableLine } from './log-lines.ts';
import { replayCountsPath, startReplay } from './replay.ts';
import { createScreen, type Say } from './screen.ts';
import { firstService, otherServices, serviceProcess, type Surroundings } from './services.ts';
import { UsageMeter } from './usage.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

/** 0: done, or ended by Ctrl-C while serving; 1: something failed or the ledger does not balance; 130: interrupted before the end. */
export const upExitCodes = { done: 0, failed: 1, interrupted: 130 } as const;

/** Raised inside a run when the person asked for its end. */
class Interrupted extends Error {}

/**
 * Runs the whole loop on this machine: Kafka, Redis, every service, the example's resources, its replay, the report; then serves
 * until Ctrl-C, or ends with `exit`. Stops what it started and nothing else. Resolves with the exit code.
 */
export async function runUp(options: UpOptions): Promise<number> {
  const say = createScreen((text) => process.stdout.write(text));
  const interrupt = listenForInterrupt();
  const meter = new UsageMeter();
  const fleet = new Fleet(meter);
  void interrupt.insisted.then(() => {
    say('Ending everything at once');
    fleet.kill();
  });
  let folder: DataFolder | null = null;
  let code: number = upExitCodes.failed;
  try {
    const { ports, wanted } = await planPorts(options.portsFrom, process.env);
    await checkPorts(neededPorts(wanted, process.env));
    if (broughtAlong(process.env).kafka === null) findJava(process.env);
    folder = openDataFolder({
      dataDir: options.dataDir,
      keepData: options.keepData,
      runsDir: join(cacheFolder(), 'runs'),
    });
    meter.start();
    const run = new Run(options, { fleet, meter, interrupt, say });
    code = await run.run(folder.path, ports);
  } catch (error) {
    code =
      error instanceof Interrupted ? (options.exit ? upExitCodes.interrupted : upExitCodes.done) : upExitCodes.failed;
    if (!(error instanceof Interrupted)) say(describe(error));
  }
  if (!fleet.isEmpty) say('Stopping ...');
  await fleet.stop();
  meter.stop();
  interrupt.release();
  // What failed is kept to be looked at, unless it failed before anything ran.
  const keeps = code === upExitCodes.failed && !fleet.isEmpty;
  const gone = keeps ? false : folder?.discard();
  if (!fleet.isEmpty)
    say(gone === false && folder !== null ? `Stopped; data and logs are in ${folder.path}` : 'Stopped');
  return code;
}

interface Means {
  readonly fleet: Fleet;
  readonly meter: UsageMeter;
  readonly interrupt: Interrupt;
  readonly say: Say;
}

class Run {
  readonly #options: UpOptions;
  readonly #means: Means;
  readonly #ended: Promise<never>;

  constructor(options: UpOptions, means: Means) {
    this.#options = options;
    this.#means = means;
    this.#ended = Promise.race([
      means.fleet.died.then((error) => Promise.reject(error)),
      means.interrupt.asked.then(() => Promise.reject(new Interrupted('interrupted'))),
    ]);
    this.#ended.catch(() => undefined);
  }

  async run(dataDir: string, ports: Surroundings['ports']): Promise<number> {
    const { fleet, say } = this.#means;
    const exampleDir = resolve(root, this.#options.example ?? 'examples/flights');
    const platform = await this.#unlessEnded(startPlatform({ env: process.env, ports, dataDir, fleet, say }));
    const compileCache = join(cacheFolder(), 'compiled');
    const around: Surroundings = { root, dataDir, ports, env: process.env, compileCache, ...platform };
    await this.#startServices(exampleDir, around);
    await this.#applyExample(exampleDir, around);
    say(`Console: http://127.0.0.1:${ports.http.console}`);
    await this.#replay(exampleDir, around);
    const balanced = await this.#report(exampleDir, around);
    if (!this.#options.exit) {
      say(
        `Serving; the console is at http://127.0.0.1:${ports.http.console}, the gateway at 127.0.0.1:${ports.grpc.gateway}. Ctrl-C stops everything.`,
      );
      await this.#untilInterrupted();
    }
    return balanced ? upExitCodes.done : upExitCodes.failed;
  }

  async #startServices(exampleDir: string, around: Surroundings): Promise<void> {
    const { fleet, say } = this.#means;
    const start = async (name: typeof firstService): Promise<void> => {
      await this.#unlessEnded(fleet.start(serviceProcess(name, around)));
    };
    fleet.nextLayer();
    await start(firstService);
    say('registry runs');
    fleet.nextLayer();
    const others = otherServices(await hasBatch(exampleDir));
    await Promise.all(others.map(start));
    say(`${others.join(', ')} run`);
  }

  async #applyExample(exampleDir: string, around: Surroundings): Promise<void> {
    const { applyResources } = await import('../apply.ts');
    const { results } = await this.#unlessEnded(
      applyResources(join(exampleDir, 'resources'), `127.0.0.1:${around.ports.grpc.registry}`),
    );
    this.#means.say(`${results.length} resources of ${exampleDir} applied`);
  }

  async #replay(exampleDir: string, around: Surroundings): Promise<void> {
    const { fleet, say } = this.#means;
    say(`Replaying${this.#options.until === undefined ? '' : ` until ${this.#options.until}`} ...`);
    fleet.nextLayer();
    const replay = startReplay(exampleDir, this.#options, around, say);
    // Its end is expected, so it is not one of those whose end is a death.
    fleet.adopt(replay, 'ends by itself');
    const exit = await this.#unlessEnded(replay.exited);
    if (exit.code === 0) return;
    const last = replay.lastLines(15).map((line) => `  ${readableLine(line)}`);
    throw new ServiceError({
      code: 'EVL_UP_REPLAY_FAILED',
      kind: 'terminal',
      message: [
        `the replay failed (${exit.signal ?? `exit code ${exit.code ?? 'unknown'}`}); the end of ${replay.logFile}:`,
        ...last,
      ].join('\n'),
    });
  }

  /** Prints the report; whether the ledger balances. */
  async #report(exampleDir: string, around: Surroundings): Promise<boolean> {
    const { meter, say } = this.#means;
    const use = meter.report();
    say(
      `Replay over: ${use.wallSeconds} s, ${use.peakMemoryMib} MiB at most, ${use.cpuSeconds} s of processor time. Making the report ...`,
    );
    const { runReport } = await import('../report/index.ts');
    const { plansInEffect } = await import('./plans.ts');
    const { withBus } = await import('../with-bus.ts');
    const { report, text } = await this.#unlessEnded(
      runReport({
        brokers: around.kafkaBrokers.split(','),
        registryAddress: `127.0.0.1:${around.ports.grpc.registry}`,
        featuresAddress: `127.0.0.1:${around.ports.grpc['feature-store']}`,
        featuresMetricsUrl: `http://127.0.0.1:${around.ports.http['feature-store']}/metrics`,
        replayCounts: replayCountsPath(around),
        resources: use,
        spans: spansOf(exampleDir),
        ...(this.#options.report === undefined ? {} : { json: callerPath(this.#options.report) }),
        ...(this.#options.until === undefined ? {} : { until: this.#options.until }),
      }),
    );
    process.stdout.write(`\n${text}\n\n`);
    for (const plan of await this.#unlessEnded(withBus(around.kafkaBrokers.split(','), plansInEffect))) say(plan);
    if (this.#options.report !== undefined) say(`Report written to ${callerPath(this.#options.report)}`);
    if (!report.ledger.balanced) say(`The ledger does not balance:\n${report.ledger.problems.join('\n')}`);
    return report.ledger.balanced;
  }

  async #untilInterrupted(): Promise<void> {
    await this.#unlessEnded(new Promise<never>(() => undefined)).catch((error: unknown) => {
      if (!(error instanceof Interrupted)) throw error;
    });
  }

  #unlessEnded<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#ended]);
  }
}

/** Spans of months that the example wants judged as a whole, from its `report.json`; none without the file. */
function spansOf(exampleDir: string): readonly { readonly from: string; readonly until: string }[] {
  const file = join(exampleDir, 'report.json');
  if (!existsSync(file)) return [];
  const settings = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly spans?: readonly { readonly from: string; readonly until: string }[];
  };
  return settings.spans ?? [];
}

/** A path as the person meant it: npm runs programs in the repository, wherever it was called. */
function callerPath(path: string): string {
  return resolve(process.env['EVL_CALLER_DIR'] ?? process.cwd(), path);
}

function describe(error: unknown): string {
  return error instanceof ServiceError ? `${error.code}: ${error.message}` : `EVL_UP_FAILED: ${errorText(error)}`;
}

/** Whether a Source of the example is read from files or tables. What is wrong with the resources is said when they are applied. */
async function hasBatch(exampleDir: string): Promise<boolean> {
  const { resources } = await loadResources(join(exampleDir, 'resources')).catch(() => ({ resources: [] }));
  return resources.some((resource) => resource.kind === 'Source' && resource.spec.batch !== undefined);
}
