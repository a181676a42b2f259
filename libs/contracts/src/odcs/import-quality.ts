import { isClosedSet } from './import-property.ts';
import type { Notes } from './notes.ts';
import type { OdcsObject, OdcsProperty, OdcsQuality, WrittenField } from './types.ts';

/** Uniqueness of a contract has no end; here it needs a window. */
const uniqueWithin = '1d';
/** Windows of a contract's shares and counts. */
const windowEvery = '1d';

/** What rules on quality become. */
export interface Judged {
  readonly rules: object[];
  readonly windows: object[];
  readonly unique: object[];
  /** Fields that may not be null. */
  readonly required: Set<string>;
}

/** Rules on the quality of an object and of its top-level properties. */
export function qualityOf(object: OdcsObject, path: string, notes: Notes): Judged {
  const judged: Judged = { rules: [], windows: [], unique: [], required: new Set() };
  const daily: object[] = [];
  (object.quality ?? []).forEach((rule, index) => {
    const at = `${path}.quality[${index}]`;
    const { engine, implementation } = rule;
    if (engine === 'cel' && typeof implementation === 'string') judged.rules.push(celRule(rule, implementation, index));
    else if (engine === 'everloop' && isWindow(implementation)) judged.windows.push(implementation.window);
    else if (rule.metric === 'rowCount') daily.push(...rowCount(rule, at, notes));
    else if (rule.metric === 'duplicateValues')
      duplicates(rule, listOf(rule.arguments?.['properties']), at, notes, judged);
    else leftOut(rule, at, notes);
  });
  (object.properties ?? []).forEach((property, index) => {
    const at = `${path}.properties[${index}]`;
    const { name, quality = [], unique } = property;
    if (name === undefined) return;
    if (unique === true) addUnique([name], `${at}.unique`, notes, judged);
    quality.forEach((rule, number) => onProperty({ name, rule, at: `${at}.quality[${number}]` }, notes, judged, daily));
    nestedQuality(property, at, notes);
  });
  if (daily.length > 0) judged.windows.push({ name: 'daily', every: windowEvery, rules: daily });
  return judged;
}

function celRule({ name, description }: OdcsQuality, cel: string, index: number): object {
  return { name: name ?? `rule_${index + 1}`, cel, ...(description === undefined ? {} : { description }) };
}

function isWindow(implementation: unknown): implementation is { readonly window: object } {
  return typeof implementation === 'object' && implementation !== null && 'window' in implementation;
}

function listOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];
}

function onProperty(
  { name, rule, at }: { readonly name: string; readonly rule: OdcsQuality; readonly at: string },
  notes: Notes,
  judged: Judged,
  daily: object[],
): void {
  if (isClosedSet(rule)) return;
  const share = shareMax(rule);
  if (rule.metric === 'duplicateValues') duplicates(rule, [name], at, notes, judged);
  else if ((rule.metric === 'nullValues' || rule.metric === 'missingValues') && rule.mustBe === 0)
    judged.required.add(name);
  else if ((rule.metric === 'nullValues' || rule.metric === 'missingValues') && share !== null)
    daily.push({ name: `missing_${name}`, check: 'missing', columns: [name], max: share });
  else leftOut(rule, at, notes);
}

/** The largest share that a rule in percent allows, 0 to 1. */
function shareMax({ unit, mustBeLessThan, mustBeLessOrEqualTo }: OdcsQuality): number | null {
  const percent = mustBeLessOrEqualTo ?? mustBeLessThan;
  return unit === 'percent' && percent !== undefined ? percent / 100 : null;
}

function rowCount(rule: OdcsQuality, at: string, notes: Notes): object[] {
  const {
    mustBeGreaterThan: above,
    mustBeGreaterOrEqualTo: least,
    mustBeLessThan: below,
    mustBeLessOrEqualTo: most,
  } = rule;
  const min = least ?? (above === undefined ? undefined : above + 1);
  const max = most ?? (below === undefined ? undefined : below - 1);
  if (min === undefined && max === undefined) {
    leftOut(rule, at, notes);
    return [];
  }
  notes.add(at, `rowCount is taken for each window of ${windowEvery}: check it`);
  return [
    { name: 'rows', check: 'rows', ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) },
  ];
}

function duplicates(rule: OdcsQuality, fields: string[], at: string, notes: Notes, judged: Judged): void {
  if (rule.mustBe === 0 && fields.length > 0) addUnique(fields, at, notes, judged);
  else leftOut(rule, at, notes);
}

function addUnique(fields: readonly string[], at: string, notes: Notes, judged: Judged): void {
  judged.unique.push({ fields, within: uniqueWithin });
  notes.add(
    at,
    `it is taken as unique within ${uniqueWithin} of event time: a stream has no end, so choose the window`,
  );
}

function leftOut(rule: OdcsQuality, at: string, notes: Notes): void {
  const what = rule.metric ?? rule.engine ?? rule.type ?? 'a rule';
  notes.add(at, `quality rule (${what}) is left out: say it as a rule in CEL or a window rule`);
}

function nestedQuality({ properties = [], items }: OdcsProperty, path: string, notes: Notes): void {
  const inner: (readonly [OdcsProperty, string])[] = properties.map((each, index) => [
    each,
    `${path}.properties[${index}]`,
  ]);
  if (items !== undefined) inner.push([items, `${path}.items`]);
  for (const [each, at] of inner) {
    (each.quality ?? []).forEach((rule, index) => {
      if (!isClosedSet(rule)) leftOut(rule, `${at}.quality[${index}]`, notes);
    });
    if (each.unique === true)
      notes.add(`${at}.unique`, 'unique of a nested property is left out: only columns can be unique');
    nestedQuality(each, at, notes);
  }
}

/** Fields with those that may not be null made required. */
export function withRequired(
  fields: Readonly<Record<string, WrittenField>>,
  required: ReadonlySet<string>,
): Record<string, WrittenField> {
  const entries = Object.entries(fields).map(([name, field]) => {
    return [name, required.has(name) ? { ...field, required: true } : field] as const;
  });
  return Object.fromEntries(entries);
}
