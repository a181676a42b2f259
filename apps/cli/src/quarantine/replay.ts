import { topics } from '@everloop/contracts';
import type { Bus, BusRecord, FeedBatch, OutRecord } from '@everloop/kafka';
import { compileSource, createDecoder, schemaRegistries, type RecordDecoder } from '@everloop/records';
import { deferred } from '@everloop/service';
import { badInput } from '../errors.ts';
import { findSource, readReplayed, type QuarantinedSource } from './log.ts';
import { placeOf } from './quarantined.ts';
import { ReplayCounts } from './replay-counts.ts';
import { decide, type ReplayContext, type ReplayRequest } from './replay-plan.ts';

export interface ReplayOptions extends ReplayRequest {
  readonly source: string;
  readonly dryRun: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Most records and bytes of one transaction. */
const transactionRecordsMax = 500;
const transactionBytesMax = 4 * 1_048_576;
/** What is judged by default may be as large as the validator's largest setting, bytes. */
const recordBytesMax = 8_388_608;
const groupId = 'everloop.cli.quarantine-replay';

/**
 * Sends quarantined records back to the topic of their Source: same key and partition, in the order of their offsets. A record and the
 * note that it was sent are written in one transaction, under a transactional id of the Source, and the notes are read only when older
 * holders of the id are fenced: so each record is sent once, also when the command is killed and run again, or run twice at a time.
 */
export async function replay(bus: Bus, options: ReplayOptions): Promise<string> {
  const source = await findSource(bus, options.source);
  if (options.patch !== undefined && source.spec.format !== 'json')
    throw badInput(
      `--patch is for JSON; the records of ${source.name} are ${source.spec.format}: correct the producer and let it send them again`,
    );
  const judge = judgeOf(source, options.env);
  const counts = new ReplayCounts();
  if (options.dryRun) {
    const places = (await readReplayed(bus)).get(source.spec.topic) ?? new Set<string>();
    for await (const records of pages(bus, source.topic)) {
      await judge.decoder.prefetch(records);
      for (const record of records) counts.add(decide(record, options, judge, (place) => places.has(place)));
    }
    return counts.text(source.name, true);
  }
  await bus.ensureTopics([{ name: topics.quarantineReplayed, partitions: 1, compacted: true }]);
  await send(bus, source, (record, isSent) => decide(record, options, judge, isSent), judge.decoder, counts);
  return counts.text(source.name, false);
}

interface Judge extends ReplayContext {
  readonly decoder: RecordDecoder;
}

function judgeOf({ spec }: QuarantinedSource, env: ReplayOptions['env']): Judge {
  const registryOf = schemaRegistries(env);
  const limits = {
    recordBytesMax: Number(env['EVL_VALIDATOR_RECORD_BYTES_MAX'] ?? 0) || Math.min(recordBytesMax, 1_048_576),
  };
  const decoder = createDecoder(spec.format, () => registryOf(spec.schemaRegistry, spec.format), limits);
  return { sourceTopic: spec.topic, check: compileSource(spec, limits, decoder.decode), decoder };
}

async function send(
  bus: Bus,
  source: QuarantinedSource,
  decideOn: (record: BusRecord, isSent: (place: string) => boolean) => ReturnType<typeof decide>,
  decoder: RecordDecoder,
  counts: ReplayCounts,
): Promise<void> {
  const over = deferred();
  let before: ReadonlySet<string> | null = null;
  const feeds = bus.feeds({ groupId, stateTopic: topics.quarantineReplayed });
  feeds.set(source.spec.topic, {
    everyMs: 60_000,
    open: (state) => {
      // After an error the feed is opened again, and finds sent what this run has sent.
      counts.reset();
      before ??= new Set(state.keys());
      const sentBefore = before;
      const batches = batchesOf(bus, source.topic, decoder, (record) => {
        const decision = decideOn(record, (place) => state.has(place));
        if (decision.kind === 'sent-before' && !sentBefore.has(placeOf(record))) counts.addSentHere();
        else counts.add(decision);
        return decision.kind === 'send' ? decision.record : null;
      });
      return Promise.resolve({
        async next() {
          try {
            const { value, done } = await batches.next();
            if (done !== true) return value;
            over.resolve();
          } catch (error) {
            over.reject(error);
          }
          return null;
        },
        close: async () => {
          await batches.return(undefined);
        },
      });
    },
  });
  await feeds.start();
  try {
    await over.promise;
  } finally {
    await feeds.stop();
  }
}

/** Transactions: what is sent, with a note for each. */
async function* batchesOf(
  bus: Bus,
  topic: string,
  decoder: RecordDecoder,
  outputOf: (record: BusRecord) => OutRecord | null,
): AsyncGenerator<FeedBatch, undefined> {
  let records: OutRecord[] = [];
  let state = new Map<string, string>();
  let bytes = 0;
  for await (const page of pages(bus, topic)) {
    await decoder.prefetch(page);
    for (const record of page) {
      const output = outputOf(record);
      if (output === null) continue;
      records.push(output);
      state.set(placeOf(record), new Date().toISOString());
      bytes += (output.value?.length ?? 0) + 200;
      if (records.length < transactionRecordsMax && bytes < transactionBytesMax) continue;
      yield { records, state };
      records = [];
      state = new Map();
      bytes = 0;
    }
  }
  if (records.length > 0) yield { records, state };
  return undefined;
}

/** The quarantine, from its beginning to its end of now, a fetch at a time; reading waits for whoever takes the pages. */
async function* pages(bus: Bus, topic: string): AsyncGenerator<readonly BusRecord[], undefined> {
  const pageOffsets = 2_000n;
  for (const { partition, low, high } of await bus.offsets(topic)) {
    for (let from = low; from < high; from += pageOffsets) {
      const page: BusRecord[] = [];
      const until = from + pageOffsets < high ? from + pageOffsets : high;
      await bus.readRanges([{ topic, partition, from, until }], ({ records }) => void page.push(...records));
      if (page.length > 0) yield page;
    }
  }
  return undefined;
}
