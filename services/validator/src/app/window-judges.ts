import { qualityTopic, topics, type SourceSpec } from '@everloop/contracts';
import type { Health, Part } from '@everloop/service';
import type { Stream } from '../ports.ts';
import type { QualityTelemetry } from '../quality-telemetry.ts';
import { createPaneWriter, type AppliedSource, type PaneWriter } from './pane-writer.ts';
import { createWindowTask } from './window-task.ts';

/** How long statistics are kept: what a restart can look back on, and the longest hold that closes by itself. */
const retentionMs = 90 * 86_400_000;
/** A batch that touches many windows has many statistics. */
const paneBytesMax = 8 * 1_048_576;

/** One judge for each Source with window rules, in a consumer group of its own. */
export class WindowJudges {
  readonly #stream: Stream;
  readonly #telemetry: QualityTelemetry;
  readonly #runners = new Map<string, Part>();
  readonly #applied = new Map<string, AppliedSource>();

  constructor(stream: Stream, telemetry: QualityTelemetry) {
    this.#stream = stream;
    this.#telemetry = telemetry;
  }

  /** Takes the rules of a Source; starts its judge when it has the first ones. The topics are there when this resolves. */
  async apply(source: string, applied: AppliedSource): Promise<void> {
    const { topic, windows = [] } = applied.spec;
    if (windows.length > 0 && !this.#runners.has(source)) await this.#begin(source, topic);
    this.#applied.set(source, applied);
  }

  /** Counts what one task of a Source judges, by the rules that were applied last. */
  writer(source: string, first: SourceSpec): PaneWriter {
    return createPaneWriter(
      source,
      () => this.#applied.get(source) ?? { revision: 0, spec: { ...first, windows: [] } },
    );
  }

  async #begin(source: string, topic: string): Promise<void> {
    const input = qualityTopic(topic);
    const config = { 'max.message.bytes': String(paneBytesMax) };
    await this.#stream.ensureTopics([
      { name: input, partitions: 1, config: { ...config, 'retention.ms': String(retentionMs) } },
      { name: topics.qualityReport, partitions: 1 },
      { name: topics.qualityHold, partitions: 1, compacted: true },
    ]);
    const runner = this.#stream.tasks({
      groupId: `everloop.validator-windows.${source}`,
      inputs: [input],
      createHandler: () => createWindowTask(source, topic, this.#telemetry),
      restore: { kind: 'replay' },
      progress: { service: 'validator', stage: 'windows' },
    });
    this.#runners.set(source, runner);
    await runner.start();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#runners.values()].map(async (runner) => await runner.stop()));
  }

  health(): Health {
    const sick = [...this.#runners.values()].map((runner) => runner.health?.()).find((health) => health?.ok === false);
    return sick ?? { ok: true };
  }
}
