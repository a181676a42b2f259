import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { ServiceError } from '@everloop/service';
import { protoPath as healthProtoPath } from 'grpc-health-check';

/** The folder of the .proto files: `proto/` of this repository. */
const protoRoot = fileURLToPath(new URL('../../../proto', import.meta.url));

/**
 * The descriptors that reflection answers with: the files of each service's package, found by the convention that package
 * `a.b.v1` lies in `proto/a/b/v1/`, and health. Used for reflection only; calls are decoded by the generated code.
 */
export function reflectedPackages(serviceNames: readonly string[], root: string = protoRoot): PackageDefinition {
  const files = [...new Set(serviceNames.map(packageOf))].flatMap((name) => filesOfPackage(name, root));
  return loadSync([...files, healthProtoPath], { includeDirs: [root], keepCase: true });
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
