/** What a replay's report says. Counts are of records; times are event time; floats are rounded to 6 digits. */

/** Which part of the served predictions a quality figure covers: `rows` with a label, of which `positives` are 1. */
export interface Quality {
  readonly rows: number;
  readonly positives: number;
  /** Area under the ROC curve, [0, 1]; null when a class is missing. */
  readonly aucServed: number | null;
  readonly aucNeverRetrained: number | null;
  /** Nats. */
  readonly logLossServed: number | null;
  readonly logLossNeverRetrained: number | null;
}

export interface ReasonCount {
  /** Rule and field, for example `required arr_delay`. */
  readonly reason: string;
  readonly records: number;
}

/** What happened in one span of event time. */
export interface Activity {
  /** Answers that were returned. */
  readonly predictions: number;
  /** Of them, with a label so far. */
  readonly labelled: number;
  readonly quarantined: number;
  readonly quarantineReasons: readonly ReasonCount[];
  /** Drift windows with enough rows to judge, and those that drifted. */
  readonly driftWindows: number;
  readonly driftedWindows: number;
  /** Windows judged by their labels, of all predictions and of slices, and those in which the version did worse than it promised. */
  readonly qualityWindows: number;
  readonly worseWindows: number;
  readonly retrainingRequests: number;
  /** Trainings that ran, the first of a model included. */
  readonly trainings: number;
  /** Those of a model that had been trained before. */
  readonly retrainings: number;
  readonly failedTrainings: number;
  /** Requests that led to no training, with a reason. */
  readonly skippedRequests: number;
  /** Versions that did not pass their gates. */
  readonly rejections: number;
  readonly promotions: number;
  readonly rollbacks: number;
  readonly quality: Quality;
}

export interface MonthReport extends Activity {
  /** `YYYY-MM`, UTC. */
  readonly month: string;
}

export interface GateRow {
  readonly name: string;
  readonly verdict: string;
  readonly detail: string;
}

export interface VersionRow {
  readonly model: string;
  readonly version: string;
  /** Event time of the training, RFC 3339. */
  readonly trainedAt: string;
  readonly rows: number;
  readonly trigger: string;
  readonly stage: string;
  readonly parent: string;
  readonly gates: readonly GateRow[];
  /** Event time of the first answer from it, RFC 3339; null when it never answered. */
  readonly firstServed: string | null;
  readonly answers: number;
  readonly modelDigest: string;
  readonly datasetHash: string;
  /** Event times that were held and did not train it, RFC 3339. */
  readonly held: readonly { readonly from: string; readonly until: string; readonly reason: string }[];
}

/** What windows of the Sources looked like. */
export interface DataQuality {
  readonly windows: number;
  readonly failed: number;
  /** Columns that came and that a Source does not list (`unexpected: report`), in judged windows. */
  readonly unexpected: readonly { readonly source: string; readonly column: string; readonly rows: number }[];
  readonly holds: readonly {
    readonly source: string;
    readonly window: string;
    /** `open`, `closed` or `released`. */
    readonly state: string;
    readonly rules: readonly string[];
    readonly accepted: boolean;
    /** Event times that are held, RFC 3339; until is null while it is open. */
    readonly from: string;
    readonly until: string | null;
  }[];
}

/** One rule of the ledger: what must be equal, and whether it is. */
export interface LedgerCheck {
  readonly name: string;
  readonly ok: boolean;
  /** The numbers compared. */
  readonly detail: string;
}

/** Where the records of one source topic went. */
export interface SourceBalance {
  readonly topic: string;
  readonly records: number;
  /** Of these, sent back from the quarantine: nobody produced them anew. */
  readonly replayed: number;
  readonly valid: number;
  readonly quarantined: number;
  /** In neither output. */
  readonly missing: number;
  /** More than once in one output. */
  readonly duplicated: number;
  /** In both outputs. */
  readonly inBoth: number;
  /** In an output, but with no raw record. */
  readonly unknown: number;
}

export interface LedgerReport {
  readonly balanced: boolean;
  readonly checks: readonly LedgerCheck[];
  /** One line for each check that failed. */
  readonly problems: readonly string[];
  readonly sources: readonly SourceBalance[];
}

export interface ParityReport {
  /** Served predictions whose inputs were computed again, point-in-time. */
  readonly checked: number;
  /** Input values that were not equal to the last bit. */
  readonly different: number;
  readonly examples: readonly string[];
  /** Why nothing was checked; empty when it was. */
  readonly note: string;
}

/** What the feature store found by itself while it served: a share of the predictions, computed again from the history. */
export interface LiveParity {
  readonly predictions: number;
  /** Input values of these that were compared. */
  readonly values: number;
  /** Of these, not equal to the last bit. */
  readonly different: number;
  /** Values that lack a record which was known and still on its way; they count as equal. */
  readonly late: number;
  /** Values of which that could not be told; they are not among those that were compared. */
  readonly undecided: number;
  /** Share of equal values, [0, 1]; null when none was compared. */
  readonly rate: number | null;
  /** Sampled predictions that were not compared, for any reason. */
  readonly skipped: number;
  /** Sampled predictions that were still to be compared. */
  readonly waiting: number;
}

/** Wall-clock figures: the only part that differs between two replays. */
export interface RunReport {
  readonly wallSeconds: number | null;
  readonly eventsPerSecond: number | null;
  readonly predictionsPerSecond: number | null;
  readonly peakMemoryMib: number | null;
  readonly cpuSeconds: number | null;
  readonly processes: readonly ProcessUse[];
  /** Null when the feature store was not asked, or compares nothing. */
  readonly liveParity: LiveParity | null;
  readonly reportSeconds: number;
}

/** What one process used. */
export interface ProcessUse {
  readonly name: string;
  readonly peakMemoryMib: number;
  readonly cpuSeconds: number;
}

export interface Asked {
  readonly wanted: number;
  readonly asked: number;
  readonly answered: number;
  readonly unanswered: number;
  readonly failed: number;
}

export interface Report {
  readonly model: string;
  /** Event days covered, `[from, until)`, RFC 3339; null when unknown. */
  readonly from: string | null;
  readonly until: string | null;
  readonly months: readonly MonthReport[];
  readonly totals: Activity & { readonly events: number; readonly asked: Asked | null };
  /** Quality over the spans that were asked for. */
  readonly spans: readonly { readonly from: string; readonly until: string; readonly quality: Quality }[];
  readonly versions: readonly VersionRow[];
  readonly data: DataQuality;
  readonly ledger: LedgerReport;
  readonly parity: ParityReport;
  readonly run: RunReport;
}
