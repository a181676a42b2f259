import type { ModelSpec } from '@everloop/contracts';
import type { JoinRule } from './join-state.ts';
import type { Label } from './types.ts';

/** Where a model's labels are in the records of their source. */
export interface LabelRule {
  /** Field with the join key. */
  readonly key: string;
  /** Field whose value decides: the label is 1 where it is above `above`, else 0; or the value itself. */
  readonly field: string;
  readonly above: number | null;
  /** Field with the id of the decision that the label is about; a record without one is about all of its key. */
  readonly decision: string | null;
  /** Field with the event time: epoch milliseconds or RFC 3339 text. */
  readonly eventTime: string;
}

/** What a Model says of which label counts, and until when. */
export function joinRule(label: ModelSpec['label']): JoinRule {
  return {
    waitMs: label.waitMs,
    lateMs: label.lateMs ?? 0,
    conflict: label.conflict ?? 'first',
    defaultLabel: label.default ?? null,
    byDecision: label.by !== undefined,
  };
}

export function labelRule(label: ModelSpec['label'], eventTime: string): LabelRule {
  return { key: label.key, field: label.field, above: label.above ?? null, decision: label.by ?? null, eventTime };
}

function timeOf(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' ? Date.parse(value) : Number.NaN;
}

/** The label in the fields of a record of the source, or null where it has none: no record, no key, no number, no time. */
export function readLabel(rule: LabelRule, fields: Readonly<Record<string, unknown>> | null): Label | null {
  if (fields === null) return null;
  const joinKey = fields[rule.key];
  const value = fields[rule.field];
  const labelledAtMs = timeOf(fields[rule.eventTime]);
  if (typeof joinKey !== 'string' && typeof joinKey !== 'number') return null;
  if (typeof value !== 'number' || !Number.isFinite(value) || !Number.isFinite(labelledAtMs)) return null;
  const decision = rule.decision === null ? null : fields[rule.decision];
  const isNamed = typeof decision === 'string' && decision !== '';
  return {
    ...(isNamed ? { by: 'decision', key: decision } : { by: 'key', key: String(joinKey) }),
    ...{ label: rule.above === null ? value : value > rule.above ? 1 : 0, labelledAtMs },
  };
}
