import type { Bus, OffsetRange } from '@everloop/kafka';
import { createSurroundings, hear, surroundingTopics } from '../domain/surroundings.ts';
import type { SurroundingsLog } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';

/**
 * Reads what other services have written since the last call, up to what is committed now. It is asked before each decision and not
 * followed, so that a decision knows all that was written before it.
 */
export function createKafkaSurroundings(
  bus: Pick<Bus, 'offsets' | 'readRanges'>,
  telemetry: Telemetry,
): SurroundingsLog {
  const known = createSurroundings();
  const readUntil = new Map<string, bigint>();

  function take(topic: string, record: { readonly key: Buffer | null; readonly value: Buffer | null }): void {
    const { value } = record;
    const key = record.key?.toString('utf8') ?? '';
    try {
      hear(known, { topic, key, json: value === null ? null : JSON.parse(value.toString('utf8')) });
    } catch (error) {
      telemetry.logger.error({ topic, key, err: error }, 'a record could not be read; decisions are taken without it');
    }
  }

  return {
    async read() {
      const ranges: OffsetRange[] = [];
      for (const topic of surroundingTopics) {
        const from = readUntil.get(topic) ?? 0n;
        const until = (await bus.offsets(topic))[0]?.high ?? 0n;
        if (until > from) ranges.push({ topic, partition: 0, from, until });
      }
      // One after the other: what was asked for is known before its end.
      for (const range of ranges) {
        await bus.readRanges([range], ({ records }) => {
          for (const record of records) take(range.topic, record);
        });
        readUntil.set(range.topic, range.until);
      }
      return known;
    },
  };
}
