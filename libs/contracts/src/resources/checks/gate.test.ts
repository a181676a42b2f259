import { describe, expect, it } from 'vitest';
import { ResourceErrors } from '../../errors.ts';
import { gatePolicy, trainedFields, valueProblem } from '../gate.ts';
import { parseResources } from '../load.ts';
import type { ModelSpec } from '../types.ts';
import { findResource } from '../wire.ts';

const text = (fields: string, gate: string, inputs = ''): string => `
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
    miles: { type: number }
    car: { type: string }
---
kind: Model
name: lateness
spec:
  request:
    - { name: id, type: string }
${fields
  .split('\n')
  .map((field) => `    - { ${field} }`)
  .join('\n')}
  joinKey: id
  ${gate === '' ? '' : `gate: { ${gate} }`}
  examples: { source: trips, time: at }
  views: []
  inputs: [{ name: id, type: category, from: request.id${inputs} }]
  label: { source: trips, key: id, field: late, above: 0, wait: 1d }
  training: { recipe: gbdt, window: 30d, timeHoldout: 10d }
`;

const model = (fields: string, gate = ''): ModelSpec =>
  findResource(parseResources([{ name: 'f.yaml', text: text(fields, gate) }]), 'Model', 'lateness').spec;

function problems(fields: string, gate?: string): string {
  try {
    model(fields, gate);
    return '';
  } catch (error) {
    if (error instanceof ResourceErrors) return error.message;
    throw error;
  }
}

describe('the gate of a Model', () => {
  it('rejects what it does not say, and each field may differ', () => {
    const fields =
      'name: miles, type: number, min: 0, default: 3, gate: { outOfRange: default }\nname: car, type: string';
    const spec = model(fields, 'missing: impute');
    expect(spec.gate).toEqual({ missing: 'impute', notFinite: 'reject', outOfRange: 'reject', unseen: 'reject' });
    const [id, miles, car] = spec.request.map((field) => gatePolicy(spec, field));
    expect(id).toMatchObject({ missing: 'reject' });
    expect(miles).toMatchObject({ missing: 'impute', outOfRange: 'default' });
    expect(car).toMatchObject({ missing: 'impute', unseen: 'reject' });
    expect(model('name: car, type: string').gate).toBeUndefined();
  });

  it.each([
    ['a range of text', 'name: car, type: string, min: 1', '', /"car" is text, which has no range/],
    ['a range without numbers', 'name: miles, type: number, min: 2, max: 1', '', /min 2 is over max 1/],
    ['a value of another type', 'name: car, type: string, values: [a, 1]', '', /1 is not a string/],
    ['a value out of range', 'name: miles, type: number, max: 3, values: [1, 9]', '', /9 is not within min and max/],
    ['a default of another type', 'name: miles, type: number, default: far', '', /"far" is not a number/],
    [
      'a default that is bad itself',
      'name: miles, type: number, min: 0, default: -1',
      '',
      /-1 would not pass the gate/,
    ],
    ['a default that is not there', 'name: miles, type: number', 'missing: default', /gate says default for missing/],
    [
      'a default that a field of its own lacks',
      'name: car, type: string, values: [a], gate: { unseen: default }',
      '',
      /gate says default for unseen, and "car" has no default/,
    ],
    ['to keep what is not there', 'name: miles, type: number', 'missing: flag', /reject, impute, default/],
    ['an action that is none', 'name: miles, type: number', 'unseen: defualt', /did you mean "default"/],
  ])('refuses %s', (_name, fields, gate, message) => {
    expect(problems(fields, gate)).toMatch(message);
  });

  it('asks for no default where the problem cannot come up', () => {
    expect(problems('name: car, type: string', 'outOfRange: default, notFinite: default, unseen: default')).toBe('');
  });

  describe('values: training', () => {
    const car = ' }, { name: car, type: category, from: request.car';
    const problemsOf = (fields: string, gate = '', inputs = car, change = (yaml: string) => yaml): string => {
      try {
        parseResources([{ name: 'f.yaml', text: change(text(fields, gate, inputs)) }]);
        return '';
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    };

    it('is for category inputs, with any default, which only training can judge', () => {
      const fields = 'name: car, type: string, values: training, default: any';
      expect(problemsOf(fields, 'unseen: default, missing: default')).toBe('');
      const resources = parseResources([{ name: 'f.yaml', text: text(fields, '', car) }]);
      const { spec } = findResource(resources, 'Model', 'lateness');
      expect(trainedFields(spec).map(({ name }) => name)).toEqual(['car']);
      expect(trainedFields(model('name: car, type: string, values: [a]'))).toEqual([]);
      const [, field] = spec.request;
      expect(field === undefined ? '' : valueProblem(field, 'anything')).toBeNull();
    });

    const chosen = (yaml: string): string =>
      yaml.replace('  label:', '  choose: { input: car, actions: [a, b] }\n  label:');
    it.each<[string, string, string, string, RegExp, ((yaml: string) => string)?]>([
      ['another word', 'name: car, type: string, values: trained', '', car, /values: .*\^training\$/],
      ['of a number', 'name: miles, type: number, values: training', '', car, /"miles" is a number, .* min and max/],
      ['of no input', 'name: car, type: string, values: training', '', '', /"car" is no category input of the Model/],
      [
        'without the default that the gate wants',
        'name: car, type: string, values: training',
        'unseen: default',
        car,
        /gate says default for unseen, and "car" has no default/,
      ],
      [
        'of the join key',
        'name: car, type: string',
        '',
        car,
        /"id" is the join key, of which every one is new/,
        (yaml) => yaml.replace('name: id, type: string }', 'name: id, type: string, values: training }'),
      ],
      [
        'of the field that is chosen',
        'name: car, type: string, values: training',
        '',
        car,
        /"car" is chosen among the actions, never asked/,
        chosen,
      ],
    ])('refuses %s', (_name, fields, gate, inputs, message, change) => {
      expect(problemsOf(fields, gate, inputs, change)).toMatch(message);
    });
  });

  it('leaves to request fields their default: a fallback is for features', () => {
    const resources = (input: string) =>
      parseResources([{ name: 'f.yaml', text: text('name: car, type: string', '', input) }]);
    expect(() => resources(', fallback: x')).toThrow(/"id" comes with the request, not from the online store/);
    const onDemand = (value: string) => ` }, { name: n, type: number, from: onDemand.n, fallback: ${value}`;
    const computed = (value: string) =>
      text('name: car, type: string', 'missing: reject', onDemand(value)).replace(
        '  views: []',
        "  views: []\n  onDemand: [{ name: n, type: number, cel: 'double(size(request.car))' }]",
      );
    expect(() => parseResources([{ name: 'f.yaml', text: computed('far') }])).toThrow(/"far" is not a number/);
    expect(() => parseResources([{ name: 'f.yaml', text: computed('1.5') }])).not.toThrow();
  });

  it('has no say over the join key', () => {
    const joined = text('name: car, type: string', '').replace(
      'name: id, type: string }',
      'name: id, type: string, default: x }',
    );
    expect(() => parseResources([{ name: 'f.yaml', text: joined }])).toThrow(/"id" is the join key/);
  });
});
