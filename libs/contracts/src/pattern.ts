import { RE2JS, RE2JSException } from 're2js';
import { ContractError } from './errors.ts';
import { compilePlain } from './plain-pattern.ts';

/** Whether a text, or a part of it, matches. */
export type PatternTest = (text: string) => boolean;

/**
 * Compiles a regular expression in RE2 syntax (https://github.com/google/re2/wiki/Syntax). It is matched in time linear in the text,
 * so no value can make it slow; what would need backtracking (look-around, back-references) does not exist.
 *
 * Throws ContractError EVL_PATTERN_INVALID when it cannot be compiled.
 */
export function compilePattern(pattern: string): PatternTest {
  const plain = compilePlain(pattern);
  if (plain !== null) return plain;
  try {
    const compiled = RE2JS.compile(pattern);
    return (text) => compiled.test(text);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    const message = `"${pattern}" is not a usable pattern (RE2 syntax, without look-around and back-references): ${error.message}`;
    throw new ContractError('EVL_PATTERN_INVALID', message, error);
  }
}
