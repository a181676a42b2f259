import { ServiceError } from '@everloop/service';

/** The registry cannot be asked now: the records wait and are read again. */
export function registryUnreachable(url: string, why: string, cause?: unknown): ServiceError {
  return new ServiceError({
    code: 'EVL_RECORDS_REGISTRY_UNREACHABLE',
    kind: 'retryable',
    message: `the schema registry at ${url} cannot be asked: ${why}; records wait until it answers. Check spec.schemaRegistry, the network, and EVL_SCHEMA_REGISTRY_* for credentials`,
    cause,
  });
}

/** The registry answered, and refuses what it was asked to register. */
export function schemaRefused(subject: string, why: string): ServiceError {
  return new ServiceError({
    code: 'EVL_RECORDS_SCHEMA_INVALID',
    kind: 'terminal',
    message: `the schema registry refuses the schema for subject '${subject}': ${why}`,
  });
}

/** More schemas are in use at once than the cache holds. */
export function schemaEvicted(schemaId: string): ServiceError {
  return new ServiceError({
    code: 'EVL_RECORDS_SCHEMA_EVICTED',
    kind: 'retryable',
    message: `schema ${schemaId} left the cache before its record was read: more schemas are in use at once than the cache holds; the batch is read again`,
  });
}

/** A contract says too little for a schema. */
export function schemaUnderivable(path: string, why: string): ServiceError {
  return new ServiceError({
    code: 'EVL_RECORDS_SCHEMA_UNDERIVABLE',
    kind: 'terminal',
    message: `no schema can be derived from the contract: ${path}: ${why}; register a schema under <topic>-value, or complete the contract`,
  });
}

/** A Source in a wire format names no registry. */
export function registryMissing(format: string): ServiceError {
  return new ServiceError({
    code: 'EVL_RECORDS_REGISTRY_INVALID',
    kind: 'terminal',
    message: `format ${format} needs the address of a schema registry: set spec.schemaRegistry of the Source, or EVL_SCHEMA_REGISTRY_URL`,
  });
}
