import { askedFields, inferenceConfig, type inference } from '@everloop/contracts';
import { actionOutputs, scoreOutputs } from '../domain/outputs.ts';
import { versionsOf } from '../domain/routing.ts';
import { rowsMax } from '../domain/tensors.ts';
import { gatewayError } from '../errors.ts';
import type { InferenceService } from '../ports.ts';
import type { ModelCatalog, ServedModel } from './catalog.ts';
import { modelNotFound } from './prepare.ts';
import type { RouteTable } from './routes.ts';
import type { Statistics } from './statistics.ts';

export interface ModelAdminOptions {
  readonly catalog: ModelCatalog;
  readonly routes: Pick<RouteTable, 'get' | 'wanted' | 'tryNow'>;
  readonly statistics: Statistics;
}

type ModelAdmin = Pick<
  InferenceService,
  | 'modelReady'
  | 'modelMetadata'
  | 'modelConfig'
  | 'modelStatistics'
  | 'repositoryIndex'
  | 'repositoryModelLoad'
  | 'repositoryModelUnload'
>;

type ModelIndex = inference.RepositoryIndexResponse_ModelIndex;

/** What the protocol and its extensions say about models, beside running them. */
export function createModelAdmin({ catalog, routes, statistics }: ModelAdminOptions): ModelAdmin {
  const known = (name: string): ServedModel => {
    const model = catalog.get(name);
    if (model === undefined) throw modelNotFound(name, catalog);
    return model;
  };
  const loaded = (name: string): readonly string[] => [...(routes.get(name)?.versions.keys() ?? [])];
  const requireLoaded = (name: string, version: string): void => {
    if (version === '' || loaded(name).includes(version)) return;
    throw gatewayError(
      'EVL_GATEWAY_VERSION_NOT_FOUND',
      `version ${version} of model ${name} is not loaded; loaded: ${loaded(name).join(', ')}`,
    );
  };
  const properties = ({ name, spec, packed }: ServedModel): Record<string, string> => {
    const route = routes.get(name)?.route;
    return {
      join_key: spec.joinKey,
      rows_max: String(rowsMax),
      policy_revision: route?.revision ?? '',
      champion_version: route?.championVersion ?? '',
      ...Object.fromEntries([...packed].map(([tensor, fields]) => [`packed_${tensor}`, fields.join(',')])),
    };
  };
  const statisticsOf = (name: string, version: string): inference.ModelStatistics[] => {
    known(name);
    const versions = [...new Set([...loaded(name), ...statistics.versionsOf(name)])];
    if (version !== '' && !versions.includes(version)) requireLoaded(name, version);
    return versions.filter((each) => version === '' || each === version).map((each) => statistics.of(name, each));
  };
  return {
    modelReady({ name, version }) {
      known(name);
      return { ready: routes.get(name) !== undefined && (version === '' || loaded(name).includes(version)) };
    },
    modelMetadata({ name, version }) {
      const model = known(name);
      const { spec } = model;
      requireLoaded(name, version);
      return {
        name,
        versions: [...loaded(name)],
        platform: 'onnx_onnxv1',
        inputs: askedFields(spec).map((field) => ({
          name: field.name,
          datatype: datatypeOf(field.type),
          shape: [-1n],
        })),
        outputs: outputsOf(model).map((output) => ({ ...output, shape: [-1n] })),
        properties: properties(model),
      };
    },
    modelConfig({ name, version }) {
      const model = known(name);
      requireLoaded(name, version);
      return { config: configOf(model, loaded(name), properties(model)) };
    },
    modelStatistics: ({ name, version }) => ({
      modelStats: (name === '' ? catalog.names : [name]).flatMap((each) => statisticsOf(each, version)),
    }),
    repositoryIndex: ({ ready }) => ({
      models: catalog.names
        .flatMap((name) => indexOf(name, loaded(name), routes.wanted(name)))
        .filter((entry) => !ready || entry.state === 'READY'),
    }),
    async repositoryModelLoad({ modelName, parameters }) {
      known(modelName);
      refuseParameters(modelName, Object.keys(parameters));
      const wanted = routes.wanted(modelName);
      if (wanted === undefined) {
        throw gatewayError(
          'EVL_GATEWAY_LOAD_PRECONDITION',
          `model ${modelName} has no route yet: a version is loaded once it is registered and rolled out, not by a load`,
        );
      }
      if (await routes.tryNow(modelName)) return;
      const missing = versionsOf(wanted).filter((version) => !loaded(modelName).includes(version));
      throw gatewayError(
        'EVL_GATEWAY_LOAD_FAILED',
        `version ${missing.join(', ')} of model ${modelName} could not be loaded; the gateway's log says why, and it is tried again`,
      );
    },
    async repositoryModelUnload({ modelName }) {
      known(modelName);
      throw gatewayError(
        'EVL_GATEWAY_LOAD_PRECONDITION',
        `versions of ${modelName} are unloaded when no route names them any more: roll out another version, or roll this one back`,
      );
    },
  };
}

