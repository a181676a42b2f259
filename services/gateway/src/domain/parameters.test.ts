import type { inference } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { booleanParameter, doubleParameter, readOptions, textParameter } from './parameters.ts';

const int64 = (value: bigint): inference.InferParameter => ({ parameterChoice: { $case: 'int64Param', value } });

describe('readOptions', () => {
  it('reads event time and unit and leaves other parameters alone', () => {
    const given = { event_time_ms: int64(1_357_034_400_000n), unit_id: textParameter('u'), priority: int64(1n) };
    expect(readOptions(given)).toEqual({
      ok: true,
      options: { eventTimeMs: 1_357_034_400_000, unitId: 'u', explain: false },
    });
    expect(readOptions({})).toEqual({ ok: true, options: { eventTimeMs: null, unitId: null, explain: false } });
  });

  it('reads whether an explanation is wanted', () => {
    expect(readOptions({ explain: booleanParameter(true) })).toMatchObject({ options: { explain: true } });
  });

  it('takes a whole double, as clients without int64 send it', () => {
    expect(readOptions({ event_time_ms: doubleParameter(1e12) })).toMatchObject({ options: { eventTimeMs: 1e12 } });
  });

  it.each<[string, Record<string, inference.InferParameter>]>([
    ['a time as text', { event_time_ms: textParameter('2013-01-01') }],
    ['a fraction of a millisecond', { event_time_ms: doubleParameter(0.5) }],
    ['a time before 1970', { event_time_ms: int64(-1n) }],
    ['nanoseconds', { event_time_ms: int64(1_357_034_400_000_000_000n) }],
    ['an empty unit', { unit_id: textParameter('') }],
    ['a unit that is no text', { unit_id: int64(1n) }],
    ['an explanation as text', { explain: textParameter('true') }],
    ['no choice', { unit_id: { parameterChoice: undefined } }],
  ])('refuses %s', (_name, parameters) => {
    expect(readOptions(parameters).ok).toBe(false);
  });
});
