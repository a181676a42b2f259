import {
  type DatasetChecks,
  type DatasetDiff,
  type DatasetManifest,
  type datasets as wire,
  features,
  inFixedHoldout,
  type ModelSpec,
  splitOf,
  type TypedResource,
} from '@everloop/contracts';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { decodeColumns, readParquetColumns } from '@everloop/storage';
import { ensureKey, newKeyText, parseKey, signOpening, unseal } from '@everloop/vault';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { HistoryCompaction } from '../src/adapters/history-compaction.ts';
import { createFeatureCalls, type FeatureCalls } from '../src/app/feature-calls.ts';
import type { DatasetCalls } from '../src/app/dataset-calls.ts';
import { topologyOf } from '../src/domain/topology.ts';
import { silentTelemetry, tripResources } from './fixtures.ts';
import { createHistoryWorld, type HistoryWorld, type WorldRecord } from './history-world.ts';
import { createTestDatasets } from './test-datasets.ts';

const hour = 3_600_000;
const trips = 400;

/** The trips' Model with a holdout of a fifth, and whatever a test wants else. */
function resourcesWith(change: (spec: ModelSpec) => ModelSpec = (spec) => spec): TypedResource[] {
  const training = { timeHoldoutMs: 50 * hour, fixedHoldoutPercent: 20, fixedHoldoutSalt: 's', windowMs: 400 * hour };
  return tripResources('d', 1).map((resource) => {
    if (resource.kind === 'FeatureView') return { ...resource, spec: { ...resource.spec, ttlMs: 1_000 * hour } };
    if (resource.kind !== 'Model') return resource;
    return { ...resource, spec: change({ ...resource.spec, training: { ...resource.spec.training, ...training } }) };
  });
}

/** A trip every hour that is planned an hour before it leaves and labelled half an hour after; some of its fields are noise. */
function tripRecords(count = trips): WorldRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const leaves = (index + 2) * hour;
    const noise = ((index * 7_919) % 101) / 101;
    const delay = noise > 0.5 ? 30 : 0;
    const origin = `o${index % 5}`;
    const vehicle = `v${index % 7}`;
    const plan = { trip: `t${index}`, origin, vehicle, seats: (index * 37) % 90, miles: (index * 131) % 997 };
    return [
      { source: 'planned', timeMs: leaves - hour, fields: { ...plan, leaves, at: leaves - hour } },
      {
        source: 'arrived',
        timeMs: leaves + hour / 2,
        fields: { trip: plan.trip, origin, vehicle, delay, at: leaves + hour / 2 },
      },
    ];
  }).flat();
}

let world: HistoryWorld;
let calls: FeatureCalls;
let snapshots: DatasetCalls;
let resources: readonly TypedResource[];
const audit: string[] = [];

async function open(given: readonly TypedResource[], records: readonly WorldRecord[] = tripRecords()): Promise<void> {
  resources = given;
  world = await createHistoryWorld(given);
  await world.add(records);
  await connect();
}

/** The service over the world, as after a restart. */
async function connect(): Promise<void> {
  const telemetry = {
    ...silentTelemetry,
    vaultOpened: (dataset: string, purpose: string, rows: number) =>
      void audit.push(`opened ${dataset} ${purpose} ${rows}`),
    vaultDenied: (dataset: string, purpose: string) => void audit.push(`denied ${dataset} ${purpose}`),
  };
  const made = await createTestDatasets(world.dir, world.duck, world.tables, telemetry);
  snapshots = made.snapshots;
  calls = createFeatureCalls({
    topology: () => topologyOf(resources),
    mget: () => Promise.resolve([]),
    history: world.history,
    ...made,
    telemetry: silentTelemetry,
  });
}

beforeEach(() => void (audit.length = 0));
afterEach(() => world.close());

