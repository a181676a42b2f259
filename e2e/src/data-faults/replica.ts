import path from 'node:path';
import { freePorts, superviseProcess, type SupervisedProcess } from '@everloop/local';

const root = path.resolve(import.meta.dirname, '../../..');

export interface ReplicaOptions {
  readonly service: 'validator' | 'feature-store' | 'ingest';
  /** Different for each replica of a run. */
  readonly name: string;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

/** One process of a service that can be killed, suspended and started again under the same ports. */
export class Replica {
  readonly #options: ReplicaOptions;
  readonly #ports: readonly number[];
  #process: SupervisedProcess | null = null;

  private constructor(options: ReplicaOptions, ports: readonly number[]) {
    this.#options = options;
    this.#ports = ports;
  }

  static async create(options: ReplicaOptions): Promise<Replica> {
    return new Replica(options, await freePorts(2));
  }

  get address(): string {
    return `127.0.0.1:${this.#ports[1] ?? 0}`;
  }

  get running(): boolean {
    return this.#process?.running ?? false;
  }

  /** Starts it; `fault` is a module that is loaded before and its instruction. Does not wait. */
  start(fault?: { readonly module: string; readonly env: Readonly<Record<string, string>> }): void {
    const { service, name, folder, env } = this.#options;
    const [http = 0, grpc = 0] = this.#ports;
    this.#process = superviseProcess({
      name,
      command: process.execPath,
      args: [
        '--disable-warning=ExperimentalWarning',
        ...(fault === undefined ? [] : ['--import', path.join(root, fault.module)]),
        path.join(root, 'services', service, 'src/main.ts'),
      ],
      env: {
        ...process.env,
        ...env,
        ...fault?.env,
        EVL_HTTP_PORT: String(http),
        EVL_GRPC_PORT: String(grpc),
        EVL_FEAST_PORT: '0',
      },
      cwd: root,
      logFile: path.join(folder, 'logs', `${name}.log`),
      ready: { url: `http://127.0.0.1:${http}/readyz` },
      stopMs: 30_000,
    });
  }

  async ready(): Promise<void> {
    await this.#process?.ready;
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#process?.kill();
    await this.#process?.exited;
  }

  /** Wakes a suspended process. */
  wake(): void {
    if (this.#process !== null) process.kill(this.#process.pid, 'SIGCONT');
  }

  /** SIGTERM; resolves with the exit code when it has ended. */
  async stop(): Promise<number | null> {
    return (await this.#process?.stop())?.code ?? null;
  }

  lastLines(count: number): readonly string[] {
    return this.#process?.lastLines(count) ?? [];
  }
}
