import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResourceErrors } from '../errors.ts';
import { loadResources, parseResources } from './load.ts';
import { findResource, parseResource, toWire } from './wire.ts';

const flights = join(import.meta.dirname, '../../../../examples/flights/resources');

const good = `
kind: Source
name: trips
spec:
  topic: trips
  key: id
  eventTime: at
  fields:
    id: { type: string, required: true }
    at: { type: timestamp, required: true }
    late: { type: number, required: true }
    car: { type: string }
---
kind: FeatureView
name: plan
spec: { source: trips, entity: id, columns: [car, late], ttl: 1h }
---
kind: Model
name: lateness
spec:
  request: [{ name: id, type: string }]
  joinKey: id
  examples: { source: trips, time: at }
  views: [{ view: plan, key: request.id }]
  inputs: [{ name: car, type: category, from: plan.car }, { name: late, type: number, from: plan.late }]
  label: { source: trips, key: id, field: late, above: 0, wait: 1d }
  training: { recipe: gbdt }
---
kind: Monitor
name: drift
spec: { model: lateness }
---
kind: Rollout
name: steps
spec: { model: lateness, steps: [{ weight: 0.1, hold: 1d }, { weight: 1, hold: 1d }] }
---
kind: Trigger
name: first
spec: { model: lateness, rows: 5 }
`;

/** All problems of a text, `line:column: …`. */
function problems(text: string): string[] {
  try {
    parseResources([{ name: 'f.yaml', text }]);
    return [];
  } catch (error) {
    if (!(error instanceof ResourceErrors)) throw error;
    return error.message.split('\n').map((line) => line.replace(/^f\.yaml:/, ''));
  }
}

describe('window rules', () => {
  const withRules = (window: string, rules: string): string =>
    good.replace(
      '    car: { type: string }\n',
      `    car: { type: string }\n  windows: [{ name: w, every: 1h${window}, rules: [${rules}] }]\n`,
    );

  it('compile with their defaults', () => {
    const rule = '{ name: r, check: missing, columns: [car], max: 0.1 }';
    const [source] = parseResources([{ name: 'f.yaml', text: withRules('', rule) }]);
    expect(source?.kind === 'Source' && source.spec.windows).toEqual([
      {
        name: 'w',
        everyMs: 3_600_000,
        closedBy: 'events',
        minRows: 30,
        baseline: { windows: 14, atLeast: 5 },
        closeAfter: 2,
        rules: [{ name: 'r', check: 'missing', columns: ['car'], max: 0.1, severity: 'hold' }],
      },
    ]);
  });

  it.each([
    ['a column that is not there', '', '{ name: r, check: missing, columns: [cra], max: 1 }', /no field "cra".*"car"/],
    ['a quantile of text', '', '{ name: r, check: quantile, quantile: 0.5, columns: [car], max: 1 }', /is a string/],
    ['no quantile', '', '{ name: r, check: quantile, columns: [late], max: 1 }', /"quantile" is missing/],
    ['columns of volume', '', '{ name: r, check: rows, columns: [late], min: 1 }', /has no columns/],
    ['no columns', '', '{ name: r, check: duplicates, max: 0 }', /"columns" is missing/],
    ['no limit', '', '{ name: r, check: rows }', /can never be broken/],
    ['a gap of something else', '', '{ name: r, check: rows, maxGap: 1h }', /belongs to the check freshness/],
    ['contradicting limits', '', '{ name: r, check: rows, min: 2, max: 1 }', /min 2 is above max 1/],
    ['two rules of one name', '', '{ name: r, check: rows, min: 2 }, { name: r, check: rows, max: 2 }', /two rules/],
    ['a season that does not fit', ', baseline: { season: 90m }', '{ name: r, check: rows, min: 2 }', /no multiple/],
    ['too long a memory', ', baseline: { windows: 200, season: 7d }', '{ name: r, check: rows, min: 2 }', /at most/],
    [
      'a baseline that never is',
      ', baseline: { windows: 3 }',
      '{ name: r, check: rows, min: 2 }',
      /can never be there/,
    ],
  ])('are refused: %s', (_name, window, rules, message) => {
    expect(problems(withRules(window, rules)).join('\n')).toMatch(message);
  });
});

