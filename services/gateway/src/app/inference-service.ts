import type { inference } from '@everloop/contracts';
import { findingText, type GateFinding } from '../domain/gate.ts';
import { answerMessage, encodeAnswer, type InferAnswer } from '../domain/infer-answer.ts';
import type { AnswerParameter } from '../domain/parameters.ts';
import {
  actionOutput,
  explanationOutputs,
  scoreOutput,
  wantedOutputs,
  wantsRaw,
  type Output,
} from '../domain/outputs.ts';
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
      answering.answer(new TensorAsk(request), (...answered) => answerMessage(toAnswer(request, ...answered)), caller),
    modelInferEncoded: (request, caller) =>
      answering.answer(new TensorAsk(request), (...answered) => encodeAnswer(toAnswer(request, ...answered)), caller),
  };
}

/** The answer with the outputs that were asked for. */
function toAnswer(
  request: inference.ModelInferRequest,
  prediction: Prediction,
  explanations: readonly Explanation[],
): InferAnswer {
  const { prepared, choice, actions, decisionIds, policyRevision, isDegraded } = prediction;
  const parameters: AnswerParameter[] = [
    ['decision_id', decisionIds.join(',')],
    ['arm', choice.arm],
    ['explore', isExploring(prediction)],
    [routeKeys[0], routeToken(prepared.model.name, choice.version)],
    ['policy_version', policyRevision],
    ['model_version', choice.version],
    ['degraded', isDegraded],
    ['verdict', prepared.verdict],
  ];
  // Rows of a model that chooses have a probability each, in an output.
  if (actions === null || actions.length === 1) parameters.push(['propensity', propensityOf(prediction, 0)]);
  if (prepared.findings.length > 0) parameters.push(['gate_findings', shownFindings(prepared.findings)]);
  if (choice.target !== undefined) parameters.push(['target', choice.target]);
  if (choice.intended !== undefined)
    parameters.push(['fallback_from', choice.intended.version], ['arm_intended', choice.intended.arm]);
  return {
    modelName: prepared.model.name,
    modelVersion: choice.version,
    id: prepared.requestId,
    parameters,
    outputs: wantedOutputs([...answered(prediction), ...explained(prepared, explanations)], request),
    isRaw: wantsRaw(request),
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
