import { drift, registry } from '@everloop/contracts';
import { baselineMessage, monitor } from '@everloop/drift/fixtures';
import { describe, expect, test } from 'vitest';
import { isOverBudget, planMonitor, planText } from './plan.ts';

const hour = 3_600_000;
const watched = monitor({
  ...{ windowMs: hour, minRows: 10, raise: { windows: 1, of: 1 }, coolDownMs: 24 * hour },
  budget: { falseRetrainings: 1, perMs: 10 * 24 * hour },
});

/** Panes whose rows are the baseline's own, a part of them each hour. */
function history(hours: number, isRestless = false): drift.History {
  const { fields } = baselineMessage('1');
  const panes = Array.from({ length: hours }, (_, h) => {
    const own = fields.map(({ field, counts }) => {
      const half = (bin: number): boolean => !isRestless || bin < counts.length / 2 === (h % 2 === 0);
      const bins = counts.flatMap((_count, bin) => (half(bin) && (counts[bin] ?? 0) > 0 ? [bin] : []));
      return { field, bins, counts: bins.map(() => 2), missing: 0 };
    });
    return drift.Pane.fromPartial({ model: 'm', startMs: h * hour, widthMs: hour, rows: 500, fields: own });
  });
  return { panes };
}

interface Given {
  readonly stage?: string;
  readonly artifacts?: readonly string[];
  readonly panes?: drift.History;
  /** Bytes of an artifact that are not its own. */
  readonly spoilt?: string;
}

const planned = ({
  stage = 'production',
  artifacts = ['baseline.json', 'history.pb'],
  panes = history(60),
  spoilt,
}: Given) =>
  planMonitor(watched, {
    versions: [
      registry.ModelVersion.fromPartial({
        version: '1',
        stage,
        artifacts: artifacts.map((name) => ({ name, digest: name })),
      }),
    ],
    read: async (digest) =>
      digest === spoilt
        ? Buffer.from([10, 200])
        : digest === 'baseline.json'
          ? Buffer.from(JSON.stringify(drift.Baseline.toJSON(baselineMessage(''))))
          : Buffer.from(drift.History.encode(panes).finish()),
  });

describe('no plan, and why', () => {
  test.each<[string, Given, string]>([
    [
      'no version in service',
      { stage: 'rejected' },
      'has no version in service yet; the drift detector calibrates it when the first',
    ],
    ['no baseline', { artifacts: [] }, 'version 1 of "m" has no baseline.json'],
    ['no JSON', { spoilt: 'baseline.json' }, 'baseline.json of version 1 of "m" is not the JSON of a Baseline'],
    ['no panes', { spoilt: 'history.pb' }, 'history.pb of version 1 of "m" is not the binary form of a History'],
    ['no history', { artifacts: ['baseline.json'] }, 'version 1 of "m" has no history.pb (its recipe wrote none)'],
  ])('%s', async (_, given, reason) => {
    const result = await planned(given);
    expect(result).toMatchObject({ kind: 'none' });
    expect(planText(result)).toContain(`Monitor watch: no plan: `);
    expect(planText(result)).toContain(reason);
    expect(isOverBudget(result)).toBe(false);
  });

  test('a history of another baseline is told, not simulated', async () => {
    const { panes } = history(60);
    const others = panes.map((pane) => ({ ...pane, fields: pane.fields.map((field) => ({ ...field, bins: [9_999], counts: [2] })) })); // prettier-ignore
    const result = await planned({ panes: { panes: others } });
    expect(planText(result)).toMatch(/no plan: history\.pb of version 1 of "m" cannot be used: /);
  });

  test('a history that is too short is told', async () => {
    expect(planText(await planned({ panes: history(5) }))).toBe(
      "Monitor watch on version 1: unknown\n  the history has 5 windows with at least 10 rows, 10 are needed; windows are judged by the Monitor's own values",
    );
  });
});

describe('a plan', () => {
  test('says what it costs and what it finds', async () => {
    const result = await planned({ stage: 'approved' });
    const text = planText(result);
    expect(isOverBudget(result)).toBe(false);
    for (const part of [
      'false retrainings  0.00 in 10 days',
      'allowed',
      '0.25 σ in 1 fields',
      '200 periods from 60 panes',
    ])
      expect(text).toContain(part);
  });

  test('over its budget is known as such', async () => {
    const result = await planned({ panes: history(60, true) });
    expect(isOverBudget(result)).toBe(true);
    expect(planText(result)).toContain('nothing that was tried keeps the 1 allowed');
  });
});