describe('parseResources', () => {
  it('compiles durations and fills in defaults', () => {
    const resources = parseResources([{ name: 'f.yaml', text: good }]);
    expect(resources.map(({ kind, name }) => `${kind}/${name}`)).toEqual([
      'Source/trips',
      'FeatureView/plan',
      'Model/lateness',
      'Monitor/drift',
      'Rollout/steps',
      'Trigger/first',
    ]);
    expect(findResource(resources, 'Source', 'trips').spec).toEqual({
      topic: 'trips',
      partitions: 1,
      format: 'json',
      key: 'id',
      eventTime: 'at',
      allowedLatenessMs: 0,
      unexpected: 'reject',
      compatibility: 'backward',
      unique: [],
      fields: {
        id: { type: 'string', required: true },
        at: { type: 'timestamp', required: true },
        late: { type: 'number', required: true },
        car: { type: 'string', required: false },
      },
      rules: [],
    });
    expect(findResource(resources, 'FeatureView', 'plan').spec).toMatchObject({
      ttlMs: 3_600_000,
      hopMs: 900_000,
      aggregations: [],
    });
    expect(findResource(resources, 'Model', 'lateness').spec).toMatchObject({
      examples: { offsetMs: 0 },
      label: { waitMs: 86_400_000 },
      training: { windowMs: 90 * 86_400_000, parameters: {} },
      gates: { minRows: 500 },
    });
    expect(findResource(resources, 'Monitor', 'drift').spec.fields).toBe('all');
    for (const resource of resources) expect(parseResource(toWire(resource))).toEqual(resource);
  });

  it.each<[string, string, string, RegExp | string]>([
    ['an unknown field', 'topic: trips', 'tpic: trips', '5:3: spec.tpic: unknown field; did you mean "topic"?'],
    [
      'an unknown kind',
      'kind: Monitor',
      'kind: Moniter',
      '29:7: kind: unknown kind "Moniter"; did you mean "Monitor"?; allowed: Source',
    ],
    ['a missing kind', 'kind: Monitor\n', '', '29:1: document: "kind" is missing; allowed: Source'],
    [
      'a name that is a path',
      'name: drift',
      'name: ../drift',
      '30:7: name: has a form that is not allowed, but is "../drift"',
    ],
    [
      'a duration in words',
      'ttl: 1h',
      'ttl: an hour',
      '16:63: spec.ttl: must be a duration, but is "an hour"; allowed: a whole number with ms, s, m, h or d',
    ],
    ['a negative duration', 'ttl: 1h', 'ttl: -1h', /16:63: spec.ttl: must be a duration/],
    ['a number as text', 'rows: 5', 'rows: five', '39:32: spec.rows: must be integer, but is "five"'],
    ['a number out of range', 'weight: 0.1', 'weight: 0', '35:44: spec.steps[0].weight: must be > 0, but is 0'],
    [
      'a value that is not in the list',
      'type: category',
      'type: categry',
      /did you mean "category"\?; allowed: number, category/,
    ],
    [
      'a source that is not there',
      'source: trips, entity',
      'source: trip, entity',
      '16:17: spec.source: there is no Source named "trip"; did you mean "trips"?; allowed: trips',
    ],
    [
      'an entity that is not there',
      'entity: id',
      'entity: idd',
      /spec.entity: Source "trips" has no field "idd"; did you mean "id"/,
    ],
    [
      'a column that is not there',
      'columns: [car,',
      'columns: [cat,',
      /16:46: spec.columns\[0\]: Source "trips" has no field "cat"/,
    ],
    ['no columns at all', 'columns: [car, late], ', '', /spec: a view needs columns or aggregations/],
    [
      'an optional event time',
      'at: { type: timestamp, required: true }',
      'at: { type: timestamp }',
      /spec.eventTime: field "at" must be required/,
    ],
    [
      'an event time that is text',
      'at: { type: timestamp,',
      'at: { type: string,',
      /spec.eventTime: field "at" of Source "trips" is a string, not timestamp/,
    ],
    ['a reserved topic', 'topic: trips', 'topic: everloop.x', /belong to Everloop itself/],
    [
      'a label that is not there',
      'field: late,',
      'field: lat,',
      /spec.label.field: Source "trips" has no field "lat"; did you mean "late"/,
    ],
    [
      'a label that is text',
      'field: late,',
      'field: car,',
      /spec.label.field: field "car" of Source "trips" is a string, not number or integer; allowed: late/,
    ],
    [
      'a label key that is not the Kafka key',
      'key: id, field',
      'key: car, field',
      /spec.label.key: predictions and labels meet in one partition.*allowed: id/,
    ],
    [
      'a decision field that is not there',
      'above: 0, wait: 1d',
      'above: 0, wait: 1d, by: lat',
      /spec.label.by: Source "trips" has no field "lat"; did you mean "late"/,
    ],
    [
      'a slice of an input that is not there',
      'training: { recipe: gbdt }',
      'training: { recipe: gbdt }\n  slices: [{ name: big, cel: input.lat > 1 }]',
      /spec.slices\[0\].cel: .*there is no input "lat"/,
    ],
    [
      'two slices of one name',
      'training: { recipe: gbdt }',
      'training: { recipe: gbdt }\n  slices: [{ name: big, cel: input.late > 1 }, { name: big, cel: input.late > 2 }]',
      /there are two slices "big"/,
    ],
    [
      'a join key that is not requested',
      'joinKey: id',
      'joinKey: ids',
      /spec.joinKey: the request has no field "ids"; did you mean "id"/,
    ],
    [
      'a request field that examples lack',
      'request: [{ name: id,',
      'request: [{ name: x, type: number }, { name: id,',
      /spec.request\[0\].name: Source "trips" has no field "x"/,
    ],
    [
      'a view that is not there',
      'view: plan',
      'view: plans',
      /spec.views\[0\].view: there is no FeatureView named "plans"; did you mean "plan"/,
    ],
    [
      'a key of a later view',
      'key: request.id',
      'key: plan.car',
      /spec.views\[0\].key: "plan" is neither request nor a view that is bound earlier/,
    ],
    [
      'an input of an unbound view',
      'from: plan.car',
      'from: other.car',
      /spec.inputs\[0\].from: "other" is neither request nor a view that is bound in views/,
    ],
    [
      'an input of a missing feature',
      'from: plan.car',
      'from: plan.cra',
      /FeatureView "plan" has no feature "cra"; did you mean "plan.car"/,
    ],
    ['an input of a missing request field', 'from: plan.car', 'from: request.car', /the request has no field "car"/],
    [
      'text as a number',
      'type: category, from',
      'type: number, from',
      /spec.inputs\[0\].type: "plan.car" is a string, which cannot be a number input; allowed: category/,
    ],
    [
      'a number as a category',
      'name: late, type: number, from',
      'name: late, type: category, from',
      /"plan.late" is a number, which cannot be a category input; allowed: number/,
    ],
    [
      'two inputs of one name',
      'name: late, type: number, from',
      'name: car, type: number, from',
      /there are two inputs "car"/,
    ],
    [
      'a holdout as long as the window',
      'recipe: gbdt',
      'recipe: gbdt, window: 7d',
      /spec.training.timeHoldout: the holdout 7d leaves nothing of the window 7d/,
    ],
    [
      'a monitor of no model',
      '{ model: lateness }',
      '{ model: latenes }',
      /there is no Model named "latenes"; did you mean "lateness"/,
    ],
    [
      'a monitored field that is no input',
      '{ model: lateness }',
      '{ model: lateness, fields: [cart] }',
      /has no input "cart"; did you mean "car"\?; allowed: car, late, score/,
    ],
    [
      'a window of half an hour',
      '{ model: lateness }',
      '{ model: lateness, window: 30m }',
      /spec.window: must be whole hours, but is 30m/,
    ],
    [
      'windows with room between them',
      '{ model: lateness }',
      '{ model: lateness, window: 12h, slide: 1d }',
      /spec.slide: rows between windows would be seen by none: 1d is longer than the window, 12h/,
    ],
    [
      'an alarm that nothing can raise',
      '{ model: lateness }',
      '{ model: lateness, raise: { windows: 4, of: 3 } }',
      /spec.raise.windows: 4 of the last 3 windows can never be drifted/,
    ],
    [
      'a reference by hour for windows that have all of them',
      '{ model: lateness }',
      '{ model: lateness, window: 1d, reference: { phase: hour } }',
      /spec.reference.phase: a window of 1d has every hour of the day, so all rows are its reference; take windows shorter than 1d, or no phase/,
    ],
    [
      'a reference by weekday for the default windows',
      '{ model: lateness }',
      '{ model: lateness, reference: { phase: weekday } }',
      /spec.reference.phase: a window of 7d has every day of the week, .* shorter than 7d/,
    ],
    [
      'a limit of a column that nothing has',
      '{ model: lateness }',
      '{ model: lateness, thresholds: [{ field: cart, psi: 0.2 }] }',
      /has no column "cart"; did you mean "car"/,
    ],
    [
      'a window of outcomes of half an hour',
      '{ model: lateness }',
      '{ model: lateness, performance: { window: 30m } }',
      /spec.performance.window: must be whole hours, but is 30m/,
    ],
    [
      'the quality of a slice that the Model does not have',
      '{ model: lateness }',
      '{ model: lateness, performance: { slices: [north] } }',
      /spec.performance.slices\[0\]: .*has no slice "north"/,
    ],
    [
      'slices that are no list',
      '{ model: lateness }',
      '{ model: lateness, performance: { slices: some } }',
      /spec.performance.slices: .*"some"/,
    ],
    [
      'more drifted fields than there are',
      '{ model: lateness }',
      '{ model: lateness, minDriftedFields: 9 }',
      /9 fields can never drift: 6 are watched/,
    ],
    [
      'steps that do not grow',
      'weight: 1,',
      'weight: 0.05,',
      /spec.steps\[1\].weight: the weight 0.05 is not above the 0.1/,
    ],
    [
      'a second name',
      'name: first',
      'name: first\nspec: { model: lateness, rows: 1 }\n---\nkind: Trigger\nname: first',
      /name: there is already a Trigger named "first" at f\.yaml:38$/,
    ],
    ['YAML that is broken', 'rows: 5 }', 'rows: 5', /document: not readable as YAML/],
    ['a key twice', 'joinKey: id', 'joinKey: id\n  joinKey: id', /not readable as YAML: Map keys must be unique/],
    [
      'a list for a document',
      'kind: Trigger\nname: first\nspec:',
      '- kind: Trigger\n- ',
      /must be a mapping with kind, name and spec/,
    ],
  ])('%s', (_name, before, after, expected) => {
    expect(good).toContain(before);
    const found = problems(good.replace(before, () => after));
    expect(found).toEqual(
      expect.arrayContaining([
        typeof expected === 'string' ? expect.stringContaining(expected) : expect.stringMatching(expected),
      ]),
    );
  });

  const nested = `
kind: Source
name: orders
spec:
  topic: orders
  partitions: 2
  key: id
  eventTime: at
  createdTime: known
  unexpected: report
  fields:
    id: { type: string, required: true }
    at: { type: timestamp, required: true }
    known: { type: timestamp, required: true }
    price: { type: decimal, precision: 10, scale: 2, min: 0, values: ['1.50', 2] }
    address:
      type: object
      fields:
        city: { type: string, required: true }
    items:
      type: array
      minItems: 1
      maxItems: 9
      items: { type: object, required: true, fields: { sku: { type: string, pattern: '^[A-Z]+$' } } }
  unique: [{ fields: [id, price], within: 1h }]
`;

  it('compiles nested columns, with the defaults of the inner ones', () => {
    const [source] = parseResources([{ name: 'f.yaml', text: nested }]);
    expect(source?.spec).toMatchObject({
      fields: {
        address: { type: 'object', required: false, fields: { city: { type: 'string', required: true } } },
        items: { items: { required: true, fields: { sku: { type: 'string', required: false } } } },
      },
      unique: [{ fields: ['id', 'price'], withinMs: 3_600_000 }],
    });
    if (source !== undefined) expect(parseResource(toWire(source))).toEqual(source);
  });

  it.each<[string, string, string, string]>([
    [
      'an unknown limit of an inner column',
      'city: { type: string,',
      'city: { type: string, patern: x,',
      '19:31: spec.fields.address.fields.city.patern: unknown field; did you mean "pattern"',
    ],
    [
      'an unknown inner type',
      'sku: { type: string,',
      'sku: { type: text,',
      '24:69: spec.fields.items.items.fields.sku.type: "text" is not allowed here',
    ],
    [
      'a limit that says nothing',
      'minItems: 1',
      'minLength: 1',
      '22:18: spec.fields.items.minLength: "minLength" says nothing about the type array',
    ],
    [
      'an inner pattern that is none',
      '^[A-Z]+$',
      '[A-Z',
      '24:86: spec.fields.items.items.fields.sku.pattern: "[A-Z" is not a usable pattern',
    ],
    ['a scale above the precision', 'scale: 2', 'scale: 12', 'spec.fields.price.scale: scale 12 is above precision 10'],
    ['a value that is no decimal', "'1.50'", "'one'", 'spec.fields.price.values[0]: "one" is not a decimal'],
    [
      'fewer elements at most than at least',
      'maxItems: 9',
      'maxItems: 0',
      'spec.fields.items.minItems: minItems 1 is above maxItems 0',
    ],
    [
      'a known time that may be absent',
      'known: { type: timestamp, required: true }',
      'known: { type: timestamp }',
      'spec.createdTime: field "known" must be required',
    ],
    [
      'a key that may be null',
      'id: { type: string, required: true',
      'id: { type: string, required: true, nullable: true',
      'spec.key: field "id" must be required and not nullable',
    ],
    [
      'uniqueness across partitions',
      'fields: [id, price]',
      'fields: [price]',
      'spec.unique[0].fields: equal records of different keys lie in different partitions and could not be compared; allowed: fields with the Kafka key "id", or partitions: 1',
    ],
    [
      'uniqueness of an object',
      'fields: [id, price]',
      'fields: [id, address]',
      'spec.unique[0].fields[1]: field "address" of Source "orders" is a object',
    ],
    ['uniqueness for no time', 'within: 1h', 'within: 0s', 'spec.unique[0].within: must be longer than nothing'],
    [
      'Avro without a registry',
      'topic: orders',
      'topic: orders\n  format: avro',
      'spec: "schemaRegistry" is missing: avro needs the schemas',
    ],
    [
      'JSON with a registry',
      'topic: orders',
      'topic: orders\n  schemaRegistry: http://localhost:8081',
      'spec.schemaRegistry: JSON needs no schema registry',
    ],
    [
      'a password in the address',
      'topic: orders',
      'topic: orders\n  format: avro\n  schemaRegistry: http://me:secret@localhost',
      'spec.schemaRegistry: has a form that is not allowed',
    ],
  ])('%s', (_name, before, after, expected) => {
    expect(nested).toContain(before);
    expect(problems(nested.replace(before, () => after))).toEqual([expect.stringContaining(expected)]);
  });

  it('a mistake is reported once, not again by everything that refers to it', () => {
    expect(problems(good.replace('topic: trips', 'topic: 5'))).toHaveLength(1);
  });

  it('reports what is wrong in all files at once, in order', () => {
    const files = [
      { name: 'b.yaml', text: 'kind: Trigger\nname: t\nspec: { model: x, rows: 0 }' },
      {
        name: 'a.yaml',
        text: 'kind: Monitor\nname: m\nspec: { model: x, psy: 1 }\n---\nkind: Rollout\nname: r\nspec: {}',
      },
    ];
    expect(() => parseResources(files)).toThrow(
      /^a\.yaml:3:19: spec\.psy: unknown field; did you mean "psi".*\na\.yaml:7:1: spec: "model" is missing.*\nb\.yaml:3:25: spec\.rows: must be >= 1/,
    );
  });

  it('never throws anything but ResourceErrors, and always names a place in the file', () => {
    const lines = good.split('\n');
    fc.assert(
      fc.property(fc.nat(lines.length - 1), fc.string(), fc.nat(), (line, text, at) => {
        const changed = [...lines];
        const before = changed[line] ?? '';
        changed[line] = before.slice(0, at % (before.length + 1)) + text + before.slice(at % (before.length + 1));
        for (const problem of problems(changed.join('\n'))) expect(problem).toMatch(/^[1-9]\d*:[1-9]\d*: /);
      }),
      { numRuns: 200 },
    );
  });
});

