import { pause } from '@everloop/service';
import type { CompiledSchema, RegisteredSchema, SchemaText } from './types.ts';
import type { SchemaRegistry } from './client.ts';
import { schemaIdText, type SchemaId } from '../wire/schema-id.ts';

/** A schema that can be used, or why it cannot. */
export type CachedSchema =
  | { readonly kind: 'ready'; readonly schema: CompiledSchema }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unusable'; readonly message: string };

export interface SchemaCacheOptions {
  readonly registry: SchemaRegistry;
  /** Compiles a schema with those that it refers to; throws when it cannot be used. */
  readonly compile: (schema: RegisteredSchema, references: readonly SchemaText[]) => CompiledSchema;
  /** Most schemas kept. */
  readonly schemasMax: number;
  /** Pause before an id that was never seen is believed to be unknown: a registry's replica may lag; milliseconds. */
  readonly confirmMs: number;
  /** How long an unknown id is believed to be unknown, milliseconds. */
  readonly unknownMs: number;
  /** Monotonic time, milliseconds. */
  readonly now: () => number;
}

interface Entry {
  readonly cached: CachedSchema;
  /** When the registry is asked again; never for a known schema, since ids are never given twice. */
  readonly askAgainAtMs: number;
  usedAt: number;
}

/** Questions under way at once. */
const parallelMax = 8;

/** Compiled schemas by id; the least recently used go first. Unknown ids count as well, so that garbage cannot make it grow. */
export class SchemaCache {
  readonly #options: SchemaCacheOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #asking = new Map<string, Promise<void>>();
  #uses = 0;

  constructor(options: SchemaCacheOptions) {
    this.#options = options;
  }

  /** Undefined when the registry has to be asked. */
  get(schemaId: SchemaId): CachedSchema | undefined {
    const entry = this.#entries.get(keyOf(schemaId));
    if (entry === undefined) return undefined;
    entry.usedAt = this.#uses += 1;
    return entry.cached;
  }

  isFresh(schemaId: SchemaId): boolean {
    const entry = this.#entries.get(keyOf(schemaId));
    return entry !== undefined && this.#options.now() < entry.askAgainAtMs;
  }

  /** Asks for what is missing; rejects when the registry cannot be asked. */
  async load(schemaIds: readonly SchemaId[]): Promise<void> {
    const left = [...schemaIds];
    const worker = async (): Promise<void> => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) await this.#loadOnce(next);
    };
    await Promise.all(Array.from({ length: Math.min(parallelMax, left.length) }, worker));
    this.#evict(new Set(schemaIds.map(keyOf)));
  }

  async #loadOnce(schemaId: SchemaId): Promise<void> {
    const key = keyOf(schemaId);
    let asking = this.#asking.get(key);
    if (asking === undefined) {
      asking = this.#ask(schemaId).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    await asking;
  }

  async #ask(schemaId: SchemaId): Promise<void> {
    const isNew = !this.#entries.has(keyOf(schemaId));
    let cached = await this.#find(schemaId);
    if (cached.kind === 'unknown' && isNew) {
      await pause(this.#options.confirmMs);
      cached = await this.#find(schemaId);
    }
    const isFinal = cached.kind === 'ready';
    const askAgainAtMs = isFinal ? Infinity : this.#options.now() + this.#options.unknownMs;
    this.#entries.set(keyOf(schemaId), { cached, askAgainAtMs, usedAt: (this.#uses += 1) });
  }

  async #find(schemaId: SchemaId): Promise<CachedSchema> {
    const { registry, compile } = this.#options;
    const registered = await registry.schema(schemaId);
    if (registered === null) return { kind: 'unknown' };
    const references = registered.references.length === 0 ? [] : await registry.references(registered);
    if (references === null)
      return {
        kind: 'unusable',
        message: `schema ${schemaIdText(schemaId)} refers to schemas that the registry does not have`,
      };
    try {
      return { kind: 'ready', schema: compile(registered, references) };
    } catch (error) {
      const why = error instanceof Error ? error.message.slice(0, 200) : String(error);
      return { kind: 'unusable', message: `schema ${schemaIdText(schemaId)} cannot be used: ${why}` };
    }
  }

  #evict(kept: ReadonlySet<string>): void {
    const tooMany = this.#entries.size - this.#options.schemasMax;
    if (tooMany <= 0) return;
    const oldest = [...this.#entries].filter(([key]) => !kept.has(key)).sort(([, a], [, b]) => a.usedAt - b.usedAt);
    for (const [key] of oldest.slice(0, tooMany)) this.#entries.delete(key);
  }
}

function keyOf(schemaId: SchemaId): string {
  return schemaIdText(schemaId);
}
