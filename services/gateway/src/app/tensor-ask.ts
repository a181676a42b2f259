import type { inference } from '@everloop/contracts';
import { actionOutputs, explanationNames, scoreOutputs } from '../domain/outputs.ts';
import { readOptions, type ReadOptions } from '../domain/parameters.ts';
import { stickyVersion } from '../domain/route-token.ts';
import { decodeInputs, type Decoded } from '../domain/tensors.ts';
import type { ServedModel } from './catalog.ts';
import type { Ask } from './prepare.ts';

/** A request of the Open Inference Protocol: request fields are tensors, options are parameters. */
export class TensorAsk implements Ask {
  readonly #request: inference.ModelInferRequest;

  constructor(request: inference.ModelInferRequest) {
    this.#request = request;
  }

  get model(): string {
    return this.#request.modelName;
  }

  get version(): string {
    return this.#request.modelVersion;
  }

  get id(): string {
    return this.#request.id;
  }

  columns({ packed }: ServedModel): Decoded {
    return decodeInputs(this.#request, packed);
  }

  options({ chooser }: ServedModel): ReadOptions {
    const read = readOptions(this.#request.parameters);
    const { outputs } = this.#request;
    if (outputs.length === 0) return read;
    const known = (chooser === null ? scoreOutputs : actionOutputs).map(({ name }) => name as string);
    const names = [...known, ...explanationNames];
    const unknown = outputs.filter(({ name }) => !names.includes(name));
    if (unknown.length > 0) {
      const reasons = unknown.map(({ name }) => `output '${name}' is not known, there are ${names.join(', ')}`);
      return { ok: false, reasons: read.ok ? reasons : [...read.reasons, ...reasons] };
    }
    // Whoever names an output of an explanation wants one.
    const explain = outputs.some(({ name }) => explanationNames.includes(name));
    return read.ok && explain ? { ok: true, options: { ...read.options, explain } } : read;
  }

  sticky(): string {
    return stickyVersion(this.#request);
  }
}
