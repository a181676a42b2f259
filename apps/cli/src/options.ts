import { type ConfigSchema, loadConfig } from '@everloop/service';
import { InvalidArgumentError } from 'commander';

const schema = {
  brokers: {
    env: 'KAFKA_BROKERS',
    type: 'list',
    default: ['127.0.0.1:19092'],
    unit: 'host:port, comma-separated',
    why: 'Where Kafka is; the default is the broker that `npm start` runs.',
  },
  registryAddress: {
    env: 'EVL_REGISTRY_ADDRESS',
    type: 'string',
    default: '127.0.0.1:8003',
    unit: 'host:port',
    why: 'Where the registry listens; the default is the one that `npm start` runs.',
  },
  featuresAddress: {
    env: 'EVL_FEATURES_ADDRESS',
    type: 'string',
    default: '127.0.0.1:8002',
    unit: 'host:port',
    why: 'Where the feature store listens; the default is the one that `npm start` runs.',
  },
  gatewayAddress: {
    env: 'EVL_GATEWAY_ADDRESS',
    type: 'string',
    default: '127.0.0.1:8001',
    unit: 'host:port',
    why: 'Where the gateway answers gRPC; the default is the one that `npm start` runs.',
  },
} as const satisfies ConfigSchema;

/** Where the loop is. */
export interface Addresses {
  readonly brokers: readonly string[];
  /** `host:port`. */
  readonly registryAddress: string;
  /** `host:port`. */
  readonly featuresAddress: string;
  /** `host:port`. */
  readonly gatewayAddress: string;
}

/** Where the loop is: from the options, else the environment, else where `npm start` puts it. */
export function addresses(
  env: Readonly<Record<string, string | undefined>>,
  options: {
    readonly brokers?: string;
    readonly registry?: string;
    readonly features?: string;
    readonly gateway?: string;
  },
): Addresses {
  const given = {
    ...env,
    ...(options.brokers === undefined ? {} : { KAFKA_BROKERS: options.brokers }),
    ...(options.registry === undefined ? {} : { EVL_REGISTRY_ADDRESS: options.registry }),
    ...(options.gateway === undefined ? {} : { EVL_GATEWAY_ADDRESS: options.gateway }),
    ...(options.features === undefined ? {} : { EVL_FEATURES_ADDRESS: options.features }),
  };
  return loadConfig('everloop', schema, given);
}

/** A day such as 2013-04-30. */
export function readDay(text: string): string {
  const ms = Date.parse(`${text}T00:00:00Z`);
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
  if (!isDay) throw new InvalidArgumentError('A day such as 2013-04-30 is wanted.');
  return text;
}

/** A reader of numbers in a range, both ends included. */
export function numberBetween(min: number, max: number, what: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text);
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`${what} from ${min} to ${max} is wanted.`);
    return value;
  };
}

/** The first of the ports to use; 0 takes any free ones. */
export function readPort(text: string): number {
  const port = text === '0' ? 0 : numberBetween(1_024, 65_000, '0, or a port')(text);
  if (!Number.isInteger(port)) throw new InvalidArgumentError('A whole number is wanted.');
  return port;
}

/** How many times as fast as the wall clock; `max` is as fast as the loop keeps up. */
export function readSpeed(text: string): number | 'max' {
  return text === 'max' ? text : numberBetween(0.001, 1e9, 'max, or a number')(text);
}
