import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';

it('a command whose output nobody reads any more ends as it would', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../src/main.ts'), '--help']);
  // Before the first byte: what is written then fails with EPIPE.
  child.stdout.destroy();
  const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  expect([errors, code]).toEqual(['', 0]);
});
