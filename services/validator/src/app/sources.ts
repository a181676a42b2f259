import { parseResource, quarantineTopic, registry, topics, validTopic, type SourceSpec } from '@everloop/contracts';
import type { BusRecord } from '@everloop/kafka';
import { classify, errorText, type Health, type Part } from '@everloop/service';
import { compileSource, type CheckLimits, type RecordCheck } from '@everloop/records';
import { sourceUnusable } from '../errors.ts';
import type { Stream } from '../ports.ts';
import type { QualityTelemetry } from '../quality-telemetry.ts';
import type { Telemetry } from '../telemetry.ts';
import { decoded } from './decoded.ts';
import { createValidator, type ValidatorOptions } from './validate.ts';
import { WindowJudges } from './window-judges.ts';

/** Room for the reasons in headers on top of the largest record; quarantine must take every record that its source took. */
const quarantineBytesMax = 16 * 1_048_576;
const validBytesMax = 10 * 1_048_576;

interface CompiledSource {
  readonly spec: SourceSpec;
  readonly revision: number;
  readonly check: RecordCheck;
}

interface Running {
  readonly spec: SourceSpec;
  check: RecordCheck;
  readonly runner: Part;
}

export interface SourcesOptions {
  readonly stream: Stream;
  readonly telemetry: Telemetry;
  readonly qualityTelemetry: QualityTelemetry;
  readonly limits: CheckLimits;
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
      source = { ...resource, check: compileSource(resource.spec, this.#options.limits) };
    } catch (cause) {
      this.#putAside(name, cause);
      return;
    }
    this.#unusable.delete(name);
    const running = this.#running.get(name);
    if (running === undefined) await this.#beginOrPutAside(name, source);
    else await this.#change(name, running, source);
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

  async #begin(name: string, { spec, revision, check }: CompiledSource): Promise<void> {
    const { stream, telemetry } = this.#options;
    const { topic, partitions } = spec;
    await stream.ensureTopics([
      { name: topic, partitions },
      { name: validTopic(topic), partitions, config: { 'max.message.bytes': String(validBytesMax) } },
      { name: quarantineTopic(topic), partitions, config: { 'max.message.bytes': String(quarantineBytesMax) } },
    ]);
    await this.#judges.apply(name, { revision, spec });
    const runner = stream.tasks({
      groupId: `everloop.validator.${name}`,
      inputs: [topic],
      createHandler: () => {
        const panes = this.#judges.writer(name, spec);
        const observe: ValidatorOptions['observe'] = (record, { kind }) => {
          if (panes.isCounting) panes.observe(record, { kind, ...decoded(record.value, spec.eventTime) });
        };
        return panes.around(createValidator({ source: name, topic, check: () => running.check, telemetry, observe }));
      },
      progress: { service: 'validator', stage: 'main' },
    });
    const running: Running = { spec, check, runner };
    this.#running.set(name, running);
    await runner.start();
    telemetry.sourceStarted(name, topic, partitions);
  }

  async #change(name: string, running: Running, source: CompiledSource): Promise<void> {
    const { telemetry } = this.#options;
    if (source.spec.topic !== running.spec.topic || source.spec.partitions !== running.spec.partitions) {
      telemetry.needsRestart(name, 'topic or partitions of the Source changed');
      return;
    }
    running.check = source.check;
    await this.#judges.apply(name, source);
    telemetry.contractChanged(name, source.revision);
  }
}
