import { compileContract } from '@everloop/records';
import { parseResources, type SourceSpec } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { widened } from './infer-field.ts';
import { inferSource, span, type SourceRequest } from './infer-source.ts';
import { sourceName } from './index.ts';
import { RecordProfile } from './record-profile.ts';
import { sourceYaml } from './source-yaml.ts';

const request: SourceRequest = { name: 's', topic: 't', partitions: 2, format: 'json', margin: 0.1 };
const startMs = 1_700_000_000_000;

type Fields = Readonly<Record<string, unknown>>;

function profileOf(
  records: readonly Fields[],
  keyOf: (fields: Fields) => string = ({ id }) => id as string,
): RecordProfile {
  const profile = new RecordProfile();
  records.forEach((fields, n) => {
    const key = keyOf(fields);
    profile.add(fields, {
      key: Buffer.from(key),
      timestampMs: startMs + n * 1_000 + 50,
    });
  });
  return profile;
}

function many(count: number, more: (n: number) => Fields = () => ({})): Fields[] {
  return Array.from({ length: count }, (_, n) => ({
    id: `k${n}`,
    at: new Date(startMs + n * 1_000).toISOString(),
    ...more(n),
  }));
}

function inferred(records: readonly Fields[], more: Partial<SourceRequest> = {}): { spec: SourceSpec; yaml: string } {
  const yaml = sourceYaml(inferSource(profileOf(records), { ...request, ...more }));
  const [resource] = parseResources([{ name: 's.yaml', text: yaml }]);
  return { spec: resource?.spec as SourceSpec, yaml };
}

function fieldOf(values: readonly unknown[], name = 'x') {
  return inferred(many(values.length, (n) => (values[n] === undefined ? {} : { [name]: values[n] }))).spec.fields[name];
}

describe('the contract of a field', () => {
  const numbers = Array.from({ length: 100 }, (_, n) => n);
  it.each([
    ['whole numbers, with room', numbers, { type: 'integer', required: true, min: 0, max: 109 }],
    ['numbers', numbers.map((n) => n / 10), { type: 'number', required: true, min: 0, max: 10.9 }],
    ['true and false', numbers.map((n) => n % 2 === 0), { type: 'boolean', required: true }],
    [
      'few texts, each often',
      numbers.map((n) => ['EWR', 'JFK'][n % 2]),
      { type: 'string', required: true, values: ['EWR', 'JFK'] },
    ],
    [
      'a text that came only once opens the set',
      [...numbers.map(() => 'EWR'), 'LGA'],
      { type: 'string', required: true },
    ],
    ['many texts', numbers.map(String).map((n) => `x${n}`), { type: 'string', required: true }],
    ['exact decimals', numbers.map((n) => `${n}.50`), { type: 'decimal', required: true, scale: 2 }],
    ['digits beyond 2^53 and numbers', [5, '9007199254740993'], { type: 'decimal', required: true, scale: 0 }],
    ['times', numbers.map((n) => new Date(n * 1e9).toISOString()), { type: 'timestamp', required: true }],
    [
      'sometimes null',
      numbers.map((n) => (n === 0 ? null : true)),
      { type: 'boolean', required: true, nullable: true },
    ],
    ['sometimes absent', numbers.map((n) => (n === 0 ? undefined : true)), { type: 'boolean', required: false }],
    ['never a value', numbers.map(() => null), { type: 'string', required: false }],
    ['lists', numbers.map(() => ['a', 'b']), { type: 'array', required: true, items: { type: 'string' } }],
    [
      'objects',
      numbers.map((n) => ({ city: `c${n}`, zip: null })),
      { type: 'object', required: true, fields: { city: { type: 'string', required: true } } },
    ],
  ])('%s', (_name, values, expected) => {
    expect(fieldOf(values)).toMatchObject(expected);
    if (!('values' in expected)) expect(fieldOf(values)).not.toHaveProperty('values');
  });

  it('epoch milliseconds are times where the name says so', () => {
    const values = Array.from({ length: 60 }, (_, n) => startMs + n);
    expect(fieldOf(values, 'seen_at')?.type).toBe('timestamp');
    expect(fieldOf(values, 'amount')?.type).toBe('integer');
  });

  it('mixed types: most of them, and the others are told', () => {
    const { spec, yaml } = inferred(many(100, (n) => ({ x: n < 90 ? 'a' : 7 })));
    expect(spec.fields['x']?.type).toBe('string');
    expect(yaml).toContain('10 are of another type and would be quarantined');
  });

  it.each([
    [0, 99, true, { min: 0, max: 109 }],
    [-5, 5, true, { min: -6, max: 6 }],
    [5, 5, true, { min: 5, max: 5 }],
    [0.1, 0.3, false, { min: 0.08, max: 0.32 }],
    [1_000, 2_000, false, { min: 900, max: 2_100 }],
  ])('from %d to %d, whole %s', (min, max, isWhole, expected) => {
    expect(widened(min, max, 0.1, isWhole)).toEqual(expected);
  });

  it('a range holds everything that was seen', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, min: -1e12, max: 1e12 }),
        fc.double({ noNaN: true, min: 0, max: 1e9 }),
        fc.double({ noNaN: true, min: 0, max: 1 }),
        (from, room, margin) => {
          const { min = -Infinity, max = Infinity } = widened(from, from + room, margin, false);
          expect(min).toBeLessThanOrEqual(from);
          expect(max).toBeGreaterThanOrEqual(from + room);
        },
      ),
    );
  });
});

