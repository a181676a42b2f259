import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { datasets, features, type DatasetDiff, type DatasetManifest } from '@everloop/contracts';
import { createGrpcServer, implement, type GrpcServer, type Handlers } from '@everloop/grpc';
import { createLogger, ServiceError } from '@everloop/service';
import { encodeColumns, readParquetColumns } from '@everloop/storage';
import { ensureKey, OpeningCheck, seal } from '@everloop/vault';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../run-command-line.ts';
import { addFeaturesCommands } from '../features/command.ts';
import { addDatasetCommands } from './command.ts';

const id = 'ab12'.repeat(16);
const hash = 'cd'.repeat(32);
const hour = 3_600_000;

const manifest: DatasetManifest = {
  ...{ format: 1, model: 'late', contentHash: hash, rows: 1_250 },
  request: {
    ...{ fromMs: 0, untilMs: 100 * hour, asOfMs: 100 * hour, known: 'bitemporal' },
    exclude: [{ fromMs: 5 * hour, untilMs: 6 * hour }],
  },
  definitions: [{ kind: 'Model', name: 'late', revision: 3, digest: 'ef'.repeat(32) }],
  offsets: [{ topic: 'trips.valid', partition: 0, start: 10, end: 900 }],
  split: {
    train: { fromMs: 0, untilMs: 80 * hour },
    timeHoldout: { fromMs: 80 * hour, untilMs: 100 * hour },
    ...{ fixedHoldoutPercent: 10, fixedHoldoutSalt: 's' },
    inner: { by: 'group', column: 'driver', salt: 'x', validationPercent: 15, testPercent: 5, strict: true },
  },
  parts: { train: 900, validation: 100, test: 50, timeHoldout: 80, fixedHoldout: 120, unused: 0 },
  columns: [
    {
      name: 'miles',
      type: 'number',
      rows: 1_130,
      missing: 113,
      min: 1,
      max: 3.5,
      mean: 2.123_456_789,
      distinct: 9,
      edges: [],
      counts: [1_017],
    },
    {
      name: 'city',
      type: 'string',
      rows: 1_130,
      missing: 0,
      distinct: 2,
      top: [
        ['Oslo', 1_000],
        ['Rome', 130],
      ],
      other: 0,
    },
  ],
  data: { digest: 'aa'.repeat(32), rows: 1_130 },
  vault: { rows: 120, contentHash: hash, keyId: '0011223344556677' },
  checks: [{ check: 'targetLeak', verdict: 'warn', detail: 'miles tells', examples: ['{"joinKey":"t1"}'] }],
};
const entry: datasets.DatasetEntry = {
  ...{ id, model: 'late', contentHash: hash, rows: 1_250, vaultRows: 120, columns: 2, fromMs: 0, untilMs: 100 * hour },
  ...{ asOfMs: 100 * hour, createdAtMs: 200 * hour, createdBy: 'trainer', reason: 'job 1', parent: 'fe'.repeat(32) },
  ...{ tags: ['golden'], verdict: 'warn' },
};
const diff: DatasetDiff = {
  ...{ from: id, to: 'ba34'.repeat(16), equal: false },
  rows: {
    ...{ from: 1_250, to: 1_300, added: 60, removed: 10, changed: 1, vault: [120, 130], vaultEqual: false },
    changedByColumn: { miles: 1 },
    examples: {
      added: [{ joinKey: 't9', timeMs: 90 * hour }],
      removed: [{ joinKey: 't1', timeMs: hour }],
      changed: [{ joinKey: 't2', timeMs: 2 * hour, changes: { miles: [1, null] } }],
    },
  },
  columns: { added: ['seats'], removed: [], retyped: [{ name: 'city', from: 'string', to: 'number' }] },
  distributions: [
    { name: 'miles', psi: 0.3, ks: 0.2, missingShare: [0.1, 0.2], mean: [2, 3], distinct: [9, 10] },
    { name: 'still', psi: 0, ks: 0, missingShare: [0, 0], mean: [1, 1], distinct: [1, 1] },
  ],
  parts: [{ part: 'train', from: 900, to: 950 }],
  definitions: [{ name: 'Model/late', from: 'revision 3', to: 'revision 4' }],
  offsets: [{ partition: 'trips.valid/0', from: '[10, 900)', to: '[10, 950)' }],
  exclude: { added: ['then to now'], removed: [] },
  request: [{ name: 'asOf', from: 'a', to: 'b' }],
};

