import { chosenField, type ChooseSpec, type ModelSpec } from '@everloop/contracts';
import { bestArms, drawArm, epsilonAfter, epsilonGreedy, type ArmRewards } from '@everloop/stats';
import type { RequestRow } from './gate.ts';

/** How a model chooses among actions. */
export interface Chooser {
  readonly spec: ChooseSpec;
  /** The request field that is chosen. */
  readonly field: string;
  /** The actions as text, as answers and records have them. */
  readonly names: readonly string[];
}

/** How the action of one row was drawn, as it is logged: enough to draw it again. */
export interface ActionDrawn {
  /** Place of the action among all. */
  readonly at: number;
  readonly action: string;
  readonly actions: readonly string[];
  /** Sums to 1. */
  readonly pmf: readonly number[];
  /** Of each action. */
  readonly scores: readonly number[];
  readonly epsilon: number;
  /** The action is not one of those with the highest score. */
  readonly explore: boolean;
  readonly seed: string;
}

/** The chooser of a model; null for one that does not choose. */
export function createChooser(spec: Pick<ModelSpec, 'choose' | 'inputs'>): Chooser | null {
  const field = chosenField(spec);
  if (spec.choose === undefined || field === null) return null;
  return { spec: spec.choose, field, names: spec.choose.actions.map(String) };
}

/** Each row once with each action, rows first: `[rows × actions]`. */
export function withActions({ spec, field }: Chooser, rows: readonly RequestRow[]): readonly RequestRow[] {
  return rows.flatMap((row) => spec.actions.map((action) => ({ ...row, [field]: action })));
}

/** The share that is explored after so many rewards of each action: all of it until every action is warm. */
export function actionEpsilon({ spec }: Chooser, rewards: readonly ArmRewards[]): number {
  if (rewards.some(({ matured }) => matured < spec.warmUp)) return 1;
  return epsilonAfter(
    spec,
    rewards.reduce((sum, { matured }) => sum + matured, 0),
  );
}

/**
 * Draws the action of one row by epsilon-greedy over the scores of all: ε/K for each, and 1-ε shared by the best. The draw is the hash
 * of the decision id, so that the same decision with the same probabilities is the same action. O(actions).
 */
export function drawAction(
  { names }: Pick<Chooser, 'names'>,
  scores: readonly number[],
  epsilon: number,
  decisionId: string,
): ActionDrawn {
  const pmf = epsilonGreedy(scores, epsilon);
  const at = drawArm('choose', decisionId, pmf);
  const explore = !bestArms(scores).has(at);
  return { at, action: names[at] ?? '', actions: names, pmf, scores, epsilon, explore, seed: decisionId };
}

/** Probability of the action alone; 1 where none was chosen. */
export function actionPropensity(drawn: Pick<ActionDrawn, 'at' | 'pmf'> | undefined): number {
  return drawn === undefined ? 1 : (drawn.pmf[drawn.at] ?? 1);
}
