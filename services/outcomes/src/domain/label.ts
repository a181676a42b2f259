import type { ModelSpec } from '@everloop/contracts';
import type { Label } from './types.ts';

/** Where a model's labels are in the records of their source. */
export interface LabelRule {
  /** Field with the join key. */
  readonly key: string;
  /** Field whose value decides; the label is 1 where it is above `above`. */
  readonly field: string;
  readonly above: number;
  /** Field with the event time: epoch milliseconds or RFC 3339 text. */
  readonly eventTime: string;
}

export function labelRule(label: ModelSpec['label'], eventTime: string): LabelRule {
  return { key: label.key, field: label.field, above: label.above, eventTime };
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
  return { joinKey: String(joinKey), label: value > rule.above ? 1 : 0, labelledAtMs };
}
