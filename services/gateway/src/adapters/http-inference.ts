import type { FastifyInstance, FastifyReply } from 'fastify';
import { statusOf } from '@everloop/grpc';
import type { InferenceService } from '../ports.ts';
import { withRouteHeaders } from '../domain/route-token.ts';
import { gatewayError } from '../errors.ts';
import { readInferRequest, writeInferResponse, writeModelMetadata } from './rest-json.ts';

interface ModelParams {
  readonly model: string;
  readonly version?: string;
}

/** HTTP status by gRPC status number; anything else is 500. */
const httpStatus: Readonly<Record<number, number>> = { 3: 400, 4: 504, 5: 404, 8: 429, 9: 400, 14: 503 };

/** Answers with what `work` returns, or with `{ "error": text }` and the status that its error means. */
async function answer(reply: FastifyReply, work: () => object | Promise<object>): Promise<FastifyReply> {
  try {
    return await reply.send(await work());
  } catch (error) {
    const { code, details } = statusOf(error);
    return await reply.code(httpStatus[code] ?? 500).send({ error: details });
  }
}

/** The REST form of the Open Inference Protocol: JSON only, the same code path as gRPC. */
export function addInferenceRoutes(app: FastifyInstance, service: InferenceService): void {
  app.get('/v2', (_request, reply) => answer(reply, () => service.serverMetadata()));
  app.get('/v2/health/live', (_request, reply) => answer(reply, () => service.serverLive()));
  app.get('/v2/health/ready', (_request, reply) => {
    const { ready } = service.serverReady();
    return reply.code(ready ? 200 : 503).send({ ready });
  });
  for (const prefix of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    app.get<{ Params: ModelParams }>(prefix, ({ params }, reply) =>
      answer(reply, () =>
        writeModelMetadata(service.modelMetadata({ name: params.model, version: params.version ?? '' })),
      ),
    );
    app.get<{ Params: ModelParams }>(`${prefix}/ready`, ({ params }, reply) =>
      answer(reply, () => {
        const { ready } = service.modelReady({ name: params.model, version: params.version ?? '' });
        reply.code(ready ? 200 : 503);
        return { name: params.model, ready };
      }),
    );
    app.post<{ Params: ModelParams }>(`${prefix}/infer`, ({ params, body, headers }, reply) =>
      answer(reply, async () => {
        const read = readInferRequest(params.model, params.version ?? '', body);
        if (!read.ok)
          throw gatewayError('EVL_GATEWAY_REQUEST_INVALID', `request to model ${params.model}: ${read.reason}`);
        const header = (key: string): string | undefined => [headers[key]].flat()[0];
        return writeInferResponse(await service.modelInfer(withRouteHeaders(read.value, header)));
      }),
    );
  }
}
