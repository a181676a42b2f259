import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { ServiceError } from '@everloop/service';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import { protoPath as healthProtoPath } from 'grpc-health-check';

/** The folder of the .proto files: `proto/` of this repository. */
const protoRoot = fileURLToPath(new URL('../../../proto', import.meta.url));

/**
 * The descriptors that reflection answers with: the files of each service's package, found by the convention that package
 * `a.b.v1` lies in `proto/a/b/v1/`, and health. Used for reflection only; calls are decoded by the generated code.
 */
export function reflectedPackages(serviceNames: readonly string[], root: string = protoRoot): PackageDefinition {
  const files = [...new Set(serviceNames.map(packageOf))].flatMap((name) => filesOfPackage(name, root));
  return withMapEntries(loadSync([...files, healthProtoPath], { includeDirs: [root], keepCase: true }));
}

/**
 * protobufjs names the entry of a map field `parameters` `Parameters`; protoc and every strict reader (protobuf-go, so grpcurl) know only
 * `ParametersEntry` and refuse the file.
 */
function withMapEntries(definition: PackageDefinition): PackageDefinition {
  const fixed = new Map<Buffer, Buffer>();
  const fix = (bytes: Buffer): Buffer => {
    const known = fixed.get(bytes);
    if (known !== undefined) return known;
    const file = descriptor.FileDescriptorProto.decode(bytes) as unknown as FileDescriptor;
    for (const message of file.messageType) renameMapEntries(message);
    const made = Buffer.from(descriptor.FileDescriptorProto.encode(file as never).finish());
    fixed.set(bytes, made);
    return made;
  };
  const entries = Object.entries(definition).map(([name, each]) => {
    const files: unknown = 'fileDescriptorProtos' in each ? each.fileDescriptorProtos : null;
    return [
      name,
      Array.isArray(files) ? { ...each, fileDescriptorProtos: (files as Buffer[]).map(fix) } : each,
    ] as const;
  });
  return Object.fromEntries(entries) as PackageDefinition;
}

interface FileDescriptor {
  readonly messageType: readonly MessageDescriptor[];
}
interface MessageDescriptor {
  name: string;
  readonly field: readonly { typeName: string }[];
  readonly nestedType: readonly MessageDescriptor[];
  readonly options?: { readonly mapEntry?: boolean } | null;
}

function renameMapEntries(message: MessageDescriptor): void {
  for (const nested of message.nestedType) {
    renameMapEntries(nested);
    if (nested.options?.mapEntry !== true || nested.name.endsWith('Entry')) continue;
    const { name } = nested;
    // The field's name in camel case: of `response_stats` it is `ResponseStatsEntry`.
    nested.name = `${name.replaceAll(/_+(.)/g, (_all, letter: string) => letter.toUpperCase())}Entry`;
    for (const field of message.field) if (field.typeName === name) field.typeName = nested.name;
  }
}

function packageOf(serviceName: string): string {
  return serviceName.slice(0, Math.max(0, serviceName.lastIndexOf('.')));
}

function filesOfPackage(name: string, root: string): readonly string[] {
  // A service without a package is described by a file beside that of another.
  if (name === '') return [];
  const folder = join(root, ...name.split('.'));
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.proto')) : [];
  if (files.length === 0) {
    throw new ServiceError({
      code: 'EVL_GRPC_PROTO_MISSING',
      kind: 'bug',
      message: `no .proto file of package '${name}' in ${folder}; a package a.b.v1 belongs into a/b/v1/`,
    });
  }
  return files.map((file) => join(folder, file));
}
