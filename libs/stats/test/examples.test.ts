import { readdirSync, readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import * as stats from '../src/index.ts';

const folder = new URL('../src/', import.meta.url);
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && name !== 'index.ts',
);

describe('docstrings', () => {
  for (const file of files) {
    const text = readFileSync(new URL(file, folder), 'utf8');
    for (const [, expression, expected] of text.matchAll(/^ \* (\S.*) \/\/ → (.*)$/gm)) {
      test(`${file}: ${expression ?? ''}`, () => {
        const value: unknown = runInNewContext(expression ?? '', { ...stats });
        expect(JSON.stringify(value)).toBe(expected);
      });
    }
    test(`${file}: every exported function has an example`, () => {
      const functions = [...text.matchAll(/^export function (\w+)/gm)].map(([, name]) => name);
      for (const name of functions)
        expect(text).toMatch(new RegExp(`^ \\* \\S*${name ?? ''}\\(.*// → |^ \\* .*\\b${name ?? ''}\\(.*// → `, 'm'));
    });
  }
});
