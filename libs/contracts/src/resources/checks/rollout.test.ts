import { describe, expect, it } from 'vitest';
import { ResourceErrors } from '../../errors.ts';
import { parseResources } from '../load.ts';
import { findResource } from '../wire.ts';

const resources = (fields: string, rollout: string): string => `
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
    unit: { type: string, required: true }
---
kind: Model
name: lateness
spec:
  request:
    - { name: id, type: string }
${fields}
  joinKey: id
  examples: { source: trips, time: at }
  views: []
  inputs: [{ name: id, type: category, from: request.id }]
  label: { source: trips, key: id, field: late, above: 0, wait: 1d }
  training: { recipe: gbdt, window: 30d, timeHoldout: 10d }
---
kind: Rollout
name: lateness
spec:
  model: lateness
${rollout
  .split('\n')
  .map((line) => `  ${line}`)
  .join('\n')}
`;

function problems(rollout: string, fields = ''): string {
  try {
    parseResources([{ name: 'all.yaml', text: resources(fields, rollout) }]);
    return '';
  } catch (error) {
    if (error instanceof ResourceErrors) return error.message;
    throw error;
  }
}

const steps = 'steps: [{ weight: 0.1, hold: 1d }]';

describe('a Rollout', () => {
  it('may have everything that can be combined, with defaults', () => {
    const text = resources(
      '',
      `${steps}
champion: '9'
challengers: [{ version: '2', weight: 0.2 }, { version: '3', weight: 0.7 }]
targets: [{ name: vip, cel: "record.unit.startsWith('vip') && record.id != ''", version: '2' }]
shadows: [{ version: '4' }, { version: '5', share: 0.1, tolerance: 0 }]`,
    );
    expect(findResource(parseResources([{ name: 'all.yaml', text }]), 'Rollout', 'lateness').spec).toMatchObject({
      strategy: 'canary',
      shadows: [
        { version: '4', share: 1, tolerance: 0.01 },
        { version: '5', share: 0.1, tolerance: 0 },
      ],
    });
    expect(problems('strategy: blue-green\nbake: 1d')).toBe('');
  });

  it.each([
    ['a canary without steps', 'minOutcomes: 1', 'needs at least one step'],
    ['a canary with a bake', `${steps}\nbake: 1d`, 'has no bake'],
    ['steps that shrink', 'steps: [{ weight: 0.2, hold: 1d }, { weight: 0.1, hold: 1d }]', 'is not above the 0.2'],
    ['blue-green with steps', `strategy: blue-green\nbake: 1d\n${steps}`, 'has no steps'],
    ['blue-green without a bake', 'strategy: blue-green', 'needs a bake'],
    [
      'more than all requests',
      `${steps}\nchallengers: [{ version: '2', weight: 0.5 }, { version: '3', weight: 0.5 }]`,
      'the weights are 1.1 together with the largest canary step 0.1',
    ],
    [
      'a challenger twice',
      `${steps}\nchallengers: [{ version: '2', weight: 0.1 }, { version: '2', weight: 0.1 }]`,
      'version 2 is there twice',
    ],
    [
      'a champion that challenges itself',
      `${steps}\nchampion: '2'\nchallengers: [{ version: '2', weight: 0.1 }]`,
      'version 2 is the champion',
    ],
    [
      'a shadow that answers as a challenger',
      `${steps}\nchallengers: [{ version: '2', weight: 0.1 }]\nshadows: [{ version: '2' }]`,
      'version 2 answers as a challenger; a shadow answers nobody',
    ],
    [
      'a shadow that answers a target',
      `${steps}\ntargets: [{ name: a, cel: 'true', version: '2' }]\nshadows: [{ version: '2' }]`,
      'version 2 answers as the target "a"',
    ],
    [
      'an exploration beside challengers',
      `${steps}\nchallengers: [{ version: '2', weight: 0.1 }]\nexploration: { versions: ['3'] }`,
      'an exploration decides what each version takes',
    ],
    [
      'a shadow that is explored',
      `${steps}\nshadows: [{ version: '3' }]\nexploration: { versions: ['3'] }`,
      'version 3 answers as an explored version',
    ],
    ['an arm twice', `${steps}\nexploration: { versions: ['3', '3'] }`, 'version 3 is there twice'],
    [
      'a floor above epsilon',
      `${steps}\nexploration: { versions: ['3'], epsilon: 0.1, floor: 0.2 }`,
      'the floor 0.2 is above epsilon, 0.1',
    ],
    [
      'two targets of one name',
      `${steps}\ntargets: [{ name: a, cel: 'true', version: '2' }, { name: a, cel: 'false', version: '2' }]`,
      'there are two targets "a"',
    ],
    [
      'a rule about a field that no request has',
      `${steps}\ntargets: [{ name: a, cel: "record.ids == 'x'", version: '2' }]`,
      'the request has no field "ids"',
    ],
    [
      'a rule that is no expression',
      `${steps}\ntargets: [{ name: a, cel: 'record.id ==', version: '2' }]`,
      'is not a usable CEL expression',
    ],
  ])('cannot have %s', (_name, rollout, said) => {
    expect(problems(rollout)).toContain(said);
  });

  it('cannot ask for record.unit where the request has a field of that name', () => {
    const rule = `${steps}\ntargets: [{ name: a, cel: "record.unit == 'x'", version: '2' }]`;
    expect(problems(rule, '    - { name: unit, type: string }')).toContain('the unit of the draw alike');
  });
});
