import { expect, it } from 'vitest';
import { workerToReplace, type WorkerState } from './worker-wear.ts';

const worker = (fields: Partial<WorkerState> = {}): WorkerState => ({
  ...{ isReady: true, ageMs: 0, rssBytes: 0, isAsked: false },
  ...fields,
});
const limits = { ageMaxMs: 100, rssBytesMax: 1_000 };

it.each([
  ['nothing where all are young and small', [worker(), worker()], limits, null],
  ['nothing while one is not ready', [worker({ isReady: false }), worker({ ageMs: 500 })], limits, null],
  [
    'who was asked for before who is old',
    [worker({ ageMs: 500 }), worker({ isAsked: true })],
    limits,
    { worker: 1, why: 'asked' },
  ],
  ['who is old', [worker(), worker({ ageMs: 100 })], limits, { worker: 1, why: 'age' }],
  ['who is large', [worker({ rssBytes: 1_000 }), worker()], limits, { worker: 0, why: 'memory' }],
  ['who is furthest over', [worker({ ageMs: 150 }), worker({ rssBytes: 1_600 })], limits, { worker: 1, why: 'memory' }],
  ['nobody where there are no limits', [worker({ ageMs: 1e9, rssBytes: 1e12 })], { ageMaxMs: 0, rssBytesMax: 0 }, null],
])('replaces %s', (_name, workers, given, expected) => {
  expect(workerToReplace(workers, given)).toEqual(expected);
});
