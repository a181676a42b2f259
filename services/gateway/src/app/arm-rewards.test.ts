import { outcomes } from '@everloop/contracts';
import { createLogger } from '@everloop/service';
import { describe, expect, it } from 'vitest';
import { ArmRewardsTable } from './arm-rewards.ts';

function setUp() {
  const clock = { nowMs: 0 };
  const lines: string[] = [];
  const logger = createLogger({ service: 'gateway', write: (line) => void lines.push(line) });
  const table = new ArmRewardsTable({ logger, nowMs: () => clock.nowMs, recomputeMs: 100 });
  const give = (arm: string, partition: number, matured: number, reward: number, model = 'm'): void => {
    const sums = { rewardNano: Math.round(reward * 1e9), rewardSquaredMicro: Math.round(reward * 1e6) };
    const stats = { model, partition, arm, matured, ...sums, basis: '' };
    table.onRecord(Buffer.from(JSON.stringify(outcomes.ArmStats.toJSON(stats))));
  };
  return { clock, give, lines, table };
}

const exploration = { policy: 'epsilon-greedy', versions: ['1', '2'], epsilon: 0.2, floor: 0, halfAt: 0, warmUp: 1 };

describe('ArmRewardsTable', () => {
  it('adds up partitions, the newest of each, by model', () => {
    const { give, table } = setUp();
    give('1', 0, 10, 2.5);
    give('1', 1, 4, 1);
    give('1', 0, 11, 3.25);
    give('1', 0, 99, 99, 'other');
    expect(table.of('m', '1')).toEqual({ matured: 15, sum: 4.25, sumSquares: 4.25 });
    expect(table.of('m', '9')).toEqual({ matured: 0, sum: 0, sumSquares: 0 });
  });

  it('is the same after a restart, whatever the topic has kept of older records', () => {
    const [whole, compacted] = [setUp(), setUp()];
    for (let n = 1; n <= 5; n += 1) whole.give('1', 0, n, n / 2);
    compacted.give('1', 0, 5, 2.5);
    expect(compacted.table.of('m', '1')).toEqual(whole.table.of('m', '1'));
  });

  it('follows the rewards, at most so often', () => {
    const { clock, give, table } = setUp();
    const best = () => table.distribution('m', exploration).pmf.map((probability) => Math.round(probability * 10));
    expect(best()).toEqual([5, 5]);
    give('1', 0, 10, 9);
    give('2', 0, 10, 3);
    expect(best()).toEqual([5, 5]);
    clock.nowMs = 100;
    expect(best()).toEqual([9, 1]);
    give('2', 0, 20, 20);
    clock.nowMs = 300;
    expect(best()).toEqual([1, 9]);
  });

  it('says how an exploration stands', () => {
    const { give, table } = setUp();
    give('1', 0, 10, 9);
    give('2', 0, 4, 1);
    give('2', 1, 3, 1);
    const arms = [
      { version: '1', matured: 10 },
      { version: '2', matured: 7 },
    ];
    expect(table.report('m', exploration)).toEqual({ model: 'm', epsilon: 0.2, arms });
  });

  it('follows them less often where a computation takes long, so that answers do not wait for it', () => {
    const slow = { nowMs: 0 };
    const logger = createLogger({ service: 'gateway', level: 'silent' });
    // Each reading of this clock is 10 ms later: a computation takes 10 ms.
    const table = new ArmRewardsTable({ logger, nowMs: () => (slow.nowMs += 10), recomputeMs: 100 });
    const give = (matured: number): void => {
      const stats = {
        model: 'm',
        partition: 0,
        arm: '2',
        matured,
        rewardNano: matured * 1e9,
        rewardSquaredMicro: matured * 1e6,
        basis: '',
      };
      table.onRecord(Buffer.from(JSON.stringify(outcomes.ArmStats.toJSON(stats))));
    };
    const before = table.distribution('m', exploration);
    give(1);
    slow.nowMs += 400;
    expect(table.distribution('m', exploration)).toBe(before);
    slow.nowMs += 100;
    expect(table.distribution('m', exploration)).not.toBe(before);
  });

  it('leaves out what it cannot read', () => {
    const { lines, table } = setUp();
    table.onRecord(null);
    table.onRecord(Buffer.from('{'));
    expect(lines).toHaveLength(1);
  });
});
