import { describe, expect, it } from 'vitest';
import { ResourceErrors } from '../../errors.ts';
import { askedFields, chosenField } from '../actions.ts';
import { parseResources } from '../load.ts';
import type { ModelSpec } from '../types.ts';
import { findResource } from '../wire.ts';

interface Parts {
  readonly choose?: string;
  readonly rewards?: string;
  /** Of the field that is chosen. */
  readonly field?: string;
  readonly gate?: string;
  readonly target?: string;
  readonly log?: string;
  readonly exploration?: string;
}

const text = ({ choose, rewards, field = '', gate, target, log, exploration }: Parts): string => `
kind: Source
name: visits
spec:
  topic: visits
  key: id
  eventTime: at
  fields:
    id: { type: string, required: true }
    at: { type: timestamp, required: true }
    age: { type: number }
    banner: { type: string }
    bought: { type: number }
---
kind: Model
name: banners
spec:
  request:
    - { name: id, type: string }
    - { name: age, type: number, default: 30 }
    - { name: banner, type: string${field} }
  joinKey: id
  ${gate === undefined ? '' : `gate: ${gate}`}
  ${choose === undefined ? '' : `choose: ${choose}`}
  ${rewards === undefined ? '' : `rewards: ${rewards}`}
  ${log === undefined ? '' : `log: ${log}`}
  examples: { source: visits, time: at }
  onDemand: [{ name: old, type: number, cel: 'request.age > 60.0 ? 1.0 : 0.0' }]
  inputs:
    - { name: age, type: number, from: request.age }
    - { name: shown, type: category, from: request.banner }
    - { name: old, type: number, from: onDemand.old }
    - { name: key, type: category, from: request.id }
  label: { source: visits, key: id, field: bought, above: 0, wait: 1d }
  training: { recipe: gbdt, window: 30d, timeHoldout: 10d }
${
  target === undefined
    ? ''
    : `---
kind: Rollout
name: banners
spec:
  model: banners
  steps: [{ weight: 0.1, hold: 1d }]
  targets: [{ name: t, cel: '${target}', version: '1' }]
`
}${
  exploration === undefined
    ? ''
    : `---
kind: Rollout
name: banners
spec:
  model: banners
  steps: [{ weight: 0.1, hold: 1d }]
  exploration: ${exploration}
`
}`;

const model = (parts: Parts): ModelSpec =>
  findResource(parseResources([{ name: 'm.yaml', text: text(parts) }]), 'Model', 'banners').spec;

function problems(parts: Parts): string {
  try {
    model(parts);
    return '';
  } catch (error) {
    if (error instanceof ResourceErrors) return error.message;
    throw error;
  }
}

describe('a Model that chooses among actions', () => {
  it('has defaults, and asks for every field but the chosen one', () => {
    const spec = model({ choose: '{ input: shown, actions: [a, b] }', rewards: '{ wait: 1h }' });
    expect(spec.choose).toEqual({
      ...{ input: 'shown', actions: ['a', 'b'] },
      ...{ epsilon: 0.1, floor: 0.01, halfAt: 0, warmUp: 0 },
    });
    expect(spec.rewards).toEqual({ waitMs: 3_600_000, default: 0, aggregate: 'earliest', min: 0, max: 1 });
    expect(chosenField(spec)).toBe('banner');
    expect(askedFields(spec).map(({ name }) => name)).toEqual(['id', 'age']);
    const plain = model({});
    expect(chosenField(plain)).toBeNull();
    expect(askedFields(plain)).toBe(plain.request);
  });

  it.each<[string, Parts]>([
    ['alone', {}],
    ['of what is joined with rewards, which have their own log', { rewards: '{ wait: 1h }' }],
    ['of what it chose', { choose: '{ input: shown, actions: [a, b] }' }],
    ['of what arms are judged by', { exploration: "{ policy: thompson, versions: ['1'] }" }],
  ])('may log a share %s', (_name, parts) => {
    expect(problems({ log: '{ share: 0.25 }', ...parts })).toBe('');
    expect(model({ log: '{ share: 0.25 }' }).log).toEqual({ share: 0.25 });
    expect(model({ log: '{ share: 0.25, attributions: 0.25 }', ...parts }).log?.attributions).toBe(0.25);
    expect(model({}).log).toBeUndefined();
  });

  it('needs no default for the field that it chooses', () => {
    expect(problems({ choose: '{ input: shown, actions: [a, b] }', gate: '{ missing: default }' })).toBe('');
    expect(problems({ gate: '{ missing: default }' })).toMatch(/"banner" has no default/);
  });

  it.each<[string, Parts, RegExp]>([
    ['an input that is not there', { choose: '{ input: showed, actions: [a, b] }' }, /did you mean "shown"/],
    ['an input that is computed', { choose: '{ input: old, actions: [1, 2] }' }, /"old" comes from onDemand.old/],
    ['the join key', { choose: '{ input: key, actions: [a, b] }' }, /"id" is the join key/],
    ['one action', { choose: '{ input: shown, actions: [a] }' }, /at least 2 entries/],
    ['the same action twice', { choose: '{ input: age, actions: [1, 1.0] }' }, /the same thing twice/],
    ['an action of another type', { choose: '{ input: shown, actions: [a, 1] }' }, /1 is not a string/],
    ['an action without a name', { choose: "{ input: shown, actions: [a, ''] }" }, /cannot be answered/],
    [
      'an action that the field does not have',
      { choose: '{ input: shown, actions: [a, b] }', field: ', values: [a, c]' },
      /"b" is not a value that "banner" may have/,
    ],
    [
      'a default for what is never asked',
      { choose: '{ input: shown, actions: [a, b] }', field: ', default: a' },
      /"banner" is chosen, never asked: leave default out/,
    ],
    ['a floor over epsilon', { choose: '{ input: shown, actions: [a, b], floor: 0.5 }' }, /floor 0.5 is above epsilon/],
    [
      'to count rewards that never come',
      { choose: '{ input: shown, actions: [a, b], warmUp: 5 }' },
      /warmUp counts settled rewards, and the Model has no rewards/,
    ],
    ['rewards without a wait', { rewards: '{ default: 0 }' }, /"wait" is missing/],
    ['a range without rewards', { rewards: '{ wait: 1h, min: 1, max: 1 }' }, /min 1 is not under max 1/],
    ['a default out of range', { rewards: '{ wait: 1h, default: -1 }' }, /-1 is not within min 0 and max 1/],
    ['another way to add up', { rewards: '{ wait: 1h, aggregate: summ }' }, /did you mean "sum"/],
    ['to log nothing', { log: '{ share: 0 }' }, /share/],
    [
      'attributions of what is not logged',
      { log: '{ share: 0.1, attributions: 0.2 }' },
      /attributions 0.2 is above share 0.1/,
    ],
    [
      'to route by what is chosen later',
      { choose: '{ input: shown, actions: [a, b] }', target: 'record.banner == "a"' },
      /the request has no field "banner"/,
    ],
  ])('refuses %s', (_name, parts, message) => {
    expect(problems(parts)).toMatch(message);
  });
});
