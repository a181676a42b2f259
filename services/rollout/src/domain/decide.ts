import type { RolloutSpec } from '@everloop/contracts';
import { lossSince, upTo, type Canary, type Candidate, type Loss, type ModelState } from './state.ts';

export const dayMs = 86_400_000;

/** What follows from a decision, in order. */
export type Effect =
  | {
      readonly kind: 'set-stage';
      readonly version: string;
      readonly stage: 'production' | 'archived';
      readonly reason: string;
    }
  | {
      readonly kind: 'step';
      readonly version: string;
      readonly action: 'canary' | 'advanced' | 'held' | 'promoted' | 'rolled-back';
      readonly canaryWeight: number;
      readonly reason: string;
      readonly previousChampion: string;
    };

export interface Decision {
  readonly state: ModelState;
  readonly effects: readonly Effect[];
}

/**
 * What the controller does when event time has reached `watermarkMs`. Pure: the same state, spec and watermark give the same decision.
 * A version moves forward only on evidence: enough labelled outcomes that are no worse than the champion's over the same days.
 * Too few outcomes hold the step; held for too long, the version goes back.
 */
export function decide(before: ModelState, spec: RolloutSpec, watermarkMs: number): Decision {
  const state = upTo(before, watermarkMs);
  // Somebody switched by hand: until that is taken back nothing is judged, since the trial is not what serves.
  if (spec.champion !== undefined) return { state, effects: [] };
  if (state.canary !== null) return judge(state, state.canary, spec, watermarkMs);
  const due = state.waiting.filter((candidate) => candidate.approvedAtMs <= watermarkMs);
  const newest = due.at(-1);
  if (newest === undefined) return { state, effects: [] };
  const later = state.waiting.filter((candidate) => candidate.approvedAtMs > watermarkMs);
  const superseded = due.slice(0, -1).flatMap((old) => supersede(old, newest, state.champion ?? ''));
  const cleared = { ...state, waiting: later };
  const next =
    state.champion === null ? promoteFirst(cleared, newest) : startCanary(cleared, newest, spec, watermarkMs);
  return { state: next.state, effects: [...superseded, ...next.effects] };
}

function supersede(old: Candidate, newer: Candidate, champion: string): readonly Effect[] {
  const reason = `superseded by version ${newer.version} before it was tried`;
  return [
    { kind: 'set-stage', version: old.version, stage: 'archived', reason },
    { kind: 'step', version: old.version, action: 'rolled-back', canaryWeight: 0, reason, previousChampion: champion },
  ];
}

function promoteFirst(state: ModelState, candidate: Candidate): Decision {
  const next = { ...state, champion: candidate.version, first: candidate.version };
  return promotion(next, candidate.version, '', 'first version of this model; its gates passed');
}

function startCanary(state: ModelState, candidate: Candidate, spec: RolloutSpec, watermarkMs: number): Decision {
  const first = trialSteps(spec)[0];
  if (first === undefined) {
    return promote(state, candidate.version, 'the Rollout has no canary steps; its gates passed');
  }
  const canary: Canary = {
    version: candidate.version,
    step: 0,
    stepSinceMs: watermarkMs,
    sinceMs: watermarkMs,
    held: false,
  };
  const next = { ...state, canary };
  const takes =
    spec.strategy === 'blue-green'
      ? 'stands by and sees every request as a shadow'
      : `takes ${percent(first.weight)} of the requests`;
  return { state: next, effects: [step(next, candidate.version, 'canary', first.weight, `approved; ${takes}`)] };
}

/** The steps of a trial: those of the canary, or the one bake of blue-green. */
function trialSteps(spec: RolloutSpec): RolloutSpec['steps'] {
  return spec.strategy === 'blue-green' ? [{ weight: 0, holdMs: spec.bakeMs ?? 0 }] : spec.steps;
}

/** Share of requests that the version on trial takes now, [0, 1]. */
export function trialWeight({ canary }: Pick<ModelState, 'canary'>, spec: RolloutSpec): number {
  if (canary === null) return 0;
  const steps = trialSteps(spec);
  // A Rollout that was applied with fewer steps than the trial has done: its last.
  return (steps[canary.step] ?? steps.at(-1))?.weight ?? 0;
}

