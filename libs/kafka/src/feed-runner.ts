import { pause, type Health } from '@everloop/service';
import type { Feed, FeedRunner, FeedRunnerOptions } from './bus.ts';
import { rootText } from './errors.ts';
import { RunningFeed } from './feed.ts';
import { Membership } from './membership.ts';
import { partitionOfKey } from './partitioner.ts';
import type { RunnerDependencies } from './task-runner.ts';
import { waitForTopics } from './wait-for-topics.ts';

/**
 * Runs the feeds whose partition of the state topic the consumer group gives to this process. `start` returns at once; joining goes
 * on afterwards, and `health` tells. A feed in trouble does not make the runner unhealthy: `trouble` tells which and why.
 */
export class KafkaFeedRunner implements FeedRunner {
  readonly name: string;
  readonly #deps: RunnerDependencies;
  readonly #options: FeedRunnerOptions;
  readonly #stopping = new AbortController();
  readonly #defined = new Map<string, Feed>();
  readonly #running = new Map<string, RunningFeed>();
  readonly #ending = new Map<string, Promise<void>>();
  #mine: ReadonlySet<number> = new Set();
  #partitions = 0;
  #membership: Membership | null = null;
  #preparing: Promise<void> = Promise.resolve();
  #state = 'not started';

  constructor(deps: RunnerDependencies, options: FeedRunnerOptions) {
    this.#deps = deps;
    this.#options = options;
    this.name = `feeds ${options.groupId}`;
  }

  start(): Promise<void> {
    if (!this.#stopping.signal.aborted) this.#preparing = this.#join();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#preparing;
    for (const name of this.#running.keys()) this.#end(name);
    await Promise.all(this.#ending.values());
    await this.#membership?.stop();
    this.#state = 'stopped';
  }

  health(): Health {
    if (this.#options.isAlone === true && this.#partitions > 0) return { ok: true };
    if (this.#membership === null) return { ok: false, reason: `${this.name}: ${this.#state}` };
    return this.#membership.joined ? { ok: true } : { ok: false, reason: `${this.name}: joining the consumer group` };
  }

  set(name: string, feed: Feed | null): void {
    this.#end(name);
    if (feed === null) this.#defined.delete(name);
    else this.#defined.set(name, feed);
    this.#adopt();
  }

  trouble(name: string): string | null | undefined {
    return this.#running.get(name)?.trouble;
  }

  async #join(): Promise<void> {
    const { admin, logger } = this.#deps;
    const topic = this.#options.stateTopic;
    const onMissing = (): void => {
      this.#state = `waiting for topic ${topic}`;
    };
    for (;;) {
      try {
        await waitForTopics({ admin, logger, topics: [topic], signal: this.#stopping.signal, onMissing });
        this.#partitions = await admin.partitionCount(topic);
        break;
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        this.#state = rootText(error);
        await pause(1_000, this.#stopping.signal).catch(() => undefined);
      }
    }
    if (this.#options.isAlone === true) {
      this.#mine = new Set(Array.from({ length: this.#partitions }, (_, partition) => partition));
      this.#adopt();
      return;
    }
    this.#membership = new Membership({
      ...this.#deps,
      groupId: this.#options.groupId,
      topics: [topic],
      held: () => [...this.#mine],
      onAssigned: (assignment) => {
        this.#mine = new Set(assignment[topic] ?? []);
        this.#adopt();
      },
    });
    this.#membership.start();
  }

  /** Runs what is defined and held here, and nothing else. */
  #adopt(): void {
    if (this.#stopping.signal.aborted || this.#partitions === 0) return;
    for (const name of this.#running.keys()) if (!this.#isMine(name)) this.#end(name);
    for (const [name, feed] of this.#defined) {
      if (this.#running.has(name) || !this.#isMine(name)) continue;
      const dependencies = {
        ...this.#deps,
        options: this.#options,
        confirmation: async () => await this.#membership?.confirmation(),
      };
      const running = new RunningFeed(dependencies, name, feed);
      this.#running.set(name, running);
      running.start(this.#ending.get(name) ?? Promise.resolve());
    }
  }

  #isMine(name: string): boolean {
    return this.#defined.has(name) && this.#mine.has(partitionOfKey(name, this.#partitions));
  }

  #end(name: string): void {
    const running = this.#running.get(name);
    if (running === undefined) return;
    this.#running.delete(name);
    this.#ending.set(name, running.stop());
  }
}
