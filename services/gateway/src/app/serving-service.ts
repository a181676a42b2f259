import type { servingApi } from '@everloop/contracts';
import { routeToken } from '../domain/route-token.ts';
import { rowsMax } from '../domain/tensors.ts';
import { RequestRefused } from '../errors.ts';
import type { Caller, ServingService } from '../ports.ts';
import type { Answering } from './answering.ts';
import type { Explanation } from './explainer.ts';
import { FieldsAsk } from './fields-ask.ts';
import { isExploring, propensityOf, type Prediction } from './predictor.ts';
import { rowError } from './row-error.ts';

/** The calls of `everloop.serving.v1`. */
export function createServingService(answering: Answering, rewards: Pick<ServingService, 'reward'>): ServingService {
  const predict: ServingService['predict'] = (request, caller) =>
    answering.answer(new FieldsAsk(request.model, request.version, request), toResponse, caller);
  return {
    reward: (request) => rewards.reward(request),
    predict,
    explain: (request, caller) => predict({ ...request, explain: true }, caller),
    async predictBatch({ model, version, rows }, caller) {
      answering.require(model);
      if (rows.length < 1 || rows.length > rowsMax) {
        throw new RequestRefused(`batch to model ${model}`, [`it has ${rows.length} rows, expected 1 to ${rowsMax}`]);
      }
      // All begin in one turn, so they share a read of features and a run.
      return {
        rows: await Promise.all(rows.map((row) => rowAnswer(answering, new FieldsAsk(model, version, row), caller))),
      };
    },
  };
}

async function rowAnswer(
  answering: Answering,
  ask: FieldsAsk,
  caller: Caller | undefined,
): Promise<servingApi.RowAnswer> {
  try {
    return { result: { $case: 'prediction', value: await answering.answer(ask, toResponse, caller) } };
  } catch (error) {
    const value = rowError(error);
    // A bug fails the call, which is logged.
    if (value === null) throw error;
    return { result: { $case: 'error', value } };
  }
}

function toResponse(prediction: Prediction, explanations: readonly Explanation[]): servingApi.PredictResponse {
  const { prepared, choice, scores, actions, decisionIds, policyRevision, isDegraded, features } = prediction;
  const [explanation] = explanations;
  return {
    decisionId: decisionIds[0] ?? '',
    id: prepared.requestId,
    model: prepared.model.name,
    modelVersion: choice.version,
    score: scores[0] ?? Number.NaN,
    arm: choice.arm,
    propensity: propensityOf(prediction, 0),
    explore: isExploring(prediction),
    action: actions?.[0]?.action ?? '',
    policyVersion: policyRevision,
    route: routeToken(prepared.model.name, choice.version),
    target: choice.target ?? '',
    armIntended: choice.intended?.arm ?? '',
    fallbackFrom: choice.intended?.version ?? '',
    verdict: prepared.verdict,
    findings: prepared.findings.map(({ field, problem, action, value }) => ({ field, problem, action, value })),
    degraded: isDegraded,
    attributions:
      explanation === undefined
        ? []
        : prepared.model.spec.inputs.map(({ name }, at) => ({ input: name, value: explanation.attributions[at] ?? 0 })),
    baseValue: explanation?.base,
    featureAges: featureAges(prepared.model.spec.views, features[0]?.viewAgesMs ?? []),
  };
}

/** The ages of the views that have something. */
function featureAges(views: readonly { readonly view: string }[], agesMs: readonly number[]): servingApi.FeatureAge[] {
  const ages: servingApi.FeatureAge[] = [];
  agesMs.forEach((ageMs, at) => {
    if (ageMs >= 0) ages.push({ view: views[at]?.view ?? '', seconds: ageMs / 1_000 });
  });
  return ages;
}
