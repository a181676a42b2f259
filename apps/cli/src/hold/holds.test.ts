import { quality } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { listHolds, releaseHold, showHold, type HoldLog } from './holds.ts';

const { OPEN, CLOSED, RELEASED } = quality.HoldState;
const hourMs = 3_600_000;
const open = quality.Hold.fromPartial({
  ...{ id: 'abcdef0123456789', source: 's', topic: 't', window: 'hourly', state: OPEN, rules: ['no_x/x', 'rows'] },
  ...{ fromMs: hourMs, openedAtMs: 2 * hourMs, reason: 'missing of x is 0.9, allowed: at most 0.5' },
});
const closed = quality.Hold.fromPartial({
  ...{ id: 'abc999', source: 'other', window: 'daily', state: CLOSED, rules: ['gap'], fromMs: 0, untilMs: hourMs },
});
const report = quality.WindowReport.fromPartial({
  ...{ source: 's', holdId: open.id, startMs: hourMs, rows: 20 },
  results: [
    { rule: 'no_x', column: 'x', verdict: quality.Verdict.FAIL, detail: 'missing of x is 0.9' },
    { rule: 'rows', verdict: quality.Verdict.PASS, detail: 'rows is 20' },
    { rule: 'other', verdict: quality.Verdict.PASS, detail: 'not of the hold' },
  ],
});

function logOf(answer: quality.Hold | null = null): HoldLog & { readonly said: quality.ReleaseHold[] } {
  const said: quality.ReleaseHold[] = [];
  return {
    said,
    holds: async () => [closed, open],
    reports: async ({ id }) => (id === open.id ? [report] : []),
    release: async (command) => (said.push(command), answer),
  };
}
const options = { accept: true, reason: 'new app', by: 'kim' };

describe('holds', () => {
  it('are listed, open ones first', async () => {
    expect(await listHolds(logOf(), { all: true })).toBe(
      [
        'HOLD          STATE   SOURCE       FROM              UNTIL             RULES',
        'abcdef012345  open    s/hourly     1970-01-01 01:00  -                 no_x/x, rows',
        'abc999        closed  other/daily  1970-01-01 00:00  1970-01-01 01:00  gap',
      ].join('\n'),
    );
    expect((await listHolds(logOf(), { all: false })).split('\n')).toHaveLength(2);
    expect(await listHolds(logOf(), { all: false, source: 'other' })).toBe('no hold is open');
  });

  it('are shown with what their rules measured', async () => {
    const text = await showHold(logOf(), 'abcd');
    expect(text).toContain('held     1970-01-01 01:00 to now');
    expect(text).toContain('1970-01-01 01:00  20    fail     missing of x is 0.9');
    expect(text).toContain('1970-01-01 01:00  20    pass     rows is 20');
    expect(text).not.toContain('not of the hold');
    expect(await showHold(logOf(), 'abc9')).not.toContain('WINDOW');
  });

  it('are released with who and why, the same command for the same words', async () => {
    const ended = { ...open, state: RELEASED, accepted: true, untilMs: 3 * hourMs };
    const log = logOf(ended);
    expect(await releaseHold(log, 'abcd', options)).toBe(`hold ${open.id} is released, accepted: its data trains`);
    await releaseHold(log, open.id, options);
    expect(log.said[0]).toMatchObject({
      accept: true,
      reason: 'new app',
      by: 'kim',
      hold: { id: open.id, topic: 't' },
    });
    expect(log.said[0]?.id).toBe(log.said[1]?.id);
    const kept = logOf({ ...ended, accepted: false });
    expect(await releaseHold(kept, 'abcd', { ...options, accept: false })).toMatch(/data from .* does not train$/);
    expect(await releaseHold(logOf(null), 'abcd', options)).toMatch(/has not answered yet/);
    expect(await releaseHold(logOf(), 'abc9', options)).toMatch(/has ended already: closed/);
  });

  it.each([
    ['abc', /2 holds begin with "abc"/],
    ['zzz', /there is no hold "zzz"/],
    ['', /there is no hold ""/],
  ])('are found by the beginning of their id: "%s"', async (id, message) => {
    await expect(showHold(logOf(), id)).rejects.toThrow(message);
  });
});
