import { inclusionWeight, outcomes, rewards, type decisions, type serving } from '@everloop/contracts';
import type { Bus } from '@everloop/kafka';
import type { Interval } from '@everloop/stats';
import { badInput } from '../errors.ts';
import { table } from '../table.ts';
import { estimateArms, type ArmEstimate, type EstimateOptions, type RewardedDecision } from './estimates.ts';
import { actionProbability } from './replay.ts';
import { readDecisions, readInferences, readOutcomes, readRewards } from './log.ts';

export interface EvaluateOptions extends Omit<EstimateOptions, 'champion' | 'range'> {
  /** The version that candidates are compared with; absent: the champion of the newest decision. */
  readonly champion?: string;
  /** Only decisions with this event time or later, epoch milliseconds UTC. */
  readonly sinceMs?: number;
  /** More decisions than this are refused: they are held in memory, about 200 bytes each. */
  readonly decisionsMax: number;
}

/** What the log says of a model. */
export interface Evaluation {
  readonly model: string;
  /** `labels`: 1 less the squared error of the score; `rewards`: what decisions were worth. */
  readonly rewardedBy: 'labels' | 'rewards';
  readonly champion: string;
  /** Drawn decisions in the log, and how many of them have a reward. */
  readonly drawn: number;
  readonly rewarded: number;
  /**
   * Decisions that those stand for: more where a share of the predictions is logged, by 1 / inclusion probability. The estimates are means over the
   * logged ones: the share is the same for all, so it cancels in every weight, and intervals are as wide as the logged ones are few.
   */
  readonly made: number;
  readonly versions: readonly ArmEstimate[];
  /** Of a model that chooses among actions, compared with what was done. */
  readonly actions: readonly ArmEstimate[];
}

/** A decision whose reward is looked for. */
interface Waiting extends Omit<RewardedDecision, 'reward'> {
  readonly action: Omit<RewardedDecision, 'reward'> | null;
}

interface Drawn {
  readonly decisions: Map<string, Waiting>;
  readonly champion: string;
  readonly range: Interval;
  readonly made: number;
}

/** Judges every version, and every action, of a model by its logs. O(log) time, O(drawn decisions) memory. Throws EVL_CLI_INPUT_INVALID. */
export async function evaluateModel(bus: Bus, model: string, options: EvaluateOptions): Promise<Evaluation> {
  const byReward = await drawnDecisions(bus, model, options);
  const isRewarded = byReward.decisions.size > 0;
  const drawn = isRewarded ? byReward : await drawnInferences(bus, model, options);
  if (drawn.decisions.size === 0) throw badInput(`the log has no drawn decision of a model "${model}"`);
  const size = drawn.decisions.size;
  const rewarded = isRewarded ? await withRewards(bus, drawn.decisions) : await withLabels(bus, drawn.decisions);
  const champion = options.champion ?? drawn.champion;
  const estimate = { ...options, range: drawn.range };
  const actions = rewarded.flatMap(({ reward, waiting: { action } }) =>
    action === null ? [] : [{ ...action, reward }],
  );
  return {
    ...{ model, champion, drawn: size, rewarded: rewarded.length, made: drawn.made },
    rewardedBy: isRewarded ? 'rewards' : 'labels',
    versions: estimateArms(
      rewarded.map(({ reward, waiting }) => ({ ...waiting, reward })),
      { ...estimate, champion },
    ),
    actions: estimateArms(actions, { ...estimate, champion: null }),
  };
}

type Select = Pick<EvaluateOptions, 'sinceMs' | 'decisionsMax'>;

function collect(model: string, { sinceMs = -Infinity, decisionsMax }: Select) {
  const decisions = new Map<string, Waiting>();
  let [champion, newestMs, made] = ['', -Infinity, 0];
  return {
    decisions,
    champion: (): string => champion,
    made: (): number => Math.round(made),
    wants: (one: Pick<serving.Inference, 'model' | 'learn' | 'propensity' | 'eventTimeMs'>): boolean =>
      one.model === model && one.learn && one.propensity > 0 && one.eventTimeMs >= sinceMs,
    add: (
      id: string,
      at: { readonly championVersion: string; readonly eventTimeMs: number; readonly inclusionProbability?: number },
      waiting: Waiting,
    ): void => {
      if (!decisions.has(id)) made += inclusionWeight({ inclusionProbability: at.inclusionProbability ?? 1 });
      decisions.set(id, waiting);
      if (decisions.size > decisionsMax) {
        throw badInput(`more than ${decisionsMax} drawn decisions of "${model}"; narrow them with --since`);
      }
      if (at.eventTimeMs < newestMs) return;
      [champion, newestMs] = [at.championVersion, at.eventTimeMs];
    },
  };
}

