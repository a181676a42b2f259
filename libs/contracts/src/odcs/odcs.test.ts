import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decompileSpec } from '../resources/compile.ts';
import { parseResources } from '../resources/load.ts';
import { ofKind } from '../resources/wire.ts';
import { exportOdcs, exportWritten } from './export.ts';
import { importOdcs } from './import.ts';
import { customKey, customName, type WrittenField, type WrittenSource } from './types.ts';

const flights = ['sources', 'features', 'model', 'operations'].map((name) => {
  const url = new URL(`../../../../examples/flights/resources/${name}.yaml`, import.meta.url);
  return { name: `${name}.yaml`, text: readFileSync(url, 'utf8') };
});

const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/);
const size = fc.nat({ max: 1_000 });
const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

/** Without the members that are undefined, as YAML has none. */
const written = (value: object): object => JSON.parse(JSON.stringify(value)) as object;

const { field } = fc.letrec<{ field: WrittenField }>((tie) => {
  const common = {
    required: some(fc.boolean()),
    nullable: some(fc.boolean()),
    description: some(fc.string()),
    values: some(fc.array(fc.oneof(fc.string(), fc.integer()), { minLength: 1, maxLength: 4 })),
  };
  const number = { min: some(fc.double({ noNaN: true, noDefaultInfinity: true })), max: some(fc.integer()) };
  return {
    field: fc
      .oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.record({ type: fc.constantFrom('boolean', 'timestamp'), ...common }),
        fc.record({
          type: fc.constant('string'),
          ...common,
          minLength: some(size),
          maxLength: some(size),
          pattern: some(fc.string()),
        }),
        fc.record({ type: fc.constantFrom('number', 'integer'), ...common, ...number }),
        fc.record({ type: fc.constant('decimal'), ...common, ...number, precision: some(size), scale: some(size) }),
        fc.record({
          type: fc.constant('object'),
          ...common,
          fields: some(fc.dictionary(name, tie('field'), { minKeys: 1, maxKeys: 3 })),
        }),
        fc.record({
          type: fc.constant('array'),
          ...common,
          items: some(tie('field')),
          minItems: some(size),
          maxItems: some(size),
        }),
      )
      .map((one) => written(one) as WrittenField),
  };
});

const source: fc.Arbitrary<WrittenSource> = fc
  .record({
    name: fc.stringMatching(/^[a-z]([a-z0-9]|-[a-z0-9]){0,6}$/),
    spec: fc.record({
      topic: name,
      partitions: some(size),
      format: some(fc.constantFrom('avro', 'protobuf')),
      schemaRegistry: some(fc.webUrl()),
      key: name,
      eventTime: name,
      createdTime: some(name),
      allowedLateness: some(fc.constantFrom('1h', '3d')),
      unexpected: some(fc.constantFrom('drop', 'report')),
      compatibility: some(fc.constantFrom('full', 'none')),
      retention: some(fc.constant('30d')),
      fields: fc.dictionary(name, field, { minKeys: 1, maxKeys: 4 }),
      unique: some(
        fc.array(fc.record({ fields: fc.array(name), within: fc.constant('2h') }), { minLength: 1, maxLength: 2 }),
      ),
      rules: some(
        fc.array(fc.record({ name, cel: fc.string(), description: some(fc.string()) }), { minLength: 1, maxLength: 3 }),
      ),
      windows: some(
        fc.array(fc.record({ name, every: fc.constant('1d'), rules: fc.array(fc.object()) }), {
          minLength: 1,
          maxLength: 2,
        }),
      ),
      batch: some(fc.record({ kind: fc.constant('csv'), path: fc.string() })),
    }),
  })
  .map((one) => written(one) as WrittenSource);

