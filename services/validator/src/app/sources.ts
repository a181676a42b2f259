import {
  canonicalJson,
  parseResource,
  registry,
  topics,
  uniqueTopic,
  validatorGroup,
  type SourceSpec,
} from '@everloop/contracts';
import type { BusRecord, TaskHandler, TaskRunnerOptions } from '@everloop/kafka';
import { classify, errorText, type Health, type Part } from '@everloop/service';
import {
  compileSource,
  createDecoder,
  schemaRegistries,
  type CheckLimits,
  type RecordCheck,
  type RecordDecoder,
  type RegistryOf,
} from '@everloop/records';
import { UniqueMemory } from '../domain/unique-memory.ts';
import { sourceUnusable } from '../errors.ts';
import type { Stream } from '../ports.ts';
import type { QualityTelemetry } from '../quality-telemetry.ts';
import type { Telemetry } from '../telemetry.ts';
import { ensureJudgedTopics } from './judged-topics.ts';
import { createValidator } from './validate.ts';
import { WindowJudges } from './window-judges.ts';

interface CompiledSource {
  readonly spec: SourceSpec;
  readonly revision: number;
  readonly judge: Judge;
}

/** A contract that is ready to be used; `check` needs the schemas that `decoder` fetches. */
interface Judge {
  readonly check: RecordCheck;
  readonly decoder: RecordDecoder;
}

interface Running {
  readonly spec: SourceSpec;
  judge: Judge;
  readonly runner: Part;
}

export interface SourcesOptions {
  readonly stream: Stream;
  readonly telemetry: Telemetry;
  readonly qualityTelemetry: QualityTelemetry;
  readonly limits: CheckLimits & {
    /** Most accepted records that one task remembers for unique rules. */
    readonly uniqueEntriesMax: number;
  };
  /** Schema registries of Sources in a wire format; by default those that need no credentials. */
  readonly registryOf?: RegistryOf;
}

/**
 * Follows the applied resources and validates every Source: one consumer group and one set of tasks for each, so that one Source
 * cannot hold up another. Without any Source it is ready and waits.
 */
export class Sources implements Part {
  readonly name = 'sources';
  readonly #options: SourcesOptions;
  readonly #running = new Map<string, Running>();
  readonly #unusable = new Map<string, string>();
  readonly #follower: Part;
  readonly #judges: WindowJudges;
  #stopped = false;

