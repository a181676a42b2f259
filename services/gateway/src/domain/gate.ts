import {
  gatePolicy,
  type GateAction,
  type GatePolicy,
  type GateProblem,
  type ModelSpec,
  type GatedField,
} from '@everloop/contracts';
import type { Column } from './tensors.ts';

/** One row of request fields by name, as the model's contract wants them; a field that was imputed is absent. */
export type RequestRow = Readonly<Record<string, string | number>>;

/** What became of a row or a call that was let through: nothing was wrong, or the strongest thing that was done about it. */
export type Verdict = 'accept' | Exclude<GateAction, 'reject'>;

/** Something that was wrong with a value, and what was done. */
export interface GateFinding {
  readonly row: number;
  readonly field: string;
  readonly problem: GateProblem;
  readonly action: GateAction;
  /** What was asked, cut short; empty where nothing was. */
  readonly value: string;
}

export type Gated =
  | {
      readonly ok: true;
      readonly rows: readonly RequestRow[];
      readonly verdict: Verdict;
      readonly findings: readonly GateFinding[];
    }
  | { readonly ok: false; readonly reasons: readonly string[]; readonly findings: readonly GateFinding[] };

/** The gate of one model. */
export interface Gate {
  check(columns: readonly Column[], rows: number): Gated;
}

/** What is asked of one request field. */
interface Rule {
  readonly field: GatedField;
  readonly policy: GatePolicy;
  readonly isJoinKey: boolean;
  readonly min: number;
  readonly max: number;
  readonly values: ReadonlySet<string | number> | null;
}

const valueCharsMax = 4096;
const shownCharsMax = 64;
/** Reasons of one refusal; what is wrong with every row of a large request would not help more. */
export const reasonsMax = 100;
const severity: readonly Verdict[] = ['accept', 'flag', 'impute', 'default'];

/** The stronger of two verdicts: a default hides more of what was asked than a missing value, that one more than a flag. */
export function stronger(one: Verdict, other: Verdict): Verdict {
  return severity.indexOf(one) >= severity.indexOf(other) ? one : other;
}

/** A finding for people: `distance row 3: outOfRange -5, default`. */
export function findingText({ row, field, problem, action, value }: GateFinding): string {
  return `${field} row ${row}: ${problem}${value === '' ? '' : ` ${value}`}, ${action}`;
}

/**
 * The gate before every prediction: the model's request fields and no others, each of its type, and what its policy says about values
 * that are missing, not finite, out of range or unseen. Broken form (an unknown input, another type, an empty join key, a text without
 * end) is always refused. All reasons are reported at once. What a version was trained with is a `TrainedGate`'s. O(fields × rows).
 */
export function createGate(spec: Pick<ModelSpec, 'request' | 'joinKey' | 'gate'>): Gate {
  const rules = spec.request.map((field): Rule => {
    const { min = -Infinity, max = Infinity, values } = field;
    const isJoinKey = field.name === spec.joinKey;
    const set = values === undefined || values === 'training' ? null : new Set(values);
    return { field, policy: gatePolicy(spec, field), isJoinKey, min, max, values: set };
  });
  const places = new Map(rules.map(({ field }, index) => [field.name, index]));
  // A copy of a whole row costs less than one that grows field by field; what stays absent is taken out.
  const blank: RequestRow = Object.fromEntries(rules.map(({ field }) => [field.name, '']));
  return {
    check(columns, rows) {
      const check = new Check(rows, blank);
      const given: (Column | undefined)[] = [];
      for (const column of columns) {
        const place = places.get(column.name);
        if (place === undefined) check.refuse(unknownInput(column.name, places));
        else given[place] = column;
      }
      for (let place = 0; place < rules.length; place += 1) {
        const rule = rules[place];
        if (rule !== undefined) check.field(rule, given[place]);
      }
      return check.result();
    },
  };
}

function unknownInput(name: string, places: ReadonlyMap<string, number>): string {
  return `input '${name}' is not a request field (${[...places.keys()].join(', ')})`;
}

/** The check of one request. */
class Check {
  readonly #reasons: string[] = [];
  #reasonsLeftOut = 0;
  readonly #findings: GateFinding[] = [];
  readonly #rows: Record<string, string | number>[] = [];
  #verdict: Verdict = 'accept';