describe('export and import', () => {
  it('give any Sources back as they were, without a remark', () => {
    fc.assert(
      fc.property(fc.array(source, { minLength: 1, maxLength: 3 }), (sources) => {
        const through: unknown = JSON.parse(JSON.stringify(exportWritten(sources)));
        expect(importOdcs(through)).toEqual({ sources, notes: [] });
      }),
      { numRuns: 300 },
    );
  });

  it('give the Sources of the example back, compiled to the same', () => {
    const compiled = ofKind(parseResources(flights), 'Source');
    const { sources, notes } = importOdcs(exportOdcs(compiled));
    expect(notes).toEqual([]);
    expect(sources).toEqual(compiled.map((one) => ({ name: one.name, spec: decompileSpec('Source', one.spec) })));
  });

  it('name the Kafka that has the topics when it is told', () => {
    const contract = exportWritten([{ name: 'a', spec: {} }], { brokers: 'k:9092', version: '2.0.0' });
    expect(contract).toMatchObject({ version: '2.0.0', servers: [{ type: 'kafka', host: 'k:9092' }] });
    expect(importOdcs(contract).notes[0]).toMatchObject({ path: 'servers' });
  });

  it('names of custom properties go both ways', () => {
    expect(customKey(customName('allowedLateness'))).toBe('allowedLateness');
    expect([customKey('everloop'), customKey('owner')]).toEqual([null, null]);
  });
});

const foreign = {
  apiVersion: 'v3.1.0',
  kind: 'DataContract',
  id: '53581432-6c55-4ba2-a65f-72344a91553a',
  version: '1.1.0',
  status: 'active',
  domain: 'seller',
  team: { name: 'sales' },
  schema: [
    {
      name: 'Sales Orders',
      physicalName: 'orders',
      dataGranularityDescription: 'one row each',
      properties: [
        {
          name: 'order_id',
          logicalType: 'string',
          primaryKey: true,
          required: true,
          unique: true,
          classification: 'public',
        },
        { name: 'day', logicalType: 'date', physicalType: 'DATE' },
        { name: 'at', logicalType: 'timestamp', required: true, tags: ['time'] },
        { name: 'seen', logicalType: 'timestamp' },
        { name: 'amount', physicalType: 'DECIMAL(10,2)', logicalTypeOptions: { minimum: 0, multipleOf: 0.01 } },
        { name: 'count', logicalType: 'integer', logicalTypeOptions: { exclusiveMinimum: 0, exclusiveMaximum: 9.5 } },
        { name: 'share', logicalType: 'number', logicalTypeOptions: { exclusiveMaximum: 1 } },
        {
          name: 'country',
          logicalType: 'string',
          quality: [
            { metric: 'invalidValues', arguments: { validValues: ['DE', 'US'] }, mustBe: 0 },
            { metric: 'nullValues', mustBe: 0 },
          ],
        },
        {
          name: 'note',
          quality: [
            { metric: 'missingValues', unit: 'percent', mustBeLessThan: 5 },
            { type: 'sql', query: 'SELECT 1', mustBe: 1 },
          ],
        },
        {
          name: 'lines',
          logicalType: 'array',
          items: { logicalType: 'object', properties: [{ name: 'sku', logicalType: 'string', unique: true }] },
        },
      ],
      quality: [
        { metric: 'rowCount', mustBeGreaterThan: 99 },
        { metric: 'rowCount', mustNotBe: 5 },
        { metric: 'duplicateValues', arguments: { properties: ['day', 'country'] }, mustBe: 0 },
        { type: 'custom', engine: 'soda', implementation: 'x' },
      ],
      customProperties: [{ property: 'steward', value: 'kim' }],
    },
  ],
};

