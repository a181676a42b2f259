import { join } from 'node:path';
import type { SuperviseOptions } from '@everloop/local';
import { grpcPorts, httpPorts, type ServiceName } from '@everloop/service';
import type { PortPlan } from './ports.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Everything that the services are told. */
export interface Surroundings {
  /** Folder of the repository. */
  readonly root: string;
  readonly dataDir: string;
  readonly ports: PortPlan;
  /** Comma-separated `host:port`. */
  readonly kafkaBrokers: string;
  readonly redisUrl: string;
  readonly env: Environment;
  /** Folder in which Node keeps compiled code, so that nine programs compile the shared libraries once. */
  readonly compileCache: string;
}

/** The registry answers the others, so it is started first. */
export const firstService: ServiceName = 'registry';

/** What is started after it. The ingest service only if a Source has a batch part: it is memory for nothing otherwise. */
export function otherServices(hasBatch: boolean): readonly ServiceName[] {
  const names = Object.keys(httpPorts) as ServiceName[];
  return names.filter((name) => name !== firstService && (hasBatch || name !== 'ingest'));
}

/** Most JavaScript heap of each service, MiB: far above what they need, far below what would hurt the machine. */
const heapMib: Readonly<Partial<Record<ServiceName, number>>> = { trainer: 1_024, 'feature-store': 512 };
const heapMibDefault = 384;
/**
 * What V8 collects how often, sizes in MiB. Records that a validator judges are forgotten at once, so more room for new objects only makes the
 * process larger (330 instead of 260 MiB under load, and slower for the caches). A gateway's requests live for a few turns of its event loop:
 * with room for these, few are copied before they are forgotten. A full collection costs as much as everything that lives:
 * with a larger first limit there are fewer; they took half the time of a drift detector that catches up. Workers of a pool have the flags of
 * their supervisor.
 */
const collection: Readonly<Partial<Record<ServiceName, readonly string[]>>> = {
  validator: ['--max-semi-space-size=8'],
  'drift-detector': ['--max-semi-space-size=16', '--initial-old-space-size=192'],
  gateway: ['--max-semi-space-size=64', '--min-semi-space-size=32', '--initial-old-space-size=256'],
};

/** Addresses at which clients find the loop; for services and for the replay. */
export function clientEnvironment(around: Surroundings): Record<string, string> {
  const { ports } = around;
  return {
    KAFKA_BROKERS: around.kafkaBrokers,
    REDIS_URL: around.redisUrl,
    EVL_REGISTRY_ADDRESS: `127.0.0.1:${ports.grpc.registry}`,
    EVL_FEATURES_ADDRESS: `127.0.0.1:${ports.grpc['feature-store']}`,
    EVL_GATEWAY_ADDRESS: `127.0.0.1:${ports.grpc.gateway}`,
    EVL_OBJECT_STORE: join(around.dataDir, 'objects'),
    NODE_COMPILE_CACHE: around.compileCache,
  };
}

/** The vault is the feature store's, its key the trainer's; both know the public half. */
function vaultEnvironment(name: ServiceName, { dataDir }: Surroundings): Record<string, string> {
  const publicKey = { EVL_VAULT_PUBLIC_KEY: join(dataDir, 'evaluator.pub') };
  if (name === 'feature-store') return { ...publicKey, EVL_VAULT_STORE: join(dataDir, 'vault') };
  return name === 'trainer' ? { ...publicKey, EVL_VAULT_KEY: join(dataDir, 'evaluator', 'evaluator.key') } : {};
}

/** How to run a service of this repository. */
export function serviceProcess(name: ServiceName, around: Surroundings): SuperviseOptions {
  const grpcPort = name in grpcPorts ? around.ports.grpc[name as keyof typeof grpcPorts] : null;
  return {
    name,
    command: process.execPath,
    args: [
      '--disable-warning=ExperimentalWarning',
      `--max-old-space-size=${heapMib[name] ?? heapMibDefault}`,
      ...(collection[name] ?? []),
      join(around.root, 'services', name, 'src', 'main.ts'),
    ],
    env: {
      // In a replay the clock topic says what time it is; whoever sets the variable wins.
      EVL_CLOCK: 'event',
      // A replay asks in bursts: fewer, larger writes of the log are fewer transactions for everyone who reads it.
      EVL_GATEWAY_LOG_LINGER: '250ms',
      // What a replay serves in minutes is compared in minutes, so that its report can say what came of it.
      EVL_FEATURES_PARITY_EVERY: '5s',
      ...around.env,
      ...clientEnvironment(around),
      EVL_HTTP_PORT: String(around.ports.http[name]),
      EVL_FEAST_PORT: String(around.ports.feast),
      ...(grpcPort === null ? {} : { EVL_GRPC_PORT: String(grpcPort) }),
      EVL_DATA_DIR: join(around.dataDir, 'services', name),
      ...vaultEnvironment(name, around),
    },
    cwd: around.root,
    logFile: join(around.dataDir, 'logs', `${name}.log`),
    ready: { url: `http://127.0.0.1:${around.ports.http[name]}/readyz` },
    readyMs: 120_000,
    stopMs: 25_000,
  };
}
