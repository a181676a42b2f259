import { freePorts, type WantedPort } from '@everloop/local';
import { grpcPorts, httpPorts, ServiceError, type ServiceName } from '@everloop/service';

/** A port for everything that listens. */
export interface PortPlan {
  readonly kafka: number;
  readonly kafkaController: number;
  readonly redis: number;
  readonly http: Readonly<Record<ServiceName, number>>;
  readonly grpc: Readonly<Record<keyof typeof grpcPorts, number>>;
  /** Feast's HTTP API, at the feature store. */
  readonly feast: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Everything that can listen, its default port and the variable that chooses another. */
const listeners: readonly WantedPort[] = [
  { port: 19_092, what: 'Kafka', env: 'EVL_KAFKA_PORT' },
  { port: 19_093, what: "Kafka's controller", env: 'EVL_KAFKA_CONTROLLER_PORT' },
  { port: 16_379, what: 'Redis', env: 'EVL_REDIS_PORT' },
  ...Object.entries(httpPorts).map(([name, port]) => ({ port, what: `${name} (HTTP)`, env: httpEnv(name) })),
  ...Object.entries(grpcPorts).map(([name, port]) => ({ port, what: `${name} (gRPC)`, env: grpcEnv(name) })),
  { port: 6_566, what: "feature-store (Feast's HTTP API)", env: 'EVL_FEAST_PORT' },
];

function httpEnv(name: string): string {
  return `EVL_${name.toUpperCase().replaceAll('-', '_')}_HTTP_PORT`;
}

function grpcEnv(name: string): string {
  return `EVL_${name.toUpperCase().replaceAll('-', '_')}_GRPC_PORT`;
}

/**
 * Chooses the ports: each one's own variable wins, then `portsFrom` (consecutive numbers from there; 0 for free ones), then the
 * default.
 */
export async function planPorts(
  portsFrom: number | undefined,
  env: Environment,
): Promise<{ readonly ports: PortPlan; readonly wanted: readonly WantedPort[] }> {
  if (
    portsFrom !== undefined &&
    !(Number.isInteger(portsFrom) && portsFrom >= 0 && portsFrom + listeners.length <= 65_536)
  ) {
    throw wrongPort('--ports-from', String(portsFrom));
  }
  const free = portsFrom === 0 ? await freePorts(listeners.length) : [];
  const wanted = listeners.map((listener, index) => ({
    ...listener,
    port: choose(listener, index, portsFrom, free, env),
  }));
  const byEnv = new Map(wanted.map(({ env: variable, port }) => [variable, port]));
  const portOf = (variable: string): number => byEnv.get(variable) ?? 0;
  const ports: PortPlan = {
    kafka: portOf('EVL_KAFKA_PORT'),
    kafkaController: portOf('EVL_KAFKA_CONTROLLER_PORT'),
    redis: portOf('EVL_REDIS_PORT'),
    http: Object.fromEntries(Object.keys(httpPorts).map((name) => [name, portOf(httpEnv(name))])) as PortPlan['http'],
    grpc: Object.fromEntries(Object.keys(grpcPorts).map((name) => [name, portOf(grpcEnv(name))])) as PortPlan['grpc'],
    feast: portOf('EVL_FEAST_PORT'),
  };
  return { ports, wanted };
}

function choose(
  listener: WantedPort,
  index: number,
  portsFrom: number | undefined,
  free: readonly number[],
  env: Environment,
): number {
  const text = env[listener.env]?.trim() ?? '';
  if (text !== '') {
    if (!/^\d{1,5}$/.test(text)) throw wrongPort(listener.env, text);
    return Number(text);
  }
  if (portsFrom === undefined) return listener.port;
  return portsFrom === 0 ? (free[index] ?? 0) : portsFrom + index;
}

function wrongPort(name: string, text: string): ServiceError {
  const message = `${name} is '${text}'; a port number from 1 to 65535 is wanted`;
  return new ServiceError({ code: 'EVL_UP_PORT_INVALID', kind: 'terminal', message });
}
