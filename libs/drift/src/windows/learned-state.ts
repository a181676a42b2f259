import { drift } from '@everloop/contracts';
import { changeLearned, type WindowState } from './state.ts';

/** Versions of a Monitor of which is kept what was learned: those of which the newest window has taught something. */
const learnedVersionsMax = 4;

/** What a Monitor has learned in service about a version. */
export interface Learned {
  /** What is known of a column, to be changed in place. */
  fieldOf(field: string): drift.LearnedField;
  /** Keeps what was changed by a window with this end, and forgets the version of the Monitor that was taught longest ago if there are too many. */
  keep(untilMs: number): void;
}

export function learnedOf(
  state: WindowState,
  { monitor, model, version }: { readonly monitor: string; readonly model: string; readonly version: string },
): Learned {
  const key = `${monitor}/${model}/${version}`;
  const learned =
    state.learned.get(key) ?? drift.LearnedReference.fromPartial({ monitor, model, baselineVersion: version });
  return {
    fieldOf(field) {
      const known = learned.fields[field] ?? drift.LearnedField.fromPartial({});
      learned.fields[field] = known;
      return known;
    },
    keep(untilMs) {
      learned.untilMs = untilMs;
      state.learned.set(key, learned);
      changeLearned(state, key);
      const own = [...state.learned].filter(([, each]) => each.monitor === monitor);
      if (own.length <= learnedVersionsMax) return;
      const [oldest] = own.toSorted(([a, x], [b, y]) => x.untilMs - y.untilMs || (a < b ? -1 : 1));
      if (oldest === undefined) return;
      state.learned.delete(oldest[0]);
      changeLearned(state, oldest[0]);
    },
  };
}
