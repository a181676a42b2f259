import { encodeGolden } from '@everloop/features';
import { deferred } from '@everloop/service';
import { eventually } from '@everloop/testing';
import { fastify } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addServingRoutes } from '../src/adapters/http-serving.ts';
import { booleanParameter } from '../src/domain/parameters.ts';
import { resourcesFor, spec, trip } from './fixtures.ts';
import { goldenRows, pinsOf, scoreOf } from './golden-rows.ts';
import { setUp, type Harness } from './harness.ts';

const names = spec.inputs.map(({ name }) => name);
const golden = encodeGolden({ inputs: names, rows: goldenRows() });
const base = goldenRows().reduce((sum, { score }) => sum + score, 0) / 10;
const features = { trip: 'T1', origin: 'EWR', distance: 700 };
const request = {
  model: 'delay',
  version: '',
  id: 'r',
  unit: '',
  route: '',
  features,
  eventTimeMs: undefined,
  explain: true,
};
const explain = { explain: booleanParameter(true) };

let harness: Harness;
beforeEach(async () => {
  harness = setUp({}, resourcesFor(spec, 'conditions'));
  harness.versions.golden = { '1': golden, '2': golden };
  harness.versions.parameters = { '1': pinsOf(spec), '2': pinsOf(spec) };
  harness.runner.score = (_version, batch) => Promise.resolve(scoreOf(batch));
  await harness.start();
  await harness.route({});
  await eventually(() => harness.gateway.service.modelReady({ name: 'delay', version: '1' }).ready);
});
afterEach(() => harness.stop());

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);

describe('explain=true of the Open Inference Protocol', () => {
  it('answers what each input contributed to each score, and the base, as further outputs', async () => {
    const { outputs } = await harness.infer({ inputs: trip('T1', 'T2'), parameters: explain });
    expect(outputs).toMatchObject([
      { name: 'score', datatype: 'FP32', shape: [2n] },
      { name: 'attributions', datatype: 'FP64', shape: [2n, 3n] },
      { name: 'base_value', datatype: 'FP64', shape: [2n] },
    ]);
    expect(outputs[1]?.parameters['inputs']?.parameterChoice?.value).toBe('origin,distance,wind');
    const values = outputs[1]?.contents?.fp64Contents ?? [];
    const bases = outputs[2]?.contents?.fp64Contents ?? [];
    for (const [row, { inference }] of harness.records.entries()) {
      expect(Math.abs((bases[row] ?? NaN) - base)).toBeLessThan(1e-12);
      expect(Math.abs(sum(values.slice(row * 3, row * 3 + 3)) + (bases[row] ?? NaN) - inference.score)).toBeLessThan(
        1e-12,
      );
    }
  });

  it('is asked by the names of the outputs too, which are then the only ones', async () => {
    const { outputs } = await harness.infer({ outputs: [{ name: 'attributions' }] });
    expect(outputs.map(({ name }) => name)).toEqual(['attributions']);
    await expect(harness.infer({ outputs: [{ name: 'shap' }] })).rejects.toThrow(
      "output 'shap' is not known, there are score, attributions, base_value",
    );
  });

  it('costs a request without it nothing', async () => {
    await harness.infer();
    expect(harness.runner.runs.map(({ batch }) => batch.rows)).toEqual([10, 1]);
  });
});

describe('Explain', () => {
  it('is Predict with what the inputs contributed, over HTTP too', async () => {
    const answer = await harness.gateway.serving.explain({ ...request, explain: false });
    expect(answer.attributions.map(({ input }) => input)).toEqual(names);
    expect(sum(answer.attributions.map(({ value }) => value)) + (answer.baseValue ?? NaN)).toBeCloseTo(
      answer.score,
      12,
    );
    expect(answer).toEqual(await harness.gateway.serving.predict(request));
    const app = fastify();
    addServingRoutes(app, harness.gateway.serving, { bodyBytesMax: 1_000 });
    const response = await app.inject({
      method: 'POST',
      url: '/v1/models/delay:explain',
      payload: JSON.stringify({ id: 'r', features }),
    });
    expect(response.json()).toMatchObject({
      decision_id: answer.decisionId,
      attributions: answer.attributions,
      base_value: answer.baseValue,
    });
    await app.close();
  });

  it('is refused before anything is scored when too many wait', async () => {
    const inputs = trip(...Array.from({ length: 9 }, (_, n) => `T${n}`));
    await expect(harness.infer({ inputs, parameters: explain })).rejects.toMatchObject({
      code: 'EVL_GATEWAY_EXPLAIN_FULL',
    });
    expect(harness.records).toEqual([]);
  });

  it('holds up no score, and its version stays loaded until it ends', async () => {
    const [started, gate] = [deferred(), deferred()];
    harness.runner.score = async (_version, batch) => {
      if (batch.rows > 1) {
        started.resolve();
        await gate.promise;
      }
      return scoreOf(batch);
    };
    const explained = harness.gateway.serving.predict(request);
    await started.promise;
    expect(harness.records).toHaveLength(1);
    expect(await harness.infer({ id: 'other' })).toMatchObject({ id: 'other' });
    harness.runner.score = (_version, batch) => Promise.resolve(scoreOf(batch));
    await harness.route({ revision: '2', championVersion: '2' });
    await eventually(() => harness.gateway.service.modelReady({ name: 'delay', version: '2' }).ready);
    expect(harness.runner.versions).toEqual(['1', '2']);
    gate.resolve();
    expect((await explained).attributions).toHaveLength(3);
    await eventually(() => harness.runner.versions.length === 1);
    expect(await harness.metric('everloop_gateway_explain_evaluations_total')).toEqual({
      delay: expect.any(Number) as number,
    });
  });
});
