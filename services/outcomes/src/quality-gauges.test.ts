import { createMetrics } from '@everloop/service';
import { errorQuality, errorsOf, noErrors, ScoreSums } from '@everloop/stats';
import { describe, expect, test } from 'vitest';
import { createQualityGauges } from './quality-gauges.ts';

const name = { model: 'm', version: '1', arm: 'champion', slice: '' };

function qualityOf(rows: readonly (readonly [number, number])[]) {
  const sums = new ScoreSums();
  for (const [score, label] of rows) sums.add(score, label);
  return sums.quality();
}

async function shown(): Promise<Readonly<Record<string, number>>> {
  const lines = (await createMetrics('outcomes').text()).split('\n').filter((line) => line.includes('arm="champion"'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('{')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

describe('quality in the metrics', () => {
  test('is there while it is defined, and gone with its group', async () => {
    const gauges = createQualityGauges(createMetrics('outcomes'));
    const both = qualityOf([
      [0.9, 1],
      [0.2, 0],
      [0.6, 0],
    ]);
    gauges.show([{ name, quality: both, errors: errorQuality(noErrors), coverage: 0.75 }], []);
    expect(await shown()).toMatchObject({
      everloop_model_auc_ratio: 1,
      everloop_model_recall_ratio: 1,
      everloop_model_precision_ratio: 0.5,
      everloop_model_f1_ratio: 2 / 3,
      everloop_model_labelled_predictions: 3,
      everloop_label_coverage_ratio: 0.75,
    });
    gauges.show([{ name, quality: qualityOf([[0.9, 1]]), errors: errorQuality(noErrors), coverage: Number.NaN }], []);
    const one = await shown();
    expect(Object.keys(one)).not.toContain('everloop_model_auc_ratio');
    expect(Object.keys(one)).not.toContain('everloop_label_coverage_ratio');
    expect(one['everloop_model_brier_ratio']).toBeCloseTo(0.01, 9);
    expect(one['everloop_model_rmse_ratio']).toBeCloseTo(0.1, 9);
    expect(one['everloop_model_mae_ratio']).toBeCloseTo(0.1, 9);
    gauges.show([{ name, quality: qualityOf([]), errors: errorQuality(errorsOf(7, 10)), coverage: 1 }], []);
    expect(await shown()).toEqual({
      everloop_label_coverage_ratio: 1,
      everloop_model_labelled_predictions: 1,
      everloop_model_mean_absolute_error: 3,
      everloop_model_mean_error: -3,
      everloop_model_root_mean_squared_error: 3,
    });
    gauges.show([], [name]);
    expect(await shown()).toEqual({});
  });
});
