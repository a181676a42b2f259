import { ServiceError } from '@everloop/service';

export type VaultErrorCode =
  | 'EVL_VAULT_KEY_NOT_FOUND'
  | 'EVL_VAULT_KEY_INVALID'
  | 'EVL_VAULT_KEY_EXPOSED'
  | 'EVL_VAULT_SEAL_INVALID'
  | 'EVL_VAULT_DENIED';

export function vaultError(code: VaultErrorCode, message: string, cause?: unknown): ServiceError {
  return new ServiceError({ code, kind: 'terminal', message, ...(cause === undefined ? {} : { cause }) });
}