const until = 402 * hour;
const create = (over: Partial<features.CreateDatasetRequest> = {}) =>
  calls.createDataset(
    features.CreateDatasetRequest.fromPartial({
      ...{ model: 'late', fromMs: hour, untilMs: until, asOfMs: until, createdBy: 'test', reason: 'why', ...over },
    }),
  );
const manifestOf = async (ref: string): Promise<DatasetManifest> =>
  JSON.parse((await snapshots.get({ ref })).manifestJson) as DatasetManifest;
const idOf = (made: features.CreateDatasetResponse): string => made.dataset?.snapshotId ?? '';
const verify = (ref: string) => snapshots.verify({ ref });

describe('a snapshot', () => {
  it('says what it is made of, is found again after a restart, and is the same when it is made again', async () => {
    await open(resourcesWith());
    const made = await create();
    const manifest = await manifestOf(idOf(made));
    expect(made.dataset).toMatchObject({ rows: 400, contentHash: manifest.contentHash });
    expect(manifest.definitions.map(({ kind, name }) => `${kind}/${name}`)).toEqual([
      ...[
        'FeatureView/origin',
        'FeatureView/plan',
        'FeatureView/vehicle',
        'Model/late',
        'Source/arrived',
        'Source/planned',
      ],
    ]);
    expect(manifest.offsets).toEqual([
      { topic: 'd.arrived.valid', partition: 0, start: 0, end: 400 },
      { topic: 'd.planned.valid', partition: 0, start: 0, end: 400 },
    ]);
    expect(manifest.request).toMatchObject({ known: 'bitemporal', exclude: [], asOfMs: until });
    const { train, timeHoldout, fixedHoldout, unused } = manifest.parts;
    expect(train + timeHoldout + fixedHoldout + unused).toBe(400);
    expect(fixedHoldout).toBeGreaterThan(50);
    expect(manifest.data.rows + (manifest.vault?.rows ?? 0)).toBe(400);
    const seats = manifest.columns.find(({ name }) => name === 'seats');
    expect(seats).toMatchObject({ type: 'number', rows: manifest.data.rows, missing: 0, min: 0, max: 89 });
    await connect();
    expect(idOf(await create())).toBe(idOf(made));
    expect((await snapshots.list({ model: '', limit: 0 })).datasets).toHaveLength(1);
    expect((await snapshots.list({ model: 'late', limit: 1 })).datasets[0]).toMatchObject({
      ...{ id: idOf(made), rows: 400, createdBy: 'test', reason: 'why', parent: '', verdict: 'pass' },
      vaultRows: manifest.vault?.rows,
    });
    expect((await snapshots.list({ model: 'other', limit: 1 })).datasets).toEqual([]);
  });

  it('verifies after late records, other definitions and compacted files, from its own offsets and definitions', async () => {
    await open(resourcesWith());
    const made = await create();
    const latest = await create({ known: features.KnownPolicy.LATEST });
    // A correction of the past that became known later: a trip that nobody had seen, and its label.
    const at = 100 * hour;
    const plan = { trip: 'late-1', origin: 'o1', vehicle: 'v1', seats: 1, miles: 1, leaves: at + hour, at };
    const label = { trip: 'late-1', origin: 'o1', vehicle: 'v1', delay: 500, at: at + 2 * hour };
    await world.add([
      { source: 'planned', timeMs: at, knownMs: until + hour, fields: plan },
      { source: 'arrived', timeMs: at + 2 * hour, knownMs: until + hour, fields: label },
    ]);
    await world.tables.flush();
    // As of then nothing changed, for who asks what was known; and something did, for who asks what is known now.
    expect((await create()).dataset?.rows).toBe(400);
    expect((await create({ known: features.KnownPolicy.LATEST })).dataset?.rows).toBe(401);
    // The window of a feature is changed; the snapshot keeps its own.
    resources = resources.map((resource) =>
      resource.kind === 'FeatureView' && resource.name === 'origin'
        ? { ...resource, revision: 2, spec: { ...resource.spec, ttlMs: 1 } }
        : resource,
    );
    for (const id of [idOf(made), idOf(latest)]) {
      const verified = await verify(id);
      expect(verified).toMatchObject({ equal: true, differences: [], actualRows: 400 });
      expect(verified.actualHash).toBe(verified.expectedHash);
    }
    expect(idOf(await create())).not.toBe(idOf(made));
  });

  it('is made again after its files were merged, and says what retention took', async () => {
    const records = tripRecords();
    await open(resourcesWith(), []);
    for (let from = 0; from < records.length; from += 200) {
      await world.add(records.slice(from, from + 200));
      await world.tables.flush();
    }
    const made = await create();
    const [planned, arrived] = ['d.planned.valid', 'd.arrived.valid'] as const;
    const compaction = new HistoryCompaction({
      ...{ dataDir: world.dir, duck: world.duck, tables: world.tables, telemetry: silentTelemetry },
      ...{ limits: { smallRows: 1_000, targetRows: 64_000, fan: 4 }, graceMs: 0, now: () => Date.now() + 1_000 },
    });
    expect(await compaction.compact()).toBe(2);
    await compaction.sweep();
    expect(await verify(idOf(made))).toMatchObject({ equal: true, actualRows: 400 });
    const pinned = () => [{ start: 0, end: 400, dataset: 'production' }];
    for (const topic of [planned, arrived]) expect(await compaction.expire(topic, 9_000 * hour, pinned)).toBe(0);
    expect(await verify(idOf(made))).toMatchObject({ equal: true });
    for (const topic of [planned, arrived]) expect(await compaction.expire(topic, 9_000 * hour, () => [])).toBe(1);
    const found = await verify(idOf(made));
    expect(found.equal).toBe(false);
    expect(found.differences).toContain('d.planned.valid/0: records [0, 400) then, nothing of them now');
    // What was made stays whole: it lies in the object store.
    expect((await readParquetColumns(await checkedOut({ ref: idOf(made), split: '' }))).rows).toBeGreaterThan(0);
  });

  it('says what is missing when its records are gone', async () => {
    await open(resourcesWith());
    const made = await create();
    const other = await createHistoryWorld(resources);
    await other.add(tripRecords(399));
    const { datasets } = await createTestDatasets(world.dir, other.duck, other.tables);
    const found = await datasets.verify(await manifestOf(idOf(made)));
    expect(found.differences).toEqual([
      'd.arrived.valid/0: records [0, 400) then, [0, 399) of them now',
      'd.planned.valid/0: records [0, 400) then, [0, 399) of them now',
      '400 rows then, 399 rows now',
      'the rows made again have another hash',
    ]);
    await writeFile(made.path, 'scribble');
    expect((await datasets.verify(await manifestOf(idOf(made)))).differences.at(-1)).toMatch(
      /the stored file: .*corrupt/,
    );
    await other.close();
  });
});

