import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drift, loadResources, registry } from '@everloop/contracts';
import { calibrate, prepareBaseline, type NamedMonitor } from '@everloop/drift';
import { baselineMessage } from '@everloop/drift/fixtures';
import { createGrpcServer, implement, type GrpcServer } from '@everloop/grpc';
import { createLogger } from '@everloop/service';
import { createObjectStore } from '@everloop/storage';
import { Command } from 'commander';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addApplyCommand } from './apply-command.ts';
import { monitorsOf } from './monitor/command.ts';
import { runCommandLine } from './run-command-line.ts';

const hour = 3_600_000;
const model = 'arrival-delay';
const flights = join(import.meta.dirname, '../../../examples/flights/resources');
const monitorYaml = `kind: Monitor
name: watch
spec:
  model: ${model}
  window: 1h
  fields: all
  minRows: 10
  psi: 0.1
  significance: 0.01
  minDriftedFields: 1
  raise: { windows: 1, of: 1 }
  coolDown: 24h
  budget: { falseRetrainings: 1, per: 10d }
`;

/** Panes whose rows are the baseline's own, or a half of it in turn. */
function historyOf(isRestless: boolean): readonly drift.Pane[] {
  return Array.from({ length: 60 }, (_, h) => {
    const fields = baselineMessage('').fields.map(({ field, counts }) => {
      const isIn = (bin: number): boolean => !isRestless || bin < counts.length / 2 === (h % 2 === 0);
      const bins = counts.flatMap((count, bin) => (isIn(bin) && count > 0 ? [bin] : []));
      return { field, bins, counts: bins.map(() => 2), missing: 0 };
    });
    return drift.Pane.fromPartial({ startMs: h * hour, widthMs: hour, rows: 500, fields });
  });
}

let server: GrpcServer;
let dir = '';
let versions: registry.ModelVersion[] = [];
let applied: { readonly dryRun: boolean; readonly force: boolean }[] = [];
let changes: ReadonlyMap<string, string> = new Map();
let artifacts: Readonly<Record<'baseline' | 'calm' | 'restless', string>>;

/** Every resource is at revision 3 after it is applied. */
const revision = 3;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'evl-apply-'));
  await cp(flights, join(dir, 'resources'), { recursive: true });
  await writeFile(join(dir, 'resources', 'watch.yaml'), monitorYaml);
  const store = createObjectStore(join(dir, 'objects'));
  const history = (isRestless: boolean): Promise<string> =>
    store.put(Buffer.from(drift.History.encode({ panes: [...historyOf(isRestless)] }).finish()));
  artifacts = {
    baseline: await store.put(Buffer.from(JSON.stringify(drift.Baseline.toJSON(baselineMessage(''))))),
    calm: await history(false),
    restless: await history(true),
  };
  const { applyResources, listVersions } = registry.RegistryServiceService;
  server = createGrpcServer({
    ...{ name: 'registry', host: '127.0.0.1', port: 0, logger: createLogger({ service: 'test', level: 'silent' }) },
    services: [
      implement(
        { applyResources, listVersions },
        {
          applyResources({ resources, force, dryRun }) {
            applied.push({ dryRun, force });
            const results = resources.map(({ kind, name }) => ({
              ...{ kind, name, revision },
              change: changes.get(`${kind}/${name}`) ?? 'unchanged',
            }));
            return { results, overridden: [] };
          },
          listVersions: () => ({ versions }),
        },
      ),
    ],
  });
  await server.start();
});

afterAll(async () => {
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});

beforeEach(() => {
  [versions, applied] = [[], []];
  changes = new Map([['Monitor/watch', 'created']]);
});

function inService(history: 'calm' | 'restless'): void {
  const all = { 'baseline.json': artifacts.baseline, 'history.pb': artifacts[history] };
  versions = [
    registry.ModelVersion.fromPartial({
      ...{ model, version: '7', stage: 'production' },
      artifacts: Object.entries(all).map(([name, digest]) => ({ name, digest })),
    }),
  ];
}

