import { outcomes, type rollout } from '@everloop/contracts';
import { errorText, type Logger } from '@everloop/service';
import type { ArmMoments } from '@everloop/stats';
import { actionEpsilon, type Chooser } from '../domain/actions.ts';
import { distributionOf, type Distribution, type ExplorationReport } from '../domain/exploration.ts';

export interface ArmRewardsOptions {
  readonly logger: Logger;
  /** Milliseconds that only grow. */
  readonly nowMs: () => number;
  /** How long probabilities are used after rewards have changed; Thompson sampling costs milliseconds. */
  readonly recomputeMs: number;
}

/** Times of a computation that pass before the next: it takes at most one part in so many of the processor. */
const restFactor = 50;

/** What is judged by what: a version by labels, a version or an action by rewards; as in `outcomes.v1.ArmStats`. */
export type Basis = '' | 'version' | 'action';

interface Cached {
  readonly distribution: Distribution;
  readonly atMs: number;
  readonly changes: number;
  readonly tookMs: number;
}

/**
 * What the arms of every model have earned, as the outcomes service writes it: every gateway follows the same topic, so all
 * explore by the same numbers and a restart keeps them.
 */
export class ArmRewardsTable {
  readonly #options: ArmRewardsOptions;
  /** By basis and model, by arm, by partition. */
  readonly #models = new Map<string, Map<string, Map<number, ArmMoments>>>();
  readonly #cached = new WeakMap<rollout.Exploration, Cached>();
  readonly #epsilons = new WeakMap<Chooser, { readonly epsilon: number; readonly changes: number }>();
  #changes = 0;

  constructor(options: ArmRewardsOptions) {
    this.#options = options;
  }

  /** Takes one record of the topic; the newest of an arm and partition counts. */
  onRecord(value: Buffer | null): void {
    if (value === null) return;
    try {
      const stats = outcomes.ArmStats.fromJSON(JSON.parse(value.toString('utf8')));
      const arms = getOrAdd(
        this.#models,
        `${stats.basis}/${stats.model}`,
        () => new Map<string, Map<number, ArmMoments>>(),
      );
      const partitions = getOrAdd(arms, stats.arm, () => new Map<number, ArmMoments>());
      const { partition, matured, rewardNano, rewardSquaredMicro } = stats;
      partitions.set(partition, { matured, sum: rewardNano / 1e9, sumSquares: rewardSquaredMicro / 1e6 });
      this.#changes += 1;
    } catch (error) {
      this.#options.logger.error(
        { error: errorText(error) },
        'a record of arm statistics is not JSON and was left out',
      );
    }
  }

  /** Decisions with a known reward, their sum and the sum of their squares, over all partitions. */
  of(model: string, arm: string, basis: Basis = ''): ArmMoments {
    let [matured, sum, sumSquares] = [0, 0, 0];
    for (const part of this.#models.get(`${basis}/${model}`)?.get(arm)?.values() ?? []) {
      matured += part.matured;
      sum += part.sum;
      sumSquares += part.sumSquares;
    }
    return { matured, sum, sumSquares };
  }

  /** The share that a model explores of its actions now. */
  epsilon(model: string, chooser: Chooser): number {
    const cached = this.#epsilons.get(chooser);
    if (cached?.changes === this.#changes) return cached.epsilon;
    const epsilon = actionEpsilon(
      chooser,
      chooser.names.map((action) => this.of(model, action, 'action')),
    );
    this.#epsilons.set(chooser, { epsilon, changes: this.#changes });
    return epsilon;
  }

  /** How an exploration stands: what it explores, and what is known of its arms. */
  report(model: string, exploration: rollout.Exploration, basis: Basis = ''): ExplorationReport {
    const arms = exploration.versions.map((version) => ({ version, matured: this.of(model, version, basis).matured }));
    return { model, epsilon: this.distribution(model, exploration, basis).epsilon, arms };
  }

  /** The probabilities of an exploration's arms now. */
  distribution(model: string, exploration: rollout.Exploration, basis: Basis = ''): Distribution {
    const nowMs = this.#options.nowMs();
    const cached = this.#cached.get(exploration);
    const restMs = Math.max(this.#options.recomputeMs, restFactor * (cached?.tookMs ?? 0));
    const isFresh = cached?.changes === this.#changes || nowMs - (cached?.atMs ?? -Infinity) < restMs;
    if (cached !== undefined && isFresh) return cached.distribution;
    const rewards = exploration.versions.map((version) => this.of(model, version, basis));
    const distribution = distributionOf(exploration, rewards);
    this.#cached.set(exploration, {
      distribution,
      atMs: nowMs,
      changes: this.#changes,
      tookMs: this.#options.nowMs() - nowMs,
    });
    return distribution;
  }
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
