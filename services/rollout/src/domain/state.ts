/** One version that is on trial: a canary, or with blue-green a shadow that waits for the switch. Times are event times, epoch milliseconds UTC. */
export interface Canary {
  readonly version: string;
  /** Index into the Rollout's steps. */
  readonly step: number;
  /** When the current step began. */
  readonly stepSinceMs: number;
  /** When the canary began; its outcomes are judged from this event day on. */
  readonly sinceMs: number;
  /** Whether the current step has been reported as held. */
  readonly held: boolean;
}

export interface Candidate {
  readonly version: string;
  readonly approvedAtMs: number;
}

/** Labelled outcomes of one version and arm on one event day. Integers, so that any order of merging gives the same state. */
export interface DayStats {
  readonly labelled: number;
  /** Sum of log loss, 1e-9 nats. */
  readonly logLossNano: number;
  /** Sum of squared log loss, 1e-6 nats². */
  readonly logLossSquaredMicro: number;
}

/** Everything the controller knows about one model: a pure function of the job events and outcome statistics that it has read. */
export interface ModelState {
  readonly model: string;
  readonly champion: string | null;
  /** Champion before this one. */
  readonly previous: string | null;
  readonly first: string | null;
  readonly canary: Canary | null;
  /** Approved versions that wait, oldest first. */
  readonly waiting: readonly Candidate[];
  /** By `<version>/<arm>`, then by start of the event day of the prediction. */
  readonly stats: ReadonlyMap<string, ReadonlyMap<number, DayStats>>;
  /** Statistics of labels that are ahead of the watermark: they count when it has passed them, so that who is faster does not matter. */
  readonly ahead: readonly StatsDelta[];
}

export function newModelState(model: string): ModelState {
  return { model, champion: null, previous: null, first: null, canary: null, waiting: [], stats: new Map(), ahead: [] };
}

/** Remembers an approved version; saying it twice is saying it once. */
export function withCandidate(state: ModelState, candidate: Candidate): ModelState {
  const known =
    state.champion === candidate.version ||
    state.canary?.version === candidate.version ||
    state.waiting.some((other) => other.version === candidate.version);
  if (known) return state;
  const waiting = [...state.waiting, candidate].sort(
    (a, b) => a.approvedAtMs - b.approvedAtMs || Number(a.version) - Number(b.version),
  );
  return { ...state, waiting };
}

export interface StatsDelta {
  /** Newest event time of a label among these outcomes. */
  readonly settledAtMs: number;
  readonly version: string;
  readonly arm: string;
  readonly dayMs: number;
  readonly labelled: number;
  readonly logLossNano: number;
  readonly logLossSquaredMicro: number;
}

/** Days kept for each version and arm: far longer than any canary. */
const daysMax = 120;

/** Remembers one delta until the watermark has passed its labels. */
export function withStats(state: ModelState, delta: StatsDelta): ModelState {
  return { ...state, ahead: [...state.ahead, delta] };
}

const hourMs = 3_600_000;

/** When all labels of a delta are past, however many of their hour came together: statistics are divided by the hour of the label. */
const knownAtMs = ({ settledAtMs }: StatsDelta): number => (Math.floor(settledAtMs / hourMs) + 1) * hourMs;

/** Merges what was ahead and is no longer at `watermarkMs`. The result does not depend on the order in which deltas came, nor on how they were batched. */
export function upTo(state: ModelState, watermarkMs: number): ModelState {
  const due = state.ahead.filter((delta) => knownAtMs(delta) <= watermarkMs);
  if (due.length === 0) return state;
  const ahead = state.ahead.filter((delta) => knownAtMs(delta) > watermarkMs);
  const stats = new Map([...state.stats].map(([key, days]) => [key, new Map(days)] as const));
  for (const delta of due) {
    const key = `${delta.version}/${delta.arm}`;
    const days = stats.get(key) ?? new Map<number, DayStats>();
    const old = days.get(delta.dayMs) ?? { labelled: 0, logLossNano: 0, logLossSquaredMicro: 0 };
    days.set(delta.dayMs, {
      labelled: old.labelled + delta.labelled,
      logLossNano: old.logLossNano + delta.logLossNano,
      logLossSquaredMicro: old.logLossSquaredMicro + delta.logLossSquaredMicro,
    });
    stats.set(key, days);
  }
  for (const days of stats.values()) {
    for (const dayMs of [...days.keys()].sort((a, b) => b - a).slice(daysMax)) days.delete(dayMs);
  }
  return { ...state, stats, ahead };
}

export interface Loss {
  readonly labelled: number;
  /** Mean log loss, nats. */
  readonly mean: number;
  /** Standard error of the mean, nats. */
  readonly standardError: number;
}

/** The log loss of a version's labelled outcomes over event days from `fromDayMs` on; null without any. */
export function lossSince(state: ModelState, version: string, arm: string, fromDayMs: number): Loss | null {
  let [labelled, nano, squaredMicro] = [0, 0, 0];
  for (const [dayMs, day] of state.stats.get(`${version}/${arm}`) ?? []) {
    if (dayMs < fromDayMs) continue;
    labelled += day.labelled;
    nano += day.logLossNano;
    squaredMicro += day.logLossSquaredMicro;
  }
  if (labelled === 0) return null;
  const mean = nano / labelled / 1e9;
  const variance = Math.max(0, squaredMicro / labelled / 1e6 - mean * mean);
  return { labelled, mean, standardError: Math.sqrt(variance / labelled) };
}