async function apply(args = '', objects = join(dir, 'objects')) {
  const [printed, errors]: [string[], string[]] = [[], []];
  const program = new Command('everloop').exitOverride();
  addApplyCommand(program, {
    env: { EVL_REGISTRY_ADDRESS: `127.0.0.1:${server.port}`, EVL_OBJECT_STORE: objects },
    print: (text) => void printed.push(text),
  });
  const more = args === '' ? [] : args.split(' ');
  const code = await runCommandLine(
    program,
    ['apply', join(dir, 'resources'), ...more],
    (line) => void errors.push(line),
  );
  return { code, printed: printed.join('\n'), errors: errors.join('\n') };
}

/** The Monitor as it is once it is applied. */
async function readMonitor(): Promise<NamedMonitor> {
  const { resources } = await loadResources(join(dir, 'resources'));
  const monitor = monitorsOf(resources).find(({ name }) => name === 'watch');
  if (monitor === undefined) throw new Error('there is no Monitor');
  return { ...monitor, revision };
}

const really = (): readonly unknown[] => applied.filter(({ dryRun }) => !dryRun);

describe('a Monitor', () => {
  test('is shown with the plan that the detector makes of it, before it is applied', async () => {
    inService('calm');
    const { code, printed, errors } = await apply();
    expect([code, errors]).toEqual([0, '']);
    expect(printed).toMatch(/^Monitor watch on version 7: (calibrated|checked)\n/);
    for (const part of ['false retrainings', '0.25 σ in 1 fields', 'Monitor/watch', '1 applied'])
      expect(printed).toContain(part);
    expect(applied.map(({ dryRun }) => dryRun)).toEqual([true, false]);
  });

  test('is planned at the revision that it will have', async () => {
    inService('restless');
    const { errors } = await apply();
    const monitor = await readMonitor();
    const baseline = prepareBaseline({ ...baselineMessage('7'), model });
    const plan = calibrate({ monitor, baseline, panes: historyOf(true) });
    expect(plan).toMatchObject({ status: 'over-budget', monitorRevision: 3 });
    expect(errors).toContain(`up to ${plan.falseRetrainingsUpper.toFixed(2)} times`);
    const other = calibrate({ monitor: { ...monitor, revision: 2 }, baseline, panes: historyOf(true) });
    expect(other.seed).not.toBe(plan.seed);
  });

  test.each<[string, () => void, string]>([
    [
      'no version in service yet',
      () => undefined,
      `model "${model}" has no version in service yet; the drift detector`,
    ],
    [
      'an object store that is elsewhere',
      () => inService('calm'),
      'EVL_STORAGE_OBJECT_NOT_FOUND); name the object store',
    ],
  ])('%s: says so, and goes on', async (_, given, reason) => {
    given();
    const { code, printed } = await apply('', join(dir, 'elsewhere'));
    expect(printed).toContain(`Monitor watch: no plan: `);
    expect(printed).toContain(reason);
    expect([code, really()]).toEqual([0, [{ dryRun: false, force: false }]]);
  });

  test('that does not change is not planned again', async () => {
    inService('restless');
    changes = new Map([['Model/arrival-delay', 'changed']]);
    const { code, printed } = await apply();
    expect([code, printed.includes('Monitor watch')]).toEqual([0, false]);
  });
});

describe('a Monitor over its budget', () => {
  test.each(['', '--dry-run'])('is refused, and nothing is applied (%s)', async (args) => {
    inService('restless');
    const { code, printed, errors } = await apply(args);
    expect(printed).toMatch(/^Monitor watch on version 7: over-budget\n/);
    expect(errors).toMatch(
      /^EVL_CLI_MONITOR_OVER_BUDGET: nothing was applied, .* of Monitor watch \(.* 1 are allowed\)/,
    );
    expect([code, really()]).toEqual([1, []]);
  });

  test.each([
    ['--force', true],
    ['--accept-over-budget', false],
  ])('is applied with %s', async (args, force) => {
    inService('restless');
    const { code, printed } = await apply(args);
    expect(printed).toContain('Monitor watch on version 7: over-budget');
    expect([code, really()]).toEqual([0, [{ dryRun: false, force }]]);
  });
});
