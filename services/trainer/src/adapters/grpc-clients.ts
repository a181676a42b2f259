import { features, registry } from '@everloop/contracts';
import { connect } from '@everloop/grpc';
import { retry, ServiceError } from '@everloop/service';
import type { TrainingData, VersionLedger } from '../ports.ts';

export interface ClientOptions {
  readonly address: string;
  /** Ends the waiting for a service that is away. */
  readonly signal: AbortSignal;
  readonly onAway: (error: unknown) => void;
}

const callMs = 30_000;
const pauses = { initialMs: 100, maxMs: 5_000 };

/** The feature store. Calls are repeated while it is away. */
export function createTrainingData(
  options: ClientOptions & { readonly datasetTimeoutMs: number },
): TrainingData & { close(): void } {
  const client = connect(features.FeatureServiceService, options.address, {
    name: 'feature-store',
    deadlineMs: callMs,
  });
  const patiently = <T>(call: () => Promise<T>): Promise<T> =>
    retry(call, { ...pauses, signal: options.signal, onRetry: options.onAway });
  return {
    countLabels: async (model, asOfMs, exclude) =>
      (await patiently(() => client.countLabels({ model, asOfMs, exclude: [...exclude] }))).rows,
    freeze: async ({ model, fromMs, untilMs, exclude, reason }) => {
      const said = { model, fromMs, untilMs, asOfMs: untilMs, exclude: [...exclude], createdBy: 'trainer', reason };
      const request = features.CreateDatasetRequest.fromPartial(said);
      const settings = { deadlineMs: options.datasetTimeoutMs, signal: options.signal };
      const { dataset, path, checks } = await patiently(() => client.createDataset(request, settings));
      if (dataset === undefined) throw incomplete('CreateDataset gave no dataset');
      return { dataset, path, checks };
    },
    close: () => client.close(),
  };
}

/** The registry. Calls are repeated while it is away. */
export function createVersionLedger(options: ClientOptions): VersionLedger & { close(): void } {
  const client = connect(registry.RegistryServiceService, options.address, { name: 'registry', deadlineMs: callMs });
  const patiently = <T>(call: () => Promise<T>): Promise<T> =>
    retry(call, { ...pauses, signal: options.signal, onRetry: options.onAway });
  return {
    versions: async (model) => (await patiently(() => client.listVersions({ model }))).versions,
    register: async (version) => {
      const registered = (await patiently(() => client.registerVersion({ version }))).version;
      if (registered === undefined) throw incomplete('RegisterVersion gave no version');
      return registered;
    },
    close: () => client.close(),
  };
}

function incomplete(message: string): ServiceError {
  return new ServiceError({ code: 'EVL_TRAINER_ANSWER_INCOMPLETE', kind: 'bug', message });
}
