import type { quality, SourceSpec, WindowRule, WindowSpec } from '@everloop/contracts';
import { PaneCollector, type JudgedRecord } from '../src/domain/quality/collect.ts';
import { SourceJudge, type Judgement } from '../src/domain/quality/source-judge.ts';

export const hourMs = 3_600_000;

export function rule(over: Partial<WindowRule> & Pick<WindowRule, 'check'>): WindowRule {
  return { name: over.check, columns: [], severity: 'hold', ...over };
}

export function windowSpec(rules: readonly WindowRule[], over: Partial<WindowSpec> = {}): WindowSpec {
  return {
    ...{ name: 'hourly', everyMs: hourMs, closedBy: 'markers', minRows: 3, closeAfter: 2, rules },
    ...{ baseline: { windows: 6, atLeast: 3 } },
    ...over,
  };
}

export function sourceSpec(topic: string, windows: readonly WindowSpec[], over: Partial<SourceSpec> = {}): SourceSpec {
  return {
    ...{ topic, partitions: 2, format: 'json', key: 'id', eventTime: 'at', allowedLatenessMs: 0, unexpected: 'keep' },
    ...{ compatibility: 'none', unique: [], rules: [], windows },
    fields: {
      id: { type: 'string', required: true },
      at: { type: 'timestamp', required: true },
      x: { type: 'number', required: false },
      c: { type: 'string', required: false },
    },
    ...over,
  };
}

/** A record at an event time; without one it could not be read. */
export function record(
  timeMs: number | null,
  fields: Record<string, unknown> = {},
  isValid = timeMs !== null,
): JudgedRecord {
  return { offset: 0n, timestampMs: -1, isValid, timeMs, record: timeMs === null ? null : { id: 'k', ...fields } };
}

export function batchOf(
  windows: readonly WindowSpec[],
  records: readonly JudgedRecord[],
  partition = 0,
  revision = 1,
): quality.PaneBatch {
  const collector = new PaneCollector(partition, revision, windows);
  records.forEach((each, i) => collector.add({ ...each, offset: BigInt(i) }));
  const batch = collector.finish();
  if (batch === null) throw new Error('a batch has records');
  return batch;
}

export function judgeOf(
  windows: readonly WindowSpec[],
  over: { partitions?: number; allowedLatenessMs?: number } = {},
): SourceJudge {
  const judge = new SourceJudge();
  judge.define({ source: 's', topic: 't', revision: 1, partitions: 1, allowedLatenessMs: 0, windows, ...over });
  return judge;
}

export function reportsOf(judgements: readonly Judgement[]): readonly quality.WindowReport[] {
  return judgements.flatMap((each) => (each.kind === 'window' ? [each.closed.report] : []));
}

/** `opened`, `kept` and so on, for each window. */
export function changesOf(judgements: readonly Judgement[]): readonly string[] {
  return judgements.map((each) => (each.kind === 'window' ? each.closed.change.kind : each.kind));
}
