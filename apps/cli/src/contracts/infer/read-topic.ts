import type { SourceFormat } from '@everloop/contracts';
import type { Bus, BusRecord } from '@everloop/kafka';
import { createDecoder, schemaIdOf, schemaRegistries, sourceFormatOf } from '@everloop/records';
import { badInput } from '../../errors.ts';
import { RecordProfile } from './record-profile.ts';

export interface ReadRequest {
  readonly topic: string;
  /** Most records, over all partitions. */
  readonly records: number;
  readonly from: 'beginning' | 'end';
  /** Absent: found out by the first record. */
  readonly format?: SourceFormat;
  readonly schemaRegistry?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface ReadTopic {
  readonly profile: RecordProfile;
  readonly partitions: number;
  readonly format: SourceFormat;
}

/** A value that is read may be as large as a broker's largest message usually is, bytes. */
const recordBytesMax = 16 * 1_048_576;

/** Profiles a bounded part of a topic: the same number of offsets of each partition. One pass, constant memory. */
export async function readTopic(bus: Bus, request: ReadRequest): Promise<ReadTopic> {
  const offsets = await bus.offsets(request.topic);
  const share = BigInt(Math.max(1, Math.ceil(request.records / offsets.length)));
  const ranges = offsets.map(({ partition, low, high }) => {
    const from = request.from === 'end' && high - share > low ? high - share : low;
    return { topic: request.topic, partition, from, until: from + share < high ? from + share : high };
  });
  const registryOf = schemaRegistries(request.env);
  const profile = new RecordProfile();
  let format = request.format ?? null;
  let decoder: ReturnType<typeof createDecoder> | null = null;
  await bus.readRanges(ranges, async ({ records }) => {
    format ??= await formatOf(records, request);
    const known = format;
    decoder ??= createDecoder(known, () => registryOf(request.schemaRegistry, known), { recordBytesMax });
    await decoder.prefetch(records);
    for (const record of records) {
      const { record: fields, poison } = decoder.decode(record.value, record);
      if (fields === null) profile.addPoison(poison.rule);
      else profile.add(fields, record);
    }
  });
  return { profile, partitions: offsets.length, format: format ?? 'json' };
}

/** JSON unless the records name schemas; then the registry knows what they are. */
async function formatOf(records: readonly BusRecord[], { schemaRegistry, env }: ReadRequest): Promise<SourceFormat> {
  const ids = records.map((record) => schemaIdOf(record));
  const schemaId = ids.find((id) => id !== null) ?? null;
  if (schemaId === null || ids.filter((id) => id === null).length * 2 > records.length) return 'json';
  if (schemaRegistry === undefined && env['EVL_SCHEMA_REGISTRY_URL'] === undefined)
    throw badInput(
      'the records name schemas of a registry; say where it is with --schema-registry (or say --format json if they do not)',
    );
  const registered = await schemaRegistries(env)(schemaRegistry, 'the topic').schema(schemaId);
  if (registered === null)
    throw badInput('the registry does not know the schema of the first record; is it the right one?');
  return sourceFormatOf(registered.type);
}
