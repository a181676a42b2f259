import type { CelType, ResolveReference } from '../on-demand/compile.ts';
import type { AggregateFeature, FeatureViewSpec, RequestField, SourceSpec } from './types.ts';

/** Name and type of each feature of a view; null where its column is not in the fields, `list` for a lastK. */
export function featureTypes(
  view: Pick<FeatureViewSpec, 'columns' | 'aggregations'>,
  fields: SourceSpec['fields'] | undefined,
): Map<string, string | null> {
  return new Map<string, string | null>([
    ...view.columns.map((column) => [column, fields?.[column]?.type ?? null] as const),
    ...view.aggregations.map((feature) => [feature.name, aggregateType(feature, fields)] as const),
  ]);
}

/** Type of an aggregated feature; null when its column is wrong in itself. */
function aggregateType(feature: AggregateFeature, fields: SourceSpec['fields'] | undefined): string | null {
  if (feature.function === 'lastK') return 'list';
  if (feature.function !== 'last') return 'number';
  return fields?.[feature.column ?? '']?.type ?? null;
}

/** A view whose features an expression may name. */
export interface NameableView {
  readonly name: string;
  /** As `featureTypes` gives them; null when they cannot be told. */
  readonly types: ReadonlyMap<string, string | null>;
}

/** How a view is written in CEL, where `-` is a minus. */
export function celName(view: string): string {
  return view.replaceAll('-', '_');
}

/** What `request.<field>` and `<view>.<feature>` mean in an on-demand feature. */
export function celResolver(request: readonly RequestField[], views: readonly NameableView[]): ResolveReference {
  return ({ owner, name }) => {
    if (owner === 'request') {
      const field = request.find((candidate) => candidate.name === name);
      return field?.type ?? { problem: `the request has no field "${name}"` };
    }
    const view = views.find((candidate) => celName(candidate.name) === owner);
    if (view === undefined) return { problem: `"${owner}" is neither request nor a view that is used here` };
    const type = view.types.get(name);
    if (type === undefined) return { problem: `FeatureView "${view.name}" has no feature "${name}" that is used here` };
    return (
      celTypeOf(type) ?? {
        problem: `"${owner}.${name}" is a ${type ?? 'feature of no type'}, which has no value in CEL`,
      }
    );
  };
}

function celTypeOf(type: string | null): CelType | undefined {
  switch (type) {
    case 'number':
    case 'integer':
    case 'decimal':
    case 'timestamp':
      return 'number';
    case 'string':
      return 'string';
    case 'boolean':
      return 'boolean';
    default:
      return undefined;
  }
}