describe('a contract of somebody else', () => {
  const { sources, notes } = importOdcs(foreign);
  const spec = sources[0]?.spec as { readonly fields: Record<string, WrittenField> } & Record<string, unknown>;

  it('becomes a Source with what both can say', () => {
    expect(sources).toHaveLength(1);
    expect(sources[0]?.name).toBe('sales-orders');
    expect(spec).toMatchObject({ topic: 'orders', key: 'order_id', eventTime: 'at' });
    expect(spec.fields).toMatchObject({
      order_id: { type: 'string', required: true },
      day: { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}$' },
      amount: { type: 'decimal', min: 0 },
      count: { type: 'integer', min: 1, max: 9 },
      share: { type: 'number', max: 1 },
      country: { type: 'string', values: ['DE', 'US'], required: true },
      lines: { type: 'array', items: { type: 'object', fields: { sku: { type: 'string' } } } },
    });
    expect(spec['unique']).toEqual([
      { fields: ['day', 'country'], within: '1d' },
      { fields: ['order_id'], within: '1d' },
    ]);
    expect(spec['windows']).toEqual([
      {
        name: 'daily',
        every: '1d',
        rules: [
          { name: 'rows', check: 'rows', min: 100 },
          { name: 'missing_note', check: 'missing', columns: ['note'], max: 0.05 },
        ],
      },
    ]);
  });

  it('can be applied', () => {
    const text = JSON.stringify({ kind: 'Source', name: sources[0]?.name, spec });
    expect(parseResources([{ name: 'x.yaml', text }])).toHaveLength(1);
  });

  it.each([
    ['domain', /domain is left out/],
    ['team', /team is left out/],
    ['schema[0].name', /named sales-orders/],
    ['schema[0].dataGranularityDescription', /left out/],
    ['schema[0]', /steward is left out/],
    ['schema[0]', /of several timestamps at is taken/],
    ['schema[0].properties[0].classification', /left out/],
    ['schema[0].properties[1]', /a date is taken as text/],
    ['schema[0].properties[2].tags', /left out/],
    ['schema[0].properties[4]', /guessed from physicalType/],
    ['schema[0].properties[4].logicalTypeOptions.multipleOf', /rule in CEL/],
    ['schema[0].properties[6].logicalTypeOptions.exclusiveMaximum', /inclusive/],
    ['schema[0].properties[8]', /has no type/],
    ['schema[0].properties[8].quality[1]', /\(sql\) is left out/],
    ['schema[0].properties[9].items.properties[0].unique', /nested/],
    ['schema[0].quality[0]', /for each window/],
    ['schema[0].quality[1]', /\(rowCount\) is left out/],
    ['schema[0].quality[2] and 1 more', /unique within 1d/],
    ['schema[0].quality[3]', /\(soda\) is left out/],
  ])('says of %s what became of it', (path, message) => {
    expect(notes.filter((note) => note.path === path && message.test(note.message))).toHaveLength(1);
  });

  it('is told its key and its time', () => {
    const bare = { ...foreign, schema: [{ name: 'bare', properties: [{ name: 'a', logicalType: 'string' }] }] };
    expect(importOdcs(bare).notes.map(({ message }) => message)).toEqual(
      expect.arrayContaining([expect.stringMatching(/--key/), expect.stringMatching(/--event-time/)]),
    );
    const told = importOdcs({ ...bare, domain: undefined, team: undefined }, { key: 'a', eventTime: 'b' });
    expect(told.notes).toEqual([]);
    expect(told.sources[0]?.spec).toMatchObject({ key: 'a', eventTime: 'b' });
  });

  it.each([
    ['nothing', null, /kind is missing/],
    ['another kind', { kind: 'Source' }, /kind is "Source"/],
    ['version 2', { ...foreign, apiVersion: 'v2.2.2' }, /versions v3/],
    ['no schema', { ...foreign, schema: [] }, /nothing to check records by/],
    ['an object without name', { ...foreign, schema: [{}] }, /schema\[0\] has no name/],
    ['far too many objects', { ...foreign, schema: Array.from({ length: 501 }, () => ({ name: 'x' })) }, /at most 500/],
  ])('is refused when it is %s', (_, document, message) => {
    expect(() => importOdcs(document)).toThrow(
      expect.objectContaining({ code: 'EVL_ODCS_INVALID', message: expect.stringMatching(message) as string }),
    );
  });
});
