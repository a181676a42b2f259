import { describe, expect, it } from 'vitest';
import { decideStage, type Stage, type Staged } from './stages.ts';

const versions: readonly Staged[] = [
  { version: '1', stage: 'production' },
  { version: '2', stage: 'approved' },
  { version: '3', stage: 'candidate' },
  { version: '4', stage: 'rejected' },
  { version: '5', stage: 'archived' },
];

describe('decideStage', () => {
  it.each<[string, string, Stage, string]>([
    ['candidate is approved', '3', 'approved', 'changed'],
    ['candidate is rejected', '3', 'rejected', 'changed'],
    ['candidate never goes straight to production', '3', 'production', 'illegal'],
    ['approved goes to production', '2', 'production', 'changed'],
    ['approved is archived', '2', 'archived', 'changed'],
    ['approved is rejected after all', '2', 'rejected', 'changed'],
    ['production is archived', '1', 'archived', 'changed'],
    ['production is not rejected', '1', 'rejected', 'illegal'],
    ['rejected is final', '4', 'approved', 'illegal'],
    ['archived comes back', '5', 'production', 'changed'],
    ['archived is not approved again', '5', 'approved', 'illegal'],
    ['nothing goes back to candidate', '2', 'candidate', 'illegal'],
    ['a repeat changes nothing', '1', 'production', 'unchanged'],
    ['an unknown version', '9', 'approved', 'missing'],
  ])('%s', (_name, version, to, kind) => {
    expect(decideStage(versions, version, to, 'why').kind).toBe(kind);
  });

  it('archives the production version before the new one takes its place', () => {
    expect(decideStage(versions, '2', 'production', 'canary passed')).toEqual({
      kind: 'changed',
      changes: [
        { version: '1', from: 'production', to: 'archived', reason: 'replaced by version 2' },
        { version: '2', from: 'approved', to: 'production', reason: 'canary passed' },
      ],
    });
  });
});
