import { parseResource, registry, resourceKey, topics, type TypedResource } from '@everloop/contracts';
import type { Bus, BusRecord, Follower } from '@everloop/kafka';
import type { RegistryOf } from '@everloop/records';
import { classify, deferred, errorText, type Health, type Part } from '@everloop/service';
import type { Telemetry } from '../telemetry.ts';
import { createJoinTask, type JoinTask } from './join-task.ts';
import { createRewardJoin, hasRewards } from './rewards.ts';
import { planJoins, topicsOf, type PlannedJoin } from './topology.ts';

export interface JoinsOptions {
  readonly bus: Bus;
  readonly telemetry: Telemetry;
  readonly stateMax: number;
  readonly registryOf?: RegistryOf;
  /** How long one try waits for the label source's topic, milliseconds. */
  readonly awaitTopicMs: number;
}

/**
 * Follows the applied resources and runs one join for each Model. Starts without any: it waits, ready, until they are applied. A change
 * of a running join takes effect at the next start and is logged.
 */
export function createJoins(options: JoinsOptions): Part {
  return new Joins(options);
}

class Joins implements Part {
  readonly name = 'joins';
  readonly #options: JoinsOptions;
  readonly #failed = deferred<unknown>();
  readonly #resources = new Map<string, TypedResource>();
  readonly #running = new Map<string, { readonly plan: string; readonly runner: Promise<Part | null> }>();
  #rewards: Promise<Part | null> | null = null;
  #follower: Follower | null = null;
  #followed = false;
  readonly #stop = deferred();
  readonly #started: Part[] = [];
  #stopping = false;
  #unhealthy: string | null = null;

  constructor(options: JoinsOptions) {
    this.#options = options;
  }

  get failed(): Promise<unknown> {
    return this.#failed.promise;
  }

  health(): Health {
    if (this.#unhealthy !== null) return { ok: false, reason: this.#unhealthy };
    const sick = this.#started.map((runner) => runner.health?.()).find((health) => health?.ok === false);
    return sick ?? { ok: true };
  }

  async start(): Promise<void> {
    const { bus } = this.#options;
    await bus.ensureTopics([{ name: topics.resources, partitions: 1, compacted: true }]);
    this.#follower = bus.follow({
      topics: [topics.resources],
      from: 'beginning',
      onRecord: (record) => this.#onResource(record),
    });
    void this.#follower.failed?.then(this.#failed.resolve);
    await this.#follower.start();
    this.#followed = true;
    this.#apply();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#stop.resolve();
    await this.#follower?.stop();
    for (const { runner } of this.#running.values()) await (await runner)?.stop();
    await (await this.#rewards)?.stop();
  }

  #onResource(record: BusRecord): void {
    const key = record.key?.toString('utf8') ?? '';
    try {
      if (record.value === null) this.#resources.delete(key);
      else {
        const wire = registry.Resource.fromJSON(JSON.parse(record.value.toString('utf8')));
        this.#resources.set(resourceKey(wire), parseResource(wire));
      }
    } catch (error) {
      this.#options.telemetry.logger.error({ resource: key, err: error }, 'resource left out: it cannot be read');
      return;
    }
    if (this.#followed) this.#apply();
  }

  /** Starts what is new; what runs already is never changed under way. */
  #apply(): void {
    const { logger } = this.#options.telemetry;
    const resources = [...this.#resources.values()];
    if (hasRewards(resources)) this.#rewards ??= this.#runRewards();
    const plans = planJoins(resources);
    if (plans.length === 0) logger.info({}, 'waiting for a Model and the Source of its label');
    for (const plan of plans) {
      const text = JSON.stringify(plan);
      const known = this.#running.get(plan.model);
      if (known === undefined) this.#running.set(plan.model, { plan: text, runner: this.#run(plan) });
      else if (known.plan !== text)
        logger.warn({ model: plan.model }, 'model changed: its outcomes follow at the next start');
    }
  }

  async #runRewards(): Promise<Part | null> {
    const { bus, telemetry, stateMax } = this.#options;
    try {
      const runner = await createRewardJoin({ bus, telemetry, stateMax });
      await this.#begin(runner);
      telemetry.logger.info({}, 'joins rewards');
      return runner;
    } catch (error) {
      this.#failed.resolve(error);
      return null;
    }
  }

  async #begin(runner: Part): Promise<void> {
    void runner.failed?.then(this.#failed.resolve);
    this.#started.push(runner);
    await runner.start();
  }

  async #run(plan: PlannedJoin): Promise<Part | null> {
    const { bus, telemetry } = this.#options;
    try {
      await bus.ensureTopics(topicsOf(plan));
      if (!(await this.#awaitLabelTopic(plan))) return null;
      const runner = this.#runner(plan);
      await this.#begin(runner);
      telemetry.logger.info(
        { model: plan.model, labels: plan.labelTopic, waitMs: plan.joinRule.waitMs },
        'joins outcomes',
      );
      return runner;
    } catch (error) {
      this.#failed.resolve(error);
      return null;
    }
  }

  /** The validator makes this topic, in its own time. False when the service stops first. */
  async #awaitLabelTopic(plan: PlannedJoin): Promise<boolean> {
    while (!this.#stopping) {
      try {
        const found = this.#options.bus.awaitTopics([plan.labelTopic], this.#options.awaitTopicMs).then(() => true);
        const isThere = await Promise.race([found, this.#stop.promise.then(() => false)]);
        this.#unhealthy = null;
        // Nobody waits for it any more when the service stops first.
        if (!isThere) found.catch(() => undefined);
        return isThere;
      } catch (error) {
        const missing = error instanceof Error && 'code' in error && error.code === 'EVL_KAFKA_TOPIC_MISSING';
        if (!missing && classify(error) !== 'retryable') throw error;
        this.#unhealthy = `waiting for topic ${plan.labelTopic}, which the validator makes: ${errorText(error)}`;
        this.#options.telemetry.logger.warn({ topic: plan.labelTopic, err: error }, 'waiting for the labels');
      }
    }
    return false;
  }

  #runner(plan: PlannedJoin): Part {
    const { bus, stateMax, telemetry, registryOf } = this.#options;
    const registries = registryOf === undefined ? {} : { registryOf };
    return bus.tasks({
      groupId: `everloop.outcomes.${plan.model}`,
      inputs: [topics.inferenceServed, topics.inferenceShadowed, plan.labelTopic],
      createHandler: (partition) => createJoinTask({ join: plan, partition, stateMax, telemetry, ...registries }),
      restore: {
        kind: 'changelog',
        topic: topics.outcomePending,
        restore: (handler, records) => (handler as JoinTask).restore(records),
      },
      progress: { service: 'outcomes', stage: 'main' },
    });
  }
}
