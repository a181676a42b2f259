import { quality } from '@everloop/contracts';
import type { BusRecord, FollowOptions } from '@everloop/kafka';
import { createLogger } from '@everloop/service';
import { describe, expect, it } from 'vitest';
import { createFollowedHolds } from './followed-holds.ts';

const logger = createLogger({ service: 'test', level: 'silent' });
const signal = new AbortController().signal;

function setup(timeoutMs = 60_000) {
  let onRecord: FollowOptions['onRecord'] = () => undefined;
  const follow = (options: FollowOptions) => {
    onRecord = options.onRecord;
    return { name: 'f', start: async () => undefined, stop: async () => undefined };
  };
  const { holds } = createFollowedHolds({ follow }, logger, timeoutMs);
  const say = (key: string, value: unknown): void => {
    const record: BusRecord = {
      ...{ topic: 't', partition: 0, offset: 0n, timestampMs: 0, headers: {}, key: Buffer.from(key) },
      value: value === null ? null : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
    };
    void onRecord(record);
  };
  const judged = (source: string, watermarkMs: number): void =>
    say(`judged/${source}`, quality.SourceJudged.toJSON({ source, watermarkMs }));
  return { holds, say, judged };
}

const hold = (id: string, state: quality.HoldState) =>
  quality.Hold.toJSON(quality.Hold.fromPartial({ id, source: 'a', state }));

describe('followed holds', () => {
  it('are given once every source is judged so far, the newest of each', async () => {
    const { holds, say, judged } = setup();
    say('h', hold('h', quality.HoldState.OPEN));
    judged('a', 10);
    const asked = holds.asOf(['a', 'b'], 20, signal);
    judged('a', 20);
    say('h', hold('h', quality.HoldState.CLOSED));
    judged('b', 25);
    expect(await asked).toMatchObject({ kind: 'known', holds: [{ id: 'h', state: 'HOLD_STATE_CLOSED' }] });
    expect(await holds.asOf(['b'], 25, signal)).toMatchObject({ kind: 'known' });
    say('h', null);
    expect(await holds.asOf([], 99, signal)).toEqual({ kind: 'known', holds: [] });
  });

  it('names the sources that are behind after the bounded wait', async () => {
    const { holds, judged } = setup(20);
    judged('a', 30);
    expect(await holds.asOf(['a', 'b', 'c'], 30, signal)).toEqual({ kind: 'behind', sources: ['b', 'c'] });
  });

  it('passes over what it cannot read, and stops waiting with the signal', async () => {
    const { holds, say } = setup();
    say('h', '{');
    const stopping = new AbortController();
    const asked = holds.asOf(['a'], 1, stopping.signal);
    stopping.abort(new Error('stopping'));
    await expect(asked).rejects.toThrow('stopping');
  });
});
