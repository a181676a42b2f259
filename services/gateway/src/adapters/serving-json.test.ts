import { describe, expect, it } from 'vitest';
import { readObject, readPredict, readPredictBatch, writeBatch, writePrediction } from './serving-json.ts';

const features = { trip: 'T1', distance: 719 };

describe('readObject', () => {
  it.each([
    ['an object', '{"a":1}', { ok: true, value: { a: 1 } }],
    ['a list', '[]', { ok: false, reasons: ['the body must be a JSON object'] }],
    [
      'NaN',
      '{"a":NaN}',
      { ok: false, reasons: ['the body is not JSON; JSON has no NaN or Infinity, and no comments'] },
    ],
    ['nothing', '', { ok: false, reasons: ['the body is not JSON; JSON has no NaN or Infinity, and no comments'] }],
  ])('%s', (_name, text, read) => {
    expect(readObject(Buffer.from(text))).toEqual(read);
  });
});

describe('readPredict', () => {
  it('needs nothing but features', () => {
    expect(readPredict('delay', { features })).toEqual({
      ok: true,
      value: {
        model: 'delay',
        version: '',
        id: '',
        unit: '',
        route: '',
        features,
        eventTimeMs: undefined,
        explain: false,
      },
    });
  });

  it('takes everything, and a 64-bit integer in either form of proto3 JSON', () => {
    const all = { version: '2', id: 'r', unit: 'u', route: ':delay_1:', explain: true, features };
    for (const time of [5, '5']) {
      expect(readPredict('delay', { ...all, event_time_ms: time })).toEqual({
        ok: true,
        value: { model: 'delay', eventTimeMs: 5, ...all },
      });
    }
  });

  it('says everything that is wrong, and what was meant', () => {
    expect(readPredict('delay', { feature: features, unit: 7, event_time_ms: 'now', explain: 1, extra: 1 })).toEqual({
      ok: false,
      reasons: [
        "'feature' is no field; did you mean 'features'?",
        "'extra' is no field",
        "'unit' must be a string",
        "'features' must be an object of fields by name",
        "'event_time_ms' must be an integer",
        "'explain' must be true or false",
      ],
    });
  });
});

describe('readPredictBatch', () => {
  it('reads rows, and says which row is wrong', () => {
    const read = readPredictBatch('delay', { version: '1', rows: [{ features }, { id: 'b', features }] }, 2);
    expect(read.ok && read.value.rows.map(({ id }) => id)).toEqual(['', 'b']);
    expect(readPredictBatch('delay', { rows: [{ features }, 7, { features, id: 1 }] }, 3)).toEqual({
      ok: false,
      reasons: ["row 1: 'features' must be an object of fields by name", "row 2: 'id' must be a string"],
    });
  });

  it.each([
    ['no list', { rows: {} }, "'rows' must be a list"],
    ['too many', { rows: [{}, {}, {}] }, 'it has 3 rows, expected 1 to 2'],
  ])('%s', (_name, json, reason) => {
    expect(readPredictBatch('delay', json, 2)).toEqual({ ok: false, reasons: [reason] });
  });
});

const prediction = {
  ...{ decisionId: 'd', id: 'r', model: 'delay', modelVersion: '1', score: 0, arm: 'champion', propensity: 1 },
  ...{ explore: false, policyVersion: '7', route: ':delay_1:', target: '', armIntended: '', fallbackFrom: '' },
  ...{ verdict: 'accept', findings: [], degraded: false, attributions: [], baseValue: undefined, action: '' },
  featureAges: [{ view: 'conditions', seconds: 60 }],
};
const written = {
  ...{ decision_id: 'd', id: 'r', model: 'delay', model_version: '1', score: 0, arm: 'champion', propensity: 1 },
  ...{ explore: false, policy_version: '7', route: ':delay_1:', verdict: 'accept', findings: [], degraded: false },
  feature_ages: [{ view: 'conditions', seconds: 60 }],
};

describe('writing', () => {
  it('keeps zero and false, and leaves out what is empty in most answers', () => {
    expect(writePrediction(prediction)).toEqual(written);
    expect(writePrediction({ ...prediction, target: 't', armIntended: 'canary', fallbackFrom: '2' })).toEqual({
      ...written,
      ...{ target: 't', arm_intended: 'canary', fallback_from: '2' },
    });
  });

  it('has what the inputs contributed where that was wanted', () => {
    const attributions = [{ input: 'distance', value: 0.25 }];
    expect(writePrediction({ ...prediction, attributions, baseValue: 0 })).toEqual({
      ...written,
      attributions,
      base_value: 0,
    });
  });

  it('has an answer or an error for each row', () => {
    const error = { code: 'EVL_GATEWAY_REQUEST_INVALID', message: 'm', reasons: ['r'], retryable: false };
    const rows = [
      { result: { $case: 'prediction' as const, value: prediction } },
      { result: { $case: 'error' as const, value: error } },
    ];
    expect(writeBatch({ rows })).toEqual({ rows: [{ prediction: written }, { error }] });
  });
});
