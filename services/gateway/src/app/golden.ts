import type { registry } from '@everloop/contracts';
import { decodeGolden, goldenBytesMax, goldenFile, type GoldenRows } from '@everloop/features';
import { inputDifference, scoreDifference } from '../domain/golden.ts';
import { pack, type FeatureRow, type Packed } from '../domain/vector.ts';
import { gatewayError } from '../errors.ts';
import type { ReadArtifact } from '../ports.ts';
import type { ServedModel } from './catalog.ts';

/** Training rows of a loaded version: what it is compared with at its start, and the background of its explanations. */
export interface Golden {
  /** Inputs in the order of the Model, one for each row. */
  readonly rows: readonly FeatureRow[];
  /** The same as the model file takes them. */
  readonly batch: Packed;
  /** Scores in training, float64 [rows]. */
  readonly scores: Float64Array;
}

/** The golden rows that a version was registered with; null for one that was registered before there were any. */
export async function readGolden(
  { artifacts }: Pick<registry.ModelVersion, 'artifacts'>,
  read: ReadArtifact,
): Promise<GoldenRows | null> {
  const artifact = artifacts.find(({ name }) => name === goldenFile);
  if (artifact === undefined) return null;
  if (artifact.sizeBytes > goldenBytesMax)
    throw new Error(`${goldenFile} has ${artifact.sizeBytes} bytes, at most ${goldenBytesMax} are allowed`);
  return decodeGolden(await read(artifact.digest));
}

/**
 * Takes golden rows from their raw values through the path of a request (computed on demand, packed, run) and compares inputs and scores with
 * training's; running them also warms the version up. Rejects with EVL_GATEWAY_GOLDEN_DIFFERS, naming row, input or score and both values.
 */
export async function replayGolden(
  { name, spec, reader }: Pick<ServedModel, 'name' | 'spec' | 'reader'>,
  version: string,
  golden: GoldenRows,
  score: (batch: Packed) => Promise<Float64Array>,
): Promise<Golden> {
  const refuse = (why: string): Error =>
    gatewayError(
      'EVL_GATEWAY_GOLDEN_DIFFERS',
      `version ${version} of model ${name} does not do here what it did in training: ${why}. Serve it with the program and definitions ` +
        'that it was trained with, or train a new version; the last good route stays in force',
    );
  const rows = reader.replay(golden);
  if (rows === null) throw refuse('its golden rows lack values that its inputs are made of here');
  const inputs = inputDifference(spec.inputs, golden, rows);
  if (inputs !== null) throw refuse(inputs);
  const batch = pack(spec.inputs, rows);
  const scores = scoreDifference(golden, batch.rows === 0 ? [] : await score(batch));
  if (scores !== null) throw refuse(scores);
  return { rows, batch, scores: Float64Array.from(golden.rows, (row) => row.score) };
}
