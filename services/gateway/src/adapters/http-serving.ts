import { statusOf } from '@everloop/grpc';
import { ServiceError } from '@everloop/service';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { withRouteFields } from '../domain/route-token.ts';
import { rowsMax } from '../domain/tensors.ts';
import { RequestRefused } from '../errors.ts';
import { rewardsMax } from '../domain/reward-checks.ts';
import type { ServingService } from '../ports.ts';
import { callerOf, headerOf, httpStatusOf, plainBody, takeBytes, type BodyOptions, type Handler } from './http-body.ts';
import { servingOperations, type ServingOperationName } from './serving-openapi.ts';
import { readObject, readPredict, readPredictBatch, readRewards, writeBatch, writePrediction } from './serving-json.ts';

type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reasons: readonly string[] };

function modelOf(request: FastifyRequest): string {
  const { model = '' } = request.params as { readonly model?: string };
  return model;
}

function handlersOf(service: ServingService, options: BodyOptions): Record<ServingOperationName, Handler> {
  /** The body as a message. */
  const read = async <T>(
    request: FastifyRequest,
    reader: (model: string, json: Readonly<Record<string, unknown>>) => Read<T>,
  ): Promise<T> => {
    const model = modelOf(request);
    const json = readObject(await plainBody(request, options));
    const message = json.ok ? reader(model, json.value) : json;
    if (!message.ok) throw new RequestRefused(model === '' ? 'request' : `request to model ${model}`, message.reasons);
    return message.value;
  };
  return {
    predict: async (request) => {
      const message = withRouteFields(await read(request, readPredict), (key) => headerOf(request, key));
      return writePrediction(await service.predict(message, callerOf(request)));
    },
    reward: async (request) => {
      const rewards = await read(request, (_model, json) => readRewards(json, rewardsMax));
      return { ...(await service.reward(rewards)) };
    },
    explain: async (request) => {
      const message = withRouteFields(await read(request, readPredict), (key) => headerOf(request, key));
      return writePrediction(await service.explain(message, callerOf(request)));
    },
    predictBatch: async (request) => {
      const message = await read(request, (model, json) => readPredictBatch(model, json, rowsMax));
      const rows = message.rows.map((row) => withRouteFields(row, (key) => headerOf(request, key)));
      return writeBatch(await service.predictBatch({ ...message, rows }, callerOf(request)));
    },
  };
}

/** `everloop.serving.v1` as JSON under `/v1`, the same code path as gRPC; errors are `{ "error": text, "code": …, "reasons": […] }`. */
export function addServingRoutes(app: FastifyInstance, service: ServingService, options: BodyOptions): void {
  const { bodyBytesMax } = options;
  const handlers = handlersOf(service, options);
  void app.register(
    (scope, _options, done) => {
      takeBytes(scope, options);
      scope.setErrorHandler((error, _request, reply) => {
        const own = error as { readonly statusCode?: number; readonly message?: string };
        // Fastify's own refusals (a body that is too large) carry their status.
        if (own.statusCode !== undefined)
          return reply.code(own.statusCode).send({ error: own.message ?? '', code: '', reasons: [] });
        const { code, details } = statusOf(error);
        const reasons = error instanceof RequestRefused ? error.reasons : [];
        const name = error instanceof ServiceError ? error.code : (details.split(':')[0] ?? '');
        return reply.code(httpStatusOf(code)).send({ error: details, code: name, reasons });
      });
      scope.setNotFoundHandler((request, reply) =>
        reply.code(404).send({
          error: `there is no ${request.method} ${request.url}; /v2/openapi.json lists what there is`,
          ...{ code: '', reasons: [] },
        }),
      );
      for (const name of Object.keys(servingOperations) as ServingOperationName[]) {
        const { method, path } = servingOperations[name];
        // A colon of the path itself is two for Fastify, and a name must not take what is behind it.
        const url = path.replace('{model}:', ':model([^:/]+)::');
        const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
          reply.send(await handlers[name](request, reply));
        scope.route({ method, url, bodyLimit: bodyBytesMax, handler });
      }
      done();
    },
    { prefix: '/v1' },
  );
}
