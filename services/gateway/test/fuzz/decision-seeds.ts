import { inference, servingApi } from '@everloop/contracts';
import { typedRequest, type Asked } from './seeds.ts';

const service = '/everloop.serving.v1.ServingService';

/** A call over gRPC and the same as JSON. */
export interface BothForms {
  readonly path: string;
  readonly message: Buffer;
  readonly httpPath: string;
  readonly json: object;
}

const predictMessage = (model: string, fields: object): Buffer =>
  Buffer.from(servingApi.PredictRequest.encode(servingApi.PredictRequest.fromPartial({ model, ...fields })).finish());

const rowOf = ({ id, distances: [distance = 0] }: Asked) => ({
  id,
  features: { trip: `${id}-0`, origin: 'EWR', distance },
});

/** A prediction of one row that is explained, by the call of that name or by its field. */
export function explainCall(asked: Asked, byField: boolean): BothForms {
  const row = rowOf(asked);
  if (!byField)
    return {
      ...{ path: `${service}/Explain`, message: predictMessage('delay', row) },
      ...{ httpPath: '/v1/models/delay:explain', json: row },
    };
  const explained = { ...row, explain: true };
  return {
    ...{ path: `${service}/Predict`, message: predictMessage('delay', explained) },
    ...{ httpPath: '/v1/models/delay:predict', json: explained },
  };
}

/** A request of one row to the model that chooses. */
export function offerCall(asked: Asked): BothForms {
  const row = rowOf(asked);
  return {
    ...{ path: `${service}/Predict`, message: predictMessage('offer', row) },
    ...{ httpPath: '/v1/models/offer:predict', json: row },
  };
}

/** Rewards as one call; of a single one by the call for one. */
export function rewardCall(rewards: readonly Partial<servingApi.RewardRequest>[]): BothForms {
  const messages = rewards.map((reward) => servingApi.RewardRequest.fromPartial(reward));
  const [first] = messages;
  const list = rewards.map(({ decisionId, value, kind, idempotencyKey, source, eventTimeMs, model }) => ({
    ...{ decision_id: decisionId, value, kind, idempotency_key: idempotencyKey, source },
    ...{ event_time_ms: eventTimeMs, model },
  }));
  const isOne = messages.length === 1 && first !== undefined;
  const message = isOne
    ? servingApi.RewardRequest.encode(first).finish()
    : servingApi.RewardBatchRequest.encode({ rewards: messages }).finish();
  return {
    ...{ path: `${service}/${isOne ? 'Reward' : 'RewardBatch'}`, message: Buffer.from(message) },
    ...{ httpPath: '/v1/rewards', json: isOne ? { ...list[0] } : { rewards: list } },
  };
}

/** Tensors that ask for explanations, and tensors for the model that chooses: what mutations begin from. */
export function decisionTensors(): readonly [Buffer, ...Buffer[]] {
  const explain = { explain: { parameterChoice: { $case: 'boolParam', value: true } } } as const;
  const [explained, chosen] = [
    { ...typedRequest({ id: 'e', distances: [12.5, -7] }), parameters: explain },
    { ...typedRequest({ id: 'o', distances: [1, 2, 3] }), modelName: 'offer' },
  ].map((request) => Buffer.from(inference.ModelInferRequest.encode(request).finish()));
  return [explained ?? Buffer.alloc(0), chosen ?? Buffer.alloc(0)];
}

const reward = {
  ...{ decisionId: 'f00d', value: 0.5, kind: 'reward', eventTimeMs: 1_357_000_000_000 },
  ...{ idempotencyKey: 'k', source: 'fuzz', model: 'delay' },
};

/** Valid calls of everything that decides: what mutations begin from. */
export function decisionSeeds(): readonly [BothForms, ...BothForms[]] {
  const asked = { id: 'seed', distances: [12.5] };
  const deactivation = { decisionId: 'f00d', kind: 'deactivate' };
  return [
    explainCall(asked, false),
    explainCall(asked, true),
    offerCall(asked),
    rewardCall([reward]),
    rewardCall([reward, deactivation, { decisionId: 'beef', value: -1 }]),
  ];
}
