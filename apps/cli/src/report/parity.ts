import type { features } from '@everloop/contracts';
import { bindingKeys, type ModelSpec, type serving } from '@everloop/contracts';
import type { ParityReport } from './types.ts';

/** Most predictions that are checked; enough to find a skew in one of 700 with 95 % certainty. */
export const parityRows = 2_000;
const rowsPerCall = 250;
const examplesMax = 5;

/**
 * Chooses about `wanted` of `total` predictions by their ids, which are hashes: the same ones in every replay, spread over the year.
 */
export class Sample {
  readonly #limit: number;
  readonly #wanted: number;
  readonly #chosen: serving.Inference[] = [];

  constructor(wanted: number, total: number) {
    this.#wanted = wanted;
    // A fifth more, so that chance does not leave too few.
    this.#limit = total === 0 ? 0 : Math.min(1, (wanted * 1.2) / total) * 2 ** 32;
  }

  add(inference: serving.Inference): void {
    if (Number.parseInt(inference.decisionId.slice(0, 8), 16) < this.#limit) this.#chosen.push(inference);
  }

  rows(): readonly serving.Inference[] {
    const order = (a: serving.Inference, b: serving.Inference): number => (a.decisionId < b.decisionId ? -1 : 1);
    return this.#chosen.toSorted(order).slice(0, this.#wanted);
  }
}

/** The request as the client sent it, out of what was logged: the join key, and the inputs that come from the request. */
export function requestOf(model: ModelSpec, inference: serving.Inference): Record<string, serving.FeatureValue> {
  const request: Record<string, serving.FeatureValue> = {
    [model.joinKey]: { kind: { $case: 'text', value: inference.joinKey } },
  };
  for (const input of model.inputs) {
    if (!input.from.startsWith('request.')) continue;
    const value = inference.inputValues[inference.inputNames.indexOf(input.name)];
    if (value !== undefined) request[input.from.slice('request.'.length)] = value;
  }
  return request;
}

/** Request fields that a view needs as its key and that the log does not have. */
export function unknownKeys(model: ModelSpec): readonly string[] {
  const known = new Set([`request.${model.joinKey}`, ...model.inputs.map((input) => input.from)]);
  return model.views
    .flatMap((view) => bindingKeys(view))
    .filter((key) => key.startsWith('request.') && !known.has(key));
}

function text(value: serving.FeatureValue | undefined): string {
  if (value?.kind === undefined || value.kind.$case === 'missing') return 'missing';
  return JSON.stringify(value.kind.value);
}

/** Equal to the last bit; two missing values are equal. */
export function isSameValue(a: serving.FeatureValue | undefined, b: serving.FeatureValue | undefined): boolean {
  const [x, y] = [a?.kind, b?.kind];
  const isMissing = (kind: typeof x): boolean =>
    kind === undefined || kind.$case === 'missing' || (kind.$case === 'number' && Number.isNaN(kind.value));
  if (isMissing(x) || isMissing(y)) return isMissing(x) && isMissing(y);
  return x?.$case === y?.$case && Object.is(x?.value, y?.value);
}

/** Where features are computed again; the client of FeatureService. */
export interface HistoricalFeatures {
  getHistorical(request: features.GetFeaturesRequest): Promise<features.GetFeaturesResponse>;
}

/** Computes the inputs of the sampled predictions again, point-in-time, and compares them with what the model saw. */
export async function checkParity(
  name: string,
  model: ModelSpec,
  rows: readonly serving.Inference[],
  service: HistoricalFeatures,
): Promise<ParityReport> {
  const unknown = unknownKeys(model);
  if (unknown.length > 0) return skippedParity(`${unknown.join(', ')} is not in the prediction log`);
  let different = 0;
  const examples: string[] = [];
  for (let from = 0; from < rows.length; from += rowsPerCall) {
    const part = rows.slice(from, from + rowsPerCall);
    const asked = part.map((inference) => ({ request: requestOf(model, inference), asOfMs: inference.eventTimeMs }));
    const answer = await service.getHistorical({ model: name, rows: asked });
    for (const [index, inference] of part.entries()) {
      const again = answer.rows[index]?.values ?? [];
      for (const [position, field] of inference.inputNames.entries()) {
        const [logged, now] = [inference.inputValues[position], again[answer.names.indexOf(field)]];
        if (isSameValue(logged, now)) continue;
        different += 1;
        if (examples.length < examplesMax) {
          const at = new Date(inference.eventTimeMs).toISOString();
          examples.push(`${inference.joinKey} at ${at}: ${field} was ${text(logged)}, is ${text(now)}`);
        }
      }
    }
  }
  return { checked: rows.length, different, examples, note: '' };
}

export function skippedParity(note: string): ParityReport {
  return { checked: 0, different: 0, examples: [], note };
}
