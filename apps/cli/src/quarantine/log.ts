import { nearest, quarantineTopic, topics, type SourceSpec } from '@everloop/contracts';
import type { Batch, Bus, BusRecord } from '@everloop/kafka';
import { ServiceError } from '@everloop/service';
import { badInput } from '../errors.ts';
import { readResources } from '../report/read-logs.ts';

/** An applied Source whose quarantine is looked at. */
export interface QuarantinedSource {
  readonly name: string;
  readonly spec: SourceSpec;
  /** `<topic>.quarantine`. */
  readonly topic: string;
}

/** Every applied Source, by name. */
export async function readSources(bus: Bus): Promise<readonly QuarantinedSource[]> {
  const resources = await readResources(bus);
  return resources
    .flatMap((one) =>
      one.kind === 'Source' ? [{ name: one.name, spec: one.spec, topic: quarantineTopic(one.spec.topic) }] : [],
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The Source of a name, or of a topic. Throws EVL_CLI_INPUT_INVALID with the nearest. */
export async function findSource(bus: Bus, text: string): Promise<QuarantinedSource> {
  const sources = await readSources(bus);
  const found = sources.find(({ name, spec, topic }) => [name, spec.topic, topic].includes(text));
  if (found !== undefined) return found;
  const names = sources.map(({ name }) => name);
  const meant = nearest(text, names);
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  throw badInput(`there is no Source "${text}"${hint}; applied: ${names.length === 0 ? 'none' : names.join(', ')}`);
}

/** Reads a quarantine from its beginning to its present end; one that was never written is empty. */
export async function readQuarantine(
  bus: Bus,
  topic: string,
  onRecord: (record: BusRecord) => void | Promise<void>,
): Promise<void> {
  await ifThere(() =>
    bus.readAll([topic], async ({ records }: Batch) => {
      for (const record of records) await onRecord(record);
    }),
  );
}

/** The record at a place of a topic, or null. */
export async function readRecord(
  bus: Bus,
  topic: string,
  partition: number,
  offset: bigint,
): Promise<BusRecord | null> {
  let found: BusRecord | null = null;
  const range = { topic, partition, from: offset, until: offset + 1n };
  await ifThere(() => bus.readRanges([range], ({ records }) => void (found = records[0] ?? null)));
  return found;
}

/** Places `<partition>/<offset>` of the records of a quarantine that were sent back, by source topic. */
export async function readReplayed(bus: Bus): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const replayed = new Map<string, Set<string>>();
  await ifThere(() =>
    bus.readAll([topics.quarantineReplayed], ({ records }) => {
      for (const { key } of records) {
        const [, topic = '', place = ''] = /^([^/]+)\/(.+)$/.exec(key?.toString() ?? '') ?? [];
        const places = replayed.get(topic) ?? new Set();
        replayed.set(topic, places.add(place));
      }
    }),
  );
  return replayed;
}

async function ifThere(read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!(error instanceof ServiceError && error.code === 'EVL_KAFKA_TOPIC_MISSING')) throw error;
  }
}