function judge(state: ModelState, canary: Canary, spec: RolloutSpec, watermarkMs: number): Decision {
  const current = trialSteps(spec)[canary.step];
  const age = watermarkMs - canary.stepSinceMs;
  if (current !== undefined && age < current.holdMs) return { state, effects: [] };
  const fromDayMs = Math.floor(canary.sinceMs / dayMs) * dayMs;
  const challenger = lossSince(state, canary.version, spec.strategy === 'blue-green' ? 'shadow' : 'canary', fromDayMs);
  const champion = lossSince(state, state.champion ?? '', 'champion', fromDayMs);
  const evidence = compare(challenger, champion, state.champion ?? '', spec);
  switch (evidence.verdict) {
    case 'pass':
      return advance(state, canary, spec, watermarkMs, evidence.numbers);
    case 'fail':
      return rollBack(state, canary, evidence.numbers);
    case 'inconclusive': {
      if (age >= spec.maxHoldMs) return rollBack(state, canary, `inconclusive for too long: ${evidence.numbers}`);
      if (canary.held) return { state, effects: [] };
      const next = { ...state, canary: { ...canary, held: true } };
      const effect = step(next, canary.version, 'held', current?.weight ?? 0, `inconclusive: ${evidence.numbers}`);
      return { state: next, effects: [effect] };
    }
  }
}

/** Upper 10 % point of the standard normal distribution: a difference beyond it is surely there, at 90 % confidence, one-sided. */
const surely = 1.2816;

/**
 * Two-sample comparison of mean log losses; the arms saw different requests. Worse beyond the tolerance, and surely worse, fails; beyond the
 * tolerance but within chance is inconclusive, as is too little data; otherwise it passes. Standard error of a difference of independent
 * means: Welch (1938), Biometrika 29, 350-362.
 */
function compare(
  challenger: Loss | null,
  champion: Loss | null,
  championVersion: string,
  spec: RolloutSpec,
): { readonly verdict: 'pass' | 'fail' | 'inconclusive'; readonly numbers: string } {
  const rows = [challenger?.labelled ?? 0, champion?.labelled ?? 0] as const;
  const counted = `${rows[0]} labelled canary outcomes and ${rows[1]} of the champion`;
  if (challenger === null || champion === null || Math.min(...rows) < spec.minOutcomes) {
    return { verdict: 'inconclusive', numbers: `${counted}; at least ${spec.minOutcomes} of each are needed` };
  }
  const excess = challenger.mean - champion.mean;
  const chance = surely * Math.hypot(challenger.standardError, champion.standardError);
  const numbers =
    `log loss ${challenger.mean.toFixed(4)} against ${champion.mean.toFixed(4)} of version ${championVersion} over the same days, ` +
    `excess ${excess.toFixed(4)} ± ${chance.toFixed(4)} nats, tolerated ${spec.maxLogLossExcess} (${counted})`;
  if (excess <= spec.maxLogLossExcess) return { verdict: 'pass', numbers };
  return { verdict: excess > chance ? 'fail' : 'inconclusive', numbers };
}

function advance(state: ModelState, canary: Canary, spec: RolloutSpec, watermarkMs: number, numbers: string): Decision {
  const following = trialSteps(spec)[canary.step + 1];
  if (following === undefined) return promote({ ...state, canary: null }, canary.version, numbers);
  const moved: Canary = { ...canary, step: canary.step + 1, stepSinceMs: watermarkMs, held: false };
  const next = { ...state, canary: moved };
  return { state: next, effects: [step(next, canary.version, 'advanced', following.weight, numbers)] };
}

function promote(state: ModelState, version: string, reason: string): Decision {
  const next = { ...state, canary: null, champion: version, previous: state.champion };
  return promotion(next, version, state.champion ?? '', reason);
}

function promotion(state: ModelState, version: string, previousChampion: string, reason: string): Decision {
  return {
    state,
    effects: [
      { kind: 'set-stage', version, stage: 'production', reason },
      { kind: 'step', version, action: 'promoted', canaryWeight: 0, reason, previousChampion },
    ],
  };
}

function rollBack(state: ModelState, canary: Canary, reason: string): Decision {
  const next = { ...state, canary: null };
  return {
    state: next,
    effects: [
      { kind: 'set-stage', version: canary.version, stage: 'archived', reason },
      step(next, canary.version, 'rolled-back', 0, reason),
    ],
  };
}

function step(
  state: ModelState,
  version: string,
  action: 'canary' | 'advanced' | 'held' | 'rolled-back',
  canaryWeight: number,
  reason: string,
): Effect {
  return { kind: 'step', version, action, canaryWeight, reason, previousChampion: state.champion ?? '' };
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`;
}
