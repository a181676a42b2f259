import { challengerWeight, championWeight, drawBuckets, type decisions, type serving } from '@everloop/contracts';
import type { Bus } from '@everloop/kafka';
import { drawArm, drawOf } from '@everloop/stats';
import { badInput, exitCodes } from '../errors.ts';
import { readDecisions, readInferences } from './log.ts';

/** A logged draw, done again. */
export interface Redrawn {
  readonly decisionId: string;
  /** Champion or challenger; one of the versions that are explored; or an action. */
  readonly of: 'canary' | 'version' | 'action';
  readonly arms: readonly string[];
  readonly pmf: readonly number[];
  readonly seed: string;
  /** What the record says was drawn. */
  readonly logged: string;
  /** What the draw gives now. */
  readonly drawn: string;
  /** Why the record is not what the draw explains; empty where it is. */
  readonly difference: string;
}

/** Draws add up and name their arms; what was drawn has the probability that was logged, within this. */
const tolerance = 1e-9;

type VersionDraw = Pick<
  serving.Inference,
  'decisionId' | 'arms' | 'pmf' | 'seed' | 'modelVersion' | 'intendedVersion' | 'propensity' | 'learn' | 'choice'
>;

type CanaryRecord = Pick<
  serving.Inference,
  'decisionId' | 'arm' | 'modelVersion' | 'propensity' | 'learn' | 'unit' | 'arms' | 'pmf' | 'choice' | 'draw'
> &
  Partial<Pick<serving.Inference, 'intendedArm' | 'intendedVersion'>>;

/** Who has the bucket of a unit, and how much of all units. */
function shareOf(draw: decisions.CanaryDraw, bucket: number): { readonly version: string; readonly weight: number } {
  const holder = draw.challengers.find(({ ranges }) => ranges.some(({ from, to }) => bucket >= from && bucket < to));
  if (holder !== undefined) return { version: holder.version, weight: challengerWeight(holder) };
  return { version: draw.championVersion, weight: championWeight(draw) };
}

/** Champion or challenger of a record, drawn again by the bucket of its unit; null where the route had no challengers, or nothing was drawn. */
export function redrawCanary(record: CanaryRecord): Redrawn | null {
  const {
    decisionId,
    draw,
    unit,
    arms,
    pmf,
    choice,
    propensity,
    learn,
    intendedArm = '',
    intendedVersion = '',
  } = record;
  if (draw === undefined) return null;
  // A Decision does not say what failed.
  if (record.arm === 'fallback' && intendedVersion === '') return null;
  const bucket = Math.floor(drawOf(draw.salt, unit) * drawBuckets);
  const { version: drawn, weight } = shareOf(draw, bucket);
  const isChampions = drawn === draw.championVersion;
  const [arm, answered] = intendedVersion === '' ? [record.arm, record.modelVersion] : [intendedArm, intendedVersion];
  // Arms that are explored divide the champion's share, so any of them stands for the champion here.
  const explored = arms.indexOf(answered);
  const logged = isChampions && explored >= 0 ? drawn : answered;
  const redrawn = {
    ...{ decisionId, of: 'canary' as const, logged, drawn },
    arms: [draw.championVersion, ...draw.challengers.map(({ version }) => version)],
    pmf: [championWeight(draw), ...draw.challengers.map(challengerWeight)],
    seed: `bucket ${bucket} of ${drawBuckets}, by salt ${draw.salt} and unit ${unit}`,
  };
  const different = (difference: string): Redrawn => ({ ...redrawn, difference });
  if (logged !== drawn) return different(`logged ${logged}, drawn ${drawn}`);
  if (!isChampions && arm !== 'canary') return different(`the challenger ${drawn} is logged as ${arm}`);
  const expected = weight * (isChampions && explored >= 0 ? (pmf[explored] ?? 0) : 1) * actionProbability(choice);
  if (learn && Math.abs(propensity - expected) > tolerance)
    return different(`the propensity is logged as ${propensity}, and is ${expected}`);
  return different('');
}

