import { registry, toWire, type FieldContract, type SourceSpec, topics } from '@everloop/contracts';
import { isMarker, type Bus, type BusRecord } from '@everloop/kafka';
import { createLogger, createMetrics } from '@everloop/service';
import { eventually, isolatedBus, testBus, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sources } from '../src/app/sources.ts';
import { createQualityTelemetry } from '../src/quality-telemetry.ts';
import { createTelemetry } from '../src/telemetry.ts';

let inner: Bus;
let bus: Bus;
const lines: string[] = [];
const limits = { recordBytesMax: 1_048_576, uniqueEntriesMax: 10_000 };
const telemetry = createTelemetry(
  createLogger({ service: 'test', write: (line) => void lines.push(line) }),
  createMetrics('test'),
);
const qualityTelemetry = createQualityTelemetry(
  createLogger({ service: 'test', level: 'silent' }),
  createMetrics('test'),
);
const prefix = uniqueName('validator');

beforeAll(async () => {
  inner = await testBus();
  bus = isolatedBus(inner, prefix);
});
afterAll(async () => await inner.stop());

const fields: Record<string, FieldContract> = {
  id: { type: 'string', required: true },
  delay: { type: 'number', required: true, min: 0 },
  at: { type: 'timestamp', required: true },
};

function source(topic: string, more: Partial<SourceSpec> = {}): SourceSpec {
  const contract: SourceSpec = {
    topic,
    partitions: 2,
    format: 'json',
    key: 'id',
    eventTime: 'at',
    allowedLatenessMs: 0,
    unexpected: 'reject',
    compatibility: 'backward',
    unique: [],
    fields,
    rules: [{ name: 'not_seven', cel: 'record.delay != 7' }],
  };
  return { ...contract, ...more };
}

async function apply(name: string, spec: SourceSpec, revision = 1): Promise<void> {
  const publisher = bus.publisher({ name: 'registry' });
  const wire = toWire({ kind: 'Source', name, revision, spec });
  const value = JSON.stringify(registry.Resource.toJSON(wire));
  await publisher.publish([{ topic: topics.resources, partition: 0, key: `Source/${name}`, value }]);
  await publisher.stop();
}

async function records(topic: string): Promise<BusRecord[]> {
  const found: BusRecord[] = [];
  await bus.readAll([topic], (batch) => void found.push(...batch.records));
  return found;
}

function place({ topic, partition, offset }: BusRecord): string {
  return `${topic}/${partition}/${offset}`;
}

