import { registry } from '@everloop/contracts';
import { implement, type Implementation } from '@everloop/grpc';
import { applyResources } from '../app/apply-resources.ts';
import type { AppContext } from '../app/context.ts';
import { getVersion, listResources, listRevisions, listVersions, verifyLedger } from '../app/read.ts';
import { registerVersion } from '../app/register-version.ts';
import { setStage } from '../app/set-stage.ts';

/** The gRPC service in front of the handlers. */
export function registryService(context: AppContext): Implementation {
  return implement(registry.RegistryServiceService, {
    applyResources: (request) => applyResources(context, request),
    listResources: (request) => listResources(context.store, request),
    listRevisions: (request) => listRevisions(context.store, request),
    registerVersion: (request) => registerVersion(context, request),
    setStage: (request) => setStage(context, request),
    getVersion: (request) => getVersion(context.store, request),
    listVersions: (request) => listVersions(context.store, request),
    verifyLedger: () => {
      const verdict = verifyLedger(context.store);
      context.telemetry.ledgerVerified(verdict);
      const { entries, head, intact } = verdict;
      return { entries, head, intact };
    },
  });
}
