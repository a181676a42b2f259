/** Stages of a model version. */
export const stages = ['candidate', 'approved', 'rejected', 'production', 'archived'] as const;
export type Stage = (typeof stages)[number];

/** Where a version may go from each stage. */
const next: Readonly<Record<Stage, readonly Stage[]>> = {
  candidate: ['approved', 'rejected'],
  approved: ['production', 'archived', 'rejected'],
  rejected: [],
  production: ['archived'],
  archived: ['production'],
};

/** Whether the text is a stage. */
export function isStage(text: string): text is Stage {
  return (stages as readonly string[]).includes(text);
}

/** The stages that a version may take from here. */
export function nextStages(from: Stage): readonly Stage[] {
  return next[from];
}

/** A version and its stage. */
export interface Staged {
  readonly version: string;
  readonly stage: Stage;
}

export interface StageChange {
  readonly version: string;
  readonly from: Stage;
  readonly to: Stage;
  readonly reason: string;
}

/** What a request for a stage leads to. */
export type StageDecision =
  | { readonly kind: 'changed'; readonly changes: readonly StageChange[] }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'illegal'; readonly from: Stage; readonly allowed: readonly Stage[] }
  | { readonly kind: 'missing' };

/**
 * Decides a move. There is one production version at most: the one before is archived with the same decision, first. A version that
 * is where it should be is left alone.
 */
export function decideStage(versions: readonly Staged[], version: string, to: Stage, reason: string): StageDecision {
  const current = versions.find((other) => other.version === version);
  if (current === undefined) return { kind: 'missing' };
  if (current.stage === to) return { kind: 'unchanged' };
  const allowed = nextStages(current.stage);
  if (!allowed.includes(to)) return { kind: 'illegal', from: current.stage, allowed };
  const replaced = to === 'production' ? versions.filter((other) => other.stage === 'production') : [];
  return {
    kind: 'changed',
    changes: [
      ...replaced.map((other): StageChange => ({
        version: other.version,
        from: 'production',
        to: 'archived',
        reason: `replaced by version ${version}`,
      })),
      { version, from: current.stage, to, reason },
    ],
  };
}
