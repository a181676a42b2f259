import type { inference } from '@everloop/contracts';
import { booleanParameter, doubleParameter, textParameter } from '../domain/parameters.ts';
import { findingText, type GateFinding } from '../domain/gate.ts';
import { scoreOutput, wantsRaw } from '../domain/outputs.ts';
import { routeKeys, routeToken } from '../domain/route-token.ts';
import { gatewayError } from '../errors.ts';
import type { InferenceService } from '../ports.ts';
import type { ModelCatalog } from './catalog.ts';
import { createModelAdmin } from './model-admin.ts';
import type { Prediction, Predictor } from './predictor.ts';
import type { RouteTable } from './routes.ts';
import type { Statistics } from './statistics.ts';

export interface InferenceServiceOptions {
  readonly predictor: Predictor;
  readonly catalog: ModelCatalog;
  readonly routes: RouteTable;
  readonly statistics: Statistics;
  /** Whether requests can be taken now. */
  readonly isReady: () => boolean;
  readonly onFailed: (model: string, error: unknown) => void;
}

export const serverVersion = '0.1.0';
/** The names by which Triton announces what a client may use beside the protocol itself. */
const extensions = ['binary_tensor_data', 'model_configuration', 'model_repository', 'statistics'] as const;

export function createInferenceService(options: InferenceServiceOptions): InferenceService {
  const { predictor, catalog, statistics, isReady, onFailed } = options;
  return {
    ...createModelAdmin(options),
    serverLive: () => ({ live: true }),
    serverReady: () => ({ ready: isReady() }),
    serverMetadata: () => ({ name: 'everloop', version: serverVersion, extensions: [...extensions] }),
    async modelInfer(request, caller) {
      const startedMs = performance.now();
      try {
        if (!isReady())
          throw gatewayError('EVL_GATEWAY_NOT_READY', 'the gateway is starting or stopping; ask again later');
        const prediction = await predictor.predict(request, caller);
        const predictedMs = performance.now();
        const response = toResponse(request, prediction);
        const answeredMs = performance.now();
        statistics.answered({
          model: response.modelName,
          version: response.modelVersion,
          rows: prediction.scores.length,
          totalMs: answeredMs - startedMs,
          waitMs: prediction.timing.waitMs,
          inputMs: prediction.timing.readMs,
          outputMs: answeredMs - predictedMs,
        });
        return response;
      } catch (error) {
        // Names come from outside; only known ones may become a label.
        onFailed(catalog.get(request.modelName) === undefined ? 'unknown' : request.modelName, error);
        throw error;
      }
    },
  };
}

/** The answer in the form that was asked for. */
function toResponse(request: inference.ModelInferRequest, prediction: Prediction): inference.ModelInferResponse {
  const { prepared, choice, scores, decisionIds, policyRevision, isDegraded } = prediction;
  const parameters: inference.ModelInferResponse['parameters'] = {
    decision_id: textParameter(decisionIds.join(',')),
    arm: textParameter(choice.arm),
    propensity: doubleParameter(choice.propensity),
    explore: booleanParameter(choice.drawn?.explore ?? false),
    [routeKeys[0]]: textParameter(routeToken(prepared.model.name, choice.version)),
    policy_version: textParameter(policyRevision),
    model_version: textParameter(choice.version),
    degraded: booleanParameter(isDegraded),
    verdict: textParameter(prepared.verdict),
  };
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
    ...scoreOutput(scores, wantsRaw(request)),
  };
}

const findingsMax = 16;

function shownFindings(findings: readonly GateFinding[]): string {
  const left = findings.length - findingsMax;
  const shown = findings.slice(0, findingsMax).map(findingText).join('; ');
  return left > 0 ? `${shown}; and ${left} more` : shown;
}
