import { describe, expect, it } from 'vitest';
import { ResourceErrors } from '../../errors.ts';
import { parseResources } from '../load.ts';
import { findResource, parseResource, toWire } from '../wire.ts';

function source(batch: string): string {
  return `
kind: Source
name: trips
spec:
  topic: trips
  key: id
  eventTime: at
  retention: 400d
  fields:
    id: { type: string, required: true }
    at: { type: timestamp, required: true }
  batch: ${batch}
`;
}

function problems(batch: string): string[] {
  try {
    parseResources([{ name: 'f.yaml', text: source(batch) }]);
    return [];
  } catch (error) {
    if (!(error instanceof ResourceErrors)) throw error;
    return error.message.split('\n').map((line) => line.replace(/^f\.yaml:\d+:\d+: /, ''));
  }
}

describe('the batch part of a Source', () => {
  it('gets defaults, and milliseconds for durations', () => {
    const [trips] = parseResources([{ name: 'f.yaml', text: source('{ kind: csv, path: in/trips, every: 5m }') }]);
    expect(trips?.spec).toMatchObject({
      retentionMs: 400 * 86_400_000,
      batch: {
        kind: 'csv',
        path: 'in/trips',
        everyMs: 300_000,
        cursor: [],
        columns: {},
        known: 'landing',
        markers: false,
      },
    });
  });

  it.each([
    ['a folder of Parquet', '{ kind: parquet, path: a }'],
    ['a bucket', '{ kind: s3, connection: lake, bucket: raw-data, prefix: trips/, format: parquet, known: event }'],
    [
      'a table',
      '{ kind: postgres, connection: shop, table: public.trips, cursor: [changed_at, id], createdTime: changed_at }',
    ],
    ['a query', '{ kind: postgres, connection: shop, query: SELECT 1 AS id, cursor: [id], columns: { at: happened } }'],
  ])('%s is right and goes over the wire', (_, batch) => {
    const resources = parseResources([{ name: 'f.yaml', text: source(batch) }]);
    const trips = findResource(resources, 'Source', 'trips');
    expect(parseResource(toWire(trips))).toEqual(trips);
  });

  it.each<[string, string, string]>([
    ['no path', '{ kind: csv }', 'spec.batch: "path" is missing: kind csv needs it'],
    ['a key of another kind', '{ kind: csv, path: a, bucket: raw-data }', '"bucket" says nothing about kind csv'],
    ['an absolute path', '{ kind: csv, path: /etc }', 'must be a folder under the root'],
    ['a path that leaves', '{ kind: csv, path: a/../../b }', 'must be a folder under the root'],
    ['table and query', '{ kind: postgres, connection: c, table: t, query: SELECT 1, cursor: [id] }', 'one of them'],
    ['neither', '{ kind: postgres, connection: c, cursor: [id] }', 'one of them'],
    ['no cursor', '{ kind: postgres, connection: c, table: t }', '"cursor" is missing'],
    ['a cursor column twice', '{ kind: postgres, connection: c, table: t, cursor: [id, id] }', 'named twice'],
    ['an unknown field', '{ kind: csv, path: a, columns: { idd: id } }', 'did you mean "id"?'],
    [
      'a table name that is SQL',
      '{ kind: postgres, connection: c, table: "t; DROP", cursor: [id] }',
      'has a form that is not allowed',
    ],
    ['an unknown kind', '{ kind: mysql }', 'is not allowed here'],
  ])('%s is wrong', (_, batch, message) => {
    expect(problems(batch).join('\n')).toContain(message);
  });
});
