import type { inference } from '@everloop/contracts';
import { booleanParameter, doubleParameter, textParameter } from '../domain/parameters.ts';
import { findingText, type GateFinding } from '../domain/gate.ts';
import { scoreOutput, wantsRaw } from '../domain/outputs.ts';
import { rowsMax } from '../domain/tensors.ts';
import { gatewayError } from '../errors.ts';
import type { InferenceService } from '../ports.ts';
import type { ModelCatalog } from './catalog.ts';
import { modelNotFound } from './prepare.ts';
import type { Prediction, Predictor } from './predictor.ts';
import type { RouteTable } from './routes.ts';

export interface InferenceServiceOptions {
  readonly predictor: Predictor;
  readonly catalog: ModelCatalog;
  readonly routes: RouteTable;
  /** Whether requests can be taken now. */
  readonly isReady: () => boolean;
  readonly onFailed: (model: string, error: unknown) => void;
}

export const serverVersion = '0.1.0';

export function createInferenceService(options: InferenceServiceOptions): InferenceService {
  const { predictor, catalog, routes, isReady, onFailed } = options;
  const isModelReady = (name: string, version: string): boolean => {
    const applied = routes.get(name);
    return applied !== undefined && (version === '' || applied.versions.has(version));
  };
  return {
    serverLive: () => ({ live: true }),
    serverReady: () => ({ ready: isReady() }),
    modelReady({ name, version }) {
      if (catalog.get(name) === undefined) throw modelNotFound(name, catalog);
      return { ready: isModelReady(name, version) };
    },
    serverMetadata: () => ({ name: 'everloop', version: serverVersion, extensions: [] }),
    modelMetadata({ name }) {
      const model = catalog.get(name);
      if (model === undefined) throw modelNotFound(name, catalog);
      const applied = routes.get(name);
      return {
        name,
        versions: [...(applied?.versions.keys() ?? [])],
        platform: 'onnx_onnxv1',
        inputs: model.spec.request.map((field) => ({
          name: field.name,
          datatype: field.type === 'string' ? 'BYTES' : 'FP64',
          shape: [-1n],
        })),
        outputs: [{ name: 'score', datatype: 'FP32', shape: [-1n] }],
        properties: {
          join_key: model.spec.joinKey,
          rows_max: String(rowsMax),
          policy_revision: applied?.route.revision ?? '',
          champion_version: applied?.route.championVersion ?? '',
        },
      };
    },
    async modelInfer(request) {
      try {
        if (!isReady())
          throw gatewayError('EVL_GATEWAY_NOT_READY', 'the gateway is starting or stopping; ask again later');
        return toResponse(request, await predictor.predict(request));
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
    policy_revision: textParameter(policyRevision),
    model_version: textParameter(choice.version),
    degraded: booleanParameter(isDegraded),
    verdict: textParameter(prepared.verdict),
  };
  if (prepared.findings.length > 0) parameters['gate_findings'] = textParameter(shownFindings(prepared.findings));
  if (choice.fallbackFrom !== undefined) parameters['fallback_from'] = textParameter(choice.fallbackFrom);
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
