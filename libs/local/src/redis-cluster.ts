import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { pause } from '@everloop/service';
import { exchange } from './exchange.ts';
import { localError } from './fail.ts';
import { freePorts } from './ports.ts';
import type { Log } from './provision.ts';
import { startRedisServer } from './redis.ts';
import type { SupervisedProcess } from './supervise.ts';
import type { Environment } from './tools.ts';

export interface LocalRedisClusterOptions {
  /** Logs and working folders, one per node. */
  readonly dir: string;
  /** At least 3, so that two can agree that one is gone. Default 3. */
  readonly nodes?: number;
  /** Replicas of each master, at most 2. Default 0. */
  readonly replicas?: number;
  readonly log: Log;
  readonly env?: Environment;
}

/** One process of the cluster. */
export interface LocalRedisNode {
  readonly port: number;
  /** Sends one command, words separated by spaces, and resolves with the raw reply; the command must answer one line or one bulk string. */
  ask(command: string): Promise<string>;
  /** SIGKILL; resolves when it is gone. What it held is lost. */
  kill(): Promise<void>;
  /** Starts it again, empty, with its old name: a master with its slots, unless a replica took them, whose replica it then is. Resolves when the cluster has it back. */
  restart(): Promise<void>;
}

/** A Redis Cluster that was started here, in memory. */
export interface LocalRedisCluster {
  /** `redis+cluster://127.0.0.1:<port>,…` */
  readonly url: string;
  /** The masters, in the order of their slots. */
  readonly nodes: readonly LocalRedisNode[];
  /** Those of the first master, then of the second, … */
  readonly replicas: readonly LocalRedisNode[];
  stop(): Promise<void>;
}

const host = '127.0.0.1';
const slots = 16_384;
const replicasMax = 2;
const formMs = 30_000;
const lookMs = 50;

/**
 * Starts masters on loopback that share the slots evenly and serve what they have even while one is gone. Formed by commands, since
 * redis-cli may be missing. EVL_LOCAL_REDIS_CLUSTER when they do not find each other.
 */
export async function startLocalRedisCluster(options: LocalRedisClusterOptions): Promise<LocalRedisCluster> {
  const masters = options.nodes ?? 3;
  const count = masters * (1 + Math.min(replicasMax, options.replicas ?? 0));
  const ports = await freePorts(2 * count);
  const nodes = Array.from(
    { length: count },
    (_, index) => new Node(options, index, ports[index] ?? 0, ports[count + index] ?? 0),
  );
  try {
    await Promise.all(nodes.map((node) => node.start()));
    await form(nodes, masters);
  } catch (error) {
    await Promise.all(nodes.map((node) => node.stop()));
    throw error;
  }
  const handles = nodes.map((node): LocalRedisNode => ({
    port: node.port,
    ask: (command) => node.ask(command),
    kill: () => node.kill(),
    async restart() {
      await node.start();
      await agree(nodes);
    },
  }));
  return {
    url: `redis+cluster://${nodes.map(({ port }) => `${host}:${port}`).join(',')}`,
    nodes: handles.slice(0, masters),
    replicas: handles.slice(masters),
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

class Node {
  readonly port: number;
  readonly busPort: number;
  readonly #options: LocalRedisClusterOptions;
  readonly #dir: string;
  #process: SupervisedProcess | null = null;

  constructor(options: LocalRedisClusterOptions, index: number, port: number, busPort: number) {
    this.#options = options;
    this.#dir = join(options.dir, `node-${index}`);
    this.port = port;
    this.busPort = busPort;
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async start(): Promise<void> {
    const { log, env } = this.#options;
    this.#process = await startRedisServer(
      { dir: this.#dir, port: this.port, log, ...(env === undefined ? {} : { env }) },
      {
        'cluster-enabled': 'yes',
        'cluster-config-file': 'nodes.conf',
        'cluster-port': this.busPort,
        'cluster-node-timeout': 2_000,
        'cluster-require-full-coverage': 'no',
      },
    );
  }

  async ask(command: string): Promise<string> {
    const answer = await exchange({ host, port: this.port, timeoutMs: 2_000 }, Buffer.from(`${command}\r\n`), isWhole);
    return answer.toString('latin1');
  }

  async kill(): Promise<void> {
    this.#process?.kill();
    await this.#process?.exited;
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}

/** One line, or a bulk string to its end. */
function isWhole(got: Buffer): boolean {
  const text = got.toString('latin1');
  const head = /^\$(\d+)\r\n/.exec(text);
  return head === null ? text.endsWith('\r\n') : text.length >= head[0].length + Number(head[1]) + 2;
}

async function form(nodes: readonly Node[], masters: number): Promise<void> {
  for (const [index, node] of nodes.entries()) {
    await said(node, `CLUSTER SET-CONFIG-EPOCH ${index + 1}`);
    if (index >= masters) continue;
    const from = Math.floor((index * slots) / masters);
    const until = Math.floor(((index + 1) * slots) / masters);
    await said(node, `CLUSTER ADDSLOTSRANGE ${from} ${until - 1}`);
  }
  const [first, ...others] = nodes;
  for (const other of others)
    if (first !== undefined) await said(first, `CLUSTER MEET ${host} ${other.port} ${other.busPort}`);
  await agree(nodes);
  const perMaster = nodes.length / masters - 1;
  for (const [index, replica] of nodes.slice(masters).entries()) {
    const master = nodes[Math.floor(index / perMaster)];
    if (master !== undefined) await replicate(replica, master);
  }
}

/** Resolves when the replica holds what the master holds. */
async function replicate(replica: Node, master: Node): Promise<void> {
  const id = (await master.ask('CLUSTER MYID')).split('\r\n')[1] ?? '';
  await said(replica, `CLUSTER REPLICATE ${id}`);
  const endsAt = performance.now() + formMs;
  while (!(await replica.ask('INFO replication')).includes('master_link_status:up\r\n')) {
    if (performance.now() > endsAt) throw clusterError(`a replica did not follow its master in ${formMs / 1_000} s`);
    await pause(lookMs);
  }
}

async function said(node: Node, command: string): Promise<void> {
  const answer = await node.ask(command);
  if (!answer.startsWith('+OK')) throw clusterError(`"${command}" was answered with ${answer.trim()}`);
}

/** Waits until every node knows the others, and all of them and their slots are well. */
async function agree(nodes: readonly Node[]): Promise<void> {
  const endsAt = performance.now() + formMs;
  const isFormed = async (node: Node): Promise<boolean> => {
    const info = await node.ask('CLUSTER INFO');
    const wanted = ['cluster_state:ok', `cluster_known_nodes:${nodes.length}`, `cluster_slots_ok:${slots}`];
    return wanted.every((line) => info.includes(`${line}\r\n`));
  };
  for (;;) {
    const formed = await Promise.all(nodes.map((node) => isFormed(node).catch(() => false)));
    if (formed.every(Boolean)) return;
    if (performance.now() > endsAt) throw clusterError(`the nodes did not find each other in ${formMs / 1_000} s`);
    await pause(lookMs);
  }
}

function clusterError(reason: string): Error {
  return localError(
    'EVL_LOCAL_REDIS_CLUSTER',
    `The local Redis Cluster cannot be formed: ${reason}; see the nodes' redis.log`,
  );
}