describe('loadResources', () => {
  it('loads the flights example', async () => {
    const { resources } = await loadResources(flights);
    expect(findResource(resources, 'Model', 'arrival-delay').spec).toMatchObject({
      examples: { offsetMs: -3_600_000 },
      label: { source: 'flights-arrived', waitMs: 172_800_000 },
      training: { windowMs: 7_776_000_000, timeHoldoutMs: 604_800_000 },
    });
    expect(findResource(resources, 'FeatureView', 'origin_delays').spec.aggregations[0]?.windowMs).toBe(3_600_000);
  });

  it('a file, a folder and YAML in folders below; other files and hidden ones are left alone', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'evl-resources-'));
    await writeFile(join(dir, 'all.yml'), good);
    await writeFile(join(dir, 'README.md'), 'kind: x');
    await writeFile(join(dir, '.hidden.yaml'), 'kind: x');
    expect((await loadResources(dir)).resources).toHaveLength(6);
    expect((await loadResources(join(dir, 'all.yml'))).resources).toHaveLength(6);
    await rm(dir, { recursive: true });
  });

  it.each([
    ['a folder that is not there', '/nowhere/at/all', /ENOENT/],
    ['a folder without YAML', import.meta.dirname, /no \.yaml or \.yml file/],
  ])('%s', async (_name, folder, message) => {
    await expect(loadResources(folder)).rejects.toThrow(message);
    await expect(loadResources(folder)).rejects.toMatchObject({ code: 'EVL_RESOURCE_NOT_FOUND' });
  });

  it('the examples of the README are valid together', () => {
    const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
    const files = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match, i) => ({
      name: `README ${i + 1}`,
      text: match[1] ?? '',
    }));
    expect(new Set(parseResources(files).map((resource) => resource.kind)).size).toBe(8);
  });
});
