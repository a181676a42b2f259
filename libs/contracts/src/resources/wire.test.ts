import { describe, expect, it } from 'vitest';
import { canonicalJson, sha256Hex } from '../canonical.ts';
import { compiledSpecSchema } from './compile.ts';
import { kinds, resolveRef, type SchemaNode } from './schemas.ts';
import {
  datasetCheckDefaults,
  monitorDefaults,
  type FieldContract,
  type Kind,
  type ResourceSpecs,
  type TypedResource,
} from './types.ts';
import { findResource, ofKind, parseResource, toWire } from './wire.ts';

/** Every property of every spec, also the optional ones: the compiler says when one is missing here. */
const full: { readonly [K in Kind]: Full<ResourceSpecs[K]> } = {
  Source: {
    topic: 't',
    partitions: 2,
    format: 'json',
    schemaRegistry: 'http://localhost:8081',
    key: 'id',
    eventTime: 'at',
    createdTime: 'known',
    allowedLatenessMs: 0,
    unexpected: 'drop',
    compatibility: 'full',
    fields: {
      id: {
        type: 'string',
        required: true,
        nullable: false,
        min: 0,
        max: 1,
        minLength: 0,
        maxLength: 9,
        pattern: 'x',
        values: ['x'],
        precision: 9,
        scale: 2,
        fields: { a: { type: 'string', required: false } },
        items: { type: 'string', required: true },
        minItems: 0,
        maxItems: 2,
        description: 'd',
      },
    },
    unique: [{ fields: ['id'], withinMs: 1 }],
    rules: [{ name: 'r', cel: 'true', description: 'd' }],
    retentionMs: 1,
    batch: {
      kind: 's3',
      path: 'p',
      connection: 'c',
      bucket: 'bbb',
      prefix: 'p/',
      format: 'csv',
      table: 't',
      query: 'SELECT 1',
      cursor: ['c'],
      columns: { id: 'ID' },
      createdTime: 'c',
      known: 'landing',
      everyMs: 1,
      markers: false,
    },
    windows: [
      {
        name: 'w',
        everyMs: 60_000,
        closedBy: 'markers',
        minRows: 1,
        baseline: { windows: 2, atLeast: 2, seasonMs: 60_000 },
        closeAfter: 1,
        rules: [
          {
            name: 'r',
            check: 'quantile',
            columns: ['id'],
            quantile: 0.5,
            reference: ['x'],
            min: 0,
            max: 1,
            maxGapMs: 1,
            spike: 1,
            rise: 1,
            fall: 1,
            severity: 'warn',
          },
        ],
      },
    ],
  },
  Entity: { keys: [{ name: 'id', type: 'string', description: '' }], description: '', owner: '' },
  FeatureView: {
    source: 's',
    entity: 'id',
    entityRef: 'e',
    columns: ['a'],
    aggregations: [{ name: 'n', function: 'sum', column: 'a', windowMs: 1, k: 1, quantile: 0.5 }],
    hopMs: 1,
    ttlMs: 1,
    readBehindMs: 1,
    description: '',
    owner: '',
  },
  FeatureService: {
    version: 1,
    description: '',
    features: [{ view: 'v', features: ['a'] }],
    request: [{ name: 'id', type: 'string' }],
    onDemand: [{ name: 'x', type: 'number', cel: 'v.a', description: '' }],
    pins: { 'v.a': 'f'.repeat(64) },
  },
  Model: {
    features: { service: 'f', version: 1 },
    onDemand: [{ name: 'x', type: 'number', cel: 'v.a', description: '' }],
    request: [
      {
        ...{ name: 'id', type: 'string', min: 0, max: 1, values: ['a', 1], default: 'a' },
        gate: { missing: 'impute', notFinite: 'default', outOfRange: 'flag', unseen: 'reject' },
      },
    ],
    gate: { missing: 'reject', notFinite: 'impute', outOfRange: 'default', unseen: 'flag' },
    joinKey: 'id',
    choose: { input: 'x', actions: ['a', 'b'], epsilon: 0.1, floor: 0.01, halfAt: 10, warmUp: 5 },
    batching: { maxRows: 64, maxDelayMs: 2 },
    rewards: { waitMs: 1, default: 0, aggregate: 'sum', min: 0, max: 1 },
    log: { share: 1, attributions: 1 },
    examples: { source: 's', time: 'at', offsetMs: -1 },
    views: [{ view: 'v', key: 'request.id' }],
    inputs: [{ name: 'a', type: 'number', from: 'v.a', text: false, fallback: 1 }],
    embeddings: [{ name: 'e', inputs: ['a', 'b'], components: 1 }],
    label: {
      ...{ source: 's', key: 'id', field: 'a', above: 0, waitMs: 1 },
      ...{ by: 'decision', lateMs: 1, conflict: 'last', default: 0 },
    },
    slices: [{ name: 'north', cel: 'input.a > 1' }],
    training: {
      recipe: 'gbdt',
      parameters: { trees: 1 },
      seed: 1,
      minRows: 1,
      windowMs: 1,
      timeHoldoutMs: 1,
      fixedHoldoutPercent: 10,
      fixedHoldoutSalt: 's',
      timeoutMs: 1,
      split: {
        ...{ by: 'group', column: 'a', validationPercent: 15, testPercent: 5, salt: 'x', gapMs: 0, strict: true },
      },
    },
    checks: datasetCheckDefaults,
    gates: { minRows: 1, minAuc: 0.5, minRecentGain: 0, maxFixedLoss: 0, confidence: 0.9 },
  },
  Monitor: {
    ...monitorDefaults,
    model: 'm',
    slideMs: 86_400_000,
    unit: 'a',
    fields: ['a'],
    thresholds: [{ field: 'a', psi: 0.2, significance: 0.05, missingRatio: 0.5 }],
    budget: { falseRetrainings: 1, perMs: 86_400_000 },
    performance: {
      ...{ windowMs: 1, minLabelled: 1, maxLogLossExcess: 0.1, maxMaeExcess: 1, confidence: 0.9, estimate: true },
      ...{ slices: ['north'], sliceMinLabelled: 1 },
    },
  },
  Rollout: {
    model: 'm',
    strategy: 'canary',
    steps: [{ weight: 0.1, holdMs: 1 }],
    bakeMs: 1,
    minOutcomes: 1,
    maxLogLossExcess: 0.1,
    maxHoldMs: 1,
    shadowFirst: false,
    champion: '1',
    challengers: [{ version: '2', weight: 0.1 }],
    targets: [{ name: 't', cel: 'record.a == 1', version: '3' }],
    shadows: [{ version: '4', share: 0.5, tolerance: 0.1 }],
    exploration: { policy: 'thompson', versions: ['5'], epsilon: 0.2, floor: 0.05, halfAt: 10, warmUp: 5 },
  },
  Trigger: { model: 'm', rows: 1 },
};

