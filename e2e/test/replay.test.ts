import { describe, expect, it } from 'vitest';
import { startReplay } from '../src/replay-run.ts';

/** Long enough for a first version to serve, to drift, and for the second one to be trained, tried as a canary and promoted. */
const until = '2013-02-04';

/** Every served prediction is computed again while it is served, not a share. */
const allCompared = { EVL_FEATURES_PARITY_SHARE: '1', EVL_FEATURES_PARITY_BATCH: '5000' };

describe('the replay, as a newcomer runs it', () => {
  it('closes the loop, loses nothing, and gives the same report twice', async () => {
    const first = await (await startReplay(until, allCompared)).ended;
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
    expect(report.totals.predictions).toBeGreaterThan(5_000);
    expect(report.totals['promotions']).toBe(2);
    expect(report.totals['trainings']).toBe(2);
    expect(report.totals['quarantined']).toBeGreaterThan(0);
    expect(report.totals['driftWindows']).toBeGreaterThanOrEqual(1);
    expect(report.parity.checked).toBeGreaterThan(0);
    expect(report.run.liveParity).toMatchObject({
      ...{
        rate: 1,
        different: 0,
        late: 0,
        undecided: 0,
        skipped: 0,
        waiting: 0,
        predictions: report.totals.predictions,
      },
    });
    expect(report.run.liveParity?.values).toBeGreaterThan(10 * report.totals.predictions);
    expect(report.versions).toMatchObject([
      { version: '1', stage: 'archived' },
      { version: '2', stage: 'production' },
    ]);

    const again = await startReplay(until, allCompared);
    const second = await again.ended;
    expect(second.code, again.output()).toBe(0);
    expect({ ...second.report, run: null }).toEqual({ ...report, run: null });
  });
});
