import { servingApi } from '@everloop/contracts';
import { implement, type Implementation } from '@everloop/grpc';
import { withRouteFields } from '../domain/route-token.ts';
import type { ServingService } from '../ports.ts';

/** `everloop.serving.v1.ServingService` over gRPC. */
export function implementServing(service: ServingService): Implementation {
  return implement(servingApi.ServingServiceService, {
    predict: (request, context) =>
      service.predict(
        withRouteFields(request, (key) => context.metadata.get(key)),
        context,
      ),
    reward: (request) => service.reward([request]),
    rewardBatch: ({ rewards }) => service.reward(rewards),
    explain: (request, context) =>
      service.explain(
        withRouteFields(request, (key) => context.metadata.get(key)),
        context,
      ),
    predictBatch: (request, context) => {
      const header = (key: string): string | undefined => context.metadata.get(key);
      return service.predictBatch(
        { ...request, rows: request.rows.map((row) => withRouteFields(row, header)) },
        context,
      );
    },
  });
}
