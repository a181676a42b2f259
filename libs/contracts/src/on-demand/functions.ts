/** A value inside of an expression; null is missing. */
export type CelScalar = number | string | boolean | null;
export type CelType = 'number' | 'string' | 'boolean';

/** A function of values that are there: an argument that is null makes the result null without a call. */
export interface CelFunction {
  readonly takes: readonly CelType[];
  readonly gives: CelType;
  readonly run: (...values: never[]) => CelScalar;
}

/** Longest text that an expression may make, in characters; a longer one is null. */
const textCharsMax = 4_096;

const numbers = (run: (a: number, b: number) => number): CelFunction => ({
  takes: ['number', 'number'],
  gives: 'number',
  run: (a: number, b: number) => finite(run(a, b)),
});
const compares = (type: CelType, run: (a: number | string, b: number | string) => boolean): CelFunction => ({
  takes: [type, type],
  gives: 'boolean',
  run,
});
const one = (run: (a: number) => number): CelFunction => ({
  takes: ['number'],
  gives: 'number',
  run: (a: number) => finite(run(a)),
});
const tests = (run: (text: string, part: string) => boolean): CelFunction => ({
  takes: ['string', 'string'],
  gives: 'boolean',
  run,
});

function finite(value: number): number | null {
  return Number.isFinite(value) ? value + 0 : null;
}

/** By operator; the overload whose types fit is taken. */
export const operators: ReadonlyMap<string, readonly CelFunction[]> = new Map([
  ['+', [numbers((a, b) => a + b), { takes: ['string', 'string'], gives: 'string', run: joined }]],
  ['-', [numbers((a, b) => a - b)]],
  ['*', [numbers((a, b) => a * b)]],
  ['/', [numbers((a, b) => a / b)]],
  ['%', [numbers((a, b) => a % b)]],
  ['<', [compares('number', (a, b) => a < b), compares('string', (a, b) => a < b)]],
  ['<=', [compares('number', (a, b) => a <= b), compares('string', (a, b) => a <= b)]],
  ['>', [compares('number', (a, b) => a > b), compares('string', (a, b) => a > b)]],
  ['>=', [compares('number', (a, b) => a >= b), compares('string', (a, b) => a >= b)]],
  ['-_', [one((a) => -a)]],
  ['!_', [{ takes: ['boolean'], gives: 'boolean', run: (a: boolean) => !a }]],
]);

/** By name, as `f(x)` and as `x.f()` alike. No logarithm or power: their last bit differs between machines. */
export const functions: ReadonlyMap<string, readonly CelFunction[]> = new Map([
  ['abs', [one(Math.abs)]],
  ['floor', [one(Math.floor)]],
  ['ceil', [one(Math.ceil)]],
  ['sqrt', [one(Math.sqrt)]],
  ['min', [numbers((a, b) => Math.min(a, b))]],
  ['max', [numbers((a, b) => Math.max(a, b))]],
  ['int', [one(Math.trunc), { takes: ['string'], gives: 'number', run: (text: string) => asInteger(text) }]],
  ['double', [one((a) => a), { takes: ['string'], gives: 'number', run: (text: string) => asNumber(text) }]],
  [
    'string',
    [
      { takes: ['number'], gives: 'string', run: (a: number) => String(a) },
      { takes: ['boolean'], gives: 'string', run: (a: boolean) => String(a) },
      { takes: ['string'], gives: 'string', run: (a: string) => a },
    ],
  ],
  ['size', [{ takes: ['string'], gives: 'number', run: (text: string) => Array.from(text).length }]],
  ['startsWith', [tests((text, part) => text.startsWith(part))]],
  ['endsWith', [tests((text, part) => text.endsWith(part))]],
  ['contains', [tests((text, part) => text.includes(part))]],
]);

function joined(a: string, b: string): string | null {
  return a.length + b.length > textCharsMax ? null : a + b;
}

function asNumber(text: string): number | null {
  return /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text) ? finite(Number(text)) : null;
}

function asInteger(text: string): number | null {
  return /^[-+]?\d+$/.test(text) ? finite(Number(text)) : null;
}
