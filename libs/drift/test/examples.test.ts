import { readdirSync, readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { drift } from '@everloop/contracts';
import { expect, test } from 'vitest';

const folder = new URL('../src/', import.meta.url);
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && name !== 'index.ts',
);

const examples = files.flatMap((file) =>
  Array.from(
    readFileSync(new URL(file, folder), 'utf8').matchAll(/^ \* (\S.*) \/\/ → (.*)$/gm),
    ([, expression, expected]) => ({ file, expression: expression ?? '', expected }),
  ),
);

test.each(examples)('$file: $expression', async ({ file, expression, expected }) => {
  const module = (await import(new URL(file, folder).href)) as Record<string, unknown>;
  const value: unknown = runInNewContext(expression, { ...module, drift, Float64Array });
  expect(JSON.stringify(value)).toBe(expected);
});
