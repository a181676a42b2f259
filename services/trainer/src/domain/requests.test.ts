import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decide,
  dueGroups,
  emptyQueue,
  settled,
  withRequest,
  type RequestQueue,
  type TrainingRequest,
} from './requests.ts';

const request = (id: string, eventTimeMs: number, over: Partial<TrainingRequest> = {}): TrainingRequest => ({
  id,
  model: 'm',
  trigger: 'drift',
  reason: '',
  eventTimeMs,
  ...over,
});
const queueOf = (...requests: TrainingRequest[]): RequestQueue => requests.reduce(withRequest, emptyQueue);
const group = { model: 'm', eventTimeMs: 5, chosen: request('a', 5), others: [] };

describe('dueGroups', () => {
  it.each([
    ['one request', [request('a', 5)], 10, ['m@5 a']],
    ['several of one time become one', [request('b', 5), request('a', 5)], 10, ['m@5 a b']],
    ['other times stay apart, older first', [request('b', 7), request('a', 5)], 10, ['m@5 a', 'm@7 b']],
    ['other models stay apart', [request('b', 5, { model: 'n' }), request('a', 5)], 10, ['m@5 a', 'n@5 b']],
    [
      'a person comes before drift before rows',
      [request('a', 5, { trigger: 'rows' }), request('b', 5), request('c', 5, { trigger: 'manual' })],
      10,
      ['m@5 c b a'],
    ],
    ['what lies ahead waits', [request('a', 11)], 10, []],
    ['the watermark itself is due', [request('a', 10)], 10, ['m@10 a']],
    ['a repeat is one request', [request('a', 5), request('a', 5)], 10, ['m@5 a']],
  ])('%s', (_name, requests, watermarkMs, expected) => {
    const groups = dueGroups(queueOf(...requests), watermarkMs);
    const shown = groups.map(
      (each) => `${each.model}@${each.eventTimeMs} ${[each.chosen, ...each.others].map(({ id }) => id).join(' ')}`,
    );
    expect(shown).toEqual(expected);
  });

  it('does not depend on the order of arrival, and no request is lost or given twice', () => {
    const requests = fc.uniqueArray(
      fc.record({
        id: fc.string(),
        model: fc.constantFrom('m', 'n'),
        trigger: fc.constantFrom('drift', 'rows'),
        reason: fc.constant(''),
        eventTimeMs: fc.nat(20),
      }),
      { selector: ({ id }) => id },
    );
    fc.assert(
      fc.property(requests, fc.nat(20), (all, watermarkMs) => {
        const forward = queueOf(...all);
        const groups = dueGroups(forward, watermarkMs);
        expect(dueGroups(queueOf(...all.toReversed()), watermarkMs)).toEqual(groups);
        const given = groups.flatMap((each) => [each.chosen, ...each.others]);
        const rest = settled(forward, watermarkMs).pending;
        expect([...given, ...rest].map(({ id }) => id).sort()).toEqual(all.map(({ id }) => id).sort());
      }),
    );
  });
});

describe('decide', () => {
  const done = settled(queueOf(request('a', 5)), 6);
  const free = { heldRows: 0, openHolds: [], problem: null };
  const held = { minRows: 10, labelledRows: 9, heldRows: 5, openHolds: ['hold h of s/w'] };
  it.each([
    ['trains', emptyQueue, { minRows: 10, labelledRows: 10 }, { kind: 'train' }],
    ['needs enough rows', emptyQueue, { minRows: 10, labelledRows: 9 }, /9 labelled rows, at least 10/],
    ['needs rows that are not held', emptyQueue, held, /needed .*; 5 more are held: hold h of s\/w/],
    ['trains on what is not held', emptyQueue, { ...held, labelledRows: 10 }, { kind: 'train' }],
    ['waits for the window judge', emptyQueue, { ...held, problem: 'deferred: behind' }, /deferred: behind/],
    ['needs a Model', emptyQueue, { minRows: null, labelledRows: 99 }, /no Model named m/],
    ['does not train twice on the same data', done, { minRows: 10, labelledRows: 99 }, /decided already/],
  ])('%s', (_name, queue, facts, expected) => {
    const decision = decide(queue, group, { ...free, ...facts });
    if (expected instanceof RegExp)
      expect(decision).toMatchObject({ kind: 'skip', reason: expect.stringMatching(expected) });
    else expect(decision).toEqual(expected);
  });

  it('trains again on newer data', () => {
    const newer = { ...group, eventTimeMs: 7, chosen: request('b', 7) };
    expect(decide(done, newer, { ...free, minRows: 1, labelledRows: 1 })).toEqual({ kind: 'train' });
  });

  it('does not take a request again after it was decided', () => {
    expect(withRequest(done, request('a', 5)).pending).toEqual([]);
  });
});
