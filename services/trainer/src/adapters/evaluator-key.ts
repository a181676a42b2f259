import { ensureKey, writePublicKey, type EvaluatorKey } from '@everloop/vault';
import { ServiceError, type Part } from '@everloop/service';

/** Reads the evaluator's key when the service starts, makes one where there is none, and publishes its public half. */
export function createEvaluatorKeyPart(
  path: string,
  publicPath: string,
): { readonly part: Part; readonly key: () => EvaluatorKey } {
  let key: EvaluatorKey | null = null;
  return {
    key: () => {
      if (key !== null) return key;
      throw new ServiceError({ code: 'EVL_TRAINER_NOT_STARTED', kind: 'bug', message: 'the key is read at the start' });
    },
    part: {
      name: 'evaluator-key',
      start: async () => {
        key = await ensureKey(path);
        await writePublicKey(publicPath, key.public);
      },
      stop: () => Promise.resolve(),
    },
  };
}
