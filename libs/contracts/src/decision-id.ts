import { eventId } from './events.ts';

/** Which row of which request a decision is about, as `serving.v1.Inference` has it. */
export interface DecisionRow {
  readonly model: string;
  readonly requestId: string;
  /** From 1 in a request of several rows; 0: its only row. */
  readonly requestRow: number;
}

/**
 * The id of one row's decision: the same whenever the same request is asked again. A request of one row has the plain id; a row of several adds
 * `#<index>`, which no version is named. With `shadowVersion` that of its mirrored prediction; without it that of the answer, which labels name.
 */
export function decisionIdOf({ model, requestId, requestRow }: DecisionRow, shadowVersion: string | null): string {
  const parts = ['decision', model, requestId];
  if (requestRow > 0) parts.push(`#${requestRow - 1}`);
  if (shadowVersion !== null) parts.push(shadowVersion);
  return eventId(...parts);
}
