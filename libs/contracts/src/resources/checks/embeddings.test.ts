import { describe, expect, it } from 'vitest';
import { ResourceErrors } from '../../errors.ts';
import { parseResources } from '../load.ts';
import { findResource } from '../wire.ts';
import { namesColumn, watchedColumns } from '../watched-columns.ts';

const text = (embeddings: string, remark: string, fields = 'all'): string => `
kind: Source
name: visits
spec:
  topic: visits
  key: id
  eventTime: at
  fields:
    id: { type: string, required: true }
    at: { type: timestamp, required: true }
    remark: { type: string }
    x: { type: number }
    y: { type: number }
    z: { type: number }
    bought: { type: number }
---
kind: Model
name: shop
spec:
  request:
    - { name: id, type: string }
    - { name: remark, type: string }
    - { name: x, type: number }
    - { name: y, type: number }
    - { name: z, type: number }
  joinKey: id
  examples: { source: visits, time: at }
  inputs:
    - { name: remark, type: category, from: request.remark${remark} }
    - { name: x, type: number, from: request.x }
    - { name: y, type: number, from: request.y }
    - { name: z, type: number, from: request.z${remark === '' ? ', text: true' : ''} }
  embeddings: ${embeddings}
  label: { source: visits, key: id, field: bought, above: 0, wait: 1d }
  training: { recipe: gbdt, window: 30d, timeHoldout: 10d }
---
kind: Monitor
name: shop
spec: { model: shop, window: 1d, fields: ${fields} }
`;

const parsed = (yaml: string) => parseResources([{ name: 'f.yaml', text: yaml }]);

function problems(yaml: string): readonly string[] {
  try {
    parsed(yaml);
    return [];
  } catch (error) {
    if (!(error instanceof ResourceErrors)) throw error;
    return error.message.split('\n');
  }
}

const isText = ', text: true';

describe('embeddings and texts of a Model', () => {
  it.each([
    ['[{ name: place, inputs: [x, y] }]', isText, null],
    ['[{ name: place, inputs: [x, q] }]', isText, /there is no number input "q"/],
    ['[{ name: place, inputs: [x, remark] }]', isText, /there is no number input "remark"/],
    ['[{ name: x, inputs: [x, y] }]', isText, /"x" is the name of something else/],
    ['[{ name: score, inputs: [x, y] }]', isText, /"score" is the name of something else/],
    ['[{ name: a, inputs: [x, y] }, { name: a, inputs: [y, z] }]', isText, /two embeddings "a"/],
    ['[{ name: a, inputs: [x, y] }, { name: b, inputs: [y, z] }]', isText, /input "y" is in two embeddings/],
    ['[{ name: a, inputs: [x] }]', isText, /at least 2 entries/],
    ['[{ name: a, inputs: [x, y] }]', '', /only a category can be free text/],
  ])('%s%s', (embeddings, remark, expected) => {
    const found = problems(text(embeddings, remark));
    if (expected === null) expect(found).toEqual([]);
    else expect(found.join()).toMatch(expected);
  });
});

describe('the columns that a Monitor can watch', () => {
  const place = '[{ name: place, inputs: [x, y] }]';

  it('are those of the baseline', () => {
    const model = findResource(parsed(text(place, isText)), 'Model', 'shop');
    expect(watchedColumns(model.spec)).toEqual([
      'remark.length',
      'remark.encoding',
      'remark.unknownWords',
      'remark.ngrams',
      'z',
      'place.norm',
      'place.component1',
      'place.residual',
      'score',
      'gate.verdict',
      'attribution.remark',
      'attribution.z',
    ]);
  });

  it.each([
    ['[remark, place.norm, gate, attribution.z]', null],
    ['[x]', /has no input "x"/],
    ['[remark.size]', /has no input "remark.size"/],
  ])('by name: %s', (fields, expected) => {
    const found = problems(text(place, isText, fields));
    if (expected === null) expect(found).toEqual([]);
    else expect(found.join()).toMatch(expected);
  });

  it('a name stands for the columns that are measured from it, not for those that begin alike', () => {
    expect(['a', 'a.length', 'ab', 'b.a'].map((column) => namesColumn('a', column))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