let server: GrpcServer;
let dir = '';
const asked: unknown[] = [];
const check = new OpeningCheck();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'evl-cli-'));
  const key = await ensureKey(join(dir, 'evaluator.key'));
  const values = Float64Array.from([1, NaN]);
  const rows = { rows: 2, columns: new Map([['x', { type: 'number' as const, values }]]) };
  const sealed = seal(encodeColumns(rows), key.public, hash);
  const handlers: Handlers<typeof datasets.DatasetServiceService> = {
    listDatasets: (request) => (asked.push(request), { datasets: request.model === 'none' ? [] : [entry] }),
    getDataset: ({ ref }) => {
      if (ref === 'nothing')
        throw new ServiceError({ code: 'EVL_FEATURES_DATASET_NOT_FOUND', kind: 'terminal', message: 'none' });
      const move = { tag: 'golden', id, previousId: '', by: 'me', reason: 'good', atMs: 0 };
      return { dataset: entry, manifestJson: JSON.stringify(manifest), tagHistory: [move] };
    },
    tagDataset: (request) => (
      asked.push(request),
      { move: { ...request, id: request.ref === '' ? '' : id, previousId: 'fe'.repeat(32), atMs: 0 } }
    ),
    diffDatasets: (request) => (asked.push(request), { diffJson: JSON.stringify(diff) }),
    verifyDataset: ({ ref }) => ({
      ...{ id, equal: ref === 'golden', expectedHash: hash, actualHash: hash, expectedRows: 1, actualRows: 1 },
      differences: ref === 'golden' ? [] : ['400 rows then, 399 rows now'],
    }),
    async *checkoutDataset(request) {
      asked.push(request);
      if (request.split === 'vault')
        throw new ServiceError({ code: 'EVL_FEATURES_REQUEST_INVALID', kind: 'terminal', message: 'closed' });
      for (const text of ['PAR', '1']) yield { data: Buffer.from(text) };
    },
    async *openVault(request) {
      check.check(request, key.public, Date.now());
      asked.push(request.purpose);
      for (let at = 0; at < sealed.length; at += 50) yield { sealed: sealed.subarray(at, at + 50) };
    },
  };
  const view: features.DescribeResponse_View = {
    ...{
      name: 'delays',
      source: 'arrived',
      entity: [{ name: 'driver', type: 'string' }],
      ttlMs: 2 * 24 * hour,
      hopMs: hour,
    },
    features: [{ name: 'mean_1d', type: 'number', function: 'mean', column: 'delay', windowMs: 24 * hour }],
    ...{
      description: 'how late',
      owner: 'ops',
      newestEventMs: hour,
      newestKnownMs: 2 * hour,
      records: 12_000,
      digest: hash,
      revision: 2,
    },
  };
  const featureHandlers = {
    describe: () => ({ views: [view], services: [] }),
    createDataset: (request: features.CreateDatasetRequest) => {
      asked.push(request);
      return features.CreateDatasetResponse.fromPartial({
        dataset: { snapshotId: id, rows: 5, contentHash: hash },
        checks: [{ check: 'duplicates', verdict: 'pass', detail: 'none', examples: [] }],
      });
    },
  } as unknown as Handlers<typeof features.FeatureServiceService>;
  server = createGrpcServer({
    ...{ name: 'fake', host: '127.0.0.1', port: 0, logger: createLogger({ service: 'test', level: 'silent' }) },
    services: [
      implement(datasets.DatasetServiceService, handlers),
      implement(features.FeatureServiceService, featureHandlers),
    ],
  });
  await server.start();
});
afterAll(async () => {
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const printed: string[] = [];
  const errors: string[] = [];
  const context = {
    env: { EVL_FEATURES_ADDRESS: `127.0.0.1:${server.port}`, USER: 'me', ...env },
    print: (text: string) => void printed.push(text),
  };
  const program = new Command('everloop').exitOverride();
  addDatasetCommands(program, context);
  addFeaturesCommands(program, context);
  const silent = { writeErr: (text: string) => void errors.push(text), writeOut: () => undefined };
  const quiet = (command: Command): void => {
    command.configureOutput(silent).exitOverride();
    command.commands.forEach(quiet);
  };
  quiet(program);
  asked.length = 0;
  const code = await runCommandLine(program, args, (line) => void errors.push(line));
  return { code, text: printed.join('\n'), errors: errors.join('\n') };
}

describe('everloop dataset', () => {
  it('list: a line for each, or what to do when there is none', async () => {
    const { text } = await run(['dataset', 'list']);
    expect(text).toMatch(/^ID +MODEL +CREATED/);
    expect(text).toMatch(/ab12ab12ab12 +late +1970-01-09 08:00 +trainer +1,250 +120 .* warn +golden/);
    expect((await run(['dataset', 'list', '--model', 'none', '--limit', '3'])).text).toMatch(/no dataset yet/);
    expect(asked).toEqual([{ model: 'none', limit: 3 }]);
    expect(JSON.parse((await run(['dataset', 'list', '--json'])).text)).toEqual([entry]);
  });

  it('show: everything that it is made of', async () => {
    const { text } = await run(['dataset', 'show', 'golden']);
    for (const line of [
      /1,250, 120 of them sealed in the vault \(key 0011223344556677\)/,
      /as of +1970-01-05 04:00, by what was known then/,
      /left out +1970-01-01 05:00 to 1970-01-01 06:00/,
      /of groups that were not trained on; by group \(driver, salt "x"\) 15 % validate, 5 % test/,
      /time holdout \(test\) +80/,
      /warn +targetLeak +miles tells\n +{"joinKey":"t1"}/,
      /miles +number +10\.0 % +9 +1 +2\.12346 +3\.5/,
      /city .* Oslo \(1,000\), Rome \(130\)/,
      /Model\/late +3 +efefefefefef/,
      /trips\.valid +0 +10 +899/,
      /golden to ab12ab12ab12 by me: good/,
    ])
      expect(text).toMatch(line);
    expect(JSON.parse((await run(['dataset', 'show', 'x', '--json'])).text)).toMatchObject({
      manifest: { rows: 1_250 },
    });
    expect(await run(['dataset', 'show', 'nothing'])).toMatchObject({
      code: 2,
      errors: expect.stringMatching(/^EVL_FEATURES_DATASET_NOT_FOUND/),
    });
  });

  it('diff: rows, columns, distributions, definitions, records and ranges', async () => {
    const { text } = await run(['dataset', 'diff', 'a', 'b', '--examples', '2']);
    expect(asked).toEqual([{ fromRef: 'a', toRef: 'b', examples: 2 }]);
    for (const line of [
      /1,250 → 1,300: 60 added, 10 removed, 1 changed.*in the vault 120 → 130, others/,
      /\+ t9 at 1970-01-04 18:00/,
      /- t1 at/,
      /~ t2 at .*: miles 1 → missing/,
      /added +seats/,
      /retyped +city: string → number/,
      /1 of 2 columns differ, 1 by a PSI above 0.1/,
      /miles +0\.3000 +0\.2000 +10\.0 % → 20\.0 % +2 → 3 +9 → 10/,
      /Model\/late +revision 3 +revision 4/,
      /trips\.valid\/0 +\[10, 900\) +\[10, 950\)/,
      /now left out +then to now/,
    ])
      expect(text).toMatch(line);
    expect(text).not.toMatch(/still/);
    expect(JSON.parse((await run(['dataset', 'diff', 'a', 'b', '--json'])).text)).toEqual(diff);
  });

  it('verify: exit code 1 when the rows differ', async () => {
    expect(await run(['dataset', 'verify', 'golden'])).toMatchObject({
      code: 0,
      text: expect.stringMatching(/^equal: 1 rows/),
    });
    const differs = await run(['dataset', 'verify', 'other']);
    expect(differs).toMatchObject({ code: 1, text: 'NOT equal:\n  400 rows then, 399 rows now' });
  });

  it('tag: gives a name, moves and removes it', async () => {
    const { text } = await run(['dataset', 'tag', 'golden', 'ab12', '--reason', 'better']);
    expect(asked).toEqual([{ tag: 'golden', ref: 'ab12', by: 'me', reason: 'better' }]);
    expect(text).toMatch(/golden moved from fefefefefefe to ab12ab12ab12 by me: better/);
    expect((await run(['dataset', 'tag', 'golden', '--remove'])).text).toMatch(/removed from fefefefefefe/);
    expect((await run(['dataset', 'tag', 'golden'])).code).toBe(2);
  });

  it('create: freezes the rows of a range of time', async () => {
    const { text } = await run([
      'dataset',
      'create',
      'late',
      '--from',
      '2013-01-01',
      '--until',
      '2013-02-01T06:00',
      '--latest',
    ]);
    expect(asked).toEqual([
      expect.objectContaining({
        ...{ model: 'late', fromMs: Date.parse('2013-01-01T00:00Z'), untilMs: Date.parse('2013-02-01T06:00Z') },
        ...{ asOfMs: Date.parse('2013-02-01T06:00Z'), known: features.KnownPolicy.LATEST, createdBy: 'me' },
      }),
    ]);
    expect(text).toMatch(/: 5 rows, content hash cdcd/);
    expect((await run(['dataset', 'create', 'late', '--from', 'today', '--until', '2013-01-01'])).code).toBe(2);
  });

  it('checkout: writes a split, and touches no file that is there', async () => {
    const file = join(dir, 'train.parquet');
    const { text } = await run(['dataset', 'checkout', 'golden', file, '--split', 'train']);
    expect(asked).toEqual([{ ref: 'golden', split: 'train' }]);
    expect(text).toBe(`${file}: 4 bytes`);
    expect(await readFile(file, 'utf8')).toBe('PAR1');
    expect(await run(['dataset', 'checkout', 'golden', file])).toMatchObject({
      code: 2,
      errors: expect.stringMatching(/there already/),
    });
    expect((await run(['dataset', 'checkout', 'golden', join(dir, 'no', 'x')])).errors).toMatch(/make it first/);
    const refused = join(dir, 'vault.parquet');
    expect((await run(['dataset', 'checkout', 'golden', refused, '--split', 'vault'])).errors).toMatch(/closed/);
    await expect(stat(refused)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('checkout of the vault: with the key alone, for the owner alone, and with a purpose', async () => {
    const file = join(dir, 'held.parquet');
    const base = ['dataset', 'checkout', 'golden', file];
    expect((await run([...base, '--vault-key', join(dir, 'evaluator.key')])).errors).toMatch(/--purpose/);
    expect((await run([...base, '--vault-key', join(dir, 'none'), '--purpose', 'audit'])).code).toBe(2);
    await ensureKey(join(dir, 'other.key'));
    const wrong = await run([...base, '--vault-key', join(dir, 'other.key'), '--purpose', 'audit']);
    expect(wrong.errors).toMatch(/EVL_VAULT_DENIED/);
    const { code } = await run([...base, '--vault-key', join(dir, 'evaluator.key'), '--purpose', 'audit']);
    expect(code).toBe(0);
    expect(asked).toEqual(['audit']);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readParquetColumns(file)).columns.get('x')?.values).toEqual(Float64Array.from([1, NaN]));
  });

  it('says where the feature store should be when it does not answer', async () => {
    const away = await run(['dataset', 'list'], { EVL_FEATURES_ADDRESS: '127.0.0.1:1' });
    expect(away).toMatchObject({
      code: 1,
      errors: expect.stringMatching(/^EVL_CLI_FEATURE_STORE_UNREACHABLE: .*127\.0\.0\.1:1/),
    });
  });
});

describe('everloop features', () => {
  it('list and describe: entities, windows, freshness', async () => {
    expect((await run(['features', 'list'])).text).toMatch(
      /delays +driver +1 +arrived +12,000 +1970-01-01 01:00 +2d +ops/,
    );
    const { text } = await run(['features', 'describe', 'delays']);
    expect(text).toMatch(/entity +driver \(string\)/);
    expect(text).toMatch(/newest event +1970-01-01 01:00, newest known 1970-01-01 02:00/);
    expect(text).toMatch(/mean_1d +number +mean +delay +1d/);
    expect(JSON.parse((await run(['features', 'describe', 'delays', '--json'])).text)).toMatchObject({ revision: 2 });
    expect((await run(['features', 'describe', 'delay'])).errors).toMatch(/did you mean "delays"/);
  });
});
