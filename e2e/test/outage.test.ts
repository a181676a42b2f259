import { describe, expect, it } from 'vitest';
import { startReplay } from '../src/replay-run.ts';

describe('a broken upstream system', () => {
  it('opens a hold, its data does not train, and the hold closes when it has recovered', async () => {
    const outage = ['--outage', 'weather.observed:2013-01-12:2013-01-14'];
    const run = await startReplay('2013-01-30', {}, outage);
    const { code, report } = await run.ended;
    expect(code, run.output()).toBe(0);
    expect(report?.ledger).toMatchObject({ balanced: true, problems: [] });
    expect(report?.data.holds).toMatchObject([
      {
        ...{ source: 'weather-observed', window: 'daily', state: 'closed', accepted: false },
        ...{ from: '2013-01-12T00:00:00.000Z', until: '2013-01-15T00:00:00.000Z' },
        rules: expect.arrayContaining(['no_reading/temp', 'no_reading/wind_speed', 'no_pressure/pressure']),
      },
    ]);
    const [first] = report?.versions ?? [];
    expect(first?.held).toMatchObject([
      {
        ...{ from: '2013-01-12T00:00:00.000Z', until: '2013-01-15T00:00:00.000Z' },
        reason: expect.stringContaining('of weather-observed/daily'),
      },
    ]);
    // A month without an outage has enough clean labels by the 25th.
    expect(first?.trainedAt.slice(0, 10)).toBe('2013-01-28');
  });
});
