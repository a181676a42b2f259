import { offlineColumns, type LookupPlan } from '@everloop/features';

import { errors } from '../errors.ts';
import type { AppliedOffsets } from '../domain/applied-timeline.ts';
import type { HistoryTables } from './history-tables.ts';

/** SQL of a source's history; call it inside `exclusive`. EVL_FEATURES_SOURCE_NOT_READY says what needs it when it is not declared. */
export async function sourceRelation(tables: HistoryTables, source: string, neededBy: string): Promise<string> {
  const table = tables.table(source);
  if (table === undefined) throw errors.sourceNotReady(neededBy, source);
  return tables.relation(table);
}

/** SQL of the history of every source that a plan's views read, by source; with `until` only of the records before these offsets. */
export async function viewRelations(
  tables: HistoryTables,
  plan: LookupPlan,
  until?: AppliedOffsets,
): Promise<Map<string, string>> {
  const relations = new Map<string, string>();
  for (const { view } of plan.bindings) {
    if (relations.has(view.source)) continue;
    const relation = await sourceRelation(tables, view.source, view.name);
    const topic = tables.table(view.source)?.topic ?? '';
    relations.set(view.source, until === undefined ? relation : before(relation, until.get(topic) ?? []));
  }
  return relations;
}

/** The sources of a plan's views whose every record became known when it happened; ask after `viewRelations`, inside `exclusive`. */
export async function punctualSources(tables: HistoryTables, plan: LookupPlan): Promise<ReadonlySet<string>> {
  const punctual = new Set<string>();
  for (const source of new Set(plan.bindings.map(({ view }) => view.source))) {
    const table = tables.table(source);
    if (table !== undefined && (await tables.isPunctual(table))) punctual.add(source);
  }
  return punctual;
}

function before(relation: string, offsets: readonly number[]): string {
  const { partition, offset } = offlineColumns;
  const conditions = offsets.map((end, index) => `(${partition} = ${index} AND ${offset} < ${end})`);
  return `(SELECT * FROM ${relation} WHERE ${conditions.length === 0 ? 'false' : conditions.join(' OR ')})`;
}
