import { describe, expect, it } from 'vitest';
import { startReplay } from '../src/replay-run.ts';

/** Long enough for a first version to be trained, to serve, and for its first drift window to be judged. */
const until = '2013-02-17';

describe('the replay, as a newcomer runs it', () => {
  it('closes the loop, loses nothing, and gives the same report twice', async () => {
    const first = await (await startReplay(until)).ended;
    expect(first).toMatchObject({
      code: 0,
      report: {
        ledger: { balanced: true, problems: [] },
        totals: { events: expect.any(Number), promotions: expect.any(Number) },
        parity: { different: 0 },
      },
    });
    const report = first.report;
    if (report === null) throw new Error('no report was written');
    expect(report.totals.predictions).toBeGreaterThan(10_000);
    expect(report.totals['promotions']).toBeGreaterThanOrEqual(1);
    expect(report.totals['quarantined']).toBeGreaterThan(0);
    expect(report.totals['driftWindows']).toBeGreaterThanOrEqual(1);
    expect(report.parity.checked).toBeGreaterThan(0);
    expect(report.versions[0]).toMatchObject({ version: '1' });

    const second = await (await startReplay(until)).ended;
    expect(second.code).toBe(0);
    expect({ ...second.report, run: null }).toEqual({ ...report, run: null });
  });
});
