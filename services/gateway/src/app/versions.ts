import { pinDifference } from '@everloop/contracts';
import type { GoldenRows } from '@everloop/features';
import { errorText } from '@everloop/service';
import type { Packed } from '../domain/vector.ts';
import { gatewayError } from '../errors.ts';
import type { ModelPath, ReadArtifact, ScoreRunner, VersionCatalog } from '../ports.ts';
import type { ServedModel } from './catalog.ts';
import type { TrainedGate } from '../domain/trained-gate.ts';
import { readTrainedGate } from './categories.ts';
import { readGolden, replayGolden, type Golden } from './golden.ts';

/** A version whose model file is loaded in the runner. */
export interface LoadedVersion {
  readonly model: string;
  readonly version: string;
  /** SHA-256 of the model file, hex. */
  readonly digest: string;
  /** Training rows that it was compared with; null for a version that was registered without. */
  readonly golden: Golden | null;
  /** Checks requests against the categories that it was trained with; null where the Model does not want that. */
  readonly trained: TrainedGate | null;
  /** Scores, float64 [rows]; each finite. */
  score(batch: Packed): Promise<Float64Array>;
}

export interface VersionPoolOptions {
  readonly catalog: VersionCatalog;
  readonly path: ModelPath;
  readonly readArtifact: ReadArtifact;
  readonly runner: ScoreRunner;
  readonly onUnloadFailed: (key: string, error: unknown) => void;
}

interface Slot {
  readonly key: string;
  readonly loaded: Promise<LoadedVersion>;
  /** What `loaded` resolved to. */
  value: LoadedVersion | null;
  holders: number;
}

const modelFile = 'model.onnx';

/** Loads versions once for all who hold them and unloads a version when nobody does. */
export class VersionPool {
  readonly #options: VersionPoolOptions;
  readonly #slots = new Map<string, Slot>();
  #loads = 0;

  constructor(options: VersionPoolOptions) {
    this.#options = options;
  }

  /**
   * Loads the version, or joins in; each success needs one `release`. Rejects with EVL_GATEWAY_MODEL_UNUSABLE, EVL_GATEWAY_FEATURES_DIFFER,
   * EVL_GATEWAY_CATEGORIES_MISSING, EVL_GATEWAY_GOLDEN_DIFFERS, or with the
   * registry's error while that is away.
   */
  async acquire(model: ServedModel, version: string): Promise<LoadedVersion> {
    const name = nameOf(model.name, version);
    let slot = this.#slots.get(name);
    if (slot === undefined) {
      // A new key for each load: an unload that is still under way can never hit the next load of the same version.
      const key = `${name}#${(this.#loads += 1)}`;
      slot = { key, loaded: this.#load(model, version, key), value: null, holders: 0 };
      this.#slots.set(name, slot);
    }
    slot.holders += 1;
    try {
      slot.value = await slot.loaded;
      return slot.value;
    } catch (error) {
      if (this.#slots.get(name) === slot) this.#slots.delete(name);
      throw error;
    }
  }

  release(loaded: LoadedVersion): void {
    const name = nameOf(loaded.model, loaded.version);
    const slot = this.#slots.get(name);
    if (slot?.value !== loaded) return;
    slot.holders -= 1;
    if (slot.holders > 0) return;
    this.#slots.delete(name);
    this.#options.runner.unload(slot.key).catch((error: unknown) => this.#options.onUnloadFailed(slot.key, error));
  }

  /** Forgets a version that the runner has lost, so that the next `acquire` loads it again. */
  discard(loaded: LoadedVersion): void {
    const name = nameOf(loaded.model, loaded.version);
    if (this.#slots.get(name)?.value === loaded) this.#slots.delete(name);
  }

  async #load(model: ServedModel, version: string, key: string): Promise<LoadedVersion> {
    const { catalog, path, readArtifact, runner } = this.#options;
    const described = await catalog.get(model.name, version);
    const difference = pinDifference(described.parameters, model.pins);
    if (difference !== null) {
      throw gatewayError(
        'EVL_GATEWAY_FEATURES_DIFFER',
        `version ${version} of model ${model.name} is not served: ${difference}. Roll it back to a version that was trained with these ` +
          'features, or train a new one; the last good route stays in force',
      );
    }
    const trained = await readTrainedGate(model, described, readArtifact);
    const digest = described.artifacts.find((artifact) => artifact.name === modelFile)?.digest ?? 'none';
    let golden: GoldenRows | null;
    try {
      golden = await readGolden(described, readArtifact);
      const shape = await runner.load(key, path(digest), digest, model.spec.batching);
      const misfit = misfitOf(model, shape.nNumeric, shape.nCategories);
      if (misfit !== null) {
        await runner.unload(key);
        throw new Error(misfit);
      }
    } catch (error) {
      throw gatewayError(
        'EVL_GATEWAY_MODEL_UNUSABLE',
        `version ${version} of model ${model.name} cannot be served: its ${modelFile} with digest ${digest} is not usable ` +
          `(${errorText(error)}). Put the original file back into the object store (EVL_OBJECT_STORE), or roll the version ` +
          'back; the last good route stays in force and loading is tried again',
        error,
      );
    }
    const score = (batch: Packed): Promise<Float64Array> => this.#score(key, batch);
    try {
      const replayed = golden === null ? null : await replayGolden(model, version, golden, score);
      return { model: model.name, version, digest, golden: replayed, trained, score };
    } catch (error) {
      await runner.unload(key);
      throw error;
    }
  }

  async #score(key: string, batch: Packed): Promise<Float64Array> {
    const scores = await this.#options.runner.run(key, batch);
    for (const score of scores) {
      if (!Number.isFinite(score)) {
        throw gatewayError('EVL_GATEWAY_SCORE_NOT_FINITE', `${key} answered the score ${score}; roll the version back`);
      }
    }
    return scores;
  }
}

/** The model and the version of a key that `VersionPool` loads files under. */
export function versionOfKey(key: string): { readonly model: string; readonly version: string } {
  const name = key.slice(0, key.lastIndexOf('#'));
  const at = name.lastIndexOf('/');
  return { model: name.slice(0, at), version: name.slice(at + 1) };
}

function nameOf(model: string, version: string): string {
  return `${model}/${version}`;
}

function misfitOf({ spec }: ServedModel, nNumeric: number, nCategories: number): string | null {
  const numbers = spec.inputs.filter((input) => input.type === 'number').length;
  const categories = spec.inputs.length - numbers;
  if (numbers === nNumeric && categories === nCategories) return null;
  return `it takes ${nNumeric} numbers and ${nCategories} categories, the model declares ${numbers} and ${categories}`;
}