describe('the contract of a topic', () => {
  it('what it was drawn from passes it', () => {
    const json = fc.record(
      {
        n: fc.integer(),
        x: fc.double({ noNaN: true, noDefaultInfinity: true }),
        s: fc.string(),
        b: fc.boolean(),
        o: fc.record({ a: fc.integer(), t: fc.array(fc.string()) }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(json, { minLength: 1, maxLength: 30 }), (rows) => {
        const records = many(rows.length, (n) => rows[n] ?? {});
        const check = compileContract(inferred(records).spec);
        for (const record of records) expect(check(record)).toMatchObject({ kind: 'valid' });
      }),
      { numRuns: 200 },
    );
  });

  it('key and event time are found, and everything has its evidence', () => {
    const { spec, yaml } = inferred(many(200, (n) => ({ loaded_at: startMs + n, place: ['a', 'b'][n % 2] })));
    expect([spec.key, spec.eventTime, spec.unexpected, spec.partitions]).toEqual(['id', 'at', 'report', 2]);
    expect(yaml).toContain('# equals the Kafka key in 100.0 % of the records that have one');
    expect(yaml).toContain(
      "# a time in 100.0 % of the records, 50 ms from Kafka's own timestamp on average; could also be loaded_at",
    );
    expect(yaml).toContain('# 200 of 200 have it; 1 characters, 2 different');
  });

  it('a key that no field equals is a guess that says so', () => {
    const yaml = sourceYaml(
      inferSource(
        profileOf(many(50), () => 'other'),
        request,
      ),
    );
    expect(yaml).toMatch(/# A GUESS: no field equals the Kafka key .*\n {2}key: id/);
  });

  it('without a time nothing can be the event time, and the error says where times are', () => {
    const records = many(10).map(({ at, ...rest }, n) => (n < 5 ? { ...rest, at } : rest));
    expect(() => inferred(records)).toThrow(/times are in: at \(50.0 %\); name one with --event-time/);
    expect(inferred(records, { eventTime: 'at' }).spec.eventTime).toBe('at');
    expect(() => inferred(records, { eventTime: 'nope' })).toThrow(/no record has a field "nope"/);
  });

  it('without records, or with poison alone, it says so', () => {
    expect(() => inferSource(new RecordProfile(), request)).toThrow(/has no records/);
    const profile = new RecordProfile();
    profile.addPoison('not_json');
    expect(() => inferSource(profile, request)).toThrow(/could be read: not_json \(1\)/);
  });

  it('names that a Source cannot have are kept out and told', () => {
    const { yaml, spec } = inferred(many(10, () => ({ 'a b': 1, __proto: 2 })));
    expect(Object.keys(spec.fields)).toEqual(['id', 'at']);
    expect(yaml).toContain('"a b"');
  });

  it('memory is bounded: columns without end', () => {
    const profile = new RecordProfile();
    for (let n = 0; n < 3_000; n += 1) profile.add({ [`c${n}`]: n, id: 'a' }, { key: null, timestampMs: 0 });
    expect([profile.value.fields.size, profile.value.fieldsLeftOut]).toEqual([500, 2_501]);
  });
});

it('docstring examples', () => {
  expect([sourceName('Flights.Scheduled_v1'), sourceName('42'), span(90_000)]).toEqual([
    'flights-scheduled_v1',
    'source',
    '1.5 minutes',
  ]);
});
