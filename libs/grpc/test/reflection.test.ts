import descriptor from 'protobufjs/ext/descriptor/index.js';
import { describe, expect, it } from 'vitest';
import { reflectedPackages } from '../src/reflection.ts';

interface Message {
  readonly name: string;
  readonly field: readonly { readonly name: string; readonly typeName: string }[];
  readonly nestedType: readonly (Message & { readonly options?: { readonly mapEntry?: boolean } | null })[];
}

function messagesOf(definition: ReturnType<typeof reflectedPackages>): readonly Message[] {
  const files = Object.values(definition).flatMap((each) =>
    'fileDescriptorProtos' in each ? (each.fileDescriptorProtos as Buffer[]) : [],
  );
  const top = files.flatMap(
    (bytes) => (descriptor.FileDescriptorProto.decode(bytes) as unknown as { messageType: Message[] }).messageType,
  );
  const all = (message: Message): readonly Message[] => [message, ...message.nestedType.flatMap(all)];
  return top.flatMap(all);
}

describe('reflectedPackages', () => {
  it('names the entries of maps as protoc does: strict readers refuse the file otherwise', () => {
    const entries = messagesOf(reflectedPackages(['inference.GRPCInferenceService'])).flatMap((message) =>
      message.nestedType.flatMap((nested) =>
        nested.options?.mapEntry === true
          ? message.field
              .filter((field) => field.typeName === nested.name)
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
});
