import { heldAsOf, nothingHeld, type HeldData } from '../domain/holds.ts';
import type { AppliedModel, Catalogue, Holds, TrainingData } from '../ports.ts';

export interface HeldDataDependencies {
  readonly catalogue: Catalogue;
  readonly holds: Holds;
  readonly data: TrainingData;
  readonly signal: AbortSignal;
}

/** What there is to train on as of a time, without what is held. */
export interface CleanData {
  readonly held: HeldData;
  /** Labelled rows that are not held, and all of them. */
  readonly cleanRows: number;
  readonly allRows: number;
}

/**
 * Asks what is held as of `timeMs`, waiting until the windows of every needed Source are judged up to it, and how many labelled rows are
 * left. In words why, when the judge does not come so far in time.
 */
export async function cleanDataOf(
  { catalogue, holds, data, signal }: HeldDataDependencies,
  model: AppliedModel,
  timeMs: number,
): Promise<CleanData | { readonly problem: string }> {
  const needed = catalogue.judgedSources(model.spec);
  let held = nothingHeld;
  if (needed.length > 0) {
    const known = await holds.asOf(
      needed.map(({ source }) => source),
      timeMs,
      signal,
    );
    if (known.kind === 'behind') {
      const until = new Date(timeMs).toISOString();
      return { problem: `deferred: the windows of ${known.sources.join(', ')} are not judged up to ${until} yet` };
    }
    held = heldAsOf(known.holds, needed, timeMs);
  }
  const allRows = await data.countLabels(model.name, timeMs, []);
  const cleanRows = held.ranges.length === 0 ? allRows : await data.countLabels(model.name, timeMs, held.ranges);
  return { held, cleanRows, allRows };
}
