import { createLogger, createMetrics } from '@everloop/service';
import { describe, expect, it } from 'vitest';
import { Reachability } from './reachability.ts';
import { createKafkaTelemetry } from './telemetry.ts';

const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

function watched() {
  const said: string[] = [];
  const logger = createLogger({
    service: 'kafka-test',
    level: 'info',
    write: (line) => void said.push((JSON.parse(line) as { readonly message: string }).message),
  });
  const clock = { nowMs: 0 };
  const telemetry = createKafkaTelemetry(createMetrics('kafka-test'));
  return { said, clock, reachability: new Reachability(['b:1'], logger, telemetry, () => clock.nowMs) };
}

describe('Reachability', () => {
  it('says once that the broker is away, and once that it is back', () => {
    const { said, reachability } = watched();
    expect([reachability.failed(refused), reachability.failed(refused)]).toEqual([true, true]);
    expect(reachability.health()).toMatchObject({ ok: false });
    reachability.succeeded();
    reachability.succeeded();
    expect(reachability.health()).toEqual({ ok: true });
    expect(said).toEqual([
      'Kafka at b:1 cannot be reached: connect ECONNREFUSED; retrying, start it or set KAFKA_BROKERS',
      'Kafka at b:1 can be reached again',
    ]);
  });

  it('takes a failure right after the recovery for one that was under way, a later one for another outage', () => {
    const { said, clock, reachability } = watched();
    reachability.failed(refused);
    reachability.succeeded();
    clock.nowMs = 499;
    expect(reachability.failed(refused)).toBe(true);
    expect(reachability.health()).toEqual({ ok: true });
    clock.nowMs = 500;
    reachability.failed(refused);
    expect(reachability.health()).toMatchObject({ ok: false });
    expect(said).toHaveLength(3);
  });

  it('other errors say nothing about the broker', () => {
    const { said, reachability } = watched();
    reachability.succeeded();
    expect(reachability.failed(new Error('no such topic'))).toBe(false);
    expect(reachability.health()).toEqual({ ok: true });
    expect(said).toEqual([]);
  });
});
