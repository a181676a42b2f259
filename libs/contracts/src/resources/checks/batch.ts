import type { Finding } from '../../errors.ts';
import type { BatchKind, BatchSpec } from '../batch-types.ts';
import type { SourceSpec } from '../types.ts';
import { repeats, unknownName, wrongValue } from './context.ts';

type Key = 'path' | 'connection' | 'bucket' | 'prefix' | 'format' | 'table' | 'query' | 'cursor';

/** What each kind must have and may have. */
const keysOf: Readonly<Record<BatchKind, { readonly needs: readonly Key[]; readonly may: readonly Key[] }>> = {
  parquet: { needs: ['path'], may: [] },
  csv: { needs: ['path'], may: [] },
  s3: { needs: ['connection', 'bucket', 'format'], may: ['prefix'] },
  postgres: { needs: ['connection', 'cursor'], may: ['table', 'query'] },
};
const keys: readonly Key[] = ['path', 'connection', 'bucket', 'prefix', 'format', 'table', 'query', 'cursor'];

/** What is wrong with the batch part of a Source: keys of another kind, a path that leaves the root, columns for fields that are not there. */
export function checkBatch(spec: SourceSpec): Finding[] {
  const { batch } = spec;
  if (batch === undefined) return [];
  const at = ['spec', 'batch'];
  return [
    ...checkKeys(batch, at),
    ...checkPath(batch, at),
    ...checkCursor(batch, at),
    ...Object.keys(batch.columns)
      .filter((field) => !Object.hasOwn(spec.fields, field))
      .map((field) =>
        unknownName(
          [...at, 'columns', field],
          `the Source has no field "${field}"; columns are written field: column`,
          field,
          Object.keys(spec.fields),
        ),
      ),
  ];
}

function isSet(batch: BatchSpec, key: Key): boolean {
  return key === 'cursor' ? batch.cursor.length > 0 : batch[key] !== undefined;
}

function checkKeys(batch: BatchSpec, at: Finding['path']): Finding[] {
  const { needs, may } = keysOf[batch.kind];
  const missing = needs
    .filter((key) => !isSet(batch, key))
    .map((key): Finding => ({ path: at, at: 'value', message: `"${key}" is missing: kind ${batch.kind} needs it` }));
  const foreign = keys
    .filter((key) => isSet(batch, key) && !needs.includes(key) && !may.includes(key))
    .map((key) => wrongValue([...at, key], `"${key}" says nothing about kind ${batch.kind}`));
  return [...missing, ...foreign];
}

function checkPath({ path }: BatchSpec, at: Finding['path']): Finding[] {
  if (path === undefined) return [];
  const inside = !path.startsWith('/') && !path.split('/').includes('..') && !path.includes('\\');
  return inside
    ? []
    : [wrongValue([...at, 'path'], 'must be a folder under the root of the ingest service, without ".."')];
}

function checkCursor(batch: BatchSpec, at: Finding['path']): Finding[] {
  if (batch.kind !== 'postgres') return [];
  const findings = repeats(batch.cursor, (column) => column).map(({ index, key }) =>
    wrongValue([...at, 'cursor', index], `column "${key}" is named twice`),
  );
  if ((batch.table === undefined) === (batch.query === undefined))
    findings.push({ path: at, at: 'value', message: 'kind postgres needs "table" or "query", one of them' });
  return findings;
}
