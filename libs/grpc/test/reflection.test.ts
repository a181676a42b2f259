import descriptor from 'protobufjs/ext/descriptor/index.js';
import { describe, expect, it } from 'vitest';
import { reflectedPackages } from '../src/reflection.ts';

interface Message {
  readonly name: string;
  readonly field: readonly { readonly name: string; readonly typeName: string }[];
  readonly reservedRange: readonly { readonly start: number; readonly end: number }[];
  readonly nestedType: readonly (Message & { readonly options?: { readonly mapEntry?: boolean } | null })[];
}

interface File {
  readonly name: string;
  readonly dependency: readonly string[];
  readonly messageType: readonly Message[];
}

function filesOf(definition: ReturnType<typeof reflectedPackages>): readonly File[] {
  const files = Object.values(definition).flatMap((each) =>
    'fileDescriptorProtos' in each ? (each.fileDescriptorProtos as Buffer[]) : [],
  );
  return files.map((bytes) => descriptor.FileDescriptorProto.decode(bytes) as unknown as File);
}

function messagesOf(definition: ReturnType<typeof reflectedPackages>): readonly Message[] {
  const top = filesOf(definition).flatMap(({ messageType }) => messageType);
  const all = (message: Message): readonly Message[] => [message, ...message.nestedType.flatMap(all)];
  return top.flatMap(all);
}

describe('reflectedPackages', () => {
  it('names the entries of maps as protoc does: strict readers refuse the file otherwise', () => {
    const entries = messagesOf(reflectedPackages(['inference.GRPCInferenceService'])).flatMap((message) =>
      message.nestedType.flatMap((nested) =>
        nested.options?.mapEntry === true
          ? message.field
              .filter((field) => field.typeName.endsWith(`.${message.name}.${nested.name}`))
              .map((field) => `${message.name}.${field.name}: ${nested.name}`)
          : [],
      ),
    );
    expect(new Set(entries)).toEqual(
      new Set([
        'ModelMetadataResponse.properties: PropertiesEntry',
        'ModelInferRequest.parameters: ParametersEntry',
        'InferInputTensor.parameters: ParametersEntry',
        'InferRequestedOutputTensor.parameters: ParametersEntry',
        'ModelInferResponse.parameters: ParametersEntry',
        'InferOutputTensor.parameters: ParametersEntry',
        'ModelStatistics.response_stats: ResponseStatsEntry',
        'RepositoryModelLoadRequest.parameters: ParametersEntry',
        'RepositoryModelUnloadRequest.parameters: ParametersEntry',
        'ModelConfig.parameters: ParametersEntry',
        'HealthListResponse.statuses: StatusesEntry',
      ]),
    );
  });

  it('ends reserved numbers one past the last, as protoc does', () => {
    // `reserved 4, 5, 6;`
    const route = messagesOf(reflectedPackages(['everloop.rollout.v1.RolloutService'])).find(
      ({ name }) => name === 'Route',
    );
    expect(route?.reservedRange.map(({ start, end }) => [start, end])).toEqual([
      [4, 5],
      [5, 6],
      [6, 7],
    ]);
  });

  it.each([
    [
      'everloop.serving.v1.ServingService',
      'everloop_serving_v1.proto',
      ['everloop_rollout_v1.proto', 'google_protobuf.proto'],
    ],
    [
      'everloop.features.v1.FeatureService',
      'everloop_features_v1.proto',
      ['everloop_registry_v1.proto', 'everloop_serving_v1.proto'],
    ],
    ['feast.serving.ServingService', 'feast_serving.proto', ['feast_types.proto', 'google_protobuf.proto']],
  ])('says of %s which files it needs, and names every type in full', (service, name, needed) => {
    const definition = reflectedPackages([service]);
    expect([...(filesOf(definition).find((file) => file.name === name)?.dependency ?? [])].sort()).toEqual(needed);
    const types = messagesOf(definition).flatMap(({ field }) => field.map(({ typeName }) => typeName));
    expect(types.filter((typeName) => typeName !== '' && !typeName.startsWith('.'))).toEqual([]);
  });
});
