import { gatePolicy, type GateAction, type GatedField, type ModelSpec } from '@everloop/contracts';
import { reasonsMax, shown, stronger, type Gated, type GateFinding, type RequestRow, type Verdict } from './gate.ts';

/** The gate of one version: the categories of a request against those that it was trained with. */
export interface TrainedGate {
  /** null: it was trained with all of them. A value that is missing is none. O(rows × fields). */
  check(rows: readonly RequestRow[]): Gated | null;
  /** What `check` would find, where values stay as they are and no call is refused. */
  flag(rows: readonly RequestRow[]): readonly GateFinding[];
}

interface Rule {
  readonly field: GatedField;
  readonly action: GateAction;
  readonly known: ReadonlySet<string | number>;
}

/** The gate of a version for the given fields of its model; `categories` are those of its training, by field. */
export function createTrainedGate(
  spec: Pick<ModelSpec, 'joinKey' | 'gate'>,
  fields: readonly GatedField[],
  version: string,
  categories: ReadonlyMap<string, readonly string[]>,
): TrainedGate {
  const rules = fields.map((field): Rule => ({
    ...{ field, action: gatePolicy(spec, field).unseen },
    known: new Set<string | number>(categories.get(field.name) ?? []),
  }));
  const areKnown = (rows: readonly RequestRow[]): boolean => {
    for (const row of rows) {
      for (const { field, known } of rules) {
        const value = row[field.name];
        if (value !== undefined && !known.has(value)) return false;
      }
    }
    return true;
  };
  return {
    check: (rows) => (areKnown(rows) ? null : resultOf(rules, rows, version)),
    flag: (rows) => unseenIn(rules, rows).map(({ rule, row, value }) => findingOf(rule, row, value, 'flag')),
  };
}

interface UnseenValue {
  readonly rule: Rule;
  readonly row: number;
  readonly value: string | number;
}

/** Row by row, in the order of the fields. */
function unseenIn(rules: readonly Rule[], rows: readonly RequestRow[]): UnseenValue[] {
  return rows.flatMap((given, row) =>
    rules.flatMap((rule) => {
      const value = given[rule.field.name];
      return value === undefined || rule.known.has(value) ? [] : [{ rule, row, value }];
    }),
  );
}

/** What becomes of a request with values that a version does not know. */
function resultOf(rules: readonly Rule[], rows: readonly RequestRow[], version: string): Gated {
  const unseen = unseenIn(rules, rows);
  const findings = unseen.map(({ rule, row, value }) => findingOf(rule, row, value, rule.action));
  const reasons = unseen
    .filter(({ rule }) => rule.action === 'reject')
    .map(
      ({ rule: { field, known }, row, value }) =>
        `field '${field.name}' row ${row} is ${shown(value)}, which is none of the ${known.size} values that version ${version} was trained with`,
    );
  if (reasons.length > reasonsMax) reasons.splice(reasonsMax, Infinity, `and ${reasons.length - reasonsMax} more`);
  if (reasons.length > 0) return { ok: false, reasons, findings };
  const changed = unseen.filter(({ rule }) => rule.action !== 'flag');
  const verdict = unseen.map(({ rule }) => rule.action as Verdict).reduce(stronger);
  return { ok: true, rows: changed.length === 0 ? rows : withChanges(rows, changed), verdict, findings };
}

function withChanges(given: readonly RequestRow[], changes: readonly UnseenValue[]): readonly RequestRow[] {
  const rows: Record<string, string | number>[] = given.map((row) => ({ ...row }));
  for (const { rule, row: index } of changes) {
    const { name, default: fallback } = rule.field;
    const row = rows[index] ?? {};
    if (rule.action === 'default' && fallback !== undefined) row[name] = fallback;
    else Reflect.deleteProperty(row, name);
  }
  return rows;
}

function findingOf({ field }: Rule, row: number, value: string | number, action: GateAction): GateFinding {
  return { row, field: field.name, problem: 'unseen', action, value: shown(value) };
}