describe('validator', () => {
  it('splits a topic into valid and quarantine, each record in one of them, over a restart, and passes watermarks on', async () => {
    const topic = 'flights.test';
    const sources = new Sources({ stream: bus, telemetry, qualityTelemetry, limits });
    await sources.start();
    await apply('flights-test', source(topic));
    await eventually(
      async () =>
        await bus.partitionCount(`${topic}.quarantine`).then(
          () => true,
          () => false,
        ),
    );
    const publisher = bus.publisher({ name: 'producer' });
    const send = async (from: number, count: number): Promise<void> => {
      const batch = Array.from({ length: count }, (_, i) => {
        const n = from + i;
        const good = { id: `k${n}`, delay: n % 10, at: 1_357_000_000_000 + n };
        const value =
          n % 50 === 0
            ? Buffer.from([0xff, n % 256])
            : n % 31 === 0
              ? JSON.stringify({ ...good, delay: null, more: 1 })
              : JSON.stringify(good);
        return { topic, partition: n % 2, key: `k${n}`, value, headers: { ce_id: `e${n}` } };
      });
      await publisher.publish(batch);
    };
    await send(0, 1_500);
    await publisher.publishWatermark(topic, 5_000);
    await eventually(async () => (await records(`${topic}.valid`)).length > 0, { timeoutMs: 30_000 });
    await sources.stop();
    await send(1_500, 1_500);
    await publisher.publishWatermark(topic, 6_000);
    const again = new Sources({ stream: bus, telemetry, qualityTelemetry, limits });
    const seen: number[] = [];
    const follower = bus.follow({
      topics: [`${topic}.valid`],
      from: 'beginning',
      onRecord: (r) => expect(isMarker(r)).toBe(false),
      onWatermark: (_topic, watermarkMs) => void seen.push(watermarkMs),
    });
    await Promise.all([again.start(), follower.start()]);
    await eventually(() => seen.includes(6_000), { timeoutMs: 30_000 });
    await eventually(() => again.health().ok);
    await Promise.all([again.stop(), follower.stop(), publisher.stop()]);

    const [raw, valid, quarantine] = [
      await records(topic),
      await records(`${topic}.valid`),
      await records(`${topic}.quarantine`),
    ];
    const bySource = new Map([...valid, ...quarantine].map((r) => [r.headers['evl-src'], r]));
    expect([raw.length, bySource.size, valid.length + quarantine.length]).toEqual([3_000, 3_000, 3_000]);
    for (const r of raw) {
      const judged = bySource.get(place(r));
      expect(judged?.partition).toBe(r.partition);
      expect([judged?.key, judged?.value, judged?.headers['ce_id']]).toEqual([r.key, r.value, r.headers['ce_id']]);
    }
    expect(seen).toEqual([5_000, 6_000]);
    const rules = new Set(
      quarantine.flatMap((r) =>
        (JSON.parse(r.headers['evl-reasons'] ?? '[]') as { rule: string }[]).map((x) => x.rule),
      ),
    );
    expect(rules).toEqual(new Set(['not_utf8', 'required', 'unexpected', 'cel:not_seven']));
    const both = quarantine.find((r) => r.value?.toString().includes('"more":1'));
    expect(
      (JSON.parse(both?.headers['evl-reasons'] ?? '[]') as { rule: string }[]).map((r) => r.rule).sort(),
    ).toContain('unexpected');
    expect(valid.every((r) => (JSON.parse(r.value?.toString() ?? '') as { delay: number }).delay !== 7)).toBe(true);
  });

  it('judges by a changed contract from then on, says what needs a restart, and names a Source that cannot be used', async () => {
    const topic = 'changing.test';
    const sources = new Sources({ stream: bus, telemetry, qualityTelemetry, limits });
    await sources.start();
    await apply('changing', source(topic));
    const publisher = bus.publisher({ name: 'producer' });
    await eventually(
      async () =>
        await bus.partitionCount(`${topic}.quarantine`).then(
          () => true,
          () => false,
        ),
    );
    const value = JSON.stringify({ id: 'a', delay: 7, at: 1 });
    await publisher.publish([{ topic, key: 'a', value }]);
    await eventually(async () => (await records(`${topic}.quarantine`)).length === 1, { timeoutMs: 30_000 });
    await apply('changing', source(topic, { rules: [] }), 2);
    await eventually(() => lines.some((line) => line.includes('"revision":2')));
    await publisher.publish([{ topic, key: 'a', value }]);
    await eventually(async () => (await records(`${topic}.valid`)).length === 1, { timeoutMs: 30_000 });
    await apply('changing', source('other.test'), 3);
    await eventually(() =>
      lines.some((line) => line.includes('this takes effect when the validator is started again')),
    );
    await apply('broken', source('broken.test', { rules: [{ name: 'r', cel: 'record.' }] }));
    await eventually(() => !sources.health().ok);
    const health = sources.health();
    expect(health.ok ? '' : health.reason).toMatch(/^Source broken: .*is not a usable CEL expression/s);
    await apply('broken', source('fixed.test'), 2);
    await eventually(() => sources.health().ok);
    await apply('mismatched', source(topic, { partitions: 3 }));
    await eventually(() => /Source mismatched: .*has 2 partitions but 3 are/.test(JSON.stringify(sources.health())));
    await Promise.all([sources.stop(), publisher.stop()]);
  });
});
