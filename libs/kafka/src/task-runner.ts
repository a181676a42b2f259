import { pause, type Health, type Logger, type Part } from '@everloop/service';
import type { KafkaAdmin } from './admin.ts';
import type { TaskRunnerOptions } from './bus.ts';
import type { KafkaClient } from './kafkajs-client.ts';
import { Membership, type Assignment } from './membership.ts';
import type { ProgressReporter } from './progress.ts';
import type { Reachability } from './reachability.ts';
import { copartitionedCount, Task, type TaskDependencies } from './task.ts';
import type { KafkaTelemetry } from './telemetry.ts';
import { waitForTopics } from './wait-for-topics.ts';

export interface RunnerDependencies {
  readonly client: KafkaClient;
  readonly admin: KafkaAdmin;
  readonly reachability: Reachability;
  readonly telemetry: KafkaTelemetry;
  readonly logger: Logger;
  readonly sessionTimeoutMs: number;
  readonly progress: ProgressReporter | null;
}

/**
 * Runs the tasks that the consumer group gives to this process. `start` returns when the inputs are known to fit together;
 * joining, waiting for missing inputs and restoring go on afterwards, and `health` tells.
 */
export class TaskRunner implements Part {
  readonly name: string;
  readonly #deps: RunnerDependencies;
  readonly #options: TaskRunnerOptions;
  readonly #stopping = new AbortController();
  readonly #tasks = new Map<number, Task>();
  readonly #ending = new Map<number, Promise<void>>();
  readonly #watermarks = new Map<number, number | null>();
  #membership: Membership | null = null;
  #preparing: Promise<void> = Promise.resolve();
  #state = 'not started';
  #taskCount = 0;

  constructor(deps: RunnerDependencies, options: TaskRunnerOptions) {
    this.#deps = deps;
    this.#options = options;
    this.name = `tasks ${options.groupId}`;
  }

  async start(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    await this.#deps.progress?.start();
    const counts = await this.#deps.admin.describe();
    if (this.#options.inputs.every((topic) => counts.has(topic))) this.#join(counts);
    else this.#preparing = this.#joinWhenInputsExist();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#preparing;
    await Promise.all([...this.#tasks.values()].map(async (task) => await task.stop()));
    await Promise.all(this.#ending.values());
    await this.#membership?.stop();
    await this.#deps.progress?.stop();
    this.#tasks.clear();
    this.#state = 'stopped';
  }

  health(): Health {
    if (this.#membership === null) return { ok: false, reason: `${this.name}: ${this.#state}` };
    if (!this.#membership.joined) return { ok: false, reason: `${this.name}: joining the consumer group` };
    for (const task of this.#tasks.values()) {
      if (task.trouble !== null) return { ok: false, reason: `${this.name}: task ${task.partition}: ${task.trouble}` };
    }
    return { ok: true };
  }

  async #joinWhenInputsExist(): Promise<void> {
    const { admin, logger } = this.#deps;
    for (;;) {
      try {
        const onMissing = (missing: readonly string[]): void => {
          this.#state = `waiting for topics ${missing.join(', ')}`;
        };
        await waitForTopics({ admin, logger, topics: this.#options.inputs, signal: this.#stopping.signal, onMissing });
        this.#join(await admin.describe());
        return;
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        this.#state = error instanceof Error ? error.message : String(error);
        logger.error({ group: this.#options.groupId, err: error }, 'the tasks cannot be started; trying again');
        await pause(5_000, this.#stopping.signal).catch(() => undefined);
      }
    }
  }

  #join(counts: ReadonlyMap<string, number>): void {
    const { groupId, inputs } = this.#options;
    this.#taskCount = copartitionedCount(groupId, new Map(inputs.map((topic) => [topic, counts.get(topic) ?? 0])));
    if (this.#stopping.signal.aborted) return;
    this.#membership = new Membership({
      ...this.#deps,
      groupId,
      topics: inputs,
      held: () => [...this.#tasks.keys()],
      onAssigned: (assignment) => this.#assign(assignment),
    });
    this.#membership.start();
  }

  #assign(assignment: Assignment): void {
    if (this.#stopping.signal.aborted) return;
    const [first = '', ...others] = this.#options.inputs;
    const mine = new Set(
      (assignment[first] ?? []).filter((p) => others.every((topic) => assignment[topic]?.includes(p) === true)),
    );
    for (const [partition, task] of this.#tasks) {
      if (mine.has(partition)) continue;
      this.#tasks.delete(partition);
      this.#watermarks.delete(partition);
      this.#ending.set(partition, task.stop());
    }
    for (const partition of mine) {
      if (this.#tasks.has(partition)) continue;
      const task = new Task(this.#taskDependencies(), partition);
      this.#tasks.set(partition, task);
      this.#watermarks.set(partition, null);
      task.start(this.#ending.get(partition) ?? Promise.resolve());
    }
    this.#reportProgress();
  }

  #taskDependencies(): TaskDependencies {
    return {
      ...this.#deps,
      options: this.#options,
      tasks: this.#taskCount,
      confirmation: async () => await this.#membership?.confirmation(),
      onProgress: (partition, watermarkMs, records) => {
        if (!this.#tasks.has(partition)) return;
        this.#deps.progress?.countRecords(records);
        if (this.#watermarks.get(partition) === watermarkMs) return;
        this.#watermarks.set(partition, watermarkMs);
        this.#reportProgress();
      },
    };
  }

  #reportProgress(): void {
    const known = [...this.#watermarks.values()].filter((watermarkMs) => watermarkMs !== null);
    if (this.#watermarks.size === 0) this.#deps.progress?.report('none');
    else if (known.length < this.#watermarks.size) this.#deps.progress?.report(null);
    else {
      const smallest = Math.min(...known);
      this.#deps.telemetry.watermark(this.#options.groupId, smallest);
      this.#deps.progress?.report(smallest);
    }
  }
}
