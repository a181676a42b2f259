import type { CompiledView, ViewFeature } from '@everloop/features';

/** How a value looks to a Feast client. `timestamp` is in seconds there, in milliseconds here; `list` and `json` are kept as JSON text. */
export type FeastType = 'double' | 'int64' | 'string' | 'bool' | 'timestamp' | 'list' | 'json';

function ofField(type: CompiledView['columns'][number]['type'] | undefined): FeastType {
  switch (type) {
    case 'string':
      return 'string';
    case 'integer':
      return 'int64';
    case 'boolean':
      return 'bool';
    case 'timestamp':
      return 'timestamp';
    case 'object':
    case 'array':
      return 'json';
    case 'number':
    case 'decimal':
    case undefined:
      return 'double';
  }
}

/** Type of a feature by its function and the contract of its column. */
export function feastTypeOf(view: CompiledView, feature: ViewFeature): FeastType {
  switch (feature.function) {
    case 'newest':
    case 'last':
      return ofField(view.columns[feature.column]?.type);
    case 'count':
    case 'approxDistinct':
      return 'int64';
    case 'lastK':
      return 'list';
    case 'sum':
    case 'mean':
    case 'min':
    case 'max':
    case 'std':
    case 'quantile':
      return 'double';
  }
}

/** Type of an entity's field. */
export function feastTypeOfEntity(type: CompiledView['entity'][number]['type']): FeastType {
  return ofField(type);
}

/** A feature as Feast names it: `view:feature`, or `view@v3:feature` for one revision of the view. */
export interface FeastReference {
  readonly view: string;
  /** null: the one that is applied. */
  readonly revision: number | null;
  readonly feature: string;
}

/** null when the text is no reference. */
export function parseReference(text: string): FeastReference | null {
  const match = /^([^:@.]+)(?:@v(\d{1,9}))?:([^:.]+)$/.exec(text);
  if (match?.[1] === undefined || match[3] === undefined) return null;
  return { view: match[1], revision: match[2] === undefined ? null : Number(match[2]), feature: match[3] };
}