describe('tags', () => {
  it('name snapshots, move, and keep their history', async () => {
    await open(resourcesWith());
    const first = idOf(await create());
    const second = idOf(await create({ asOfMs: 300 * hour, untilMs: 300 * hour }));
    const tag = (ref: string, name = 'golden') => snapshots.tag({ tag: name, ref, by: 'me', reason: 'better' });
    await tag(first.slice(0, 12));
    expect((await tag('golden', 'same')).move?.id).toBe(first);
    await tag(second);
    await tag('', 'same');
    const { dataset, tagHistory } = await snapshots.get({ ref: 'golden' });
    expect(dataset).toMatchObject({ id: second, parent: first, tags: ['golden'] });
    expect(tagHistory.map(({ id, previousId, by, reason }) => [id, previousId, by, reason])).toEqual([
      [second, first, 'me', 'better'],
    ]);
    const moves = (await snapshots.get({ ref: first })).tagHistory.map(({ tag: name, id }) => [name, id]);
    expect(moves).toEqual([
      ['golden', first],
      ['same', first],
      ['golden', second],
      ['same', ''],
    ]);
    await expect(snapshots.get({ ref: 'same' })).rejects.toMatchObject({ code: 'EVL_FEATURES_DATASET_NOT_FOUND' });
    await expect(snapshots.get({ ref: first.slice(0, 3) })).rejects.toMatchObject({ kind: 'terminal' });
    for (const wrong of ['abcd', '1st', 'a b', ''])
      await expect(tag(first, wrong)).rejects.toMatchObject({ code: 'EVL_FEATURES_REQUEST_INVALID' });
  });
});

