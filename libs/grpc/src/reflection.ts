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
  return asProtocDoes(loadSync([...files, healthProtoPath], { includeDirs: [root], keepCase: true }));
}

/**
 * The files as protoc describes them, which strict readers (protobuf-go, so grpcurl) insist on. protobufjs leaves out which files a file needs,
 * names types relative to where they stand, names the entry of a map field `parameters` `Parameters` instead of `ParametersEntry`, and ends
 * reserved numbers with the last instead of one past it.
 */
function asProtocDoes(definition: PackageDefinition): PackageDefinition {
  const files = new Map<Buffer, FileDescriptor>();
  for (const each of Object.values(definition)) {
    for (const bytes of filesOf(each)) {
      if (files.has(bytes)) continue;
      const file = descriptor.FileDescriptorProto.decode(bytes) as unknown as FileDescriptor;
      for (const message of file.messageType) {
        renameMapEntries(message);
        endReserved(message);
      }
      files.set(bytes, file);
    }
  }
  const homes = homesOf([...files.values()]);
  const fixed = new Map<Buffer, Buffer>();
  for (const [bytes, file] of files) {
    linkTypes(file, homes);
    fixed.set(bytes, Buffer.from(descriptor.FileDescriptorProto.encode(file as never).finish()));
  }
  const entries = Object.entries(definition).map(([name, each]) => {
    const own = filesOf(each);
    return [
      name,
      own.length === 0 ? each : { ...each, fileDescriptorProtos: own.map((bytes) => fixed.get(bytes) ?? bytes) },
    ] as const;
  });
  return Object.fromEntries(entries) as PackageDefinition;
}

function filesOf(each: PackageDefinition[string]): readonly Buffer[] {
  const files: unknown = 'fileDescriptorProtos' in each ? each.fileDescriptorProtos : null;
  return Array.isArray(files) ? (files as Buffer[]) : [];
}

interface FileDescriptor {
  readonly name: string;
  readonly package: string;
  readonly dependency: string[];
  readonly messageType: readonly MessageDescriptor[];
  readonly enumType: readonly { readonly name: string }[];
  readonly service: readonly { readonly method: readonly { inputType: string; outputType: string }[] }[];
}
interface MessageDescriptor {
  name: string;
  readonly field: readonly { typeName: string }[];
  readonly nestedType: readonly MessageDescriptor[];
  readonly enumType: readonly { readonly name: string }[];
  readonly reservedRange: readonly { end: number }[];
  readonly options?: { readonly mapEntry?: boolean } | null;
}

/** The name of the file of each type, by the type's full name. */
function homesOf(files: readonly FileDescriptor[]): ReadonlyMap<string, string> {
  const homes = new Map<string, string>();
  for (const file of files) {
    const add = (scope: string, { messageType, enumType }: Pick<FileDescriptor, 'messageType' | 'enumType'>): void => {
      for (const { name } of enumType) homes.set(`${scope}.${name}`, file.name);
      for (const message of messageType) {
        homes.set(`${scope}.${message.name}`, file.name);
        add(`${scope}.${message.name}`, { messageType: message.nestedType, enumType: message.enumType });
      }
    };
    add(file.package === '' ? '' : `.${file.package}`, file);
  }
  return homes;
}

/** Makes every name of a type a full one, and says which files they are from. */
function linkTypes(file: FileDescriptor, homes: ReadonlyMap<string, string>): void {
  const full = (typeName: string, scope: string): string => {
    for (let at = scope; ; at = at.slice(0, at.lastIndexOf('.'))) {
      const name = typeName.startsWith('.') ? typeName : `${at}.${typeName}`;
      const home = homes.get(name);
      if (home !== undefined) {
        if (home !== file.name && !file.dependency.includes(home)) file.dependency.push(home);
        return name;
      }
      if (at === '' || typeName.startsWith('.')) return typeName;
    }
  };
  const link = (messages: readonly MessageDescriptor[], scope: string): void => {
    for (const { name, field, nestedType } of messages) {
      const own = `${scope}.${name}`;
      for (const each of field) if (each.typeName !== '') each.typeName = full(each.typeName, own);
      link(nestedType, own);
    }
  };
  const scope = file.package === '' ? '' : `.${file.package}`;
  link(file.messageType, scope);
  for (const method of file.service.flatMap((service) => service.method)) {
    method.inputType = full(method.inputType, scope);
    method.outputType = full(method.outputType, scope);
  }
}

function endReserved(message: MessageDescriptor): void {
  for (const range of message.reservedRange) range.end += 1;
  for (const nested of message.nestedType) endReserved(nested);
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
