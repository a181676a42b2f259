import type { Finding } from '../../errors.ts';
import { chosenField } from '../actions.ts';
import { valueProblem } from '../gate.ts';
import type { ResourceOf } from '../wire.ts';
import { repeats, unknownName, wrongValue } from './context.ts';

type Model = ResourceOf<'Model'>;
const path = ['spec', 'choose'];

/** What is wrong with the actions that a Model chooses among, and with the rewards of its decisions. */
export function checkDecisions(model: Model): Finding[] {
  return [...checkInput(model), ...checkActions(model), ...checkExploring(model), ...checkRewards(model)];
}

function checkInput({ spec }: Model): Finding[] {
  const { choose, inputs, joinKey, request } = spec;
  if (choose === undefined) return [];
  const at = [...path, 'input'];
  const input = inputs.find(({ name }) => name === choose.input);
  if (input === undefined) {
    const names = inputs.map(({ name }) => name);
    return [unknownName(at, `the Model has no input "${choose.input}"`, choose.input, names)];
  }
  const field = chosenField(spec);
  if (field === null) {
    const message = `"${choose.input}" comes from ${input.from}; only what would come with the request can be chosen instead`;
    return [wrongValue(at, message, 'an input from request.<field>')];
  }
  if (field === joinKey) {
    return [wrongValue(at, `"${field}" is the join key, which every request has to bring; it cannot be chosen`)];
  }
  const index = request.findIndex(({ name }) => name === field);
  return (['gate', 'default'] as const)
    .filter((key) => request[index]?.[key] !== undefined)
    .map((key) => wrongValue(['spec', 'request', index, key], `"${field}" is chosen, never asked: leave ${key} out`));
}

function checkActions({ spec }: Model): Finding[] {
  const { choose, request } = spec;
  if (choose === undefined) return [];
  const at = (index: number): Finding['path'] => [...path, 'actions', index];
  const field = request.find(({ name }) => name === chosenField(spec));
  return [
    ...repeats(choose.actions, String).map(({ index, key }) => wrongValue(at(index), `action ${key} is there twice`)),
    ...choose.actions.flatMap((action, index) => {
      if (action === '') return [wrongValue(at(index), 'an action without a name cannot be answered')];
      if (field === undefined) return [];
      if (typeof action !== field.type)
        return [wrongValue(at(index), `${JSON.stringify(action)} is not a ${field.type}, as "${field.name}" is`)];
      const problem = valueProblem(field, action);
      if (problem === null) return [];
      return [wrongValue(at(index), `${JSON.stringify(action)} is not a value that "${field.name}" may have`)];
    }),
  ];
}

function checkExploring({ spec }: Model): Finding[] {
  const { choose, rewards } = spec;
  if (choose === undefined) return [];
  const { epsilon, floor } = choose;
  const findings =
    floor > epsilon
      ? [wrongValue([...path, 'floor'], `the floor ${floor} is above epsilon, ${epsilon}; epsilon only falls`)]
      : [];
  if (rewards !== undefined) return findings;
  const counting = (['halfAt', 'warmUp'] as const).filter((key) => choose[key] > 0);
  return [
    ...findings,
    ...counting.map((key) =>
      wrongValue(
        [...path, key],
        `${key} counts settled rewards, and the Model has no rewards: add them, or leave it out`,
      ),
    ),
  ];
}

function checkRewards({ spec }: Model): Finding[] {
  const { rewards } = spec;
  if (rewards === undefined) return [];
  const { min, max, default: fallback } = rewards;
  if (min >= max) return [wrongValue(['spec', 'rewards', 'min'], `min ${min} is not under max ${max}`)];
  if (fallback >= min && fallback <= max) return [];
  return [wrongValue(['spec', 'rewards', 'default'], `${fallback} is not within min ${min} and max ${max}`)];
}
