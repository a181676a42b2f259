import { node, valueInfo } from './build.ts';
import { encodeModel } from './encode.ts';

/** Where ONNX Runtime computes; the first that has an operator runs it. `cuda` needs a build of onnxruntime-node with its libraries, and a GPU. */
export type Provider = 'cpu' | 'cuda';

/** Variables that CUDA is found by; nothing else of the parent's environment reaches the child. */
const cudaVariables = ['LD_LIBRARY_PATH', 'CUDA_VISIBLE_DEVICES', 'CUDA_PATH'] as const;

/** The environment of a child with these providers. */
export function environmentFor(
  providers: readonly Provider[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  if (!providers.includes('cuda')) return {};
  return Object.fromEntries(cudaVariables.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

/**
 * Why the providers cannot be used here, in words; null when they can. Found by making a session of the smallest model: ONNX Runtime says so only
 * then. The CPU alone is always there.
 */
export async function providerTrouble(
  providers: readonly string[],
  create: (model: Uint8Array) => Promise<unknown>,
): Promise<string | null> {
  if (providers.every((provider) => provider === 'cpu')) return null;
  try {
    await create(smallestModel());
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function smallestModel(): Uint8Array {
  return encodeModel({
    ...{ irVersion: 10, producerName: 'everloop', producerVersion: '1', opsets: [{ domain: '', version: 21 }] },
    graph: {
      ...{ name: 'probe', nodes: [node('Identity', ['numeric'], ['score'])], initializers: [] },
      inputs: [valueInfo('numeric', 'float32', ['N', 1])],
      outputs: [valueInfo('score', 'float32', ['N', 1])],
    },
    refusedParts: [],
  });
}