/** The version that an Inference drew, drawn again; null where nothing was explored. */
export function redrawVersion(record: VersionDraw): Redrawn | null {
  if (record.arms.length === 0) return null;
  const logged = record.intendedVersion === '' ? record.modelVersion : record.intendedVersion;
  const redrawn = redraw(record, { of: 'version', purpose: 'explore', logged });
  if (redrawn.difference !== '' || !record.learn) return redrawn;
  // A challenger takes its share before arms are explored, so the propensity may be less, never more.
  const most = (record.pmf[record.arms.indexOf(redrawn.drawn)] ?? 0) * actionProbability(record.choice);
  if (record.propensity <= most + tolerance) return redrawn;
  return { ...redrawn, difference: `the propensity ${record.propensity} is more than its draw's ${most}` };
}

/** Probability of the action that was chosen; 1 where none was. */
export function actionProbability(choice: decisions.ActionChoice | undefined): number {
  return choice === undefined ? 1 : (choice.pmf[choice.actions.indexOf(choice.action)] ?? 0);
}

/** The action that a record drew, drawn again; null where the model does not choose. */
export function redrawAction({
  decisionId,
  choice,
}: Pick<decisions.Decision, 'decisionId' | 'choice'>): Redrawn | null {
  if (choice === undefined) return null;
  const { actions, pmf, seed, action } = choice;
  return redraw({ decisionId, arms: actions, pmf, seed }, { of: 'action', purpose: 'choose', logged: action });
}

/** Every draw of a record, done again. */
export function redrawAll(inference: serving.Inference): readonly Redrawn[] {
  return [redrawCanary(inference), redrawVersion(inference), redrawAction(inference)].filter((draw) => draw !== null);
}

/** Every draw of a decision without its prediction, done again. */
export function redrawDecision(decision: decisions.Decision): readonly Redrawn[] {
  return [redrawCanary(decision), redrawAction(decision)].filter((draw) => draw !== null);
}

function redraw(
  { decisionId, arms, pmf, seed }: Pick<VersionDraw, 'decisionId' | 'arms' | 'pmf' | 'seed'>,
  { of, purpose, logged }: Pick<Redrawn, 'of' | 'logged'> & { readonly purpose: 'explore' | 'choose' },
): Redrawn {
  const drawn = arms[drawArm(purpose, seed, pmf)] ?? '';
  return { decisionId, of, arms, pmf, seed, logged, drawn, difference: differenceOf(arms, pmf, logged, drawn) };
}

function differenceOf(arms: readonly string[], pmf: readonly number[], logged: string, drawn: string): string {
  if (pmf.length !== arms.length) return `${arms.length} arms have ${pmf.length} probabilities`;
  const sum = pmf.reduce((total, probability) => total + probability, 0);
  if (!(Math.abs(sum - 1) <= tolerance)) return `the probabilities add up to ${sum}`;
  return drawn === logged ? '' : `logged ${logged}, drawn ${drawn}`;
}

/** What a command prints and its exit code: 1 where a draw differs. */
export interface Answer {
  readonly text: string;
  readonly exitCode: number;
}

/** Draws one logged decision again. Throws EVL_CLI_INPUT_INVALID when the log does not have it. */
export async function replayDecision(bus: Bus, decisionId: string): Promise<Answer> {
  const draws: Redrawn[] = [];
  let arm: string | undefined;
  await readInferences(bus, (inference) => {
    if (inference.decisionId !== decisionId) return undefined;
    arm = inference.arm;
    draws.push(...redrawAll(inference));
    return 'stop';
  });
  if (arm === undefined) {
    await readDecisions(bus, (decision) => {
      if (decision.decisionId !== decisionId) return undefined;
      arm = decision.arm;
      draws.push(...redrawDecision(decision));
      return 'stop';
    });
  }
  if (arm === undefined) throw badInput(`no decision ${decisionId} is in the log`);
  if (draws.length === 0) {
    return { text: `${decisionId}: the log has no draw (arm ${arm})`, exitCode: exitCodes.done };
  }
  const isSame = draws.every(({ difference }) => difference === '');
  return { text: draws.map(drawText).join('\n'), exitCode: isSame ? exitCodes.done : exitCodes.failed };
}