describe('a diff', () => {
  it('tells rows, columns, distributions, definitions and ranges apart', async () => {
    await open(resourcesWith());
    const from = await create({ asOfMs: 300 * hour, untilMs: 300 * hour });
    resources = resources.map((resource) =>
      resource.kind === 'Model'
        ? {
            ...resource,
            revision: 2,
            spec: {
              ...resource.spec,
              inputs: [
                ...resource.spec.inputs.filter(({ name }) => name !== 'mean_long' && name !== 'miles'),
                { name: 'distance', type: 'number', from: 'request.miles' },
              ],
            },
          }
        : resource,
    );
    const exclude = [{ fromMs: 50 * hour, untilMs: 60 * hour, reason: 'hold 7 of planned' }];
    const to = await create({ exclude });
    const { diffJson } = await snapshots.diff({ fromRef: idOf(from), toRef: idOf(to), examples: 2 });
    const diff = JSON.parse(diffJson) as DatasetDiff;
    expect(diff).toMatchObject({ from: idOf(from), to: idOf(to), equal: false });
    expect(diff.columns).toEqual({ added: ['distance'], removed: ['miles', 'mean_long'], retyped: [] });
    expect(diff.exclude).toEqual({ added: ['1970-01-03T02:00:00.000Z to 1970-01-03T12:00:00.000Z'], removed: [] });
    expect(diff.definitions).toEqual([expect.objectContaining({ name: 'Model/late' })]);
    expect(diff.offsets.map(({ partition }) => partition)).toEqual(['d.arrived.valid/0', 'd.planned.valid/0']);
    expect(diff.request.map(({ name }) => name)).toEqual(['asOf', 'until']);
    expect(diff.rows.added).toBeGreaterThan(50);
    expect(diff.rows.removed).toBeGreaterThan(5);
    expect(diff.rows.examples.removed).toHaveLength(2);
    expect(diff.rows.vaultEqual).toBe(false);
    const seats = diff.distributions.find(({ name }) => name === 'seats');
    expect(seats?.psi).toBeLessThan(0.2);
    expect(seats?.ks).toBeLessThan(0.2);
    const time = diff.distributions.find(({ name }) => name === '__time_ms');
    expect(time?.psi).toBeGreaterThan(0.25);
    expect(diff.distributions.map(({ name }) => name).slice(0, 3)).toContain('__time_ms');
    // Nothing of a row of the vault is shown.
    expect(
      [...diff.rows.examples.added, ...diff.rows.examples.removed].some(({ joinKey }) =>
        inFixedHoldout(joinKey, 20, 's'),
      ),
    ).toBe(false);
  });

  it('tells changed values by key and time, and equal snapshots', async () => {
    await open(resourcesWith());
    const from = await create({ known: features.KnownPolicy.LATEST });
    // A correction of a plan that was known: the newest version of the same time counts.
    const fields = { trip: 't7', origin: 'o2', vehicle: 'v0', seats: 77_777, miles: 1, leaves: 9 * hour, at: 8 * hour };
    await world.add([{ source: 'planned', timeMs: 8 * hour, fields: { ...fields, leaves: null } }]);
    const to = await create({ known: features.KnownPolicy.LATEST });
    const diff = JSON.parse(
      (await snapshots.diff({ fromRef: idOf(from), toRef: idOf(to), examples: 0 })).diffJson,
    ) as DatasetDiff;
    if (!inFixedHoldout('t7', 20, 's')) {
      expect(diff.rows).toMatchObject({ added: 0, removed: 0, changed: 1 });
      expect(diff.rows.changedByColumn).toMatchObject({ seats: 1 });
      expect(diff.rows.examples.changed[0]).toMatchObject({ joinKey: 't7', changes: { seats: [259 % 90, 77_777] } });
    }
    const same = JSON.parse(
      (await snapshots.diff({ fromRef: idOf(from), toRef: idOf(from), examples: 0 })).diffJson,
    ) as DatasetDiff;
    expect(same).toMatchObject({
      equal: true,
      rows: { added: 0, removed: 0, changed: 0, vaultEqual: true },
      definitions: [],
      offsets: [],
    });
    expect(same.distributions.every(({ psi, ks }) => (psi ?? 0) === 0 && (ks ?? 0) === 0)).toBe(true);
  });
});

