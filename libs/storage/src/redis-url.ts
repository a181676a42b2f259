import { ServiceError } from '@everloop/service';

/** Some nodes of a cluster, and how keys are spread over it. */
export interface RedisClusterAddress {
  readonly kind: 'cluster';
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly username: string | null;
  readonly password: string | null;
  readonly tls: boolean;
  readonly buckets: number;
}

/**
 * Buckets of each source partition unless the address says otherwise: enough that a few partitions spread evenly over some nodes (their
 * slots are drawn by a hash), few enough that a position for each costs little.
 */
const bucketsDefault = 32;
const bucketsMax = 1_024;
const portDefault = 6_379;

function invalid(reason: string): ServiceError {
  return new ServiceError({
    code: 'EVL_STORAGE_REDIS_URL',
    kind: 'terminal',
    message: `REDIS_URL: ${reason}; write redis://host:port, or redis+cluster://host:port,host:port?buckets=${bucketsDefault}`,
  });
}

/** Understands an address; the password stays out of every message. EVL_STORAGE_REDIS_URL when it cannot be one. */
export function readRedisUrl(url: string): { readonly kind: 'single' } | RedisClusterAddress {
  const scheme = /^([a-z+]+):\/\//.exec(url)?.[1] ?? '';
  if (scheme === 'redis' || scheme === 'rediss') {
    if (/^[a-z]+:\/\/[^/]*,/.test(url)) throw invalid('several nodes are a cluster');
    return { kind: 'single' };
  }
  if (scheme !== 'redis+cluster' && scheme !== 'rediss+cluster') throw invalid(`"${scheme}" is no scheme of it`);
  const match = /^[a-z+]+:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?]*)\/?(?:\?(.*))?$/.exec(url);
  const nodes = (match?.[3] ?? '').split(',').map(nodeOf);
  return {
    kind: 'cluster',
    nodes,
    username: textOf(match?.[1]),
    password: textOf(match?.[2]),
    tls: scheme.startsWith('rediss'),
    buckets: bucketsOf(match?.[4] ?? ''),
  };
}

function textOf(part: string | undefined): string | null {
  return part === undefined || part === '' ? null : decodeURIComponent(part);
}

function nodeOf(text: string): { readonly host: string; readonly port: number } {
  const match = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(text);
  const port = Number(match?.[2] ?? portDefault);
  if (match?.[1] === undefined || port < 1 || port > 65_535) throw invalid(`"${text}" is no host:port`);
  return { host: match[1].replace(/^\[|\]$/g, ''), port };
}

function bucketsOf(query: string): number {
  const parameters = new URLSearchParams(query);
  const unknown = [...parameters.keys()].find((name) => name !== 'buckets');
  if (unknown !== undefined) throw invalid(`"${unknown}" is unknown`);
  const buckets = Number(parameters.get('buckets') ?? bucketsDefault);
  if (Number.isInteger(buckets) && buckets >= 1 && buckets <= bucketsMax) return buckets;
  throw invalid(`buckets must be from 1 to ${bucketsMax}`);
}
