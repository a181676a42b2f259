import { Cluster } from 'ioredis';

import type { Part } from '@everloop/service';

import { JoinedReads } from './joined-reads.ts';
import { evaluateGuarded, fenced, keysPerCommandMax, setMany } from './redis-commands.ts';
import { RedisConnection } from './redis-connection.ts';
import { redisSlot } from './redis-slot.ts';
import type { RedisOptions, RedisStore } from './redis-types.ts';
import type { RedisClusterAddress } from './redis-url.ts';

/** How soon a call that met a missing node looks for the slots' owners again, milliseconds. */
const retryDelayMs = 100;

/**
 * A Redis Cluster. Reads are grouped by node and slot, those of one turn of the event loop together, and sent to all nodes at once. Moved slots and failovers are followed; while a node
 * without a replica is away, calls for its keys wait and the others go on.
 */
export function createRedisCluster(options: RedisOptions, address: RedisClusterAddress): RedisStore & Part {
  const timeoutMs = options.timeoutMs ?? 5_000;
  const cluster = new Cluster([...address.nodes], {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRedirections: 4,
    retryDelayOnFailover: retryDelayMs,
    retryDelayOnClusterDown: retryDelayMs,
    retryDelayOnTryAgain: retryDelayMs,
    slotsRefreshTimeout: 2_000,
    clusterRetryStrategy: (attempt) => Math.min(2_000, 25 * 2 ** Math.min(attempt, 7)),
    clusterNodeRetryStrategy: (attempt) => Math.min(2_000, 25 * 2 ** Math.min(attempt, 7)),
    redisOptions: {
      connectTimeout: 2_000,
      commandTimeout: timeoutMs,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      ...(address.username === null ? {} : { username: address.username }),
      ...(address.password === null ? {} : { password: address.password }),
      ...(address.tls ? { tls: {} } : {}),
    },
  });
  const connection = new RedisConnection(cluster, options, timeoutMs);
  const reads = new NodeReads(cluster);
  cluster.on('node error', (error: Error, node: string) =>
    connection.noticed(new Error(`${node}: ${error.message}`, { cause: error })),
  );
  return {
    name: options.name,
    buckets: address.buckets,
    start: () => connection.start(),
    stop: () => connection.stop(),
    health: () => connection.health(),
    mgetBuffer: (keys) => (keys.length === 0 ? Promise.resolve([]) : connection.call(() => reads.read(keys))),
    getBuffer: (key) => connection.call(() => cluster.getBuffer(key)),
    async setManyAtomic(entries) {
      if (entries.length > 0) await connection.call(() => setMany(cluster, entries));
    },
    async setManyGuarded(entries, guards) {
      const failed = await connection.call(() => evaluateGuarded(cluster, entries, guards));
      if (failed !== 0) throw fenced(connection.where, guards[failed - 1]?.key ?? '');
    },
    async del(keys) {
      for (const indexes of bySlot(keys).values())
        await connection.call(() => cluster.del(indexes.map((index) => keys[index] ?? '')));
    },
    async ping() {
      await connection.call(() => Promise.all(cluster.nodes('master').map((node) => node.ping())));
    },
  };
}

/** Indexes of the keys by slot. */
function bySlot(keys: readonly string[]): Map<number, number[]> {
  const slots = new Map<number, number[]>();
  keys.forEach((key, index) => addTo(slots, redisSlot(key), index));
  return slots;
}

function addTo<K>(groups: Map<K, number[]>, group: K, index: number): void {
  const indexes = groups.get(group);
  if (indexes === undefined) groups.set(group, [index]);
  else indexes.push(index);
}

/** Answers of a node to which a slot does not, or not wholly, belong (any more). */
const movedAnswer = /^(MOVED|ASK|TRYAGAIN)\b/;

/** Reads from one node; made when it is first asked, and kept for as long as the process runs: clusters have few nodes. */
class NodeReads {
  readonly #cluster: Cluster;
  readonly #byNode = new Map<string, JoinedReads>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** All nodes at once, so that one that is away holds up only those who need it. */
  async read(keys: readonly string[]): Promise<(Buffer | null)[]> {
    const nodes = new Map<string, number[]>();
    keys.forEach((key, index) => addTo(nodes, this.#cluster.slots[redisSlot(key)]?.[0] ?? '', index));
    const values = new Array<Buffer | null>(keys.length).fill(null);
    const readNode = async (node: string, indexes: readonly number[]): Promise<void> => {
      const found = await this.#of(node).read(indexes.map((index) => keys[index] ?? ''));
      indexes.forEach((index, at) => (values[index] = found[at] ?? null));
    };
    await Promise.all([...nodes].map(([node, indexes]) => readNode(node, indexes)));
    return values;
  }

  #of(node: string): JoinedReads {
    const known = this.#byNode.get(node);
    if (known !== undefined) return known;
    const made = new JoinedReads((keys) => readSlots(this.#cluster, keys), keysPerCommandMax);
    this.#byNode.set(node, made);
    return made;
  }
}

/**
 * One pipeline to the node that has the keys, one MGET for each slot in it. Keys of a slot that is moving are read one by one, since each of
 * them can be on the old or on the new node.
 */
async function readSlots(cluster: Cluster, keys: readonly string[]): Promise<(Buffer | null)[]> {
  const values = new Array<Buffer | null>(keys.length).fill(null);
  const reads = [...bySlot(keys).values()];
  const pipeline = cluster.pipeline();
  for (const indexes of reads) pipeline.mgetBuffer(indexes.map((index) => keys[index] ?? ''));
  const replies = (await pipeline.exec()) ?? [];
  for (const [read, indexes] of reads.entries()) {
    const [error, found] = replies[read] ?? [new Error('a node did not answer'), null];
    if (error === null) indexes.forEach((index, at) => (values[index] = (found as (Buffer | null)[])[at] ?? null));
    else if (!movedAnswer.test(error.message)) throw error;
    else for (const index of indexes) values[index] = await cluster.getBuffer(keys[index] ?? '');
  }
  return values;
}
