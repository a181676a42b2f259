import { inclusionWeight, isLogged, type outcomes, type serving } from '@everloop/contracts';
import { shareBounds } from './share-bounds.ts';
import type { LedgerCheck } from './types.ts';

const servedFlag = 1;
const settledFlag = 2;

interface Decision {
  flags: number;
  readonly predictedAtMs: number;
}

/** What one version answered. */
export interface Answers {
  readonly firstMs: number;
  readonly count: number;
}

/** What became of each decision: served or shadowed once, settled at most once. About 200 bytes a decision. */
export class DecisionLedger {
  readonly #decisions = new Map<string, Decision>();
  readonly #answers = new Map<string, Answers>();
  readonly #counts = {
    served: 0,
    shadowed: 0,
    repeatedDecisions: 0,
    settledServed: 0,
    settledShadowed: 0,
    repeatedOutcomes: 0,
    strangeOutcomes: 0,
    notOfTheShare: 0,
  };
  /** Served records by their inclusion probability. */
  readonly #byShare = new Map<number, number>();
  #represented = 0;

  /** `shares`: those of the Models that log one, so that it is known of a model of which nothing was logged. */
  constructor(shares: readonly number[] = []) {
    for (const share of shares) if (share < 1) this.#byShare.set(share, 0);
  }

  /** Takes one record of the served or the shadowed log. */
  addInference(inference: serving.Inference): void {
    const isServed = inference.arm !== 'shadow';
    if (isServed) {
      this.#counts.served += 1;
      this.#addShare(inference);
      const key = `${inference.model}/${inference.modelVersion}`;
      const known = this.#answers.get(key) ?? { firstMs: inference.eventTimeMs, count: 0 };
      const firstMs = Math.min(known.firstMs, inference.eventTimeMs);
      this.#answers.set(key, { firstMs, count: known.count + inclusionWeight(inference) });
    } else this.#counts.shadowed += 1;
    if (this.#decisions.has(inference.decisionId)) {
      this.#counts.repeatedDecisions += 1;
      return;
    }
    this.#decisions.set(inference.decisionId, {
      flags: isServed ? servedFlag : 0,
      predictedAtMs: inference.eventTimeMs,
    });
  }

  #addShare(inference: serving.Inference): void {
    this.#represented += inclusionWeight(inference);
    // As it was logged: 1 / (1 / share) is another number for one share of six.
    const share = inference.inclusionProbability > 0 ? inference.inclusionProbability : 1;
    this.#byShare.set(share, (this.#byShare.get(share) ?? 0) + 1);
    if (!isLogged(inference.decisionId, share)) this.#counts.notOfTheShare += 1;
  }

  /** Takes one record of the settled outcomes; after all inferences. */
  addOutcome(outcome: outcomes.Outcome): void {
    const decision = this.#decisions.get(outcome.decisionId);
    if (decision === undefined) {
      this.#counts.strangeOutcomes += 1;
      return;
    }
    // A correction follows what it corrects.
    if (outcome.revision > 0 && (decision.flags & settledFlag) !== 0) return;
    if ((decision.flags & settledFlag) !== 0) {
      this.#counts.repeatedOutcomes += 1;
      return;
    }
    decision.flags |= settledFlag;
    if ((decision.flags & servedFlag) !== 0) this.#counts.settledServed += 1;
    else this.#counts.settledShadowed += 1;
  }

  /** Answers by `<model>/<version>`. */
  get answers(): ReadonlyMap<string, Answers> {
    return this.#answers;
  }

  /** Records of the served log. */
  get served(): number {
    return this.#counts.served;
  }

  /** Predictions that these stand for: each 1 / its inclusion probability. */
  get represented(): number {
    return Math.round(this.#represented);
  }

  /** Every answer is logged; of a share so many as chance allows, and those that the hash chooses. */
  #answerChecks(answered: number): readonly LedgerCheck[] {
    const { served, notOfTheShare } = this.#counts;
    const name = 'every answer is in the log';
    const shares = [...this.#byShare].filter(([share]) => share < 1);
    if (shares.length === 0) {
      const detail = `${String(answered)} answers received = ${String(served)} served predictions logged`;
      return [{ name, ok: answered === served, detail }];
    }
    const { low, high } = shareBounds(this.#byShare);
    return [
      {
        name,
        ok: answered >= low && answered <= high,
        detail: `${String(answered)} answers received; ${String(served)} served predictions logged, shares of ${shares.map(([share]) => String(share)).join(', ')} among them, stand for ${String(low)} to ${String(high)}`,
      },
      {
        name: 'what is logged of a share is what the decision ids say',
        ok: notOfTheShare === 0,
        detail: `${String(served)} served predictions logged, ${String(notOfTheShare)} of them outside of their share`,
      },
    ];
  }

  /**
   * The ledger's rules about decisions. `overdueMs`: a decision from before it must be settled, because the longest wait for its label has
   * passed; null while that is not known.
   */
  checks(answered: number | null, overdueMs: number | null): readonly LedgerCheck[] {
    const { served, shadowed, repeatedDecisions, repeatedOutcomes, strangeOutcomes } = this.#counts;
    const settled = this.#counts.settledServed + this.#counts.settledShadowed;
    let overdue = 0;
    for (const { flags, predictedAtMs } of this.#decisions.values()) {
      if ((flags & settledFlag) === 0 && overdueMs !== null && predictedAtMs < overdueMs) overdue += 1;
    }
    const pending = this.#decisions.size - settled;
    return [
      ...(answered === null ? [] : this.#answerChecks(answered)),
      {
        name: 'every decision is logged once',
        ok: repeatedDecisions === 0,
        detail: `${String(served)} served + ${String(shadowed)} shadowed, ${String(repeatedDecisions)} of them twice`,
      },
      {
        name: 'every decision has one outcome or waits for its label',
        ok: overdue === 0 && repeatedOutcomes === 0 && strangeOutcomes === 0,
        detail:
          `${String(this.#decisions.size)} decisions = ${String(settled)} settled + ${String(pending)} waiting; ` +
          `${String(overdue)} overdue, ${String(repeatedOutcomes)} settled twice, ${String(strangeOutcomes)} outcomes of nothing`,
      },
    ];
  }
}
