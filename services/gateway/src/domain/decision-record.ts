import { decisions, type RewardSpec } from '@everloop/contracts';
import { actionPropensity, type ActionDrawn } from './actions.ts';
import type { Choice } from './routing.ts';

/** What the decisions of one request have in common. */
export interface DecisionFields {
  readonly requestId: string;
  readonly model: string;
  readonly modelVersion: string;
  readonly championVersion: string;
  readonly policyRevision: string;
  readonly unit: string;
  readonly eventTimeMs: number;
  readonly choice: Pick<Choice, 'propensity' | 'learn' | 'drawn' | 'division'> & { readonly arm: string };
  readonly rewards: RewardSpec;
}

/** One encoded `serving.v1.Decision`: what was done for one row, how probable it was, and what will count as its reward. */
export function encodeDecision(
  common: DecisionFields,
  decisionId: string,
  joinKey: string,
  score: number,
  acted?: ActionDrawn,
): Buffer {
  const { choice, rewards, ...fields } = common;
  const { arm, propensity, learn, drawn, division } = choice;
  const decision = {
    ...fields,
    ...{ decisionId, joinKey, score, arm, learn, versionPropensity: propensity },
    propensity: propensity * actionPropensity(acted),
    ...(drawn === undefined ? undrawn : { ...drawn, arms: [...drawn.arms], pmf: [...drawn.pmf] }),
    choice: acted === undefined ? undefined : actionChoice(acted),
    draw: division?.draw,
    rule: {
      ...{ waitMs: rewards.waitMs, defaultValue: rewards.default, aggregate: rewards.aggregate },
      ...{ min: rewards.min, max: rewards.max },
    },
  } satisfies decisions.Decision;
  return Buffer.from(decisions.Decision.encode(decision).finish());
}

/** The choice of an action as records have it. */
export function actionChoice(acted: ActionDrawn): decisions.ActionChoice {
  const { action, epsilon, explore, seed } = acted;
  return {
    ...{ action, epsilon, explore, seed },
    ...{ actions: [...acted.actions], pmf: [...acted.pmf], scores: [...acted.scores] },
  };
}

const undrawn = { arms: [] as string[], pmf: [] as number[], seed: '', epsilon: 0, explore: false };
