import type { GatedField, ModelSpec } from '@everloop/contracts';
import { eventually } from '@everloop/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { resourcesFor, spec, trip } from './fixtures.ts';
import { setUp, type Harness } from './harness.ts';

const limited = (field: Partial<GatedField>): readonly GatedField[] =>
  spec.request.map((one) => (one.name === field.name ? { ...one, ...field } : one));
const harnesses: Harness[] = [];

/** A gateway with model `delay`, whose gate and request fields are as given, with version 1 in service. */
async function gated(fields: Pick<Partial<ModelSpec>, 'request' | 'gate' | 'inputs'>): Promise<Harness> {
  const harness = setUp({}, resourcesFor({ ...spec, ...fields }, 'conditions'));
  harnesses.push(harness);
  await harness.start();
  await harness.route({});
  await eventually(() => harness.gateway.service.modelReady({ name: 'delay', version: '1' }).ready);
  return harness;
}

afterEach(async () => {
  for (const harness of harnesses.splice(0)) await harness.stop();
});

const textOf = (parameter: { parameterChoice?: { $case: string; value: unknown } | undefined } | undefined) =>
  parameter?.parameterChoice?.value;

describe('the gate of a model', () => {
  const rejects = { missing: 'reject', notFinite: 'reject', outOfRange: 'reject', unseen: 'reject' } as const;

  it('says with each answer that nothing was wrong', async () => {
    const harness = await gated({});
    const { parameters } = await harness.infer();
    expect(textOf(parameters['verdict'])).toBe('accept');
    expect(parameters['gate_findings']).toBeUndefined();
    expect(harness.records[0]?.inference).toMatchObject({ verdict: 'accept', gateFindings: [] });
    expect(await harness.metric('everloop_gateway_verdicts_total')).toEqual({ 'delay accept': 1 });
  });

  it('keeps, replaces or leaves out what is bad: the model sees it, the answer and the log say it, row by row', async () => {
    const harness = await gated({
      request: limited({ name: 'distance', max: 100, default: 50 }),
      gate: { ...rejects, outOfRange: 'default', missing: 'impute' },
    });
    const inputs = trip('T1', 'T2').filter(({ name }) => name !== 'origin');
    const { parameters } = await harness.infer({ inputs });
    expect(textOf(parameters['verdict'])).toBe('default');
    expect(textOf(parameters['gate_findings'])).toBe(
      'origin row 0: missing, impute; origin row 1: missing, impute; distance row 1: outOfRange 101, default',
    );
    // Two numbers a row: the distance, and the wind, which is not known.
    expect(harness.runner.runs[0]?.batch).toEqual({
      rows: 2,
      numeric: Float32Array.of(100, Number.NaN, 50, Number.NaN),
      categories: ['', ''],
    });
    const logged = harness.records.map(({ inference }) => [inference.verdict, inference.gateFindings]);
    expect(logged).toEqual([
      ['impute', ['origin row 0: missing, impute']],
      ['default', ['origin row 1: missing, impute', 'distance row 1: outOfRange 101, default']],
    ]);
    expect(await harness.metric('everloop_gateway_gate_findings_total')).toEqual({
      'delay origin missing impute': 2,
      'delay distance outOfRange default': 1,
    });
  });

  it('rejects with every reason; nothing runs, nothing is in the log of predictions, and it is counted', async () => {
    const harness = await gated({ request: limited({ name: 'origin', values: ['JFK'] }) });
    await expect(harness.infer({ inputs: trip('T1').slice(0, 2) })).rejects.toMatchObject({
      code: 'EVL_GATEWAY_REQUEST_INVALID',
      message: expect.stringMatching(
        /"EWR", which is none of the 1 known values; field 'distance' \(number\) is missing/,
      ),
    });
    expect(harness.runner.runs).toEqual([]);
    expect(harness.records).toEqual([]);
    expect(await harness.metric('everloop_gateway_verdicts_total')).toEqual({ 'delay reject': 1 });
    expect(await harness.metric('everloop_gateway_gate_findings_total')).toEqual({
      'delay origin unseen reject': 1,
      'delay distance missing reject': 1,
    });
    expect(harness.logLines.some(({ message }) => message === 'the gate found bad values in a request')).toBe(true);
  });

  it('counts a request whose form is wrong as rejected, and names of models from outside nowhere', async () => {
    const harness = await gated({});
    await expect(harness.infer({ inputs: [] })).rejects.toMatchObject({ code: 'EVL_GATEWAY_REQUEST_INVALID' });
    await expect(harness.infer({ modelName: 'evil' })).rejects.toMatchObject({ code: 'EVL_GATEWAY_MODEL_NOT_FOUND' });
    expect(await harness.metric('everloop_gateway_verdicts_total')).toEqual({ 'delay reject': 1 });
  });
});

describe('a feature store that is away', () => {
  it('is stood in for by what the model declares; answer and log say so', async () => {
    const inputs = spec.inputs.map((input) => (input.name === 'wind' ? { ...input, fallback: 12.5 } : input));
    const harness = await gated({ inputs });
    await harness.infer();
    harness.store.online = { mgetBuffer: () => Promise.reject(new Error('Redis is away')) };
    const { parameters } = await harness.infer({ id: 'r2' });
    expect(textOf(parameters['degraded'])).toBe(true);
    // With the store, what it does not know is missing, as it was in training; without it, nobody knows.
    expect(harness.runner.runs.map(({ batch }) => [...batch.numeric])).toEqual([
      [100, Number.NaN],
      [100, 12.5],
    ]);
    const logged = harness.records.map(({ inference }) => [
      inference.featuresUnreachable,
      inference.inputValues[2]?.kind,
    ]);
    expect(logged).toEqual([
      [false, { $case: 'missing', value: true }],
      [true, { $case: 'number', value: 12.5 }],
    ]);
  });
});
