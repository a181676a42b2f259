import { trainedFields, type registry } from '@everloop/contracts';
import { categoriesBytesMax, categoriesFile, decodeCategories, type FieldCategories } from '@everloop/features';
import { errorText } from '@everloop/service';
import { createTrainedGate, type TrainedGate } from '../domain/trained-gate.ts';
import { gatewayError } from '../errors.ts';
import type { ReadArtifact } from '../ports.ts';
import type { ServedModel } from './catalog.ts';

/**
 * The gate of a version whose Model says `values: training`; null for other Models, of which nothing is read. Rejects with
 * EVL_GATEWAY_CATEGORIES_MISSING for a version that does not say what it was trained with: nothing would be unseen by it.
 */
export async function readTrainedGate(
  { name, spec }: Pick<ServedModel, 'name' | 'spec'>,
  { version, artifacts }: Pick<registry.ModelVersion, 'version' | 'artifacts'>,
  read: ReadArtifact,
): Promise<TrainedGate | null> {
  const fields = trainedFields(spec);
  if (fields.length === 0) return null;
  const refuse = (why: string, cause?: unknown): Error =>
    gatewayError(
      'EVL_GATEWAY_CATEGORIES_MISSING',
      `version ${version} of model ${name} cannot check requests against its training, as values: training asks: ${why}. Train a new version, ` +
        'or list the values in the Model and start the gateway again; the last good route stays in force',
      cause,
    );
  const artifact = artifacts.find((each) => each.name === categoriesFile);
  if (artifact === undefined) throw refuse(`it was registered without ${categoriesFile}`);
  if (artifact.sizeBytes > categoriesBytesMax)
    throw refuse(`${categoriesFile} has ${artifact.sizeBytes} bytes, at most ${categoriesBytesMax} are allowed`);
  let found: readonly FieldCategories[];
  try {
    found = decodeCategories(await read(artifact.digest));
  } catch (error) {
    throw refuse(errorText(error), error);
  }
  const known = new Map<string, readonly string[]>();
  for (const { name: field } of fields) {
    const categories = found.find((each) => each.field === field);
    if (categories === undefined) throw refuse(`${categoriesFile} has nothing of field '${field}'`);
    if (categories.values === null)
      throw refuse(`field '${field}' had ${categories.count} categories, too many to keep`);
    known.set(field, categories.values);
  }
  return createTrainedGate(spec, fields, version, known);
}
