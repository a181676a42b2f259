import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ofKind, loadResources, parseResources } from '@everloop/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Command } from 'commander';
import { parse } from 'yaml';
import { addOdcsCommands } from '../src/contracts/odcs-command.ts';
import { runCommandLine } from '../src/run-command-line.ts';

const flights = join(import.meta.dirname, '../../../examples/flights/resources');
let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'everloop-odcs-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

async function run(...args: string[]) {
  const printed: string[] = [];
  const errors: string[] = [];
  const program = new Command('everloop');
  addOdcsCommands(program, { env: { EVL_REGISTRY_ADDRESS: '127.0.0.1:1' }, print: (text) => void printed.push(text) });
  const code = await runCommandLine(program, args, (text) => void errors.push(text));
  return { code, text: printed.join('\n'), errors: errors.join('\n') };
}

describe('everloop contract', () => {
  it('exports Sources of a folder, and imports the same again', async () => {
    const names = ['flights-arrived', 'weather-observed'];
    const file = join(dir, 'flights.odcs.yaml');
    const exported = await run(
      'contract',
      'export',
      ...names,
      '--from',
      flights,
      '--out',
      file,
      '--contract-version',
      '3.2.1',
    );
    expect(exported).toEqual({ code: 0, text: `written to ${file}`, errors: '' });
    expect(parse(readFileSync(file, 'utf8'))).toMatchObject({ apiVersion: 'v3.1.0', version: '3.2.1' });
    const { code, text } = await run('contract', 'import', file);
    expect(code).toBe(0);
    expect(text).not.toContain('#');
    const all = ofKind((await loadResources(flights)).resources, 'Source');
    expect(parseResources([{ name: 'x.yaml', text }])).toEqual(all.filter(({ name }) => names.includes(name)));
  });

  it('says in comments what was left out and what is still missing', async () => {
    const file = join(dir, 'foreign.json');
    const object = { name: 'orders', properties: [{ name: 'id', logicalType: 'string' }] };
    writeFileSync(
      file,
      JSON.stringify({
        apiVersion: 'v3.1.0',
        kind: 'DataContract',
        id: 'a',
        version: '1',
        status: 'x',
        team: { name: 'a' },
        schema: [object],
      }),
    );
    const { text } = await run('contract', 'import', file);
    expect(text).toMatch(/^# team: team is left out/);
    expect(text).toMatch(/# schema\[0\]: nothing says which field is the Kafka key; id is taken/);
    expect(text).toMatch(/# Before it can be applied: orders spec\.eventTime: /);
    const told = await run('contract', 'import', file, '--event-time', 'id', '--key', 'id');
    expect(told.text).not.toMatch(/nothing says/);
  });

  it.each([
    [['export', 'flights-arived', '--from', flights], 2, /did you mean "flights-arrived"/],
    [['export', 'zzzzzzzzz', '--from', flights], 2, /there are: aircraft-registered/],
    [['export', 'a'], 1, /EVL_CLI_REGISTRY_UNREACHABLE/],
    [['import', '/nowhere.yaml'], 2, /cannot be read/],
    [['import', flights], 2, /cannot be read/],
    [['import', join(flights, 'sources.yaml')], 2, /EVL_/],
  ])('%j ends with %i', async (args, code, message) => {
    const outcome = await run('contract', ...args);
    expect(outcome.code).toBe(code);
    expect(outcome.errors).toMatch(message);
  });
});