async function drawnInferences(bus: Bus, model: string, options: Select): Promise<Drawn> {
  const found = collect(model, options);
  await readInferences(bus, (inference) => {
    if (!found.wants(inference)) return undefined;
    const { decisionId, policyRevision: revision, modelVersion: arm, arms, choice } = inference;
    const unit = inference.unit === '' ? decisionId : inference.unit;
    const action = actionOf(choice, { unit, revision });
    const propensity = inference.propensity / (action?.propensity ?? 1);
    found.add(decisionId, inference, { unit, revision, arm, arms, propensity, action });
    return undefined;
  });
  const range = { lower: 0, upper: 1 };
  return { decisions: found.decisions, champion: found.champion(), made: found.made(), range };
}

async function drawnDecisions(bus: Bus, model: string, options: Select): Promise<Drawn> {
  const found = collect(model, options);
  let range: Interval = { lower: 0, upper: 0 };
  await readDecisions(bus, (decision) => {
    if (!found.wants(decision)) return undefined;
    const { decisionId, policyRevision: revision, modelVersion: arm, arms, choice, rule } = decision;
    const unit = decision.unit === '' ? decisionId : decision.unit;
    if (rule !== undefined) range = { lower: Math.min(range.lower, rule.min), upper: Math.max(range.upper, rule.max) };
    const propensity = decision.versionPropensity;
    const action = actionOf(choice, { unit, revision });
    found.add(decisionId, decision, { unit, revision, arm, arms, propensity, action });
    return undefined;
  });
  return { decisions: found.decisions, champion: found.champion(), made: found.made(), range };
}

/** The choice of an action as a draw of its own, beside that of the version; null where none was chosen, or with probability 0. */
function actionOf(
  choice: decisions.ActionChoice | undefined,
  of: Pick<RewardedDecision, 'unit' | 'revision'>,
): Waiting['action'] {
  const propensity = actionProbability(choice);
  if (choice === undefined || !(propensity > 0)) return null;
  return { ...of, arm: choice.action, arms: choice.actions, propensity };
}

interface Rewarded {
  readonly waiting: Waiting;
  readonly reward: number;
}

/** The reward that arms are compared by where a model has none of its own: 1 less the squared error (Brier 1950). */
function brierReward(score: number, label: number): number {
  return 1 - Math.min(1, Math.abs(score - label)) ** 2;
}

/** Takes what is rewarded out of the map, so that a repeated record counts once. */
async function withLabels(bus: Bus, decisions: Map<string, Waiting>): Promise<readonly Rewarded[]> {
  const rewarded = new Map<string, Rewarded>();
  await readOutcomes(bus, ({ decisionId, kind, score, label }) => {
    const waiting = decisions.get(decisionId) ?? rewarded.get(decisionId)?.waiting;
    if (waiting === undefined || kind === outcomes.OutcomeKind.EXPIRED) return undefined;
    decisions.delete(decisionId);
    // A correction follows what it corrects.
    rewarded.set(decisionId, { waiting, reward: brierReward(score, label) });
    return undefined;
  });
  return [...rewarded.values()];
}

async function withRewards(bus: Bus, decisions: Map<string, Waiting>): Promise<readonly Rewarded[]> {
  const rewarded: Rewarded[] = [];
  const counted = new Set<rewards.RewardState>([rewards.RewardState.REWARDED, rewards.RewardState.DEFAULTED]);
  await readRewards(bus, ({ decisionId, state, value }) => {
    const waiting = decisions.get(decisionId);
    if (waiting === undefined || !counted.has(state)) return undefined;
    decisions.delete(decisionId);
    rewarded.push({ waiting, reward: value });
    return undefined;
  });
  return rewarded;
}

/** For people. */
export function evaluationText(evaluation: Evaluation): string {
  const { model, drawn, made, rewarded, rewardedBy, versions, actions, champion } = evaluation;
  const what = rewardedBy === 'labels' ? 'a label (reward: 1 less the squared error)' : 'a reward';
  const share = made === drawn ? '' : ` (logged of about ${made})`;
  const head = `${model}: ${drawn} drawn decisions${share}, ${rewarded} of them with ${what}`;
  const parts = [head, `always one version, compared with the champion ${champion}\n${armTable(versions)}`];
  if (actions.length > 0) parts.push(`always one action, compared with what was done\n${armTable(actions)}`);
  return parts.join('\n\n');
}

const number = (value: number): string => (Number.isFinite(value) ? value.toPrecision(4) : '-');

function withInterval({ value, lower, upper }: ArmEstimate['ips']): string {
  return `${number(value)} [${number(lower)}, ${number(upper)}]`;
}

function armTable(arms: readonly ArmEstimate[]): string {
  const rows = arms.map((one) => [
    one.arm,
    String(one.own),
    String(one.decisions),
    String(one.units),
    String(Math.floor(one.effectiveSampleSize)),
    ...[one.ips, one.snips, one.dr].map(withInterval),
    number(one.bernsteinLower),
    one.difference === null ? '' : withInterval(one.difference),
    one.gate === null ? 'champion' : `${one.gate.verdict}: ${one.gate.reason}`,
  ]);
  const headings = ['ARM', 'OWN', 'OF', 'UNITS', 'ESS', 'IPS', 'SNIPS', 'DR', 'AT LEAST', 'DIFFERENCE', 'GATE'];
  return table(headings, rows);
}
