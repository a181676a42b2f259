import { freely, integer, json, list, object, pathParameter, ref, responses, text } from './openapi-parts.ts';
import { servingPaths, servingSchemas } from './serving-openapi.ts';

/** One operation of the REST form: `http-inference.ts` answers it, `openApiDocument` describes it. */
interface Operation {
  readonly method: 'get' | 'post';
  /** Under `/v2`, parameters as `:name`; `*` stands for a model with and without a version. */
  readonly path: string;
  readonly summary: string;
  /** Name of the answer's schema. */
  readonly answer: string;
  /** Name of the body's schema. */
  readonly body?: string;
  /** Statuses of refusals beside 400. */
  readonly refusals: readonly number[];
}

const model = '/models/:model';

/** Every operation; the one place that says what there is. */
export const operations = {
  serverMetadata: { method: 'get', path: '', summary: 'Name, version and extensions', answer: 'Server', refusals: [] },
  serverLive: { method: 'get', path: '/health/live', summary: 'The process runs', answer: 'Live', refusals: [] },
  serverReady: {
    method: 'get',
    path: '/health/ready',
    summary: 'Requests are taken',
    answer: 'Ready',
    refusals: [503],
  },
  models: { method: 'get', path: '/models', summary: 'Names of the models', answer: 'Models', refusals: [] },
  allStatistics: {
    method: 'get',
    path: '/models/stats',
    summary: 'Statistics of all models',
    answer: 'Statistics',
    refusals: [],
  },
  modelMetadata: {
    method: 'get',
    path: `${model}*`,
    summary: 'Inputs, outputs and versions',
    answer: 'Model',
    refusals: [404],
  },
  modelReady: {
    method: 'get',
    path: `${model}*/ready`,
    summary: 'The model answers',
    answer: 'Ready',
    refusals: [404, 503],
  },
  modelConfig: {
    method: 'get',
    path: `${model}*/config`,
    summary: 'How the model is run',
    answer: 'Config',
    refusals: [404],
  },
  modelStatistics: {
    method: 'get',
    path: `${model}*/stats`,
    summary: 'What the model answered since the start',
    answer: 'Statistics',
    refusals: [404],
  },
  modelInfer: {
    method: 'post',
    path: `${model}*/infer`,
    summary: 'Predictions for 1 to 256 rows',
    body: 'InferRequest',
    answer: 'InferResponse',
    refusals: [404, 413, 429, 503, 504],
  },
  repositoryIndex: {
    method: 'post',
    path: '/repository/index',
    summary: 'Versions and their state',
    body: 'IndexRequest',
    answer: 'Index',
    refusals: [],
  },
  repositoryModelLoad: {
    method: 'post',
    path: `/repository${model}/load`,
    summary: 'Try again to load what the route names',
    answer: 'Nothing',
    refusals: [404, 503],
  },
  repositoryModelUnload: {
    method: 'post',
    path: `/repository${model}/unload`,
    summary: 'Refused: routes decide what is loaded',
    answer: 'Nothing',
    refusals: [404],
  },
} as const satisfies Readonly<Record<string, Operation>>;

export type OperationName = keyof typeof operations;

/** The paths of an operation under `/v2`, as Fastify writes them. */
export function pathsOf(name: OperationName): readonly string[] {
  const { path } = operations[name];
  return path.includes('*') ? [path.replace('*', ''), path.replace('*', '/versions/:version')] : [path];
}

const tensor = { name: text, datatype: text, shape: list(integer) };
const total = object({ count: integer, ns: integer });

const schemas = {
  Error: object({ error: text }, ['error']),
  Nothing: object({}),
  Server: object({ name: text, version: text, extensions: list(text) }),
  Live: object({ live: { type: 'boolean' } }),
  Ready: object({ name: text, ready: { type: 'boolean' } }, ['ready']),
  Models: object({ models: list(text) }),
  Tensor: object(tensor),
  Model: object({
    name: text,
    versions: list(text),
    platform: text,
    inputs: list(ref('Tensor')),
    outputs: list(ref('Tensor')),
    properties: freely,
  }),
  Config: freely,
  Statistics: object({
    model_stats: list(
      object({
        ...{ name: text, version: text, last_inference: integer, inference_count: integer, execution_count: integer },
        inference_stats: { type: 'object', additionalProperties: total },
        batch_stats: list(freely),
      }),
    ),
  }),
  IndexRequest: object({ ready: { type: 'boolean' } }),
  Index: list(object({ name: text, version: text, state: { enum: ['READY', 'UNAVAILABLE'] }, reason: text })),
  InferRequest: object(
    {
      id: text,
      parameters: freely,
      inputs: list(
        object(
          {
            ...tensor,
            parameters: freely,
            data: { description: 'Flat or nested, row-major; absent with binary_data_size' },
          },
          ['name', 'datatype', 'shape'],
        ),
      ),
      outputs: list(object({ name: text, parameters: freely }, ['name'])),
    },
    ['inputs'],
  ),
  InferResponse: object({
    ...{ model_name: text, model_version: text, id: text, parameters: freely },
    outputs: list(object({ ...tensor, parameters: freely, data: list({}) })),
  }),
};

const binary = {
  name: 'Inference-Header-Content-Length',
  in: 'header',
  required: false,
  schema: integer,
  description: 'Bytes of the JSON; binary tensors follow it, in the order of the inputs that have a binary_data_size',
};

function describe(name: OperationName, path: string): object {
  const operation: Operation = operations[name];
  const named = [...path.matchAll(/:(\w+)/g)].map(([, key]) => pathParameter(key ?? ''));
  const isInfer = name === 'modelInfer';
  const content = (schema: string): object => ({
    ...json(schema),
    ...(isInfer ? { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } } : {}),
  });
  return {
    operationId: path.includes(':version') ? `${name}Version` : name,
    summary: operation.summary,
    parameters: isInfer ? [...named, binary] : named,
    ...(operation.body === undefined ? {} : { requestBody: { required: isInfer, content: content(operation.body) } }),
    responses: responses(operation.summary, content(operation.answer), operation.refusals, 'Error'),
  };
}

/** The REST form of both APIs as an OpenAPI 3.1 document. */
export function openApiDocument(version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const name of Object.keys(operations) as OperationName[]) {
    for (const path of pathsOf(name)) {
      const key = `/v2${path.replaceAll(/:(\w+)/g, '{$1}')}`;
      paths[key] = { ...paths[key], [operations[name].method]: describe(name, path) };
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Everloop gateway',
      version,
      description:
        '`/v1`: everloop.serving.v1, named features in and a score out. `/v2`: the Open Inference Protocol, version 2, with the binary tensor, statistics, configuration and repository extensions.',
    },
    paths: { ...servingPaths(), ...paths },
    components: { schemas: { ...servingSchemas, ...schemas } },
  };
}
