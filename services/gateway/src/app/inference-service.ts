import type { inference } from '@everloop/contracts';
import { booleanParameter, doubleParameter, textParameter } from '../domain/parameters.ts';
import { findingText, type GateFinding } from '../domain/gate.ts';
import { actionOutput, encodeOutputs, explanationOutputs, scoreOutput, type Output } from '../domain/outputs.ts';
import { routeKeys, routeToken } from '../domain/route-token.ts';
import type { InferenceService } from '../ports.ts';
import type { Answering } from './answering.ts';
import type { Explanation } from './explainer.ts';
import { createModelAdmin, type ModelAdminOptions } from './model-admin.ts';
import { isExploring, propensityOf, type Prediction } from './predictor.ts';
import { TensorAsk } from './tensor-ask.ts';

export interface InferenceServiceOptions extends ModelAdminOptions {
  readonly answering: Answering;
  /** Whether requests can be taken now. */
  readonly isReady: () => boolean;
}

export const serverVersion = '0.1.0';
/** The names by which Triton announces what a client may use beside the protocol itself. */
const extensions = ['binary_tensor_data', 'model_configuration', 'model_repository', 'statistics'] as const;

export function createInferenceService(options: InferenceServiceOptions): InferenceService {
  const { answering, isReady } = options;
  return {
    ...createModelAdmin(options),
    serverLive: () => ({ live: true }),
    serverReady: () => ({ ready: isReady() }),
    serverMetadata: () => ({ name: 'everloop', version: serverVersion, extensions: [...extensions] }),
    modelInfer: (request, caller) =>
      answering.answer(new TensorAsk(request), (...answered) => toResponse(request, ...answered), caller),
  };
}

/** The answer in the form that was asked for. */
function toResponse(
  request: inference.ModelInferRequest,
  prediction: Prediction,
  explanations: readonly Explanation[],
): inference.ModelInferResponse {
  const { prepared, choice, actions, decisionIds, policyRevision, isDegraded } = prediction;
  const parameters: inference.ModelInferResponse['parameters'] = {
    decision_id: textParameter(decisionIds.join(',')),
    arm: textParameter(choice.arm),
    explore: booleanParameter(isExploring(prediction)),
    [routeKeys[0]]: textParameter(routeToken(prepared.model.name, choice.version)),
    policy_version: textParameter(policyRevision),
    model_version: textParameter(choice.version),
    degraded: booleanParameter(isDegraded),
    verdict: textParameter(prepared.verdict),
  };
  // Rows of a model that chooses have a probability each, in an output.
  if (actions === null || actions.length === 1) parameters['propensity'] = doubleParameter(propensityOf(prediction, 0));
  if (prepared.findings.length > 0) parameters['gate_findings'] = textParameter(shownFindings(prepared.findings));
  if (choice.target !== undefined) parameters['target'] = textParameter(choice.target);
  if (choice.intended !== undefined) {
    parameters['fallback_from'] = textParameter(choice.intended.version);
    parameters['arm_intended'] = textParameter(choice.intended.arm);
  }
  return {
    modelName: prepared.model.name,
    modelVersion: choice.version,
    id: prepared.requestId,
    parameters,
    ...encodeOutputs([...answered(prediction), ...explained(prepared, explanations)], request),
  };
}

/** The outputs that every answer has. */
function answered(prediction: Prediction): readonly Output[] {
  const { actions, scores } = prediction;
  if (actions === null) return [scoreOutput(scores)];
  return actionOutput(
    actions.map(({ action }) => action),
    scores,
    actions.map((_, row) => propensityOf(prediction, row)),
  );
}

/** The outputs of explanations: none where none are wanted. */
function explained({ model }: Prediction['prepared'], explanations: readonly Explanation[]): readonly Output[] {
  if (explanations.length === 0) return [];
  return explanationOutputs(
    model.spec.inputs.map(({ name }) => name),
    explanations,
  );
}

const findingsMax = 16;

function shownFindings(findings: readonly GateFinding[]): string {
  const left = findings.length - findingsMax;
  const shown = findings.slice(0, findingsMax).map(findingText).join('; ');
  return left > 0 ? `${shown}; and ${left} more` : shown;
}