  constructor(options: SourcesOptions) {
    this.#options = options;
    this.#judges = new WindowJudges(options.stream, options.qualityTelemetry);
    this.#follower = options.stream.follow({
      topics: [topics.resources],
      from: 'beginning',
      onRecord: (record) => this.#onResource(record),
    });
  }

  async start(): Promise<void> {
    await this.#options.stream.ensureTopics([{ name: topics.resources, partitions: 1, compacted: true }]);
    await this.#follower.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#follower.stop();
    await Promise.all([...this.#running.values()].map(async ({ runner }) => await runner.stop()));
    await this.#judges.stop();
  }

  health(): Health {
    for (const [name, why] of this.#unusable) return { ok: false, reason: `Source ${name}: ${why}` };
    const parts = [this.#follower, this.#judges, ...[...this.#running.values()].map(({ runner }) => runner)];
    for (const part of parts) {
      const health: Health = part.health?.() ?? { ok: true };
      if (!health.ok) return health;
    }
    return { ok: true };
  }

  async #onResource(record: BusRecord): Promise<void> {
    const [kind, name = ''] = (record.key?.toString() ?? '').split('/');
    if (kind !== 'Source' || this.#stopped) return;
    if (record.value === null) {
      this.#unusable.delete(name);
      if (this.#running.has(name))
        this.#options.telemetry.needsRestart(name, 'the Source was removed and is validated until then');
      return;
    }
    let source: CompiledSource;
    try {
      const resource = parseResource(registry.Resource.fromJSON(JSON.parse(record.value.toString())));
      if (resource.kind !== 'Source') return;
      source = { ...resource, judge: this.#compile(resource.spec) };
    } catch (cause) {
      this.#putAside(name, cause);
      return;
    }
    this.#unusable.delete(name);
    const running = this.#running.get(name);
    if (running === undefined) await this.#beginOrPutAside(name, source);
    else await this.#change(name, running, source);
  }

  #compile(spec: SourceSpec): Judge {
    const { limits, registryOf = schemaRegistries({}) } = this.#options;
    const decoder = createDecoder(spec.format, () => registryOf(spec.schemaRegistry, spec.format), limits);
    return { check: compileSource(spec, limits, decoder.decode), decoder };
  }

  /** Topics that contradict the Source stay so: the other Sources must not wait for it. Anything else is tried again. */
  async #beginOrPutAside(name: string, source: CompiledSource): Promise<void> {
    try {
      await this.#begin(name, source);
    } catch (error) {
      await this.#running.get(name)?.runner.stop();
      this.#running.delete(name);
      if (classify(error) !== 'terminal') throw error;
      this.#putAside(name, error);
    }
  }

  #putAside(name: string, cause: unknown): void {
    const error = sourceUnusable(name, cause);
    this.#unusable.set(name, errorText(error));
    this.#options.telemetry.sourceFailed(name, error);
  }

  async #begin(name: string, { spec, revision, judge }: CompiledSource): Promise<void> {
    const { stream, telemetry } = this.#options;
    const { topic, partitions } = spec;
    await ensureJudgedTopics(stream, topic, partitions);
    await stream.ensureTopics([
      ...(spec.unique.length === 0 ? [] : [{ name: uniqueTopic(topic), partitions, compacted: true }]),
    ]);
    await this.#judges.apply(name, { revision, spec });
    const memories = new WeakMap<TaskHandler, UniqueMemory>();
    const runner = stream.tasks({
      groupId: validatorGroup(name),
      inputs: [topic],
      createHandler: () => {
        const unique = spec.unique.length === 0 ? null : new UniqueMemory(spec, this.#options.limits.uniqueEntriesMax);
        const panes = this.#judges.writer(name, spec);
        const validator = createValidator({
          source: name,
          topic,
          check: () => running.judge.check,
          prefetch: (records) => running.judge.decoder.prefetch(records),
          unique,
          telemetry,
          observe: (record, verdict) => panes.observe(record, verdict),
        });
        const handler = panes.around(validator);
        if (unique !== null) memories.set(handler, unique);
        return handler;
      },
      ...(spec.unique.length === 0 ? {} : { restore: restoreFrom(uniqueTopic(topic), memories) }),
      progress: { service: 'validator', stage: 'main' },
    });
    const running: Running = { spec, judge, runner };
    this.#running.set(name, running);
    await runner.start();
    telemetry.sourceStarted(name, topic, partitions);
  }

  async #change(name: string, running: Running, source: CompiledSource): Promise<void> {
    const { telemetry } = this.#options;
    const { spec, revision, judge } = source;
    if (spec.topic !== running.spec.topic || spec.partitions !== running.spec.partitions) {
      telemetry.needsRestart(name, 'topic or partitions of the Source changed');
      return;
    }
    telemetry.contractChanged(name, revision);
    if (memoryOf(spec) === memoryOf(running.spec)) {
      running.judge = judge;
      await this.#judges.apply(name, source);
      return;
    }
    // What is remembered depends on the rules: the tasks are acquired anew and take back what still counts.
    await running.runner.stop();
    this.#running.delete(name);
    await this.#beginOrPutAside(name, source);
  }
}

/** What the memory of a task is made for; equal texts need no new one. */
function memoryOf({ unique, allowedLatenessMs, fields }: SourceSpec): string {
  if (unique.length === 0) return '';
  const types = unique.flatMap((rule) => rule.fields.map((name) => fields[name]?.type));
  return canonicalJson({ unique, allowedLatenessMs, types });
}

function restoreFrom(
  topic: string,
  memories: WeakMap<TaskHandler, UniqueMemory>,
): NonNullable<TaskRunnerOptions['restore']> {
  return {
    kind: 'changelog',
    topic,
    restore: (handler, records) =>
      memories.get(handler)?.restore(records.map(({ key, value }) => ({ key: String(key), value: String(value) }))),
  };
}
