/** Limits of one field that differ from its Monitor's. */
export interface FieldThreshold {
  readonly field: string;
  readonly psi?: number;
  readonly significance?: number;
  /** A larger share of missing values is drift, whatever the tests say. */
  readonly missingRatio?: number;
}

/** Alarms on how well a model does. */
export interface PerformanceSpec {
  readonly windowMs: number;
  readonly minLabelled: number;
  /** Log loss above what the version promised that matters, nats. */
  readonly maxLogLossExcess: number;
  /** Of a Model whose label is a number: mean absolute error above what the version promised that matters, in the label's unit. */
  readonly maxMaeExcess?: number;
  readonly confidence: number;
  /** Estimate the quality from scores alone while labels are missing. */
  readonly estimate: boolean;
  /** Slices of the Model that are judged beside all predictions. */
  readonly slices: readonly string[] | 'all';
  /** Fewest labels of a slice in a window. */
  readonly sliceMinLabelled: number;
}

export interface MonitorSpec {
  readonly model: string;
  /** Whole hours. */
  readonly windowMs: number;
  /** How far apart windows begin; absent: `windowMs`, so that they follow each other. */
  readonly slideMs?: number;
  /** How long after its end, by the watermark, a window still takes rows. */
  readonly allowedLatenessMs: number;
  /** Training rows that windows are compared with: all, or those of the same hours of the day or days of the week, UTC. */
  readonly reference: { readonly phase: 'none' | 'hour' | 'weekday' };
  /** Request field or input that rows belong to; absent: what the routing draw was made for. */
  readonly unit?: string;
  /** Inputs to watch, or all with `score`. */
  readonly fields: readonly string[] | 'all';
  readonly minRows: number;
  /** Windows with too few rows that are carried over into the next at most. */
  readonly carry: number;
  /** Effect floor, nats. */
  readonly psi: number;
  /** Level of the tests after Benjamini-Hochberg. */
  readonly significance: number;
  readonly minDriftedFields: number;
  readonly thresholds: readonly FieldThreshold[];
  /** A window is drifted, too, when its importance-weighted score exceeds this, nats; 0: never. */
  readonly score: number;
  /** A drifted field with so large an index raises the alarm at once, nats; 0: never. */
  readonly urgentPsi: number;
  /** `windows` of the last `of` windows must be drifted. */
  readonly raise: { readonly windows: number; readonly of: number };
  /** So many windows in a row with every index below `below` times its limit end an alarm. */
  readonly clear: { readonly windows: number; readonly below: number };
  readonly coolDownMs: number;
  readonly backOff: { readonly factor: number; readonly maxMs: number };
  readonly retrain: boolean;
  readonly requires: {
    /** Labels since the champion's training. */
    readonly labelledRows: number;
    readonly noHold: boolean;
    readonly noRollout: boolean;
    readonly noTraining: boolean;
  };
  /** significance, psi, score and raise are calibrated so that there are at most so many retrainings without drift. */
  readonly budget?: { readonly falseRetrainings: number; readonly perMs: number };
  readonly performance?: PerformanceSpec;
}

const day = 86_400_000;

/** What a Monitor says that says nothing but its model; equal to the defaults of its schema. */
export const monitorDefaults: Omit<MonitorSpec, 'model'> = {
  windowMs: 7 * day,
  allowedLatenessMs: 0,
  reference: { phase: 'none' },
  fields: 'all',
  minRows: 500,
  carry: 3,
  psi: 0.1,
  significance: 0.01,
  minDriftedFields: 1,
  thresholds: [],
  score: 0,
  urgentPsi: 0,
  raise: { windows: 1, of: 1 },
  clear: { windows: 3, below: 0.6 },
  coolDownMs: 7 * day,
  backOff: { factor: 2, maxMs: 90 * day },
  retrain: true,
  requires: { labelledRows: 0, noHold: true, noRollout: true, noTraining: true },
};
