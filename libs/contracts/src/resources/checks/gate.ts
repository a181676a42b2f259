import type { Finding } from '../../errors.ts';
import { chosenField } from '../actions.ts';
import { gatePolicy, valueProblem } from '../gate.ts';
import type { GateProblem, GatedField } from '../types.ts';
import type { ResourceOf } from '../wire.ts';
import { wrongValue } from './context.ts';

type Model = ResourceOf<'Model'>;

/** What is wrong with the constraints of request fields, with what the gate is to do where they are broken, and with fallbacks. */
export function checkGate({ spec }: Model): Finding[] {
  return [...checkRequest({ spec }), ...checkFallbacks({ spec })];
}

function checkFallbacks({ spec }: Pick<Model, 'spec'>): Finding[] {
  return spec.inputs.flatMap(({ name, type, from, fallback }, index) => {
    if (fallback === undefined) return [];
    const at = ['spec', 'inputs', index, 'fallback'];
    if (from.startsWith('request.'))
      return [wrongValue(at, `"${name}" comes with the request, not from the online store: give the field a default`)];
    if (typeof fallback === (type === 'number' ? 'number' : 'string')) return [];
    return [wrongValue(at, `${JSON.stringify(fallback)} is not a ${type}, as "${name}" is`)];
  });
}

function checkRequest({ spec }: Pick<Model, 'spec'>): Finding[] {
  return spec.request.flatMap((field, index) => {
    const at = (...path: (string | number)[]) => ['spec', 'request', index, ...path];
    return [
      ...constraints(field).map(({ key, message }) => wrongValue(at(key), message)),
      ...(field.values === 'training' ? trainedValues(field, spec, at('values')) : []),
      ...(field.name === spec.joinKey
        ? joinKey(field, at)
        : field.name === chosenField(spec)
          ? []
          : missingDefault(field, spec, at)),
    ];
  });
}

function constraints(field: GatedField): { readonly key: string; readonly message: string }[] {
  const { type, min, max, default: fallback } = field;
  const values = field.values === undefined || field.values === 'training' ? [] : field.values;
  const found: { key: string; message: string }[] = [];
  if (type === 'string') {
    if (min !== undefined) found.push({ key: 'min', message: `"${field.name}" is text, which has no range` });
    if (max !== undefined) found.push({ key: 'max', message: `"${field.name}" is text, which has no range` });
  } else if (min !== undefined && max !== undefined && min > max) {
    found.push({ key: 'min', message: `min ${min} is over max ${max}: no number is in this range` });
  }
  const strange = values.find((value) => typeof value !== type);
  if (strange !== undefined)
    found.push({ key: 'values', message: `${JSON.stringify(strange)} is not a ${type}, as "${field.name}" is` });
  const outside = values.find((value) => valueProblem({ ...field, values }, value) === 'outOfRange');
  if (outside !== undefined) found.push({ key: 'values', message: `${outside} is not within min and max` });
  if (fallback === undefined) return found;
  if (typeof fallback !== type)
    found.push({ key: 'default', message: `${JSON.stringify(fallback)} is not a ${type}, as "${field.name}" is` });
  else if (valueProblem(field, fallback) !== null)
    found.push({ key: 'default', message: `${JSON.stringify(fallback)} would not pass the gate itself` });
  return found;
}

/** Only categories that the model itself takes are known from its training. */
function trainedValues(field: GatedField, spec: Model['spec'], at: Finding['path']): Finding[] {
  const { name, type } = field;
  const refuse = (why: string): Finding[] => [wrongValue(at, `"${name}" ${why}`, 'a list of values')];
  if (name === spec.joinKey) return refuse('is the join key, of which every one is new: leave values out');
  if (name === chosenField(spec)) return refuse('is chosen among the actions, never asked: leave values out');
  if (type === 'number') return refuse('is a number, and training keeps no list of numbers: give it min and max');
  if (spec.inputs.some((input) => input.type === 'category' && input.from === `request.${name}`)) return [];
  return refuse('is no category input of the Model, so that no version was trained with its values');
}

function joinKey(field: GatedField, at: (...path: string[]) => Finding['path']): Finding[] {
  const set = (['gate', 'default'] as const).filter((key) => field[key] !== undefined);
  return set.map((key) =>
    wrongValue(at(key), `"${field.name}" is the join key, which is always rejected when it is bad: leave ${key} out`),
  );
}

/** A problem that can come up, and that is to be answered with a default that the field does not have. */
function missingDefault(field: GatedField, spec: Model['spec'], at: (...path: string[]) => Finding['path']): Finding[] {
  if (field.default !== undefined) return [];
  const policy = gatePolicy(spec, field);
  const possible: Record<GateProblem, boolean> = {
    missing: true,
    notFinite: field.type === 'number',
    outOfRange: field.min !== undefined || field.max !== undefined,
    unseen: field.values !== undefined,
  };
  const problem = (Object.keys(possible) as GateProblem[]).find((key) => possible[key] && policy[key] === 'default');
  if (problem === undefined) return [];
  const isOwn = field.gate?.[problem] !== undefined;
  return [
    wrongValue(
      isOwn ? at('gate', problem) : at('name'),
      `the gate says default for ${problem}, and "${field.name}" has no default: add one, or give the field a gate of its own`,
    ),
  ];
}
