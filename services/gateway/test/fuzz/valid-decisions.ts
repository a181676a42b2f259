import { servingApi } from '@everloop/contracts';
import { sigmoid } from '../real/logistic.ts';
import { callHttp, framed, type Ports, type Said } from './calls.ts';
import { explainCall, offerCall, rewardCall, type BothForms } from './decision-seeds.ts';
import type { Asked } from './seeds.ts';

/** Tries while the queue of explanations is full, which malformed calls fill as well. */
const triesMax = 200;

/** Calls by gRPC or as JSON; the body of the answer. */
async function call(ports: Ports, forms: BothForms, overHttp: boolean): Promise<Buffer> {
  for (let left = triesMax; ; left -= 1) {
    const { outcome, text, body } = overHttp
      ? await callHttp(ports.httpPort, forms.httpPath, Buffer.from(JSON.stringify(forms.json)), {})
      : await ports.grpc.call(forms.path, framed(forms.message));
    if (outcome === (overHttp ? 200 : 0)) return body;
    if (left === 0 || (outcome !== 8 && outcome !== 429))
      throw new Error(`a valid call ended with ${outcome}: ${text}`);
  }
}

interface JsonPrediction {
  readonly id: string;
  readonly decision_id: string;
  readonly score: number;
  readonly action?: string;
  readonly propensity: number;
  readonly attributions?: readonly { readonly input: string; readonly value: number }[];
  readonly base_value?: number;
}

async function predict(ports: Ports, forms: BothForms, overHttp: boolean): Promise<JsonPrediction> {
  const body = await call(ports, forms, overHttp);
  if (overHttp) return JSON.parse(body.toString()) as JsonPrediction;
  const answer = servingApi.PredictResponse.decode(body);
  return { ...answer, decision_id: answer.decisionId, base_value: answer.baseValue ?? NaN };
}

/** The explanation adds up to the score, which is that of the request. */
export async function explained(ports: Ports, asked: Asked, overHttp: boolean): Promise<Said> {
  const answer = await predict(ports, explainCall(asked, asked.distances.length % 2 === 0), overHttp);
  const { id, score, decision_id: decisionId, attributions = [], base_value: base = NaN } = answer;
  const names = attributions.map(({ input }) => input).join();
  const sum = attributions.reduce((total, { value }) => total + value, base);
  if (names !== 'distance,wind' || !(Math.abs(sum - score) < 1e-9))
    throw new Error(`an explanation of ${id} adds up to ${sum}, the score is ${score}; of ${names}`);
  return { id, scores: [score], decisionIds: [decisionId] };
}

const epsilon = 0.3;

/** The score is that of the action, and the probability that of the best action or of another. Said as a score of no action. */
export async function chosen(ports: Ports, asked: Asked, overHttp: boolean): Promise<Said> {
  const answer = await predict(ports, offerCall(asked), overHttp);
  const { id, score, decision_id: decisionId, action = '', propensity } = answer;
  const [distance = NaN] = asked.distances;
  const expected = sigmoid(distance / 100 + Number(action) / 2);
  const probability = epsilon / 3 + (action === '3' ? 1 - epsilon : 0);
  const isRight = Math.abs(score - expected) < 2e-6 && Math.abs(propensity - probability) < 1e-12;
  if (!['1', '2', '3'].includes(action) || !isRight)
    throw new Error(`${id} was answered with ${JSON.stringify(answer)}, expected ${expected} with ${probability}`);
  return { id, scores: [sigmoid(distance / 100)], decisionIds: [decisionId] };
}

/** A reward with a name of its own, so that it is found again in the log. */
export interface Rewarded {
  readonly key: string;
  readonly decisionId: string;
  readonly value: number;
}

/** Rewards for a decision, one or several; what is wrong, or the rewards that were taken. */
export async function checkRewards(
  ports: Ports,
  n: number,
  decisionId: string,
): Promise<{ readonly wrong: string | null; readonly rewarded: readonly Rewarded[] }> {
  const rewarded = Array.from({ length: 1 + (n % 3) }, (_, at) => ({
    ...{ key: `reward-${n}-${at}`, decisionId, value: ((n * 13 + at) % 2_000) / 100 - 10 },
  }));
  const forms = rewardCall(
    rewarded.map(({ key, value }) => ({ decisionId, value, idempotencyKey: key, source: 'fuzz', model: 'delay' })),
  );
  try {
    await call(ports, forms, n % 2 === 0);
    return { wrong: null, rewarded };
  } catch (error) {
    return { wrong: `rewards ${n}: ${String(error)}`, rewarded: [] };
  }
}
