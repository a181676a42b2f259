import type { features, ModelSpec, serving } from '@everloop/contracts';
import { differencesOf, isSampled, isWholeRequest, requestOf, unknownKeys, valueText } from '@everloop/features';
import type { ParityReport } from './types.ts';

/** Most predictions that are checked; enough to find a skew in one of 700 with 95 % certainty. */
export const parityRows = 2_000;
const rowsPerCall = 250;
const examplesMax = 5;

/**
 * Chooses about `wanted` of `total` predictions by their ids, which are hashes: the same ones in every replay, spread over the year.
 */
export class Sample {
  readonly #share: number;
  readonly #wanted: number;
  readonly #chosen: serving.Inference[] = [];

  constructor(wanted: number, total: number) {
    this.#wanted = wanted;
    // A fifth more, so that chance does not leave too few.
    this.#share = total === 0 ? 0 : (wanted * 1.2) / total;
  }

  add(inference: serving.Inference): void {
    if (isSampled(inference.decisionId, this.#share)) this.#chosen.push(inference);
  }

  rows(): readonly serving.Inference[] {
    const order = (a: serving.Inference, b: serving.Inference): number => (a.decisionId < b.decisionId ? -1 : 1);
    return this.#chosen.toSorted(order).slice(0, this.#wanted);
  }
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
  const asked = rows.map((inference) => ({ inference, request: requestOf(model, inference) }));
  const known = asked.filter(({ request }) => unknownKeys(model, request).length === 0);
  const [unknown] = asked.map(({ request }) => unknownKeys(model, request)).filter((keys) => keys.length > 0);
  if (known.length === 0 && unknown !== undefined)
    return skippedParity(`${unknown.join(', ')} is not in the prediction log`);
  const computed = new Set(
    model.inputs.flatMap(({ name: input, from }) => (from.startsWith('onDemand.') ? [input] : [])),
  );
  let different = 0;
  const examples: string[] = [];
  for (let from = 0; from < known.length; from += rowsPerCall) {
    const part = known.slice(from, from + rowsPerCall);
    const questions = part.map(({ inference, request }) => ({ request, asOfMs: inference.eventTimeMs }));
    const answer = await service.getHistorical({ model: name, rows: questions });
    for (const [index, { inference, request }] of part.entries()) {
      // What is computed on demand can be computed again where the log has the whole request.
      const isWhole = isWholeRequest(model, request);
      const names = answer.names.map((input) => (isWhole || !computed.has(input) ? input : ''));
      for (const found of differencesOf(inference, names, answer.rows[index]?.values ?? [])) {
        different += 1;
        if (examples.length >= examplesMax) continue;
        const at = new Date(inference.eventTimeMs).toISOString();
        examples.push(
          `${inference.joinKey} at ${at}: ${found.feature} was ${valueText(found.served)}, is ${valueText(found.again)}`,
        );
      }
    }
  }
  return { checked: known.length, different, examples, note: '' };
}

export function skippedParity(note: string): ParityReport {
  return { checked: 0, different: 0, examples: [], note };
}
