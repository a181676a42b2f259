import { serving } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeInference, encodeNames, encodeShared } from './inference-record.ts';
import { logged } from './vector.ts';

const value = fc.oneof(fc.double({ noNaN: true }), fc.string(), fc.constant(null));

describe('encodeInference', () => {
  it('is the message encoded in one piece, whatever its fields', () => {
    const shared = fc.record({
      requestId: fc.string(),
      model: fc.string(),
      championVersion: fc.string(),
      policyRevision: fc.string(),
      joinKey: fc.string(),
      eventTimeMs: fc.nat(),
      unit: fc.string(),
      verdict: fc.constantFrom('accept', 'flag', 'impute', 'default'),
      gateFindings: fc.array(fc.string()),
      requestValues: fc.array(value.map(logged)),
      featuresUnreachable: fc.boolean(),
    });
    const own = fc.record({
      decisionId: fc.string(),
      modelVersion: fc.string(),
      modelDigest: fc.string(),
      arm: fc.constantFrom('champion', 'canary', 'shadow'),
      propensity: fc.double({ min: 0, max: 1, noNaN: true }),
      learn: fc.boolean(),
      intendedArm: fc.constantFrom('', 'canary'),
      intendedVersion: fc.constantFrom('', '2'),
      arms: fc.array(fc.string()),
      pmf: fc.array(fc.double({ min: 0, max: 1, noNaN: true })),
      seed: fc.string(),
      epsilon: fc.double({ min: 0, max: 1, noNaN: true }),
      explore: fc.boolean(),
      score: fc.double({ min: 0, max: 1, noNaN: true }),
      latencyUs: fc.nat(),
    });
    fc.assert(
      fc.property(shared, own, fc.array(value), fc.array(fc.string()), (common, ownFields, values, degradedViews) => {
        const names = values.map((_, index) => ({ name: `input_${index}` }));
        const requestNames = common.requestValues.map((_, index) => `field_${index}`);
        const part = encodeShared(encodeNames(names, requestNames), common, { values, degradedViews });
        const decoded = serving.Inference.decode(encodeInference(part, ownFields));
        expect(decoded).toEqual({
          ...common,
          ...ownFields,
          requestNames,
          inputNames: names.map(({ name }) => name),
          inputValues: values.map(logged),
          degradedViews,
        });
      }),
    );
  });
});
