import {
  askedFields,
  parseResource,
  registry,
  featurePins,
  pinnedService,
  trainedFields,
  type FeatureServiceSpec,
  type FeatureViewSpec,
  type ModelSpec,
  type SourceSpec,
  type TypedResource,
} from '@everloop/contracts';
import { isDeepStrictEqual } from 'node:util';
import { errorText, type Logger } from '@everloop/service';
import { createChooser, type Chooser } from '../domain/actions.ts';
import { createGate, type Gate } from '../domain/gate.ts';
import { packedTensors } from '../domain/packed-tensors.ts';
import type { PackedTensors } from '../domain/tensors.ts';
import { gatewayError } from '../errors.ts';
import type { FeatureReader, FeatureResources } from '../ports.ts';

/** A model as it is served: its contract and how its inputs are read. */
export interface ServedModel {
  readonly name: string;
  readonly spec: ModelSpec;
  /** Partitions of its label source, which the logs of predictions have too. */
  readonly partitions: number;
  readonly reader: FeatureReader;
  readonly gate: Gate;
  /** Fields are also checked by the version that answers, against the categories that it was trained with. */
  readonly isGatedByVersion: boolean;
  /** Input tensors that hold several of its request fields. */
  readonly packed: PackedTensors;
  /** How it chooses among actions; null: it does not. */
  readonly chooser: Chooser | null;
  /** The features that it is served with, as a version's parameters say which it was trained with; see `featurePins`. */
  readonly pins: Readonly<Record<string, string>>;
}

export interface CatalogOptions {
  /** Throws when model and views do not fit together. */
  readonly createReader: (spec: ModelSpec, resources: FeatureResources) => FeatureReader;
  /** A model became complete; called once for each. */
  readonly onModel: (model: ServedModel) => void;
  readonly logger: Logger;
}

/**
 * The models that can be asked for: each appears when its own resource, its feature views with their sources, the service that it pins and its label source have
 * all been read. The definition found then is served until the next start: a change of contract under a loaded model file would break it.
 */
export class ModelCatalog {
  readonly #options: CatalogOptions;
  readonly #models = new Map<string, ServedModel>();
  readonly #specs = {
    Model: new Map<string, ModelSpec>(),
    FeatureView: new Map<string, FeatureViewSpec>(),
    FeatureService: new Map<string, FeatureServiceSpec>(),
    Source: new Map<string, SourceSpec>(),
  };
  #isCaughtUp = false;
  #hasRewards = false;

  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  get(name: string): ServedModel | undefined {
    return this.#models.get(name);
  }

  /** Whether any model has decisions that wait for rewards. */
  get hasRewards(): boolean {
    return this.#hasRewards;
  }

  get names(): readonly string[] {
    return [...this.#models.keys()];
  }

  /** Everything that was applied before the start has been read: what is older than the newest definition is not served. */
  caughtUp(): void {
    this.#isCaughtUp = true;
    this.#completeAll();
  }

  /** Takes one record of the resources topic; a resource that cannot be read is logged and left out. */
  onRecord(value: Buffer | null): void {
    if (value === null) return;
    try {
      this.#put(parseResource(registry.Resource.fromJSON(JSON.parse(value.toString('utf8')))));
    } catch (error) {
      this.#refuse('a resource was left out', error);
    }
  }

  #put(resource: TypedResource): void {
    const { kind } = resource;
    if (kind !== 'Model' && kind !== 'FeatureView' && kind !== 'FeatureService' && kind !== 'Source') return;
    const specs: Map<string, unknown> = this.#specs[kind];
    const before = specs.get(resource.name);
    specs.set(resource.name, resource.spec);
    if (before !== undefined && !isDeepStrictEqual(before, resource.spec) && this.#models.size > 0) {
      this.#options.logger.warn(
        { kind: resource.kind, name: resource.name, revision: resource.revision },
        'a resource changed; models that are served already use it after the next start of the gateway',
      );
    }
    if (this.#isCaughtUp) this.#completeAll();
  }

  #completeAll(): void {
    for (const [name, spec] of this.#specs.Model) {
      try {
        if (!this.#models.has(name)) this.#complete(name, spec);
      } catch (error) {
        this.#refuse(`model ${name} cannot be served as it is declared`, error);
      }
    }
  }

  #refuse(what: string, cause: unknown): void {
    const refused = gatewayError(
      'EVL_GATEWAY_RESOURCE_REFUSED',
      `${what}: ${errorText(cause)}; correct it and apply it again`,
      cause,
    );
    this.#options.logger.error({ err: refused }, 'resource refused');
  }

  #complete(name: string, spec: ModelSpec): void {
    const { FeatureView: views, FeatureService: services, Source: sources } = this.#specs;
    const label = sources.get(spec.label.source);
    const isWhole = spec.views.every(({ view }) => sources.has(views.get(view)?.source ?? ''));
    const service = pinnedService(spec);
    if (label === undefined || !isWhole || (service !== null && !services.has(service))) return;
    const definitions = { views, sources, services };
    const reader = this.#options.createReader(spec, definitions);
    const pins = featurePins(spec, definitions);
    const model = {
      name,
      spec,
      partitions: label.partitions,
      reader,
      gate: createGate({ ...spec, request: askedFields(spec) }),
      isGatedByVersion: trainedFields(spec).length > 0,
      packed: packedTensors(askedFields(spec)),
      chooser: createChooser(spec),
      pins,
    };
    this.#models.set(name, model);
    this.#hasRewards ||= spec.rewards !== undefined;
    this.#options.logger.info({ model: name, partitions: label.partitions }, 'model known');
    this.#options.onModel(model);
  }
}