async function checkedOut(request: { ref: string; split: string }): Promise<string> {
  const parts: Buffer[] = [];
  for await (const { data } of snapshots.checkout(request)) parts.push(data);
  const path = join(world.dir, `out-${request.split}.parquet`);
  await writeFile(path, Buffer.concat(parts));
  return path;
}

describe('a checkout', () => {
  it('gives the rows of a split, all of a group on one side, and never those of the vault', async () => {
    const split = { validationPercent: 20, testPercent: 10, salt: 'x', gapMs: 0, strict: false } as const;
    await open(
      resourcesWith((spec) => ({
        ...spec,
        training: { ...spec.training, split: { ...split, by: 'group', column: 'vehicle' } },
      })),
    );
    const ref = idOf(await create());
    const manifest = await manifestOf(ref);
    const sides = new Map<string, Set<string>>();
    let rows = 0;
    for (const name of ['train', 'validation', 'test']) {
      const table = await readParquetColumns(await checkedOut({ ref, split: name }));
      rows += table.rows;
      const column = (which: string) => table.columns.get(which)?.values ?? [];
      for (let row = 0; row < table.rows; row += 1) {
        const [joinKey, group] = [String(column('__join_key')[row]), String(column('__group')[row])];
        const part = splitOf({ joinKey, group, timeMs: Number(column('__time_ms')[row]) }, manifest.split);
        expect(name === 'test' ? ['test', 'timeHoldout'] : [name]).toContain(part);
        if (part !== 'timeHoldout') sides.set(group, (sides.get(group) ?? new Set()).add(name));
      }
    }
    expect(sides.size).toBeGreaterThan(2);
    expect([...sides.values()].every((names) => names.size === 1)).toBe(true);
    expect(rows).toBe(manifest.data.rows - manifest.parts.unused);
    const whole = await readParquetColumns(await checkedOut({ ref, split: '' }));
    expect(whole.rows).toBe(manifest.data.rows);
    for (const name of ['vault', 'fixedHoldout', 'all'])
      await expect(checkedOut({ ref, split: name })).rejects.toMatchObject({ code: 'EVL_FEATURES_REQUEST_INVALID' });
    expect((await readdir(join(world.dir, 'objects'))).filter((name) => name.startsWith('.checkout'))).toEqual([]);
    expect(manifest.checks.find(({ check }) => check === 'groupLeak')).toMatchObject({ verdict: 'pass' });
    expect(await verify(ref)).toMatchObject({ equal: true });
  });
});

