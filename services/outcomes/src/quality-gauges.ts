import type { ScoreQuality } from '@everloop/stats';
import type { Metrics } from '@everloop/service';
import type { GroupName, RollingQuality } from './domain/rolling.ts';

/** How well versions do, as Prometheus sees it. */
export interface QualityGauges {
  show(qualities: readonly RollingQuality[], gone: readonly GroupName[]): void;
}

const labels = ['model', 'version', 'arm', 'slice'];

/** Every replica has read the same statistics, so the value of several is that of any: take the maximum, never the sum. */
export function createQualityGauges(metrics: Metrics): QualityGauges {
  const gauges: readonly (readonly [gauge: ReturnType<Metrics['gauge']>, value: (one: RollingQuality) => number])[] = [
    [
      metrics.gauge('everloop_model_log_loss_nats', 'Mean log loss of the labelled predictions', labels, 'max'),
      of((quality) => quality.logLoss),
    ],
    [
      metrics.gauge('everloop_model_auc_ratio', 'Area under the ROC curve, of binned scores', labels, 'max'),
      of((quality) => quality.auc),
    ],
    [
      metrics.gauge('everloop_model_brier_ratio', 'Mean squared difference of score and label', labels, 'max'),
      of((quality) => quality.brier),
    ],
    [
      metrics.gauge(
        'everloop_model_rmse_ratio',
        'Root of the mean squared difference of score and label',
        labels,
        'max',
      ),
      of((quality) => quality.rmse),
    ],
    [
      metrics.gauge('everloop_model_mae_ratio', 'Mean absolute difference of score and label', labels, 'max'),
      of((quality) => quality.mae),
    ],
    [
      metrics.gauge('everloop_model_calibration_error_ratio', 'Expected calibration error, 20 bins', labels, 'max'),
      of((quality) => quality.calibrationError),
    ],
    [metrics.gauge('everloop_model_f1_ratio', 'F1 at a threshold of 0.5', labels, 'max'), of((quality) => quality.f1)],
    [
      metrics.gauge('everloop_model_precision_ratio', 'Precision at a threshold of 0.5', labels, 'max'),
      of((quality) => quality.precision),
    ],
    [
      metrics.gauge('everloop_model_recall_ratio', 'Recall at a threshold of 0.5', labels, 'max'),
      of((quality) => quality.recall),
    ],
    [
      metrics.gauge(
        'everloop_model_labelled_predictions',
        'Labelled predictions that the others are of',
        labels,
        'max',
      ),
      ({ quality, errors }) => quality.rows + errors.rows,
    ],
    [
      metrics.gauge('everloop_model_mean_absolute_error', 'Of labels that are numbers, in their unit', labels, 'max'),
      ({ errors }) => errors.mae,
    ],
    [
      metrics.gauge(
        'everloop_model_root_mean_squared_error',
        'Of labels that are numbers, in their unit',
        labels,
        'max',
      ),
      ({ errors }) => errors.rmse,
    ],
    [
      metrics.gauge('everloop_model_mean_error', 'Prediction less label, of labels that are numbers', labels, 'max'),
      ({ errors }) => errors.bias,
    ],
    [
      metrics.gauge(
        'everloop_label_coverage_ratio',
        'Share of predictions with a label, over days that are settled',
        labels,
        'max',
      ),
      ({ coverage }) => coverage,
    ],
  ];
  return {
    show(qualities, gone) {
      for (const [gauge, value] of gauges) {
        for (const name of gone) gauge.remove({ ...name });
        for (const one of qualities) {
          const number = value(one);
          if (Number.isFinite(number)) gauge.set({ ...one.name }, number);
          // What is not defined any more is not what it was.
          else gauge.remove({ ...one.name });
        }
      }
    },
  };
}

function of(value: (quality: ScoreQuality) => number): (one: RollingQuality) => number {
  return ({ quality }) => value(quality);
}
