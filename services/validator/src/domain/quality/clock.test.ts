import { describe, expect, it } from 'vitest';
import { batchOf, hourMs, judgeOf, record, reportsOf, rule, windowSpec } from '../../../test/quality-fixtures.ts';
import { eventClock, type PartitionClock } from './clock.ts';

const clock = (eventMs: number | null, kafkaMs: number, firstKafkaMs = 0): PartitionClock => ({
  ...{ eventMs, kafkaMs, firstKafkaMs, waiting: 0 },
});
const question = { partitions: 2, allowedLatenessMs: 10, idleMs: 100 };

describe('eventClock', () => {
  it.each([
    ['the smallest of the partitions, less the lateness', [clock(500, 50), clock(300, 60)], 290],
    ['unknown while a partition was never written', [clock(500, 50)], null],
    ['a partition that was never written is not waited for any longer than a silent one', [clock(500, 101)], 490],
    ['a silent partition is left out', [clock(500, 300), clock(100, 190)], 490],
    ['unknown while a partition has no event time yet', [clock(null, 50), clock(300, 60)], null],
    ['nothing is known without partitions', [], null],
  ])('%s', (_name, clocks, expected) => {
    expect(eventClock(new Map(clocks.map((each, i) => [i, each])), question)).toBe(expected);
  });
});

describe('windows closed by events', () => {
  const spec = windowSpec([rule({ check: 'rows', min: 0 })], { closedBy: 'events' });
  const at = (timeMs: number, timestampMs: number) => ({ ...record(timeMs), timestampMs });

  it('close without markers when the event times, less the allowed lateness, have passed them', () => {
    const judge = judgeOf([spec], { allowedLatenessMs: 1_000 });
    expect(judge.take(batchOf([spec], [at(5, 5), at(hourMs + 999, hourMs + 999)]))).toEqual([]);
    expect(judge.judgedMs).toBe(hourMs - 1);
    const reports = reportsOf(judge.take(batchOf([spec], [at(hourMs + 1_000, hourMs + 1_000)])));
    expect(reports).toMatchObject([{ startMs: 0, endMs: hourMs, rows: 1 }]);
  });

  it('are not closed by one wrong year: it moves the clock no farther than a little ahead of its Kafka timestamp', () => {
    const judge = judgeOf([spec]);
    const bogus = at(70 * 365 * 24 * hourMs, 2 * hourMs);
    expect(reportsOf(judge.take(batchOf([spec], [at(5, 5), bogus])))).toHaveLength(2);
    expect(judge.judgedMs).toBe(2 * hourMs + 300_000);
    const after = judge.take(batchOf([spec], [at(2 * hourMs + 9, 2 * hourMs + 9), at(3 * hourMs, 3 * hourMs)]));
    expect(reportsOf(after)).toMatchObject([{ startMs: 2 * hourMs, rows: 1, lateRows: 0 }]);
  });

  it('are closed by markers too', () => {
    const judge = judgeOf([spec]);
    judge.take(batchOf([spec], [at(5, 5)]));
    expect(reportsOf(judge.pass(hourMs))).toHaveLength(1);
  });
});
