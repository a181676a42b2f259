import { decisionIdOf } from '@everloop/contracts';
import { drawAction, type ActionDrawn, type Chooser } from '../domain/actions.ts';
import type { Choice } from '../domain/routing.ts';
import { pack, type Packed } from '../domain/vector.ts';
import type { Enriched } from './enricher.ts';
import type { Prepared } from './prepare.ts';
import { rowOf } from './recorder.ts';

/** A request whose rows have their action: what is logged, mirrored and answered. */
export interface Acted {
  readonly prepared: Prepared;
  readonly enriched: Enriched;
  readonly batch: Packed;
  /** Of the chosen actions, float64 [rows] */
  readonly scores: Float64Array;
  /** One for each row; null where the model does not choose. */
  readonly actions: readonly ActionDrawn[] | null;
}

/**
 * Chooses the action of each row by the scores of all, `[rows × actions]` in the order of `withActions`, and leaves of everything what
 * belongs to it. A request that is asked again keeps the actions that it had, and how probable they were.
 */
export function act(
  chooser: Chooser,
  asked: { readonly prepared: Prepared; readonly enriched: Enriched; readonly scores: Float64Array },
  epsilon: number,
  before: Choice['acted'],
): Acted {
  const { prepared, enriched, scores } = asked;
  const width = chooser.names.length;
  const actions = prepared.rows.map(
    (_, row) =>
      before?.[row] ??
      drawAction(
        chooser,
        Array.from(scores.subarray(row * width, (row + 1) * width)),
        epsilon,
        decisionIdOf(rowOf(prepared, row), null),
      ),
  );
  const chosen = actions.map(({ at }, row) => row * width + at);
  const featureRows = chosen.flatMap((at) => enriched.rows[at] ?? []);
  return {
    prepared: {
      ...prepared,
      rows: prepared.rows.map((row, index) => ({
        ...row,
        [chooser.field]: chooser.spec.actions[actions[index]?.at ?? 0] ?? '',
      })),
    },
    enriched: { ...enriched, rows: featureRows },
    batch: pack(prepared.model.spec.inputs, featureRows),
    scores: Float64Array.from(chosen, (at) => scores[at] ?? Number.NaN),
    actions,
  };
}