  constructor(rows: number, blank: RequestRow) {
    for (let row = 0; row < rows; row += 1) this.#rows.push({ ...blank });
  }

  /** Notes why the call is refused. */
  refuse(reason: string): void {
    if (this.#reasons.length < reasonsMax) this.#reasons.push(reason);
    else this.#reasonsLeftOut += 1;
  }

  field(rule: Rule, column: Column | undefined): void {
    if (column === undefined) {
      if (rule.policy.missing === 'reject') {
        this.#found(rule, 0, 'missing', 'reject', '');
        this.refuse(`field '${rule.field.name}' (${rule.field.type}) is missing`);
      } else for (let row = 0; row < this.#rows.length; row += 1) this.#bad(rule, row, 'missing', undefined);
      return;
    }
    const misfit = misfitOf(rule.field, column);
    if (misfit !== null) {
      this.refuse(misfit);
      return;
    }
    for (let row = 0; row < column.values.length; row += 1) this.#value(rule, row, column.values[row]);
  }

  result(): Gated {
    const findings = this.#findings;
    if (this.#reasonsLeftOut > 0) this.#reasons.push(`and ${this.#reasonsLeftOut} more`);
    if (this.#reasons.length > 0) return { ok: false, reasons: this.#reasons, findings };
    return { ok: true, rows: this.#rows, verdict: this.#verdict, findings };
  }

  #value(rule: Rule, row: number, value: string | number | undefined): void {
    if (typeof value === 'string') {
      if (value.length > valueCharsMax)
        this.refuse(`field '${rule.field.name}' row ${row} has ${value.length} characters, at most ${valueCharsMax}`);
      else if (rule.isJoinKey && value === '') this.refuse(`join key '${rule.field.name}' row ${row} is empty`);
    } else if (typeof value === 'number') {
      if (!Number.isFinite(value)) {
        this.#bad(rule, row, 'notFinite', value);
        return;
      }
      if (value < rule.min || value > rule.max) {
        this.#bad(rule, row, 'outOfRange', value);
        return;
      }
    }
    if (value !== undefined && rule.values !== null && !rule.values.has(value)) {
      this.#bad(rule, row, 'unseen', value);
      return;
    }
    this.#put(rule, row, value);
  }

  #bad(rule: Rule, row: number, problem: GateProblem, value: string | number | undefined): void {
    const action = rule.policy[problem];
    this.#found(rule, row, problem, action, value === undefined ? '' : shown(value));
    if (action === 'reject') {
      this.refuse(`field '${rule.field.name}' row ${row} is ${problemText(rule, problem, value)}`);
      return;
    }
    this.#verdict = stronger(this.#verdict, action);
    this.#put(rule, row, action === 'flag' ? value : action === 'default' ? rule.field.default : undefined);
  }

  #put({ field }: Rule, row: number, value: string | number | undefined): void {
    const into = this.#rows[row];
    if (into === undefined) return;
    if (value === undefined) Reflect.deleteProperty(into, field.name);
    else into[field.name] = value;
  }

  #found({ field }: Rule, row: number, problem: GateProblem, action: GateAction, value: string): void {
    this.#findings.push({ row, field: field.name, problem, action, value });
  }
}

function misfitOf(field: GatedField, { datatype }: Column): string | null {
  const isText = datatype === 'BYTES';
  if (isText === (field.type === 'string')) return null;
  const expected = field.type === 'string' ? 'BYTES' : 'FP64 or another type of number';
  return `field '${field.name}' has datatype ${datatype}, expected ${expected}`;
}

/** A value in a message, cut short. */
export function shown(value: string | number): string {
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return text.length <= shownCharsMax ? text : `${text.slice(0, shownCharsMax)}…`;
}

function problemText({ min, max, values }: Rule, problem: GateProblem, value: string | number | undefined): string {
  const text = value === undefined ? 'missing' : shown(value);
  if (problem === 'outOfRange') return `${text}, expected ${min} to ${max}`;
  if (problem === 'unseen') return `${text}, which is none of the ${values?.size ?? 0} known values`;
  return text;
}
