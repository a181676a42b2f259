import { connect, type Socket } from 'node:net';
import type { Logger } from '@everloop/service';
import type { ISocketFactoryArgs, Kafka, LogEntry } from 'kafkajs';
import { kafkajs, type FetchedBatches } from './kafkajs-patches.ts';
import type { AbortedTransaction } from './wire/aborted.ts';

/** The parts of kafkajs's inner `Cluster` and `Broker` that reading without a consumer group needs. */
export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number; readonly leader: number }[];
  findBroker(args: { nodeId: string }): Promise<Broker>;
  findGroupCoordinator(args: { groupId: string; coordinatorType?: number }): Promise<Broker>;
  fetchTopicsOffset(
    topics: readonly {
      topic: string;
      fromBeginning: boolean;
      partitions: readonly { readonly partition: number }[];
    }[],
  ): Promise<readonly { topic: string; partitions: readonly { partition: number; offset: string }[] }[]>;
  metadata(args: { topics: readonly string[] }): Promise<{
    readonly topicMetadata: readonly {
      readonly topic: string;
      readonly partitionMetadata: readonly { readonly partitionId: number; readonly leader: number }[];
    }[];
  } | null>;
}

export interface Broker {
  readonly nodeId: number;
  isConnected(): boolean;
  fetch(request: {
    readonly maxWaitTime: number;
    readonly minBytes: number;
    readonly maxBytes: number;
    readonly isolationLevel: number;
    readonly topics: readonly {
      topic: string;
      partitions: readonly { partition: number; fetchOffset: string; maxBytes: number }[];
    }[];
  }): Promise<{
    readonly responses: readonly { readonly topicName: string; readonly partitions: readonly RawPartition[] }[];
  }>;
  listOffsets(request: {
    readonly replicaId: number;
    readonly isolationLevel: number;
    readonly topics: readonly {
      topic: string;
      partitions: readonly { readonly partition: number; readonly timestamp: number }[];
    }[];
  }): Promise<{
    readonly responses: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }>;
}

export interface RawPartition {
  readonly partition: number;
  /** One past the last record that is committed, decimal; -1: the broker does not tell. */
  readonly lastStableOffset: string;
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
  readonly messages: FetchedBatches;
}

interface ClusterOptions {
  readonly metadataMaxAge?: number;
  readonly allowAutoTopicCreation?: boolean;
  readonly maxInFlightRequests?: number | null;
  readonly isolationLevel?: number;
  readonly instrumentationEmitter?: object | null;
}

export const readCommitted = 1;
export const readUncommitted = 0;
const metadataMaxAgeMs = 300_000;

/** kafkajs clients with the settings that this library has proved. */
export interface KafkaClient {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly kafka: Kafka;
  /** For transactional producers: remembers coordinators, see `rememberCoordinators`. */
  readonly transactional: Kafka;
  /** Connections of their own, not connected yet, that read committed records only. */
  createCluster(): Cluster;
}

export function createKafkaClient(options: {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly logger: Logger;
}): KafkaClient {
  const create = (): Kafka =>
    new kafkajs.Kafka({
      brokers: [...options.brokers],
      clientId: options.clientId,
      connectionTimeout: 3_000,
      requestTimeout: 30_000,
      socketFactory: connectAtOnce,
      // Each owner of a client repeats for ever by itself, so that it can tell what is wrong and be stopped in between.
      retry: { initialRetryTime: 5, multiplier: 2, factor: 0.2, maxRetryTime: 500, retries: 7 },
      logLevel: kafkajs.logLevel.ERROR,
      logCreator: () => (entry) => forward(options.logger, entry),
    });
  const kafka = create();
  const transactional = create();
  const make = clusterFactory(transactional);
  replaceClusterFactory(transactional, (settings) => rememberCoordinators(make(settings)));
  return {
    brokers: options.brokers,
    clientId: options.clientId,
    kafka,
    transactional,
    createCluster: () =>
      clusterFactory(kafka)({
        metadataMaxAge: metadataMaxAgeMs,
        allowAutoTopicCreation: false,
        isolationLevel: readCommitted,
      }),
  };
}

/** Small requests follow each other closely in a transaction; none of them may wait for the answer to the one before. */
function connectAtOnce({ host, port, onConnect }: ISocketFactoryArgs): Socket {
  return connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }, onConnect);
}

/** What kafkajs calls errors are mostly steps of a reconnection; whoever owns the client reports what matters, once. */
function forward(logger: Logger, entry: LogEntry): void {
  const { message, error, groupId } = entry.log as { message: string; error?: unknown; groupId?: unknown };
  logger.debug({ namespace: entry.namespace, reason: error, group: groupId }, `kafkajs: ${message}`);
}

type ClusterFactory = (options: ClusterOptions) => Cluster;

function clusterFactorySymbol(kafka: Kafka): symbol {
  const symbol = Object.getOwnPropertySymbols(kafka).find((s) => s.description === 'private:Kafka:createCluster');
  if (symbol === undefined) throw new Error('kafkajs has no cluster factory: only version 2.2.4 is supported');
  return symbol;
}

function clusterFactory(kafka: Kafka): ClusterFactory {
  return Reflect.get(kafka, clusterFactorySymbol(kafka)) as ClusterFactory;
}

function replaceClusterFactory(kafka: Kafka, factory: ClusterFactory): void {
  Reflect.set(kafka, clusterFactorySymbol(kafka), factory);
}

/**
 * kafkajs asks for the coordinator before each step of a transaction: four more round trips for each. A transactional producer
 * is thrown away after any error, so within its life the answer can be kept.
 */
function rememberCoordinators(cluster: Cluster): Cluster {
  const known = new Map<string, Broker>();
  const find = cluster.findGroupCoordinator.bind(cluster);
  cluster.findGroupCoordinator = async (args) => {
    const key = `${args.coordinatorType ?? 0}/${args.groupId}`;
    const remembered = known.get(key);
    if (remembered?.isConnected() === true) return remembered;
    const found = await find(args);
    known.set(key, found);
    return found;
  };
  return cluster;
}
