import { registry } from '@everloop/contracts';
import { connect } from '@everloop/grpc';
import { retry } from '@everloop/service';
import type { StageBook } from '../ports.ts';

/** Records stages in the registry. Retries while it is away; any other refusal is thrown. */
export function createGrpcStageBook(options: {
  readonly address: string;
  readonly onAway: (error: unknown) => void;
}): StageBook & { close(): void } {
  const client = connect(registry.RegistryServiceService, options.address, { name: 'registry', deadlineMs: 10_000 });
  return {
    setStage: async (change) => {
      await retry(() => client.setStage(change), {
        initialMs: 50,
        maxMs: 2_000,
        onRetry: (error) => options.onAway(error),
      });
    },
    close: () => client.close(),
  };
}