function drawText({ decisionId, of, arms, pmf, seed, logged, drawn, difference }: Redrawn): string {
  const probabilities = arms.map((arm, at) => `${arm} ${pmf[at] ?? '?'}`).join(', ');
  const verdict = difference === '' ? 'the same' : `DIFFERENT: ${difference}`;
  return `${decisionId}: ${verdict}\n  ${of} logged ${logged}, drawn ${drawn}\n  from ${probabilities}\n  seed ${seed}`;
}

/** Differences that are listed. */
const shownMax = 20;

/**
 * Draws logged decisions of a model again: those with the smallest hashes of their ids, at most `sample` between champion and
 * challengers, as many of explored versions and of actions.
 * O(log) time, O(sample) memory.
 */
export async function replaySample(bus: Bus, model: string, sample: number): Promise<Answer> {
  const sampled = () => new SmallestHashes(sample);
  const [canaries, versions, actions] = [sampled(), sampled(), sampled()];
  await readInferences(bus, (inference) => {
    if (inference.model !== model) return undefined;
    canaries.add(inference.decisionId, () => redrawCanary(inference));
    versions.add(inference.decisionId, () => redrawVersion(inference));
    actions.add(inference.decisionId, () => redrawAction(inference));
    return undefined;
  });
  if (versions.seen === 0) {
    // The log of predictions is no longer kept; decisions are.
    await readDecisions(bus, (decision) => {
      if (decision.model !== model) return undefined;
      canaries.add(decision.decisionId, () => redrawCanary(decision));
      actions.add(decision.decisionId, () => redrawAction(decision));
      return undefined;
    });
  }
  const drawn = [...canaries.values(), ...versions.values(), ...actions.values()];
  const different = drawn.filter(({ difference }) => difference !== '');
  const counts = `${canaries.explored} of them between champion and challengers, ${versions.explored} explored versions, ${actions.explored} chose actions`;
  const seen = `${canaries.seen} decisions in the log, ${counts}`;
  const lines = [
    `${model}: ${seen}; ${drawn.length} draws done again: ${drawn.length - different.length} the same, ${different.length} different`,
    ...different.slice(0, shownMax).map((one) => `  ${one.decisionId} (${one.of}): ${one.difference}`),
    ...(different.length > shownMax ? [`  and ${different.length - shownMax} more`] : []),
  ];
  return { text: lines.join('\n'), exitCode: different.length === 0 ? exitCodes.done : exitCodes.failed };
}

/** The draws of the decisions whose ids have the smallest hashes: the same sample whatever the order of the log. */
class SmallestHashes {
  readonly #max: number;
  #kept: { readonly hash: number; readonly draw: Redrawn }[] = [];
  #limit = Infinity;
  seen = 0;
  explored = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(decisionId: string, redrawn: () => Redrawn | null): void {
    this.seen += 1;
    const draw = redrawn();
    if (draw === null) return;
    this.explored += 1;
    const hash = drawOf('replay-sample', decisionId);
    if (hash >= this.#limit) return;
    this.#kept.push({ hash, draw });
    if (this.#kept.length >= 2 * this.#max) this.#cut();
  }

  values(): readonly Redrawn[] {
    this.#cut();
    return this.#kept.map(({ draw }) => draw);
  }

  #cut(): void {
    this.#kept.sort((a, b) => a.hash - b.hash).splice(this.#max);
    if (this.#kept.length === this.#max) this.#limit = this.#kept.at(-1)?.hash ?? Infinity;
  }
}
