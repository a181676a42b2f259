import { ContractError } from '@everloop/contracts';
import { ServiceError } from '@everloop/service';

/** Every error code of the registry. */
export type RegistryErrorCode =
  | 'EVL_REGISTRY_REQUEST_INVALID'
  | 'EVL_REGISTRY_VERSION_INVALID'
  | 'EVL_REGISTRY_VERSION_NOT_FOUND'
  | 'EVL_REGISTRY_MODEL_NOT_FOUND'
  | 'EVL_REGISTRY_STAGE_INVALID'
  | 'EVL_REGISTRY_STAGE_PRECONDITION'
  | 'EVL_REGISTRY_OUTBOX_FULL'
  | 'EVL_RESOURCE_INVALID'
  | 'EVL_RESOURCE_INCOMPATIBLE'
  | 'EVL_RESOURCE_PINNED';

/** The caller asked for something that cannot be done, now or on a repeat. */
export function refuse(code: RegistryErrorCode, message: string): ServiceError {
  return new ServiceError({ code, kind: 'terminal', message });
}

/** The outbox is full because Kafka has been away for too long: the same call succeeds once it has drained. */
export function outboxFull(waiting: number, max: number): ServiceError {
  const message = `${waiting} events wait for Kafka, and at most ${max} may; try again when Kafka is back`;
  return new ServiceError({ code: 'EVL_REGISTRY_OUTBOX_FULL', kind: 'retryable', message });
}

/** Gives errors of the contracts the form that gRPC answers with their own code. */
export function fromContract(error: unknown): unknown {
  if (!(error instanceof ContractError)) return error;
  return new ServiceError({ code: error.code, kind: 'terminal', message: error.message, cause: error });
}
