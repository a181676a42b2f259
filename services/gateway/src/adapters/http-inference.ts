import { statusOf } from '@everloop/grpc';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { withRouteHeaders } from '../domain/route-token.ts';
import type { InferenceService, ModelCommand } from '../ports.ts';
import {
  callerOf,
  headerOf,
  httpStatusOf,
  invalid,
  plainBody,
  takeBytes,
  type BodyOptions,
  type Handler,
} from './http-body.ts';
import { openApiDocument, operations, pathsOf, type OperationName } from './openapi.ts';
import { jsonLength, readInferRequest, type Read } from './rest-request.ts';
import { writeConfig, writeInferResponse, writeModelMetadata, writeStatistics } from './rest-response.ts';

function valueOf<T>(read: Read<T>, where: string): T {
  if (!read.ok) throw invalid(`${where}: ${read.reason}`);
  return read.value;
}

function named(request: FastifyRequest): { readonly name: string; readonly version: string } {
  const { model = '', version = '' } = request.params as { readonly model?: string; readonly version?: string };
  return { name: model, version };
}

/** A small JSON body that may be left out. */
function optionalJson(request: FastifyRequest): Readonly<Record<string, unknown>> {
  if (!Buffer.isBuffer(request.body) || request.body.length === 0) return {};
  try {
    const json: unknown = JSON.parse(request.body.toString('utf8'));
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw invalid('the body is not a JSON object');
}

function commandOf(request: FastifyRequest): ModelCommand {
  const { parameters } = optionalJson(request);
  const names = typeof parameters === 'object' && parameters !== null ? Object.keys(parameters) : [];
  return {
    modelName: named(request).name,
    parameters: Object.fromEntries(names.map((name) => [name, { parameterChoice: undefined }])),
  };
}

function handlersOf(service: InferenceService, options: BodyOptions): Record<OperationName, Handler> {
  return {
    serverMetadata: () => service.serverMetadata(),
    serverLive: () => service.serverLive(),
    serverReady: (_request, reply) => {
      const { ready } = service.serverReady();
      reply.code(ready ? 200 : 503);
      return { ready };
    },
    models: () => ({ models: [...new Set(service.repositoryIndex({ ready: false }).models.map(({ name }) => name))] }),
    allStatistics: () => writeStatistics(service.modelStatistics({ name: '', version: '' })),
    modelMetadata: (request) => writeModelMetadata(service.modelMetadata(named(request))),
    modelReady: (request, reply) => {
      const { ready } = service.modelReady(named(request));
      reply.code(ready ? 200 : 503);
      return { name: named(request).name, ready };
    },
    modelConfig: (request) => {
      const { config } = service.modelConfig(named(request));
      return config === undefined ? {} : writeConfig(config);
    },
    modelStatistics: (request) => writeStatistics(service.modelStatistics(named(request))),
    modelInfer: async (request, reply) => {
      const { name, version } = named(request);
      const where = `request to model ${name}`;
      const body = await plainBody(request, options);
      const json = valueOf(jsonLength(request.headers['inference-header-content-length'], body.length), where);
      const message = valueOf(readInferRequest(name, version, body, json), where);
      const header = (key: string): string | undefined => headerOf(request, key);
      const answer = writeInferResponse(await service.modelInfer(withRouteHeaders(message, header), callerOf(request)));
      reply.type(answer.jsonBytes === null ? 'application/json' : 'application/octet-stream');
      if (answer.jsonBytes !== null) reply.header('Inference-Header-Content-Length', String(answer.jsonBytes));
      return answer.body;
    },
    repositoryIndex: (request) => [
      ...service.repositoryIndex({ ready: optionalJson(request)['ready'] === true }).models,
    ],
    repositoryModelLoad: (request) => service.repositoryModelLoad(commandOf(request)).then(() => ({})),
    repositoryModelUnload: (request) => service.repositoryModelUnload(commandOf(request)).then(() => ({})),
  };
}

/** The REST form of the Open Inference Protocol under `/v2`, the same code path as gRPC; errors are `{ "error": text }`. */
export function addInferenceRoutes(app: FastifyInstance, service: InferenceService, options: BodyOptions): void {
  const { bodyBytesMax } = options;
  const handlers = handlersOf(service, options);
  const document = openApiDocument(service.serverMetadata().version);
  void app.register(
    (scope, _options, done) => {
      takeBytes(scope, options);
      scope.setErrorHandler((error, _request, reply) => {
        const own = error as { readonly statusCode?: number; readonly message?: string };
        // Fastify's own refusals (a body that is too large) carry their status.
        if (own.statusCode !== undefined) return reply.code(own.statusCode).send({ error: own.message ?? '' });
        const { code, details } = statusOf(error);
        return reply.code(httpStatusOf(code)).send({ error: details });
      });
      scope.setNotFoundHandler((request, reply) =>
        reply
          .code(404)
          .send({ error: `there is no ${request.method} ${request.url}; /v2/openapi.json lists what there is` }),
      );
      scope.get('/openapi.json', (_request, reply) => reply.send(document));
      for (const name of Object.keys(operations) as OperationName[]) {
        for (const url of pathsOf(name)) {
          const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
            reply.send(await handlers[name](request, reply));
          scope.route({ method: operations[name].method, url, bodyLimit: bodyBytesMax, handler });
        }
      }
      done();
    },
    { prefix: '/v2' },
  );
}
