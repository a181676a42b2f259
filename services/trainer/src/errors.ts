import { ServiceError } from '@everloop/service';

export type TrainerErrorCode =
  | 'EVL_TRAINER_RECIPE_NOT_FOUND'
  | 'EVL_TRAINER_RECIPE_INVALID'
  | 'EVL_TRAINER_RECIPE_FAILED'
  | 'EVL_TRAINER_RECIPE_TIMEOUT'
  | 'EVL_TRAINER_RECIPE_MEMORY'
  | 'EVL_TRAINER_PARITY_FAILED'
  | 'EVL_TRAINER_DATASET_INVALID'
  | 'EVL_TRAINER_DATASET_REFUSED'
  | 'EVL_TRAINER_CATEGORIES_REFUSED'
  | 'EVL_TRAINER_VAULT_INVALID'
  | 'EVL_TRAINER_EVALUATION_FAILED';

/** What makes one job impossible; the loop goes on. */
export function trainerError(code: TrainerErrorCode, message: string, cause?: unknown): ServiceError {
  return new ServiceError({ code, kind: 'terminal', message, ...(cause === undefined ? {} : { cause }) });
}
