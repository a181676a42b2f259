import { datasets } from '@everloop/contracts';
import { connect } from '@everloop/grpc';
import { retry, ServiceError } from '@everloop/service';
import { decodeColumns, type ColumnTable } from '@everloop/storage';
import { signOpening, unseal, type EvaluatorKey } from '@everloop/vault';
import { trainerError } from '../errors.ts';
import type { HoldoutVault } from '../ports.ts';
import type { ClientOptions } from './grpc-clients.ts';

const callMs = 60_000;
const pauses = { initialMs: 100, maxMs: 5_000 };
/** Largest sealed holdout, bytes: it is opened in memory. */
const sealedBytesMax = 1024 * 1024 * 1024;

/** The rows of fixed holdouts, fetched and opened with the evaluator's key. Waits while the feature store is away. */
export function createHoldoutVault(
  options: ClientOptions & { readonly key: () => EvaluatorKey; readonly now: () => number },
): HoldoutVault & { close(): void } {
  const { address, signal, key, now } = options;
  const client = connect(datasets.DatasetServiceService, address, { name: 'evaluator', deadlineMs: callMs });

  async function open(ref: string, purpose: string): Promise<ColumnTable | null> {
    const { manifestJson } = await client.getDataset({ ref }, { signal });
    const { vault } = JSON.parse(manifestJson) as { readonly vault: { readonly contentHash: string } | null };
    if (vault === null) return null;
    const proof = signOpening(key(), { ref, purpose }, now());
    const request = { ...proof, signature: Buffer.from(proof.signature) };
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const { sealed } of client.openVault(request, { signal, deadlineMs: callMs })) {
      bytes += sealed.length;
      if (bytes > sealedBytesMax)
        throw trainerError(
          'EVL_TRAINER_VAULT_INVALID',
          `the holdout of ${ref} has more than ${sealedBytesMax} sealed bytes`,
        );
      parts.push(sealed);
    }
    return decodeColumns(unseal(Buffer.concat(parts), key(), vault.contentHash));
  }

  return {
    open: (ref, purpose) =>
      retry(() => open(ref, purpose), { ...pauses, signal, onRetry: options.onAway }).catch((error: unknown) => {
        if (error instanceof ServiceError && /^EVL_(VAULT|STORAGE)_/.test(error.code))
          throw trainerError(
            'EVL_TRAINER_VAULT_INVALID',
            `the fixed holdout of ${ref} stays closed: ${error.message}`,
            error,
          );
        throw error;
      }),
    close: () => client.close(),
  };
}