function refuseParameters(model: string, names: readonly string[]): void {
  if (names.length === 0) return;
  throw gatewayError(
    'EVL_GATEWAY_LOAD_INVALID',
    `a load of model ${model} takes no parameters (${names.join(', ')}): the file and the configuration of a version never change; register a new version`,
  );
}

function outputsOf({ chooser }: Pick<ServedModel, 'chooser'>): typeof scoreOutputs | typeof actionOutputs {
  return chooser === null ? scoreOutputs : actionOutputs;
}

function datatypeOf(type: ServedModel['spec']['request'][number]['type']): string {
  return type === 'string' ? 'BYTES' : 'FP64';
}

/** What is loaded is READY; what the wanted route names beside is UNAVAILABLE. */
function indexOf(
  name: string,
  loaded: readonly string[],
  wanted: Parameters<typeof versionsOf>[0] | undefined,
): ModelIndex[] {
  if (wanted === undefined)
    return [{ name, version: '', state: 'UNAVAILABLE', reason: 'no version has been rolled out yet' }];
  const missing = versionsOf(wanted).filter((version) => !loaded.includes(version));
  return [
    ...loaded.map((version) => ({ name, version, state: 'READY', reason: '' })),
    ...missing.map((version) => ({
      name,
      version,
      state: 'UNAVAILABLE',
      reason: "not loaded yet; if it stays so, the gateway's log says why",
    })),
  ];
}

/** Batches are formed over the first dimension, which is part of the shapes here: `max_batch_size` is 0, the limit is the parameter `rows_max`. */
function configOf(
  { name, spec, chooser }: ServedModel,
  versions: readonly string[],
  properties: Readonly<Record<string, string>>,
): inferenceConfig.ModelConfig {
  const { DataType, ModelInstanceGroup_Kind: Kind } = inferenceConfig;
  return inferenceConfig.ModelConfig.fromPartial({
    name,
    platform: 'onnxruntime_onnx',
    backend: 'onnxruntime',
    versionPolicy: {
      policyChoice: {
        $case: 'specific',
        value: { versions: versions.filter((version) => /^\d{1,18}$/.test(version)).map(BigInt) },
      },
    },
    input: askedFields(spec).map((field) => ({
      name: field.name,
      dataType: field.type === 'string' ? DataType.TYPE_STRING : DataType.TYPE_FP64,
      dims: [-1n],
    })),
    output: outputsOf({ chooser }).map(({ name: output, datatype }) => ({
      ...{ name: output, dims: [-1n] },
      dataType: { FP32: DataType.TYPE_FP32, FP64: DataType.TYPE_FP64, BYTES: DataType.TYPE_STRING }[datatype],
    })),
    instanceGroup: [{ name: 'models', count: 1, kind: Kind.CPU }],
    defaultModelFilename: 'model.onnx',
    parameters: Object.fromEntries(Object.entries(properties).map(([key, stringValue]) => [key, { stringValue }])),
    modelTransactionPolicy: { decoupled: false },
  });
}
