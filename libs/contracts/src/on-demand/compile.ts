import { type ASTNode, Environment, ParseError } from '@marcbachmann/cel-js';
import { ContractError } from '../errors.ts';
import { listNames } from '../suggest.ts';
import { type CelFunction, type CelScalar, type CelType, functions, operators } from './functions.ts';

export type { CelType } from './functions.ts';

const expressionCharsMax = 4_096;
/** Parts of an expression. None is evaluated more than once, there are no loops and no patterns: this bounds the cost. */
const limits = { maxAstNodes: 200, maxDepth: 30 };
const environment = new Environment({ limits });

/** `request.<field>` or `<view>.<feature>` in an expression. */
export interface CelReference {
  readonly owner: string;
  readonly name: string;
}

/** The type of what a reference names, or why it cannot be named. */
export type ResolveReference = (reference: CelReference) => CelType | { readonly problem: string };

/** An expression for a value. */
export interface CelExpression {
  readonly type: CelType | 'null';
  /** What is read, without repeats, in order of appearance. */
  readonly references: readonly CelReference[];
  /** `values` are parallel to `references`; null where missing. Never throws. O(parts), at most 200. */
  evaluate(values: readonly CelScalar[]): CelScalar;
}

type Run = (values: readonly CelScalar[]) => CelScalar;
type Fail = (why: string) => ContractError;
type Read = (reference: CelReference) => { readonly type: CelType; readonly index: number };
interface Part {
  readonly type: CelType | 'null';
  readonly run: Run;
}

/**
 * Compiles a CEL expression for a value. Numbers are doubles, so `1 / 2` is 0.5. Null in gives null out: of an operator, a function and a
 * condition; `==` and `!=` alone may ask for null, and `&&`, `||` and `? :` need only the side that decides. What is not a finite number
 * (division by zero, overflow) is null.
 *
 * Throws ContractError EVL_CEL_INVALID: it does not parse, is too large, names what is not there, or its types do not fit.
 *
 * @example compileExpression('v.a == null ? -1.0 : v.a / request.b', resolve).evaluate([6, 4]) === 1.5
 */
export function compileExpression(text: string, resolve: ResolveReference): CelExpression {
  const references: CelReference[] = [];
  const fail = (why: string): ContractError => {
    const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
    return new ContractError('EVL_CEL_INVALID', `"${shown}" is not a usable CEL expression: ${why}`);
  };
  const compiler = new Compiler(fail, (reference) => {
    const type = resolve(reference);
    if (typeof type === 'object') throw fail(type.problem);
    const known = references.findIndex(({ owner, name }) => owner === reference.owner && name === reference.name);
    return { type, index: known >= 0 ? known : references.push(reference) - 1 };
  });
  const { type, run } = compiler.compile(parse(text, fail));
  return { type, references, evaluate: run };
}

/** What an expression names, whether it is there or not; nothing when it does not parse. */
export function celReferences(text: string): readonly CelReference[] {
  const found: CelReference[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (typeof value === 'object' && value !== null && 'op' in value) {
      const node = value as ASTNode;
      if (node.op === '.' && node.args[0].op === 'id') found.push({ owner: node.args[0].args, name: node.args[1] });
      visit(node.args);
    }
  };
  try {
    visit(environment.parse(text).ast);
  } catch {
    // Whoever applies it is told.
  }
  return found;
}

function parse(text: string, fail: (why: string) => ContractError): ASTNode {
  if (text.length > expressionCharsMax) throw fail(`it is longer than ${expressionCharsMax} characters`);
  try {
    return environment.parse(text).ast;
  } catch (error) {
    throw fail(error instanceof ParseError ? error.summary : String(error));
  }
}

class Compiler {
  readonly #fail: Fail;
  readonly #read: Read;

  constructor(fail: Fail, read: Read) {
    this.#fail = fail;
    this.#read = read;
  }

  compile(node: ASTNode): Part {
    switch (node.op) {
      case 'value':
        return this.#literal(node.args);
      case '.':
        return this.#reference(node.args[0], node.args[1]);
      case '==':
      case '!=':
        return this.#equality(node.args, node.op === '==');
      case '&&':
      case '||':
        return this.#logic(node.args, node.op === '||');
      case '?:':
        return this.#choice(node.args);
      case 'in':
        return this.#member(node.args);
      case 'call':
        return this.#apply(`${node.args[0]}()`, functions.get(node.args[0]), node.args[1]);
      case 'rcall':
        return this.#apply(`${node.args[0]}()`, functions.get(node.args[0]), [node.args[1], ...node.args[2]]);
      case '-_':
      case '!_':
        return this.#apply(node.op.slice(0, 1), operators.get(node.op), [node.args]);
      case 'id':
        throw this.#fail(`"${node.args}" alone is no value; write request.<field> or <view>.<feature>`);
      case '+':
      case '-':
      case '*':
      case '/':
      case '%':
      case '<':
      case '<=':
      case '>':
      case '>=':
        return this.#apply(node.op, operators.get(node.op), node.args);
      default:
        throw this.#fail(`"${node.op}" cannot be used here`);
    }
  }

