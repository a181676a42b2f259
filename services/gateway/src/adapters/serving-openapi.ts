import { boolean, freely, json, list, number, object, pathParameter, ref, responses, text } from './openapi-parts.ts';

/** Every operation of `everloop.serving.v1` over HTTP, under `/v1`; the one place that says what there is. */
export const servingOperations = {
  predict: {
    method: 'post',
    path: '/models/{model}:predict',
    summary: 'The prediction for one row of named features',
    body: 'PredictRequest',
    answer: 'PredictResponse',
    refusals: [404, 413, 429, 503, 504],
  },
  explain: {
    method: 'post',
    path: '/models/{model}:explain',
    summary: 'The prediction, with what the inputs contributed to it',
    body: 'PredictRequest',
    answer: 'PredictResponse',
    refusals: [404, 413, 429, 503, 504],
  },
  predictBatch: {
    method: 'post',
    path: '/models/{model}:predictBatch',
    summary: 'Predictions for 1 to 256 rows, each with its own answer or error',
    body: 'PredictBatchRequest',
    answer: 'PredictBatchResponse',
    refusals: [404, 413, 503, 504],
  },
  reward: {
    method: 'post',
    path: '/rewards',
    summary:
      'What decisions were worth: one reward, or 1 to 1,000 as `rewards`; all or none. Sent again, it is the same reward',
    body: 'RewardRequest',
    answer: 'RewardResponse',
    refusals: [404, 413, 429, 503],
  },
} as const;

export type ServingOperationName = keyof typeof servingOperations;

const version = { type: 'string', description: 'Version that shall answer; absent: the route decides' };
const row = {
  id: { type: 'string', description: 'Asked again with the same id, it is the same decision; absent: a random one' },
  unit: { type: 'string', description: 'What the routing draw is made for, for example a customer; absent: the id' },
  features: {
    type: 'object',
    description: 'Request fields and entity keys of the model by name',
    additionalProperties: { type: ['string', 'number', 'boolean', 'null'] },
  },
  event_time_ms: { type: 'integer', description: 'Epoch milliseconds UTC; absent: now' },
  explain: { type: 'boolean', description: 'What the inputs contributed to the score is wanted too' },
  route: { type: 'string', description: '`route` of an earlier answer, to stay with its version' },
};

const reward = {
  decision_id: { type: 'string', description: 'Of the answer that the reward is about' },
  value: { type: 'number', description: 'Finite, in the range of the Model; absent only for deactivate' },
  kind: { enum: ['', 'reward', 'deactivate'], description: 'deactivate: the decision was never acted on' },
  event_time_ms: { type: 'integer', description: 'When it happened, epoch milliseconds UTC; absent: now' },
  idempotency_key: {
    type: 'string',
    description: 'Equal keys of one decision are one reward; absent: equal rewards are',
  },
  source: { type: 'string', description: 'Who says so' },
  model: { type: 'string', description: 'Model of the decision; with it the value is checked at once' },
};

export const servingSchemas = {
  CodedError: object({ error: text, code: text, reasons: list(text) }, ['error']),
  PredictRequest: object({ version, ...row }, ['features']),
  PredictRow: object(row, ['features']),
  PredictBatchRequest: object({ version, rows: { ...list(ref('PredictRow')), minItems: 1, maxItems: 256 } }, ['rows']),
  PredictResponse: object({
    ...{ decision_id: text, id: text, model: text, model_version: text, score: number },
    ...{ arm: { enum: ['champion', 'canary', 'pinned', 'sticky', 'targeted', 'fallback'] }, propensity: number },
    ...{ action: { type: 'string', description: 'What a model that chooses chose' } },
    ...{ explore: boolean, policy_version: text, route: text, target: text, arm_intended: text, fallback_from: text },
    ...{ verdict: { enum: ['accept', 'flag', 'impute', 'default'] }, findings: list(freely), degraded: boolean },
    ...{ attributions: list(object({ input: text, value: number })), base_value: number },
    feature_ages: list(object({ view: text, seconds: number })),
  }),
  RewardRequest: {
    oneOf: [object(reward, ['decision_id']), object({ rewards: list(object(reward, ['decision_id'])) })],
  },
  RewardResponse: object({ accepted: number }),
  PredictBatchResponse: object({
    rows: list({
      oneOf: [
        object({ prediction: ref('PredictResponse') }, ['prediction']),
        object({ error: object({ code: text, message: text, reasons: list(text), retryable: boolean }) }, ['error']),
      ],
    }),
  }),
};

/** The paths of the document. */
export function servingPaths(): Readonly<Record<string, object>> {
  const entries = Object.entries(servingOperations).map(([operationId, operation]): [string, object] => [
    `/v1${operation.path}`,
    {
      [operation.method]: {
        ...{
          operationId,
          summary: operation.summary,
          parameters: operation.path.includes('{model}') ? [pathParameter('model')] : [],
        },
        requestBody: { required: true, content: json(operation.body) },
        responses: responses(operation.summary, json(operation.answer), operation.refusals, 'CodedError'),
      },
    },
  ]);
  return Object.fromEntries(entries);
}
