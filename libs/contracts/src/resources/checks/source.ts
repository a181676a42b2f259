import { compileCel } from '../../cel.ts';
import type { Finding } from '../../errors.ts';
import type { FieldContract, SourceSpec } from '../types.ts';
import type { ResourceOf } from '../wire.ts';
import { checkBatch } from './batch.ts';
import { type CheckContext, checkField, repeats, unknownName, wrongValue } from './context.ts';

/** What is wrong with a Source: key, event time, limits that contradict, rules that do not compile, a topic that is taken. */
export function checkSource(source: ResourceOf<'Source'>, context: CheckContext): Finding[] {
  const { spec } = source;
  return [
    ...checkTopic(source, context),
    ...checkKeyField(source, spec.key, ['string', 'integer'], ['spec', 'key']),
    ...checkKeyField(source, spec.eventTime, ['timestamp'], ['spec', 'eventTime']),
    ...Object.entries(spec.fields).flatMap(([name, contract]) => checkContract(contract, ['spec', 'fields', name])),
    ...repeats(spec.rules, (rule) => rule.name).map(({ index, key }) =>
      wrongValue(['spec', 'rules', index, 'name'], `there are two rules named "${key}"`),
    ),
    ...spec.rules.flatMap((rule, i) => checkRule(spec, rule.cel, ['spec', 'rules', i, 'cel'])),
    ...checkBatch(spec),
  ];
}

function checkTopic(source: ResourceOf<'Source'>, context: CheckContext): Finding[] {
  const { topic } = source.spec;
  const path = ['spec', 'topic'];
  if (topic.startsWith('everloop.'))
    return [wrongValue(path, `topics that begin with "everloop." belong to Everloop itself`)];
  if (/\.(valid|quarantine)$/.test(topic))
    return [wrongValue(path, 'topics that end in ".valid" or ".quarantine" are written by the validator')];
  const other = context.resources.find((r) => r.kind === 'Source' && r.name !== source.name && r.spec.topic === topic);
  return other === undefined ? [] : [wrongValue(path, `Source "${other.name}" has the topic "${topic}" already`)];
}

function checkKeyField(
  source: ResourceOf<'Source'>,
  field: string,
  types: readonly string[],
  path: Finding['path'],
): Finding[] {
  const findings = checkField(source, field, types, path);
  if (findings.length > 0 || source.spec.fields[field]?.required === true) return findings;
  return [
    wrongValue(
      path,
      `field "${field}" must be required, since each record needs it`,
      `required: true in spec.fields.${field}`,
    ),
  ];
}

function checkContract(contract: FieldContract, path: Finding['path']): Finding[] {
  const { type, min, max, minLength, maxLength, pattern, values } = contract;
  const findings: Finding[] = [];
  const isNumeric = type === 'number' || type === 'integer';
  for (const key of ['min', 'max', 'minLength', 'maxLength', 'pattern'] as const) {
    const fits = key === 'min' || key === 'max' ? isNumeric : type === 'string';
    if (contract[key] !== undefined && !fits)
      findings.push(wrongValue([...path, key], `"${key}" says nothing about a ${type}`));
  }
  if (min !== undefined && max !== undefined && min > max)
    findings.push(wrongValue([...path, 'min'], `min ${min} is above max ${max}`));
  if (minLength !== undefined && maxLength !== undefined && minLength > maxLength) {
    findings.push(wrongValue([...path, 'minLength'], `minLength ${minLength} is above maxLength ${maxLength}`));
  }
  if (pattern !== undefined) findings.push(...checkPattern(pattern, [...path, 'pattern']));
  values?.forEach((value, i) => {
    const fits = isNumeric ? typeof value === 'number' : type === 'string' && typeof value === 'string';
    if (!fits) findings.push(wrongValue([...path, 'values', i], `${JSON.stringify(value)} is not a ${type}`));
  });
  return findings;
}

function checkPattern(pattern: string, path: Finding['path']): Finding[] {
  try {
    new RegExp(pattern, 'u');
    return [];
  } catch (error) {
    return [wrongValue(path, error instanceof Error ? error.message : String(error))];
  }
}

function checkRule(spec: SourceSpec, expression: string, path: Finding['path']): Finding[] {
  try {
    const known = Object.keys(spec.fields);
    return compileCel(expression)
      .fields.filter((field) => !known.includes(field))
      .map((field) =>
        unknownName(path, `the rule names the field "${field}", which the Source does not list`, field, known),
      );
  } catch (error) {
    return [wrongValue(path, error instanceof Error ? error.message : String(error))];
  }
}
