import type { Mget } from './lookup.ts';
import { positionKey } from './views.ts';

/**
 * Where rows and positions lie in the store. In a cluster each source partition is divided into buckets by a hash of the entity, and
 * each bucket's rows and position share a hash tag, so that they lie on one node and change in one step.
 */
export interface OnlineKeys {
  /** 1 in a store of one node. */
  readonly buckets: number;
  /** Bucket of a row by the key that `rowKey` gives; from 0. */
  bucketOf(rowKey: string): number;
  /** The key in the store for one that `rowKey` gave. */
  row(rowKey: string): string;
  position(topic: string, partition: number, bucket: number): string;
}

const plainKeys: OnlineKeys = {
  buckets: 1,
  bucketOf: () => 0,
  row: (key) => key,
  position: (topic, partition) => positionKey(topic, partition),
};

/** The layout of a store; `buckets` null: one node, whose keys need no tags. */
export function onlineKeys(buckets: number | null): OnlineKeys {
  if (buckets === null) return plainKeys;
  const bucketOf = (entity: string): number => hash(entity) % buckets;
  return {
    buckets,
    bucketOf: (key) => bucketOf(parse(key).entity),
    row(key) {
      const { view, partition, entity } = parse(key);
      return `${view}:{${partition}/${bucketOf(entity)}}:${entity}`;
    },
    position: (topic, partition, bucket) => `evl:fo:${topic}:{${partition}/${bucket}}`,
  };
}

/** Reads by the keys that `rowKey` gives from a store of this layout. */
export function readingBy(keys: OnlineKeys, mget: Mget): Mget {
  return keys === plainKeys ? mget : (rows) => mget(rows.map((key) => keys.row(key)));
}

/** `evl:f:<view>:<partition>:<entity>`; neither view nor partition has a colon. */
function parse(key: string): { readonly view: string; readonly partition: string; readonly entity: string } {
  const afterView = key.indexOf(':', 'evl:f:'.length);
  const afterPartition = key.indexOf(':', afterView + 1);
  return {
    view: key.slice(0, afterView),
    partition: key.slice(afterView + 1, afterPartition),
    entity: key.slice(afterPartition + 1),
  };
}

/** FNV-1a with a final mix, 32 bits: unlike the partitioner's murmur2, so that the entities of one partition spread over all buckets. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
  return (state ^ (state >>> 13)) >>> 0;
}
