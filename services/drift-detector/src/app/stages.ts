import { parseResource, registry, resourceKey, topics, type TypedResource } from '@everloop/contracts';
import type { Bus, BusRecord, Follower } from '@everloop/kafka';
import { deferred, type Health, type Part } from '@everloop/service';
import type { BaselineStore, HistoryStore, PromiseStore, SurroundingsLog } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import type { QualityTelemetry } from '../quality-telemetry.ts';
import { createDecisionTask, type DecisionTask } from './decision-task.ts';
import { createPaneTask } from './pane-task.ts';
import { createQualityTask, type QualityTask } from './quality-task.ts';
import { driftTopics, inferencePartitions, monitorsOf, qualityMonitorsOf, sourcesOf, unitOf } from './topology.ts';
import { createPlanner } from './planner.ts';
import { createReferences } from './references.ts';
import { createWindowTask, type WindowTask } from './window-task.ts';

export interface StagesOptions {
  readonly bus: Bus;
  readonly baselines: BaselineStore;
  readonly histories: HistoryStore;
  /** Versions of which references by phase are kept. */
  readonly phasesMax: number;
  readonly promises: PromiseStore;
  readonly surroundings: SurroundingsLog;
  readonly telemetry: Telemetry;
  readonly qualityTelemetry: QualityTelemetry;
}

/**
 * Follows the applied resources and runs the stages as soon as a Model and the Source of its label are known; until then it waits, ready.
 * A Monitor that is applied or changed counts from the next window that closes.
 */
export function createStages(options: StagesOptions): Part {
  return new Stages(options);
}

class Stages implements Part {
  readonly name = 'stages';
  readonly #options: StagesOptions;
  readonly #failed = deferred<unknown>();
  readonly #resources = new Map<string, TypedResource>();
  #follower: Follower | null = null;
  #followed = false;
  #partitions: number | null = null;
  readonly #started: Part[] = [];
  #running: Promise<void> = Promise.resolve();

  constructor(options: StagesOptions) {
    this.#options = options;
  }

  get failed(): Promise<unknown> {
    return this.#failed.promise;
  }

  health(): Health {
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
    await this.#follower?.stop();
    await this.#running;
    for (const part of this.#started.toReversed()) await part.stop();
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

  #apply(): void {
    const { logger } = this.#options.telemetry;
    const partitions = inferencePartitions([...this.#resources.values()]);
    if (partitions === null) {
      if (this.#partitions === null) logger.info({}, 'waiting for a Model and the Source of its label');
      return;
    }
    if (this.#partitions === null) {
      this.#partitions = partitions;
      this.#running = this.#run(partitions);
    } else if (this.#partitions !== partitions) {
      logger.warn({ partitions }, 'the label source has another number of partitions: it counts at the next start');
    }
  }

  #decisionTask(): DecisionTask {
    const resources = (): readonly TypedResource[] => [...this.#resources.values()];
    const { surroundings, telemetry } = this.#options;
    return createDecisionTask({
      ...{ surroundings, telemetry, monitors: () => monitorsOf(resources()) },
      sourcesOf: (model) => sourcesOf(resources(), model),
    });
  }

  async #run(partitions: number): Promise<void> {
    const { bus, baselines, histories, promises, telemetry, qualityTelemetry } = this.#options;
    const references = createReferences(this.#options);
    const planner = createPlanner(baselines, histories);
    const runners = [
      bus.tasks({
        groupId: 'everloop.drift-detector.panes',
        inputs: [topics.inferenceServed],
        createHandler: () =>
          createPaneTask({ baselines, telemetry, unitOf: (model) => unitOf([...this.#resources.values()], model) }),
        restore: { kind: 'none' },
        progress: { service: 'drift-detector', stage: 'panes' },
      }),
      bus.tasks({
        groupId: 'everloop.drift-detector.windows',
        inputs: [topics.driftPane],
        createHandler: () =>
          createWindowTask({
            ...{ references, planner, telemetry },
            monitors: () => monitorsOf([...this.#resources.values()]),
          }),
        restore: {
          kind: 'changelog',
          topic: topics.driftState,
          restore: (handler, records) => (handler as WindowTask).restore(records),
        },
        progress: { service: 'drift-detector', stage: 'windows' },
      }),
      bus.tasks({
        groupId: 'everloop.drift-detector.quality',
        inputs: [topics.outcomeStats],
        createHandler: () =>
          createQualityTask({
            promises,
            telemetry: qualityTelemetry,
            monitors: () => qualityMonitorsOf([...this.#resources.values()]),
          }),
        restore: {
          kind: 'changelog',
          topic: topics.driftState,
          restore: (handler, records) => (handler as QualityTask).restore(records),
        },
        progress: { service: 'drift-detector', stage: 'quality' },
      }),
      bus.tasks({
        groupId: 'everloop.drift-detector.decisions',
        inputs: [topics.driftReport, topics.driftQuality],
        createHandler: () => this.#decisionTask(),
        restore: {
          kind: 'changelog',
          topic: topics.driftState,
          restore: (handler, records) => (handler as DecisionTask).restore(records),
        },
        progress: { service: 'drift-detector', stage: 'decisions' },
      }),
    ];
    try {
      await bus.ensureTopics(driftTopics(partitions));
      for (const runner of runners) {
        void runner.failed?.then(this.#failed.resolve);
        this.#started.push(runner);
        await runner.start();
      }
      telemetry.logger.info({ partitions }, 'watches the predictions');
    } catch (error) {
      this.#failed.resolve(error);
    }
  }
}
