import { Adwin, PageHinkley, type AdwinState, type PageHinkleyState, type SparseCounts } from '@everloop/stats';
import { clustersOf, addNoise, designEffect, noNoise, type Noise } from './noise.ts';
import { lossOf, meanLoss, varianceOfLoss, type OutcomeHour } from './outcomes.ts';

/** What a version is held to: a mean loss of rows that it was not fitted to; log loss in nats, or absolute error in the label's unit. */
export interface Promised {
  readonly loss: number;
  readonly rows: number;
}

/** Labelled scores of one window, for calibrating. */
export interface Calibration {
  readonly negativeScores: SparseCounts;
  readonly positiveScores: SparseCounts;
  readonly logLossNano: number;
  readonly labelled: number;
}

/** What is remembered of one version under one Monitor: plain data, for a changelog. */
export interface Track {
  /** Windows that were judged by labels, and by scores alone. */
  readonly labelledWindows: number;
  readonly estimatedWindows: number;
  /** The version's first full window, where nobody knows what it promised. */
  readonly first: Promised | null;
  readonly noise: Noise;
  /** All judged rows since the version began to serve. */
  readonly rows: number;
  /** Sum of their losses and of the squares of these, as `lossOf` has them. */
  readonly lossSum: number;
  readonly lossSquares: number;
  /** Newest first. */
  readonly calibrations: readonly Calibration[];
  readonly adwin: AdwinState | null;
  readonly pageHinkley: PageHinkleyState | null;
}

export const emptyTrack: Track = {
  ...{ labelledWindows: 0, estimatedWindows: 0, first: null, noise: noNoise },
  ...{ rows: 0, lossSum: 0, lossSquares: 0, calibrations: [], adwin: null, pageHinkley: null },
};

/** Windows whose labels calibrate the estimates. */
const calibrationsMax = 4;
/** Clusters with fewer labels say nothing by themselves. */
const clusterRowsMin = 30;

/** Looked at after each value; a change of the mean of either sign is one, only a rise is told. */
const adwinOptions = { clock: 1, graceRows: 10 };
/** In standard errors: half of one does not matter, and an alarm comes about every 19,000 clusters without change (Siegmund 1985, section 2.6). */
const pageHinkleyOptions = { delta: 0.5, threshold: 8, alpha: 1, rowsMin: 5, direction: 'up' } as const;

const none: SparseCounts = { bins: [], counts: [] };

/** The track after a window whose labels are in, and which change detectors alarmed in it. */
export function follow(
  track: Track,
  window: OutcomeHour,
  hours: readonly OutcomeHour[],
  options: {
    readonly windowMs: number;
    /** What losses are compared with. */
    readonly expected: number;
  },
): { readonly track: Track; readonly changes: readonly string[] } {
  const clusters = clustersOf(hours, options.windowMs);
  const noise = addNoise(track.noise, clusters);
  const adwin = new Adwin(adwinOptions);
  if (track.adwin !== null) adwin.restore(track.adwin);
  const pageHinkley = new PageHinkley(pageHinkleyOptions);
  if (track.pageHinkley !== null) pageHinkley.restore(track.pageHinkley);
  const variance = designEffect(noise) * varianceOfLoss(window);
  const changes = new Set<string>();
  for (const cluster of clusters) {
    if (cluster.labelled < clusterRowsMin) continue;
    const loss = meanLoss(cluster);
    const before = adwin.mean;
    if (adwin.add(loss) && adwin.mean > before) changes.add('adwin');
    const error = Math.sqrt(variance / cluster.labelled);
    if (error > 0 && pageHinkley.add((loss - options.expected) / error)) changes.add('page-hinkley');
  }
  const { negativeScores = none, positiveScores = none, logLossNano, labelled } = window;
  return {
    changes: [...changes].sort(),
    track: {
      ...track,
      labelledWindows: track.labelledWindows + 1,
      noise,
      rows: track.rows + labelled,
      lossSum: track.lossSum + lossOf(window).sum,
      lossSquares: track.lossSquares + lossOf(window).squares,
      calibrations: [{ negativeScores, positiveScores, logLossNano, labelled }, ...track.calibrations].slice(
        0,
        calibrationsMax,
      ),
      adwin: adwin.state(),
      pageHinkley: pageHinkley.state(),
    },
  };
}
