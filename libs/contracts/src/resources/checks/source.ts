import { compileCel } from '../../cel.ts';
import type { Finding } from '../../errors.ts';
import type { SourceSpec, UniqueRule } from '../types.ts';
import type { ResourceOf } from '../wire.ts';
import { checkBatch } from './batch.ts';
import { type CheckContext, checkField, repeats, unknownName, wrongValue } from './context.ts';
import { checkFields, scalarTypes } from './field.ts';
import { checkWindows } from './windows.ts';

/** What is wrong with a Source: key, event time, limits that contradict, rules that do not compile, a topic that is taken. */
export function checkSource(source: ResourceOf<'Source'>, context: CheckContext): Finding[] {
  const { spec } = source;
  return [
    ...checkTopic(source, context),
    ...checkKeyField(source, spec.key, ['string', 'integer'], ['spec', 'key']),
    ...checkKeyField(source, spec.eventTime, ['timestamp'], ['spec', 'eventTime']),
    ...(spec.createdTime === undefined
      ? []
      : checkKeyField(source, spec.createdTime, ['timestamp'], ['spec', 'createdTime'])),
    ...checkFormat(spec),
    ...checkFields(spec.fields, ['spec', 'fields']),
    ...spec.unique.flatMap((rule, i) => checkUnique(source, rule, ['spec', 'unique', i])),
    ...repeats(spec.rules, (rule) => rule.name).map(({ index, key }) =>
      wrongValue(['spec', 'rules', index, 'name'], `there are two rules named "${key}"`),
    ),
    ...spec.rules.flatMap((rule, i) => checkRule(spec, rule.cel, ['spec', 'rules', i, 'cel'])),
    ...checkWindows(source),
    ...checkBatch(spec),
  ];
}

function checkTopic(source: ResourceOf<'Source'>, context: CheckContext): Finding[] {
  const { topic } = source.spec;
  const path = ['spec', 'topic'];
  if (topic.startsWith('everloop.'))
    return [wrongValue(path, `topics that begin with "everloop." belong to Everloop itself`)];
  if (/\.(valid|quarantine|quality)$/.test(topic))
    return [wrongValue(path, 'topics that end in ".valid", ".quarantine" or ".quality" are written by the validator')];
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
  const contract = source.spec.fields[field];
  if (findings.length > 0 || (contract?.required === true && contract.nullable !== true)) return findings;
  return [
    wrongValue(
      path,
      `field "${field}" must be required and not nullable, since each record needs it`,
      `required: true in spec.fields.${field}`,
    ),
  ];
}

function checkFormat({ format, schemaRegistry }: SourceSpec): Finding[] {
  if (format === 'json' && schemaRegistry !== undefined)
    return [wrongValue(['spec', 'schemaRegistry'], 'JSON needs no schema registry; did you mean format: json-schema?')];
  if (format === 'json' || schemaRegistry !== undefined) return [];
  return [{ path: ['spec'], at: 'key', message: `"schemaRegistry" is missing: ${format} needs the schemas` }];
}

/** Records that are compared must meet in one partition, since each partition remembers its own. */
function checkUnique({ name, spec }: ResourceOf<'Source'>, rule: UniqueRule, path: Finding['path']): Finding[] {
  const findings = rule.fields.flatMap((field, i) =>
    checkField({ name, spec }, field, scalarTypes, [...path, 'fields', i]),
  );
  if (rule.withinMs === 0) findings.push(wrongValue([...path, 'within'], 'must be longer than nothing'));
  if (spec.partitions > 1 && !rule.fields.includes(spec.key)) {
    const message = 'equal records of different keys lie in different partitions and could not be compared';
    findings.push(
      wrongValue([...path, 'fields'], message, `fields with the Kafka key "${spec.key}", or partitions: 1`),
    );
  }
  return findings;
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
