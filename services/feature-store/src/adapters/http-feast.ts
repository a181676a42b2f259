import { ServiceError, type FastifyInstance, type FastifyReply, type FastifyRequest } from '@everloop/service';

import type { FeastCalls, FeastMaterialisation } from '../app/feast-calls.ts';
import type { Telemetry } from '../telemetry.ts';
import { feastError, FeastShapeError } from './feast-errors.ts';
import { feastJson } from './feast-json.ts';
import { parseBody, readIncremental, readMaterialise, readPush, readQuestion, readWrite } from './feast-requests.ts';

export interface FeastRoutesOptions {
  readonly calls: FeastCalls;
  readonly isHealthy: () => boolean;
  readonly telemetry: Pick<Telemetry, 'logger' | 'asked'>;
}

const json = 'application/json';

interface Answer {
  readonly status: number;
  readonly body: string;
}

const done: Answer = { status: 200, body: 'null' };

/** Feast's feature server: the routes that its clients use, with the same bodies, statuses and errors. */
export function addFeastRoutes(app: FastifyInstance, options: FeastRoutesOptions): void {
  const { calls, telemetry } = options;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, bytes, parsed) => parsed(null, bytes));

  const route = (
    url: string,
    answer: (body: ReturnType<typeof parseBody>, request: FastifyRequest) => Promise<Answer>,
  ) =>
    app.post(url, async (request, reply) => {
      const startedMs = performance.now();
      const { status, body } = await answered(() => answer(parseBody(bytesOf(request)), request));
      telemetry.asked(url, status, performance.now() - startedMs);
      return send(reply, status, body);
    });

  async function answered(work: () => Promise<Answer>): Promise<Answer> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof FeastShapeError) return { status: 422, body: error.body() };
      const answer = feastError(error);
      if (answer.status >= 500) telemetry.logger.error({ err: error }, 'a call of the Feast API failed');
      return answer;
    }
  }

  async function materialise(
    request: FastifyRequest,
    wanted: Omit<FeastMaterialisation, 'isAsync' | 'force'>,
  ): Promise<Answer> {
    const [isAsync, force] = [queryFlag(request, 'async'), queryFlag(request, 'force')];
    try {
      const views = await calls.materialise({ ...wanted, isAsync, force });
      return isAsync ? { status: 202, body: JSON.stringify({ status: 'accepted', feature_views: views }) } : done;
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code !== 'EVL_FEATURES_MATERIALIZING') throw error;
      return { status: 409, body: JSON.stringify({ error: error.message, feature_views: wanted.views }) };
    }
  }

  route('/get-online-features', async (body) => {
    const question = readQuestion(body);
    return { status: 200, body: feastJson(await calls.getOnlineFeatures(question), question.hasVersions) };
  });
  route('/push', async (body) => {
    const { source, frame } = readPush(body);
    await calls.push(source, frame);
    return done;
  });
  route('/write-to-online-store', async (body) => {
    const { view, frame } = readWrite(body);
    await calls.write(view, frame);
    return done;
  });
  route('/materialize', (body, request) => materialise(request, readMaterialise(body)));
  route('/materialize-incremental', (body, request) => materialise(request, readIncremental(body)));
  app.get('/health', (_request, reply) => reply.code(options.isHealthy() ? 200 : 503).send());
  app.setNotFoundHandler((_request, reply) => send(reply, 404, '{"detail":"Not Found"}'));
  app.setErrorHandler((error: unknown, _request, reply) => {
    const status = statusOfFastify(error);
    return send(reply, status, JSON.stringify({ detail: error instanceof Error ? error.message : String(error) }));
  });
}

function send(reply: FastifyReply, status: number, body: string): FastifyReply {
  return reply.code(status).header('content-type', json).send(body);
}

/** Fastify's own refusals, such as a body that is too large. */
function statusOfFastify(error: unknown): number {
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : 500;
  return typeof status === 'number' ? status : 500;
}

function queryFlag(request: FastifyRequest, name: string): boolean {
  const value = (request.query as Readonly<Record<string, unknown>>)[name];
  return typeof value === 'string' && ['true', '1', 'yes', 'on'].includes(value.toLowerCase());
}

function bytesOf({ body }: FastifyRequest): Buffer {
  return body instanceof Buffer ? (body as Buffer) : Buffer.alloc(0);
}