describe('the vault', () => {
  async function openVault(request: wire.OpenVaultRequest): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const { sealed } of snapshots.openVault(request)) parts.push(sealed);
    return Buffer.concat(parts);
  }
  const signed = (key: ReturnType<typeof parseKey>, ref: string): wire.OpenVaultRequest => {
    const proof = signOpening(key, { ref, purpose: 'evaluation of job 1' }, Date.now());
    return { ...proof, signature: Buffer.from(proof.signature) };
  };

  it('holds the fixed holdout, which is in no other file; the evaluator alone opens it, and that is recorded', async () => {
    await open(resourcesWith());
    const made = await create();
    const ref = idOf(made);
    const manifest = await manifestOf(ref);
    const openRows = await readParquetColumns(made.path);
    const keys = openRows.columns.get('__join_key')?.values as readonly string[];
    expect(keys.some((key) => inFixedHoldout(key, 20, 's'))).toBe(false);

    const key = await ensureKey(join(world.dir, 'evaluator.key'));
    const sealed = await openVault(signed(key, ref));
    const rows = decodeColumns(unseal(sealed, key, manifest.vault?.contentHash ?? ''));
    expect(rows.rows).toBe(manifest.vault?.rows);
    const held = rows.columns.get('__join_key')?.values as readonly string[];
    expect(held.every((each) => inFixedHoldout(each, 20, 's'))).toBe(true);
    expect([...rows.columns.keys()]).toEqual([...openRows.columns.keys()]);
    expect(new Set([...keys, ...held]).size).toBe(400);
    expect(audit).toEqual([`opened ${ref} evaluation of job 1 ${rows.rows}`]);

    const other = parseKey(newKeyText(), 'other');
    await expect(openVault(signed(other, ref))).rejects.toMatchObject({ code: 'EVL_VAULT_DENIED' });
    expect(() => unseal(sealed, other, manifest.vault?.contentHash ?? '')).toThrow(/sealed for key/);
    expect(audit.at(-1)).toBe(`denied ${ref} evaluation of job 1`);
  });

  it('holds the fixed holdout of rows that no range of time uses yet: the next dataset will hold them out', async () => {
    // The newest rows wait for labels, so this dataset leaves them unused; a later one will not.
    await open(resourcesWith((spec) => ({ ...spec, label: { ...spec.label, waitMs: 20 * hour } })));
    const early = await create({ untilMs: 300 * hour, asOfMs: 300 * hour });
    const manifest = await manifestOf(idOf(early));
    expect(manifest.parts.unused).toBeGreaterThan(10);
    expect(manifest.vault?.rows).toBeGreaterThan(manifest.parts.fixedHoldout);
    const keys = (await readParquetColumns(early.path)).columns.get('__join_key')?.values as readonly string[];
    expect(keys.some((key) => inFixedHoldout(key, 20, 's'))).toBe(false);
    const later = await create();
    const { diffJson } = await snapshots.diff({ fromRef: idOf(early), toRef: idOf(later), examples: 0 });
    expect((JSON.parse(diffJson) as DatasetDiff).rows.removed).toBe(0);
  });

  it('lies in a folder and files that its owner alone can read, in the clear nowhere', async () => {
    await open(resourcesWith());
    const made = await create();
    const folder = join(world.dir, 'vault');
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    const [file = ''] = await readdir(folder);
    expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
    const manifest = await manifestOf(idOf(made));
    expect(file).toBe(`${manifest.vault?.contentHash}-${manifest.vault?.keyId}.sealed`);
    const bytes = await readFile(join(folder, file));
    expect(bytes.includes('PAR1') || bytes.includes('__join_key')).toBe(false);
  });
});

const finding = (made: features.CreateDatasetResponse, check: string) =>
  made.checks.find((each) => each.check === check);
const limits =
  (over: Partial<DatasetChecks>) =>
  (spec: ModelSpec): ModelSpec => ({
    ...spec,
    checks: {
      ...{ duplicates: 'fail', maxDuplicatePercent: 1, groupLeak: 'fail', targetLeak: 'fail', maxAuc: 0.98 },
      ...{ maxInformation: 0.9, labelInput: 'fail', timeOverlap: 'fail', futureData: 'fail', sampledRows: 30 },
      ...over,
    },
  });