type Full<T> = T extends FieldContract
  ? Required<T>
  : T extends readonly (infer U)[]
    ? readonly Full<U>[]
    : T extends object
      ? { readonly [P in keyof T]-?: Full<T[P]> }
      : T;

const nameOf = (kind: Kind): string => (kind === 'FeatureService' ? 'x@1' : 'x');
const resourceOf = (kind: Kind): TypedResource =>
  ({ kind, name: nameOf(kind), revision: 3, spec: full[kind] }) as TypedResource;

describe('types and schemas', () => {
  it.each(kinds)('the schema of %s has exactly the properties of its type', (kind) => {
    expect(schemaPaths(compiledSpecSchema(kind))).toEqual(valuePaths(full[kind]));
  });

  it('a spec that was compiled before a property existed gets its default', () => {
    const older = Object.fromEntries(
      Object.entries(full.Source).filter(([key]) => !['compatibility', 'unique', 'allowedLatenessMs'].includes(key)),
    );
    const wire = { kind: 'Source', name: 'x', revision: 1, specJson: JSON.stringify(older) };
    expect(parseResource(wire).spec).toMatchObject({ compatibility: 'backward', unique: [], allowedLatenessMs: 0 });
  });

  it.each(kinds)('a %s goes over the wire and back', (kind) => {
    const wire = toWire(resourceOf(kind));
    expect(parseResource(wire)).toEqual(resourceOf(kind));
    expect(wire).toMatchObject({
      kind,
      name: nameOf(kind),
      revision: 3,
      specJson: canonicalJson(full[kind]),
      digest: sha256Hex(wire.specJson),
    });
  });
});

