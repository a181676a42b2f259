import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readKind } from './get.ts';
import { createProgram } from './program.ts';
import type { ReportOptions } from './report/run-report.ts';
import type { Report } from './report/types.ts';
import { runCommandLine } from './run-command-line.ts';
import { table } from './table.ts';
import type { UpOptions } from './up/index.ts';

const bad = join(import.meta.dirname, '../test/fixtures/bad');

async function run(args: string, outcome: { readonly exitCode?: number; readonly balanced?: boolean } = {}) {
  const calls: (UpOptions | ReportOptions)[] = [];
  const printed: string[] = [];
  const errors: string[] = [];
  const balanced = outcome.balanced ?? true;
  const ledger = {
    balanced,
    checks: [{ name: 'nothing is lost', ok: balanced, detail: '1 of 1' }],
    problems: [],
    sources: [],
  };
  // Only the ledger is looked at here.
  const report = { ledger } as unknown as Report;
  const program = createProgram({
    env: { EVL_REGISTRY_ADDRESS: '127.0.0.1:1' },
    print: (text) => void printed.push(text),
    commands: {
      up: async (options) => {
        calls.push(options);
        return outcome.exitCode ?? 0;
      },
      report: async (options) => {
        calls.push(options);
        return { report, text: 'the report' };
      },
    },
  });
  const write = (text: string): void => void errors.push(text);
  for (const command of [program, ...program.commands])
    command.configureOutput({ writeErr: write, writeOut: write }).exitOverride();
  const code = await runCommandLine(
    program,
    args.split(' ').filter((arg) => arg !== ''),
    write,
  );
  return { code, calls, printed, errors: errors.join('\n') };
}

describe('up', () => {
  it.each<[string, string, UpOptions]>([
    ['nothing', 'up', { exit: false }],
    [
      'as in the README',
      'up --until 2013-04-30 --exit --report report.json',
      { until: '2013-04-30', exit: true, report: 'report.json' },
    ],
    [
      'everything else',
      'up --speed 100 --step-hours 3 --ports-from 30000 --example x',
      {
        exit: false,
        speed: 100,
        stepHours: 3,
        portsFrom: 30_000,
        example: 'x',
      },
    ],
    ['full speed', 'up --speed max', { exit: false }],
    ['any free ports', 'up --ports-from 0', { exit: false, portsFrom: 0 }],
    [
      'a kept folder and arguments of the replay',
      'up --data-dir d --keep-data -- --no-ahead',
      {
        exit: false,
        dataDir: 'd',
        keepData: true,
        replayArgs: ['--no-ahead'],
      },
    ],
  ])('%s', async (_name, args, expected) => {
    const { code, calls } = await run(args);
    expect([code, calls]).toEqual([0, [expected]]);
  });

  it.each([
    ['a day that does not exist', 'up --until 2013-02-30', /2013-04-30 is wanted/],
    ['a day in another form', 'up --until 30.4.2013', /2013-04-30 is wanted/],
    ['a step that is too long', 'up --step-hours 24', /from 0.25 to 12/],
    ['a port that is none', 'up --ports-from http', /0, or a port from 1024/],
    ['a speed that is none', 'up --speed fast', /max, or a number/],
    ['an unknown option', 'up --untill 2013-04-30', /Did you mean --until/],
    ['an unknown command', 'aply', /Did you mean apply/],
  ])('%s is exit code 2', async (_name, args, message) => {
    const { code, calls, errors } = await run(args);
    expect([code, calls]).toEqual([2, []]);
    expect(errors).toMatch(message);
  });

  it('passes on the exit code', async () => {
    expect((await run('up --exit', { exitCode: 1 })).code).toBe(1);
  });
});

describe('report and ledger', () => {
  it.each(['report', 'ledger'])('%s: options over environment over defaults', async (name) => {
    const { calls } = await run(`${name} --brokers a:1,b:2 --counts c.json`);
    const addresses = {
      brokers: ['a:1', 'b:2'],
      registryAddress: '127.0.0.1:1',
      featuresAddress: '127.0.0.1:8002',
      gatewayAddress: '127.0.0.1:8001',
    };
    expect(calls).toEqual([{ ...addresses, replayCounts: 'c.json' }]);
  });

  it('prints text, or JSON', async () => {
    expect((await run('report')).printed).toEqual(['the report']);
    expect(JSON.parse((await run('ledger --json')).printed.join(''))).toMatchObject({ balanced: true });
    expect((await run('ledger')).printed.join('')).toMatch(/ok {2}nothing is lost/);
  });

  it('a ledger that does not balance is exit code 1', async () => {
    expect([(await run('ledger')).code, (await run('ledger', { balanced: false })).code]).toEqual([0, 1]);
  });
});

describe('apply and get', () => {
  it('names every problem with file, line and column; exit code 2', async () => {
    const { code, errors } = await run(`apply ${bad}`);
    expect(code).toBe(2);
    expect(errors.replaceAll(`${bad}/`, '').split('\n')).toEqual([
      'EVL_RESOURCE_INVALID: 3 problems',
      expect.stringMatching(/^ {2}source\.yaml:4:1: spec: "topic" is missing/),
      expect.stringContaining(
        '  source.yaml:5:3: spec.tpoic: unknown field; did you mean "topic"?; allowed: topic, partitions, ',
      ),
      '  trigger.yaml:4:10: spec.model: there is no Model named "arrival-delay"; allowed: none',
    ]);
  });

  it.each([
    ['a folder that is not there', 'apply /nowhere', 2, /EVL_RESOURCE_NOT_FOUND/],
    ['a kind that does not exist', 'get modle', 2, /did you mean "Model"/],
    ['a registry that is not there', 'get models', 1, /EVL_CLI_REGISTRY_UNREACHABLE.*npm start/],
  ])('%s', async (_name, args, exitCode, message) => {
    const { code, errors } = await run(args);
    expect([code, errors]).toEqual([exitCode, expect.stringMatching(message)]);
  });

  it.each(['FeatureView', 'featureviews', 'feature-view', 'feature_views'])('%s is a FeatureView', (text) => {
    expect(readKind(text)).toBe('FeatureView');
  });
});

it('help is no error', async () => {
  const { code, errors } = await run('--help');
  expect([code, errors]).toEqual([0, expect.stringMatching(/apply.*<folder>/)]);
});

it('columns are as wide as their widest value', () => {
  expect(
    table(
      ['NAME', 'N'],
      [
        ['long-name', '1'],
        ['x', '22'],
      ],
    ),
  ).toBe('NAME       N\nlong-name  1\nx          22');
});
