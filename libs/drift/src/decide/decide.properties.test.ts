import { drift, type MonitorSpec } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { day, monitor } from '../../test/fixtures.ts';
import { qualityReport, windowReport, type Letter } from '../../test/reports.ts';
import { askAgain, decide } from './decide.ts';
import { noFacts, type Decided, type Evaluation, type Facts, type MonitorState, type RequestEnd } from './types.ts';

/** One thing that happens to a Monitor: a report, or a watermark alone. */
interface Happening {
  readonly atDay: number;
  readonly evaluation: Evaluation | null;
  /** What has become of all requests so far, if it is known now. */
  readonly end: RequestEnd | null;
  readonly isHeld: boolean;
}

const letter = fc.constantFrom<Letter>('D', 's', 'c', 'i');
const happening = fc
  .record({
    gap: fc.integer({ min: 0, max: 4 }),
    kind: fc.constantFrom('window', 'performance', 'estimated', 'watermark'),
    letter,
    version: fc.constantFrom('1', '1', '1', '2'),
    urgent: fc.boolean(),
    end: fc.constantFrom<RequestEnd | null>(null, 'approved', 'rejected', 'none'),
    isHeld: fc.boolean(),
  })
  .map((one) => one);
const history = fc.array(happening, { maxLength: 60 }).map((all) => {
  let atDay = 1;
  return all.map((one, i): Happening => {
    atDay += one.gap;
    const { version, urgent } = one;
    const evaluations: Record<string, Evaluation | null> = {
      window: {
        kind: 'window',
        report: windowReport(atDay, one.letter, { id: `w${i}`, baselineVersion: version, urgent }),
      },
      watermark: null,
    };
    const quality = { id: `q${i}`, kind: one.kind, modelVersion: version };
    const evaluation = evaluations[one.kind] ?? { kind: 'quality', report: qualityReport(atDay, one.letter, quality) };
    return { atDay, evaluation: one.kind === 'watermark' ? null : evaluation, end: one.end, isHeld: one.isHeld };
  });
});
const spec = fc
  .record({
    cool: fc.integer({ min: 0, max: 15 }),
    a: fc.integer({ min: 1, max: 4 }),
    b: fc.integer({ min: 1, max: 4 }),
    factor: fc.constantFrom(1, 2, 3),
    budget: fc.constantFrom(undefined, { falseRetrainings: 1, perMs: 40 * day }),
  })
  .map(({ cool, a, b, factor, budget }): Partial<MonitorSpec> => ({
    coolDownMs: cool * day,
    raise: { windows: Math.min(a, b), of: Math.max(a, b) },
    backOff: { factor, maxMs: 60 * day },
    clear: { windows: 2, below: 0.6 },
    ...(budget === undefined ? {} : { budget }),
  }));

/** Runs a history; at `cut` the state is stored and read again, and what came just before it is not given twice. */
function run(happenings: readonly Happening[], given: Partial<MonitorSpec>, cut = -1): readonly Decided[] {
  const watch = monitor(given);
  const all: Decided[] = [];
  let state: MonitorState | undefined;
  const ends = new Map<string, RequestEnd>();
  happenings.forEach((one, i) => {
    if (i === cut && state !== undefined) state = JSON.parse(JSON.stringify(state)) as MonitorState;
    if (one.end !== null)
      for (const { request } of all) if (request !== null && !ends.has(request.id)) ends.set(request.id, one.end);
    const facts: Facts = { ...noFacts, ends, holds: one.isHeld ? ['h'] : [] };
    const decided =
      one.evaluation === null
        ? state === undefined
          ? null
          : askAgain(state, watch, one.atDay * day, facts)
        : decide(state, watch, one.evaluation, facts);
    if (decided === null) return;
    state = decided.state;
    all.push(decided);
  });
  return all;
}

describe('whatever happens', () => {
  test('no two requests within the cool-down, and none while another is open', () => {
    fc.assert(
      fc.property(history, spec, (happenings, given) => {
        const asked = run(happenings, given).filter(({ request }) => request !== null);
        asked.slice(1).forEach((later, i) => {
          const gapMs = (later.request?.eventTimeMs ?? 0) - (asked[i]?.request?.eventTimeMs ?? 0);
          const share = later.decision.kind === 'performance' ? 0.5 : 1;
          expect(gapMs).toBeGreaterThanOrEqual((given.coolDownMs ?? 0) * share);
          expect(later.state.requests.filter(({ end }) => end === 'open').length).toBe(1);
        });
      }),
    );
  });

  test('alarms go up and come down in turns, by kind, and every report has one decision', () => {
    fc.assert(
      fc.property(history, spec, (happenings, given) => {
        const all = run(happenings, given);
        const up = new Set<string>();
        for (const { kind, resolved } of all.flatMap(({ alerts }) => alerts)) {
          expect(up.has(kind)).toBe(resolved);
          if (resolved) up.delete(kind);
          else up.add(kind);
        }
        const decided = new Set(all.map(({ decision }) => decision.reportId));
        for (const { evaluation } of happenings)
          if (evaluation !== null) expect(decided).toContain(evaluation.report.id);
        const ids = all.flatMap(({ decision, alerts }) => [decision.id, ...alerts.map(({ id }) => id)]);
        expect(new Set(ids).size).toBe(ids.length);
      }),
    );
  });

  test('a request has its alarm, its preconditions and its budget', () => {
    fc.assert(
      fc.property(history, spec, (happenings, given) => {
        for (const { decision, request } of run(happenings, given)) {
          expect(request !== null).toBe(decision.outcome === drift.RetrainOutcome.REQUESTED);
          if (request === null) continue;
          expect(decision.alarm).toBe(true);
          expect(decision.preconditions.every(({ holds }) => holds)).toBe(true);
          if (decision.kind !== 'performance' && decision.budgetAllowed > 0)
            expect(decision.budgetSpent).toBeLessThanOrEqual(decision.budgetAllowed);
        }
      }),
    );
  });

  test('a restart in between changes nothing, and a second run gives the same', () => {
    fc.assert(
      fc.property(history, spec, fc.nat({ max: 60 }), (happenings, given, cut) => {
        expect(run(happenings, given, cut)).toEqual(run(happenings, given));
      }),
    );
  });
});