describe('checks', () => {
  it('pass on clean rows, and say with which numbers', async () => {
    await open(resourcesWith());
    const made = await create();
    expect(made.checks.map(({ check, verdict }) => [check, verdict])).toEqual([
      ...['duplicates', 'groupLeak', 'targetLeak', 'labelInput', 'timeOverlap', 'futureData'].map((name) => [
        name,
        'pass',
      ]),
    ]);
    expect(finding(made, 'duplicates')?.detail).toMatch(/0 of \d+ held-out rows \(0\.00 %\)/);
    expect(finding(made, 'futureData')?.detail).toMatch(/^60 sampled rows are the same/);
  });

  it('find an input that tells the label, and show rows', async () => {
    const records = tripRecords();
    const delays = new Map(
      records
        .filter(({ source }) => source === 'arrived')
        .map(({ fields }) => [fields['trip'], Number(fields['delay'])]),
    );
    const leaking = records.map((record) =>
      record.source === 'planned'
        ? { ...record, fields: { ...record.fields, seats: 10 + (delays.get(record.fields['trip'] ?? '') ?? 0) } }
        : record,
    );
    await open(resourcesWith(), leaking);
    const made = await create();
    expect(finding(made, 'targetLeak')).toMatchObject({
      verdict: 'fail',
      detail: expect.stringMatching(/^single inputs tell the label: seats \(AUC 1\.0000/),
    });
    expect(JSON.parse(finding(made, 'targetLeak')?.examples[0] ?? '{}')).toMatchObject({
      joinKey: expect.stringMatching(/^t/),
      seats: expect.any(Number),
    });
    expect((await snapshots.list({ model: '', limit: 0 })).datasets[0]?.verdict).toBe('fail');
    resources = resourcesWith(limits({ targetLeak: 'warn' }));
    expect(finding(await create(), 'targetLeak')?.verdict).toBe('warn');
    resources = resourcesWith(limits({ targetLeak: 'off' }));
    expect(finding(await create(), 'targetLeak')).toMatchObject({ verdict: 'pass', detail: 'not checked' });
  });

  it('find rows that are in train and held out', async () => {
    const copies = tripRecords()
      .filter(({ source }) => source === 'planned')
      .slice(0, 300)
      .map((record) => ({
        ...record,
        timeMs: record.timeMs + 100 * hour,
        fields: { ...record.fields, leaves: Number(record.fields['leaves']) + 100 * hour },
      }));
    await open(resourcesWith(), [...tripRecords(), ...copies]);
    const made = await create();
    const found = finding(made, 'duplicates');
    expect(found?.verdict).toBe('fail');
    expect(found?.detail).toMatch(/^\d+ of \d+ held-out rows .* are in train too: \d+ with the same join key/);
    expect(JSON.parse(found?.examples[0] ?? '{}')).toMatchObject({ part: 'timeHoldout', joinKey: expect.any(String) });
    resources = resourcesWith(limits({ maxDuplicatePercent: 100 }));
    expect(finding(await create(), 'duplicates')?.verdict).toBe('pass');
  });

  it('find the label itself among the inputs', async () => {
    const given = resourcesWith((spec) => ({
      ...spec,
      views: [...spec.views, { view: 'outcome', key: 'request.trip' }],
      inputs: [...spec.inputs, { name: 'was_late', type: 'number', from: 'outcome.delay' }],
    }));
    const origin = given.find((resource) => resource.kind === 'FeatureView');
    if (origin?.kind !== 'FeatureView') throw new Error('no view');
    const outcome = {
      ...origin,
      name: 'outcome',
      spec: { ...origin.spec, source: 'arrived', entity: 'trip', columns: ['delay'], aggregations: [] },
    };
    await open([...given, outcome]);
    expect(finding(await create(), 'labelInput')).toMatchObject({
      ...{
        verdict: 'fail',
        detail: 'was_late: delay of arrived, of which the label is made',
        examples: ['{"input":"was_late"}'],
      },
    });
  });
});
