import { pause, type Logger } from '@everloop/service';
import type { KafkaAdmin } from './admin.ts';
import { kafkaError } from './errors.ts';

/** Where a task goes on in one input. */
export interface InputPosition {
  readonly topic: string;
  /** First offset that the broker keeps. */
  readonly low: bigint;
  /** Offset of the next record. */
  readonly position: bigint;
  /** What was kept with the committed offset; null: nothing was committed. */
  readonly metadata: string | null;
}

export interface PositionsArgs {
  readonly admin: Pick<KafkaAdmin, 'committed' | 'offsets' | 'end'>;
  readonly logger: Logger;
  readonly groupId: string;
  readonly inputs: readonly string[];
  readonly partition: number;
  readonly signal: AbortSignal;
  readonly pause?: typeof pause;
}

/** Pauses before the end of a partition is asked for again, milliseconds: about ten seconds together. */
const endPausesMs = [50, 100, 200, 400, 800, 1_600, 3_200, 3_200];

/**
 * Where a group goes on in its inputs: at its committed offsets, or at the first record that is kept. An offset beyond the end that the broker tells is not
 * believed at once: a broker that has just become leader knows its records before it knows how many of them are committed, and reading everything
 * again would be every effect twice. It is asked again, about ten seconds long; then EVL_KAFKA_POSITION_BEYOND_END, since nobody but the operator knows
 * whether the topic was made anew (its records are all new) or has lost its end (they are all known).
 */
export async function inputPositions(args: PositionsArgs): Promise<readonly InputPosition[]> {
  const { admin, groupId, inputs, partition } = args;
  const committed = await admin.committed(groupId, inputs);
  const positions: InputPosition[] = [];
  for (const topic of inputs) {
    const kept = (await admin.offsets(topic)).find((o) => o.partition === partition);
    const mine = committed.find((c) => c.topic === topic && c.partition === partition);
    const low = kept?.low ?? 0n;
    const wanted = mine?.offset ?? low;
    const position = wanted < low ? firstKept(args, topic, wanted, low) : wanted;
    if (position > (kept?.high ?? 0n)) await awaitEnd(args, topic, position);
    positions.push({ topic, low, position, metadata: mine?.metadata ?? null });
  }
  return positions;
}

function firstKept({ logger, groupId, partition }: PositionsArgs, topic: string, wanted: bigint, low: bigint): bigint {
  const fields = { group: groupId, topic, partition, committed: String(wanted), low: String(low) };
  logger.error(
    fields,
    'the committed offset is no longer kept by the broker (retention, or the topic was made anew); starting at the first record that is',
  );
  return low;
}

async function awaitEnd(args: PositionsArgs, topic: string, position: bigint): Promise<void> {
  const { admin, logger, groupId, partition, signal, pause: wait = pause } = args;
  let end = await admin.end(topic, partition);
  if (end >= position) return;
  const fields = { group: groupId, topic, partition, committed: String(position), end: String(end) };
  logger.warn(fields, 'the broker says that its records end before the committed offset; asking again');
  for (const pauseMs of endPausesMs) {
    await wait(pauseMs, signal);
    end = await admin.end(topic, partition);
    if (end >= position) return;
  }
  throw kafkaError(
    'positionBeyondEnd',
    `group '${groupId}' has committed offset ${position} of '${topic}', partition ${partition}, but the broker's records end at ${end}: the broker ` +
      'has lost some, or the topic was made anew. Nothing is read until you say which: stop the service, then kafka-consumer-groups.sh --reset-offsets ' +
      `--group ${groupId} --topic ${topic}:${partition} --execute with --to-latest (lost: go on behind what is left) or --to-earliest (made anew: read all)`,
  );
}
