import type { LookupPlan } from '@everloop/features';

import { errors } from '../errors.ts';
import type { HistoryTables } from './history-tables.ts';

/** SQL of a source's history; call it inside `exclusive`. EVL_FEATURES_SOURCE_NOT_READY says what needs it when it is not declared. */
export async function sourceRelation(tables: HistoryTables, source: string, neededBy: string): Promise<string> {
  const table = tables.table(source);
  if (table === undefined) throw errors.sourceNotReady(neededBy, source);
  return tables.relation(table);
}

/** SQL of the history of every source that a plan's views read, by source. */
export async function viewRelations(tables: HistoryTables, plan: LookupPlan): Promise<Map<string, string>> {
  const relations = new Map<string, string>();
  for (const { view } of plan.bindings) {
    if (!relations.has(view.source)) relations.set(view.source, await sourceRelation(tables, view.source, view.name));
  }
  return relations;
}