/** Paths of all properties; a map's or list's members are one path, and so is what a definition says of itself. */
function schemaPaths(schema: SchemaNode, path = '', definitions = schema.definitions ?? {}): string[] {
  const isNested = /\.\*\.(fields|items)/.test(path);
  if (isNested) return [path];
  if (schema.$ref !== undefined) return schemaPaths(resolveRef(definitions, schema), path, definitions);
  if (schema.items !== undefined) return schemaPaths(schema.items, path, definitions);
  if (schema.properties !== undefined) {
    return Object.entries(schema.properties)
      .flatMap(([key, member]) => schemaPaths(member, `${path}.${key}`, definitions))
      .sort();
  }
  return typeof schema.additionalProperties === 'object'
    ? schemaPaths(schema.additionalProperties, `${path}.*`, definitions)
    : [path];
}

function valuePaths(value: unknown, path = ''): string[] {
  if (/\.\*\.(fields|items)/.test(path)) return [path];
  if (Array.isArray(value)) return valuePaths(value[0], path);
  if (typeof value !== 'object' || value === null) return [path];
  const isMap = ['.fields', '.training.parameters', '.batch.columns', '.pins'].includes(path);
  return Object.entries(value)
    .flatMap(([key, member]) => valuePaths(member, `${path}.${isMap ? '*' : key}`))
    .sort();
}

describe('the name of a FeatureService', () => {
  const wire = toWire(resourceOf('FeatureService'));
  it.each([
    ['no version', 'x', /must be <name>@<version>/],
    ['version nought', 'x@0', /must be <name>@<version>/],
    ['another version', 'x@2', /is not spec.version/],
  ])('cannot have %s', (_, name, message) => {
    expect(() => parseResource({ ...wire, name })).toThrow(message);
  });
});

describe('parseResource', () => {
  const wire = toWire(resourceOf('Monitor'));
  it.each<[string, Partial<typeof wire>, RegExp]>([
    ['an unknown kind', { kind: 'Moniter' }, /did you mean "Monitor"/],
    ['a name that is a path', { name: '../etc' }, /the name must be/],
    ['a spec that is no JSON', { specJson: '{' }, /spec_json is not JSON/],
    ['a spec that is null', { specJson: 'null' }, /spec: must be object/],
    [
      'a YAML name',
      { specJson: wire.specJson.replace('slideMs', 'slide') },
      /spec.slide: unknown field; did you mean "slideMs"/,
    ],
    ['a missing field', { specJson: '{}' }, /"model" is missing/],
    [
      'a duration as text',
      { specJson: wire.specJson.replace('"slideMs":86400000', '"slideMs":"1d"') },
      /spec.slideMs: must be integer, but is "1d"/,
    ],
    ['a prototype', { specJson: wire.specJson.replace('{', '{"__proto__":{"a":1},') }, /unknown field/],
  ])('%s is refused', (_name, wrong, message) => {
    const parse = (): unknown => parseResource({ ...wire, ...wrong });
    expect(parse).toThrow(message);
    expect(parse).toThrow(expect.objectContaining({ code: 'EVL_RESOURCE_INVALID', kind: 'terminal' }));
  });
});

describe('ofKind and findResource', () => {
  const resources = kinds.map(resourceOf);
  it('narrow to the kind', () => {
    expect(ofKind(resources, 'Trigger').map((trigger) => trigger.spec.rows)).toEqual([1]);
    expect(findResource(resources, 'Model', 'x').spec.joinKey).toBe('id');
  });

  it('a name that is not there is an error with the nearest', () => {
    const other = { ...resourceOf('Trigger'), name: 'first-rows' } as TypedResource;
    expect(() => findResource([other], 'Trigger', 'first-row')).toThrow(
      /no Trigger named "first-row"; did you mean "first-rows"/,
    );
  });
});