  #literal(value: unknown): Part {
    if (value === null) return { type: 'null', run: () => null };
    if (typeof value === 'bigint') return { type: 'number', run: constant(Number(value)) };
    if (typeof value === 'number') return { type: 'number', run: constant(value) };
    if (typeof value === 'string') return { type: 'string', run: constant(value) };
    if (typeof value === 'boolean') return { type: 'boolean', run: constant(value) };
    throw this.#fail('bytes and unsigned numbers cannot be used here');
  }

  #reference(owner: ASTNode, name: string): Part {
    if (owner.op !== 'id') throw this.#fail(`".${name}" must follow request or a view`);
    const { type, index } = this.#read({ owner: owner.args, name });
    return { type, run: (values) => values[index] ?? null };
  }

  #apply(name: string, overloads: readonly CelFunction[] | undefined, nodes: readonly ASTNode[]): Part {
    if (overloads === undefined) throw this.#fail(`there is no ${name}; there are ${listNames([...functions.keys()])}`);
    const parts = nodes.map((node) => this.compile(node));
    const found = overloads.find(
      ({ takes }) =>
        takes.length === parts.length &&
        takes.every((type, index) => parts[index]?.type === type || parts[index]?.type === 'null'),
    );
    if (found === undefined)
      throw this.#fail(`${name} does not take ${parts.map(({ type }) => type).join(' and ') || 'nothing'}`);
    // The overload was chosen by the types of its arguments.
    const run = found.run as (...values: CelScalar[]) => CelScalar;
    const [first, second] = parts;
    if (first === undefined) throw this.#fail(`${name} needs a value`);
    if (second === undefined) {
      return { type: found.gives, run: (values) => unlessNull(first.run(values), (a) => run(a)) };
    }
    return {
      type: found.gives,
      run: (values) => unlessNull(first.run(values), (a) => unlessNull(second.run(values), (b) => run(a, b))),
    };
  }

  #equality([left, right]: readonly [ASTNode, ASTNode], wanted: boolean): Part {
    const [a, b] = [this.compile(left), this.compile(right)];
    if (a.type !== b.type && a.type !== 'null' && b.type !== 'null')
      throw this.#fail(`${a.type} and ${b.type} are never equal`);
    return { type: 'boolean', run: (values) => (a.run(values) === b.run(values)) === wanted };
  }

  /** `decisive` decides whatever the other side is. */
  #logic([left, right]: readonly [ASTNode, ASTNode], decisive: boolean): Part {
    const [a, b] = [this.#condition(left), this.#condition(right)];
    const run: Run = (values) => {
      const first = a(values);
      if (first === decisive) return decisive;
      const second = b(values);
      return first === null && second !== decisive ? null : second;
    };
    return { type: 'boolean', run };
  }

  #choice([condition, yes, no]: readonly [ASTNode, ASTNode, ASTNode]): Part {
    const when = this.#condition(condition);
    const [a, b] = [this.compile(yes), this.compile(no)];
    if (a.type !== b.type && a.type !== 'null' && b.type !== 'null')
      throw this.#fail(`one side of "? :" is a ${a.type}, the other a ${b.type}`);
    const run: Run = (values) => unlessNull(when(values), (holds) => (holds === true ? a : b).run(values));
    return { type: a.type === 'null' ? b.type : a.type, run };
  }

  #condition(node: ASTNode): Run {
    const { type, run } = this.compile(node);
    if (type === 'number' || type === 'string') throw this.#fail(`a condition must be a boolean, not a ${type}`);
    return run;
  }

  #member([left, right]: readonly [ASTNode, ASTNode]): Part {
    const a = this.compile(left);
    if (right.op !== 'list') throw this.#fail('"in" needs a list, written [a, b]');
    const items = right.args.map((item) => this.compile(item));
    const odd = items.find(({ type }) => type !== a.type);
    if (odd !== undefined) throw this.#fail(`a ${a.type} is never in a list with a ${odd.type}`);
    return {
      type: 'boolean',
      run: (values) => unlessNull(a.run(values), (value) => items.some((item) => item.run(values) === value)),
    };
  }
}

function constant(value: CelScalar): Run {
  return () => value;
}

function unlessNull(value: CelScalar, then: (value: CelScalar) => CelScalar): CelScalar {
  return value === null ? null : then(value);
}
