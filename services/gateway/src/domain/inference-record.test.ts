import { rollout, serving } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeInference, encodeNames, encodeShared } from './inference-record.ts';
import { compilePolicy } from './routing.ts';

const value = fc.oneof(fc.double(), fc.string({ unit: 'grapheme' }), fc.constant(null));

function logged(value: string | number | null): serving.FeatureValue {
  if (value === null || Number.isNaN(value)) return { kind: { $case: 'missing', value: true } };
  return typeof value === 'number' ? { kind: { $case: 'number', value } } : { kind: { $case: 'text', value } };
}

describe('encodeInference', () => {
  it('is the message encoded in one piece, whatever its fields', () => {
    const shared = fc.record({
      requestId: fc.string(),
      model: fc.string(),
      championVersion: fc.string(),
      policyRevision: fc.string(),
      joinKey: fc.string(),
      requestRow: fc.nat(300),
      eventTimeMs: fc.nat(),
      unit: fc.string(),
      verdict: fc.constantFrom('accept', 'flag', 'impute', 'default'),
      gateFindings: fc.array(fc.string()),
      requestValues: fc.array(value),
      featuresUnreachable: fc.boolean(),
      inclusionProbability: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    const ownFields = fc.record({
      decisionId: fc.string(),
      modelVersion: fc.string(),
      modelDigest: fc.string(),
      arm: fc.constantFrom('champion', 'canary', 'shadow'),
      propensity: fc.double({ min: 0, max: 1, noNaN: true }),
      learn: fc.boolean(),
      intendedArm: fc.constantFrom('', 'canary'),
      intendedVersion: fc.constantFrom('', '2'),
      score: fc.double({ min: 0, max: 1, noNaN: true }),
      latencyUs: fc.nat(),
      attributions: fc.array(fc.double({ noNaN: true })),
      drawn: fc.option(
        fc.record({
          arms: fc.array(fc.string()),
          pmf: fc.array(fc.double({ min: 0, max: 1, noNaN: true })),
          seed: fc.string(),
          epsilon: fc.double({ min: 0, max: 1, noNaN: true }),
          explore: fc.boolean(),
        }),
      ),
    });
    const challengers = [{ version: '2', ranges: [{ from: 0, to: 50_000 }] }];
    const route = rollout.Route.fromPartial({ salt: 's', championVersion: '1', challengers });
    const notDrawn = { arms: [], pmf: [], seed: '', epsilon: 0, explore: false };
    fc.assert(
      fc.property(
        shared,
        ownFields,
        fc.array(value),
        fc.array(fc.string()),
        fc.array(fc.integer({ min: -1, max: 2 ** 40 })),
        (common, { drawn, decisionId, score, attributions, ...own }, values, degradedViews, viewAgesMs) => {
          const viewNames = viewAgesMs.map((_, index) => `view_${index}`);
          const names = values.map((_, index) => ({ name: `input_${index}` }));
          const requestNames = common.requestValues.map((_, index) => `field_${index}`);
          const row = { values, degradedViews, viewAgesMs };
          const part = encodeShared(encodeNames(names, requestNames, viewNames), common, common, row);
          const division = compilePolicy(route, () => null).division?.encoded ?? null;
          const record = encodeInference(part, { ...own, drawn, division }, { decisionId, score, attributions });
          const decoded = serving.Inference.decode(record);
          expect(decoded).toEqual({
            ...common,
            ...own,
            ...{ decisionId, score },
            ...(drawn ?? notDrawn),
            draw: { salt: 's', championVersion: '1', challengers: route.challengers },
            requestValues: common.requestValues.map(logged),
            requestNames,
            inputNames: names.map(({ name }) => name),
            inputValues: values.map(logged),
            ...{ degradedViews, viewNames, attributions },
            viewAgeSeconds: viewAgesMs.map((ms) => (ms < 0 ? -1 : ms / 1_000)),
          });
        },
      ),
    );
  });
});
