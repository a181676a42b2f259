import type { outcomes } from '@everloop/contracts';
import {
  addErrors,
  errorQuality,
  noErrors,
  ScoreSums,
  type ErrorQuality,
  type ErrorSumsState,
  type ScoreQuality,
} from '@everloop/stats';

const dayMs = 86_400_000;
/** Versions × arms × slices that are told apart: those with the newest predictions. */
const groupsMax = 500;

export interface GroupName {
  readonly model: string;
  readonly version: string;
  readonly arm: string;
  /** Empty: all predictions. */
  readonly slice: string;
}

/** How well one version did, in one arm and slice, over the days of the window. */
export interface RollingQuality {
  readonly name: GroupName;
  readonly quality: ScoreQuality;
  /** Of labels that are numbers. */
  readonly errors: ErrorQuality;
  /**
   * Share of the predictions that have a label, defaults left out, over the days of which every prediction is settled; NaN without such a day. So young
   * predictions do not look like missing labels.
   */
  readonly coverage: number;
}

interface Day {
  readonly sums: ScoreSums;
  errors: ErrorSumsState;
  predictions: number;
  expired: number;
  defaulted: number;
  labelled: number;
}

interface Group {
  readonly name: GroupName;
  readonly days: Map<number, Day>;
}

/** Sums of the newest days by model version, arm and slice; 7 KB a day of each. */
export interface RollingState {
  readonly windowMs: number;
  readonly groups: Map<string, Group>;
  watermarkMs: number;
}

/** `windowMs`: whole days of predictions that begin within it before the watermark count. */
export function createRolling(windowMs: number): RollingState {
  return { windowMs, groups: new Map(), watermarkMs: -Infinity };
}

function isOld(state: RollingState, day: number): boolean {
  return day < state.watermarkMs - state.windowMs;
}

/** Adds one record of the statistics, in place. Records may come in any order. O(bins in use). */
export function addStats(state: RollingState, stats: outcomes.OutcomeStats): void {
  if (isOld(state, stats.dayMs)) return;
  const name = { model: stats.model, version: stats.modelVersion, arm: stats.arm, slice: stats.slice };
  const key = JSON.stringify(Object.values(name));
  const group = state.groups.get(key) ?? { name, days: new Map<number, Day>() };
  state.groups.set(key, group);
  const known = group.days.get(stats.dayMs);
  const day = known ?? {
    sums: new ScoreSums(),
    errors: noErrors,
    predictions: 0,
    expired: 0,
    defaulted: 0,
    labelled: 0,
  };
  if (known === undefined) group.days.set(stats.dayMs, day);
  if (stats.errors === undefined) day.sums.merge(stats);
  else day.errors = addErrors(day.errors, stats.errors);
  day.predictions += stats.predictions;
  day.expired += stats.expired;
  day.defaulted += stats.defaulted;
  day.labelled += stats.labelled;
}

/** Moves the window's end; returns the groups that have nothing left in it, or have no room. O(days). */
export function moveTo(state: RollingState, watermarkMs: number): readonly GroupName[] {
  state.watermarkMs = Math.max(state.watermarkMs, watermarkMs);
  const gone: GroupName[] = [];
  const drop = (key: string, { name }: Group): void => {
    state.groups.delete(key);
    gone.push(name);
  };
  for (const [key, group] of state.groups) {
    for (const day of group.days.keys()) if (isOld(state, day)) group.days.delete(day);
    if (group.days.size === 0) drop(key, group);
  }
  const newest = ({ days }: Group): number => Math.max(...days.keys());
  const byAge = [...state.groups].sort(([a, one], [b, other]) => newest(other) - newest(one) || (a < b ? -1 : 1));
  for (const [key, group] of byAge.slice(groupsMax)) drop(key, group);
  return gone;
}

/** The quality of every group in the window, by name. O(groups × days). */
export function rollingQuality(state: RollingState): readonly RollingQuality[] {
  return [...state.groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { name, days }]) => {
      const sums = new ScoreSums();
      let [errors, labels, settled] = [noErrors, 0, 0];
      for (const [start, day] of days) {
        sums.merge(day.sums.state());
        errors = addErrors(errors, day.errors);
        const isComplete = day.labelled + day.expired >= day.predictions && start + dayMs <= state.watermarkMs;
        if (!isComplete) continue;
        labels += day.labelled - day.defaulted;
        settled += day.predictions;
      }
      return { name, quality: sums.quality(), errors: errorQuality(errors), coverage: labels / settled };
    });
}
