import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { encodeGolden } from '@everloop/features';
import { goMissing, goProgram, pythonRequirements, pythonVenv } from '@everloop/testing';
import { fastify, type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addInferenceRoutes } from '../src/adapters/http-inference.ts';
import { addServingRoutes } from '../src/adapters/http-serving.ts';
import { spec } from './fixtures.ts';
import { goldenRows, pinsOf } from './golden-rows.ts';
import { serve } from './wire.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../../..');

interface Example {
  readonly language: string;
  readonly text: string;
}

/** The examples of the page, in its order. */
const page = readFileSync(join(root, 'docs/guides/calling.md'), 'utf8');
const examples: readonly Example[] = [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', text = '']) => ({ language, text }),
);
const named = (language: string, part: string): readonly [string, string][] =>
  examples
    .filter((each) => each.language === language && each.text.includes(part))
    .map(({ text }) => [text.trim().split('\n').at(-1) ?? '', text]);

let wire: Awaited<ReturnType<typeof serve>>;
let app: FastifyInstance;
let folder: string;
let http = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'everloop-calling-'));
  wire = await serve({
    prepare: ({ versions }) => {
      const rows = goldenRows().map((row) => ({ ...row, score: 0.1 }));
      versions.golden = { '1': encodeGolden({ inputs: spec.inputs.map(({ name }) => name), rows }) };
      versions.parameters = { '1': pinsOf(spec) };
    },
  });
  app = fastify();
  addServingRoutes(app, wire.harness.gateway.serving, { bodyBytesMax: 1_000_000 });
  addInferenceRoutes(app, wire.service, { bodyBytesMax: 1_000_000 });
  http = new URL(await app.listen({ host: '127.0.0.1', port: 0 })).host;
});
afterAll(async () => {
  await app.close();
  await wire.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** An example as it stands on the page, but for the ports; what it printed. */
async function output(name: string, text: string, command: readonly [string, ...string[]], env: object = {}) {
  const file = join(folder, name);
  writeFileSync(file, text.replaceAll('127.0.0.1:8101', http).replaceAll('127.0.0.1:8001', wire.address));
  const [program, ...args] = command;
  const { stdout } = await run(program, [...args, file], { cwd: folder, env: { ...process.env, ...env } });
  return stdout;
}

describe('the examples of docs/guides/calling.md', () => {
  it('are all run here or by the test of unmodified clients', () => {
    const run = ['curl -s', 'import ', 'fetch(', 'package main', 'grpcurl', 'grpc_health_probe'];
    expect(examples.filter(({ text }) => !run.some((part) => text.includes(part)))).toEqual([]);
    expect(examples).toHaveLength(13);
  });

  it.each(named('sh', 'curl -s'))('curl: %s', async (_name, text) => {
    const stdout = await output('call.sh', text, ['bash', '-e']);
    if (text.includes('/ready')) expect(JSON.parse(stdout)).toEqual({ name: 'delay', ready: true });
    else expect(stdout).toMatch(/"score":0\.1,|"data":\[0\.1\]/);
    if (text.includes(':explain')) expect(stdout).toMatch(/"base_value":0\.(1|0999)/);
    if (text.includes(':predictBatch')) expect(stdout).toContain('"code":"EVL_GATEWAY_REQUEST_INVALID"');
  });

  it.each(named('python', 'import '))('Python: %s', async (_name, text) => {
    const library = text.includes('tritonclient') ? 'tritonclient' : 'grpc';
    const python = await pythonVenv(library, pythonRequirements(library));
    const stdout = await output('call.py', text, [python], { PYTHONPATH: join(root, 'proto') });
    expect(stdout).toMatch(/^\[?0\.1\]?( [0-9a-f-]+)?\n$/);
  });

  it.each(named('js', 'fetch('))('Node: %s', async (_name, text) => {
    expect(await output('call.mjs', text, [process.execPath])).toBe('0.1\n');
  });
});

const missing = goMissing();
if (missing !== null) console.log(`SKIPPED the examples in Go and of grpcurl: ${missing}.`);

describe.skipIf(missing !== null)('the examples of docs/guides/calling.md that need Go', () => {
  let grpcurl = '';
  beforeAll(async () => {
    grpcurl = await goProgram('grpcurl', 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4');
  }, 1_800_000);

  it.each(named('go', 'package main'))('Go: %s', async (_name, text) => {
    expect(await output('call.go', text, ['go', 'run'], { GOFLAGS: '-p=2' })).toBe('0.1\n');
  });

  it.each(named('sh', 'grpcurl'))('grpcurl: %s', async (_name, text) => {
    const env = { PATH: `${dirname(grpcurl)}${delimiter}${process.env['PATH'] ?? ''}` };
    expect(await output('call.sh', text, ['bash', '-e'], env)).toMatch(/"score": 0\.1|"fp32_?[cC]ontents": \[\s*0\.1/);
  });
});
