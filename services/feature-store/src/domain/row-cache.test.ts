import { compileView, newRow } from '@everloop/features';
import { expect, it } from 'vitest';

import { RowCache } from './row-cache.ts';

const view = compileView(
  'v',
  {
    source: 's',
    entity: 'k',
    columns: ['k'],
    aggregations: [],
    hopMs: 0,
    ttlMs: 1,
    readBehindMs: 1,
    description: '',
    owner: '',
  },
  {
    topic: 's',
    partitions: 1,
    format: 'json',
    key: 'k',
    eventTime: 'at',
    allowedLatenessMs: 0,
    unexpected: 'drop',
    compatibility: 'backward',
    unique: [],
    fields: { k: { type: 'string', required: true }, at: { type: 'timestamp', required: true } },
    rules: [],
  },
);

it('drops the row that was used longest ago, and all rows of a partition that was taken away', () => {
  const cache = new RowCache(2);
  cache.set('a', 't/0', newRow(view));
  cache.set('b', 't/1', newRow(view));
  expect(cache.get('a')).toBeDefined();
  cache.set('c', 't/0', newRow(view));
  expect(cache.get('b')).toBeUndefined();
  expect(cache.size).toBe(2);
  cache.drop('t/0');
  expect(cache.size).toBe(0);
});
