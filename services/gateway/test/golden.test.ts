import { encodeGolden } from '@everloop/features';
import { describe, expect, it } from 'vitest';
import { VersionPool } from '../src/app/versions.ts';
import type { Packed } from '../src/domain/vector.ts';
import { resourcesFor, spec } from './fixtures.ts';
import { goldenRows, pinsOf, scoreOf } from './golden-rows.ts';
import { setUp } from './harness.ts';

const names = spec.inputs.map(({ name }) => name);

/** A gateway to which version 1 was routed; it has the given golden rows, and scores as `model` does. */
async function serve(golden: Uint8Array, model = scoreOf, served = spec) {
  const harness = setUp({}, resourcesFor(served, 'conditions'));
  harness.versions.golden = { '1': golden };
  // Definitions that a version's parameters tell apart are refused before its golden rows are looked at.
  harness.versions.parameters = { '1': pinsOf(served) };
  harness.runner.score = (_version, batch) => Promise.resolve(model(batch));
  await harness.start();
  await harness.route({});
  // Resolves, one way or the other, when the route was tried.
  await harness.gateway.service.repositoryModelLoad({ modelName: 'delay', parameters: {} }).catch(() => undefined);
  const refusals = (): string => harness.logLines.map((line) => JSON.stringify(line)).join('\n');
  return { ...harness, refusals };
}

const computed = (cel: string) => ({
  ...spec,
  inputs: spec.inputs.map((input) => (input.name === 'distance' ? { ...input, from: 'onDemand.way' } : input)),
  onDemand: [{ name: 'way', type: 'number' as const, cel, description: 'of the trip' }],
});

describe('golden rows', () => {
  it('let a version serve that does what it did in training, warmed up by them', async () => {
    const served = await serve(encodeGolden({ inputs: names, rows: goldenRows() }));
    expect(served.runner.runs.map(({ batch }) => batch.rows)).toEqual([10]);
    expect((await served.infer()).modelVersion).toBe('1');
    await served.stop();
  });

  it('are computed on demand as a request is', async () => {
    const rows = goldenRows((distance) => distance / 2);
    const golden = encodeGolden({ inputs: names, rows });
    const good = await serve(golden, scoreOf, computed('request.distance / 2.0'));
    expect((await good.infer()).modelVersion).toBe('1');
    await good.stop();
    const altered = await serve(golden, scoreOf, computed('request.distance / 4.0'));
    await expect(altered.infer()).rejects.toMatchObject({ code: 'EVL_GATEWAY_NO_VERSION' });
    expect(altered.refusals()).toMatch(/EVL_GATEWAY_GOLDEN_DIFFERS.*row 1, input distance: 5 in training, 2.5 here/);
    expect(altered.runner.versions).toEqual([]);
    await altered.stop();
  });

  it.each([
    [
      'a model file with permuted columns',
      goldenRows(),
      (batch: Packed) =>
        scoreOf({ ...batch, numeric: batch.numeric.map((_, at, all) => all[at % 2 === 0 ? at + 1 : at - 1] ?? NaN) }),
      /row \d+, score: 0.\d+ in training, 0.\d+ here \(tolerated: 0.000001\)/,
    ],
    [
      'a row that lacks what an input is made of',
      goldenRows().map((row) => ({ ...row, features: {} })),
      scoreOf,
      /lack values/,
    ],
    [
      'scores that are no numbers',
      goldenRows(),
      (batch: Packed) => new Float64Array(batch.rows).fill(NaN),
      /SCORE_NOT_FINITE/,
    ],
  ])('keep from service: %s', async (_name, rows, model, message) => {
    const served = await serve(encodeGolden({ inputs: names, rows }), model);
    await expect(served.infer()).rejects.toMatchObject({ code: 'EVL_GATEWAY_NO_VERSION' });
    expect(served.refusals()).toMatch(message);
    expect(served.runner.versions).toEqual([]);
    expect(served.gateway.service.modelReady({ name: 'delay', version: '1' }).ready).toBe(false);
    await served.stop();
  });

  it('that cannot be read make a version unusable', async () => {
    const served = await serve(Buffer.from('scribble'));
    await expect(served.infer()).rejects.toMatchObject({ code: 'EVL_GATEWAY_NO_VERSION' });
    expect(served.refusals()).toMatch(/EVL_GATEWAY_MODEL_UNUSABLE.*golden rows cannot be read/);
    await served.stop();
  });

  it('are there for those who explain; a version that was registered without them loads without', async () => {
    const { runner, versions } = setUp();
    const rows = goldenRows();
    const reader = { replay: () => rows.map(({ inputs }) => ({ values: inputs, degradedViews: [], viewAgesMs: [] })) };
    runner.score = (_version, batch) => Promise.resolve(scoreOf(batch));
    versions.golden = { '1': encodeGolden({ inputs: names, rows }) };
    const pool = new VersionPool({
      catalog: {
        get: async (model, version) =>
          ({
            model,
            version,
            parameters: {},
            artifacts: version === '1' ? [{ name: 'golden.json', digest: 'g', sizeBytes: 9 }] : [],
          }) as never,
      },
      path: (digest) => digest,
      readArtifact: async () => versions.golden['1'] ?? Buffer.of(),
      runner,
      onUnloadFailed: () => undefined,
    });
    const model = { name: 'delay', spec, reader, pins: {} } as never;
    const { golden } = await pool.acquire(model, '1');
    expect(golden?.rows.map(({ values }) => values)).toEqual(rows.map(({ inputs }) => inputs));
    expect(golden?.batch).toMatchObject({ rows: 10, numeric: expect.any(Float32Array) });
    expect([...(golden?.scores ?? [])]).toEqual(rows.map(({ score }) => score));
    expect((await pool.acquire(model, '2')).golden).toBeNull();
  });
});
