import { type ASTNode, Environment, EvaluationError, ParseError } from '@marcbachmann/cel-js';
import { ContractError } from './errors.ts';

/** Longest expression, in characters: long enough for any rule a person writes, short enough that parsing costs nothing. */
const expressionCharsMax = 4_096;

/** What an expression said about a record. `message` is set when it could not be evaluated; the rule then counts as false. */
export interface CelVerdict {
  readonly holds: boolean;
  /** Begins with EVL_CEL_EVALUATION. */
  readonly message?: string;
}

/** A compiled CEL expression over `record`. Call it for true or false, or `explain` for the reason of a failed evaluation. */
export interface CelPredicate {
  (record: Readonly<Record<string, unknown>>): boolean;
  explain(record: Readonly<Record<string, unknown>>): CelVerdict;
  /** Fields of the record that the expression names, without repeats, in order of appearance. */
  readonly fields: readonly string[];
}

const environment = createEnvironment();

/**
 * Parses and checks a CEL expression once. JSON numbers are doubles; whole-number literals may be mixed with them.
 *
 * Presence: `record.x` of a field that is absent, or an operation on null, cannot be evaluated, and the rule is then false (the
 * record breaks it). A rule about a field that may be absent or null says so: `!has(record.x) || record.x == null || record.x > 0`,
 * or `record.?x.orValue(1.0) > 0`. `has(record.x)` is true for a field that is present with null.
 *
 * Throws ContractError EVL_CEL_INVALID when the expression does not parse, names an unknown variable or cannot be a boolean.
 */
export function compileCel(expression: string): CelPredicate {
  if (expression.length > expressionCharsMax)
    throw invalid(expression, `it is longer than ${expressionCharsMax} characters`);
  const program = parse(expression);
  const check = program.check();
  if (!check.valid) throw invalid(expression, firstLine(check.error), check.error);
  if (check.type !== 'bool' && check.type !== 'dyn')
    throw invalid(expression, `it gives ${check.type ?? 'no type'}, not a boolean`);
  const explain = (record: Readonly<Record<string, unknown>>): CelVerdict => {
    try {
      const result: unknown = program({ record });
      if (typeof result === 'boolean') return { holds: result };
      return { holds: false, message: `EVL_CEL_EVALUATION: the expression gave ${typeof result}, not a boolean` };
    } catch (error) {
      return { holds: false, message: `EVL_CEL_EVALUATION: ${firstLine(error)}` };
    }
  };
  return Object.assign((record: Readonly<Record<string, unknown>>) => explain(record).holds, {
    explain,
    fields: recordFields(program.ast),
  });
}

function parse(expression: string): ReturnType<Environment['parse']> {
  try {
    return environment.parse(expression);
  } catch (error) {
    throw invalid(expression, firstLine(error), error);
  }
}

function invalid(expression: string, why: string, cause?: unknown): ContractError {
  const shown = expression.length > 200 ? `${expression.slice(0, 200)}…` : expression;
  return new ContractError('EVL_CEL_INVALID', `"${shown}" is not a usable CEL expression: ${why}`, cause);
}

function firstLine(error: unknown): string {
  if (error instanceof ParseError || error instanceof EvaluationError) return error.summary;
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}

/** CEL keeps int and double apart; JSON does not, so arithmetic between a JSON number and a whole-number literal is defined here. */
function createEnvironment(): Environment {
  const env = new Environment({ enableOptionalTypes: true, limits: { maxAstNodes: 1_000, maxDepth: 50 } });
  env.registerVariable('record', 'map');
  const operations: Readonly<Record<string, (a: number, b: number) => number>> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
  };
  for (const [symbol, apply] of Object.entries(operations)) {
    env.registerOperator(`double ${symbol} int: double`, (a: number, b: bigint) => apply(a, Number(b)));
    env.registerOperator(`int ${symbol} double: double`, (a: bigint, b: number) => apply(Number(a), b));
  }
  return env;
}

function recordFields(root: ASTNode): string[] {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    if (Array.isArray(value) || !isNode(value)) return;
    if ((value.op === '.' || value.op === '.?') && value.args[0].op === 'id' && value.args[0].args === 'record') {
      found.add(value.args[1]);
    }
    visit(value.args);
  };
  visit(root);
  return [...found];
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}
