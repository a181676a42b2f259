import { createHash } from 'node:crypto';
import avsc, { type Schema } from 'avsc';
import type { RegisteredSchema, SchemaReference, SchemaType } from '../registry/types.ts';

/** An answer of the API that is an error. */
export class ApiError extends Error {
  readonly status: number;
  /** `error_code` of the API. */
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

interface StoredSchema extends RegisteredSchema {
  readonly subject: string;
  readonly version: number;
  readonly id: number;
  readonly guid: string;
}

type Body = Readonly<Record<string, unknown>>;

/** Schemas by subject and version, by id and by GUID, in memory. */
export class SchemaStore {
  readonly #subjects = new Map<string, StoredSchema[]>();
  readonly #levels = new Map<string, string>();

  subjects(): string[] {
    return [...this.#subjects.keys()];
  }

  versions(subject: string): readonly StoredSchema[] {
    const versions = this.#subjects.get(subject);
    if (versions === undefined) throw new ApiError(404, 40401, `Subject '${subject}' not found.`);
    return versions;
  }

  version(subject: string, version: string): StoredSchema {
    const versions = this.versions(subject);
    const found = version === 'latest' ? versions.at(-1) : versions.find((one) => String(one.version) === version);
    if (found === undefined) throw new ApiError(404, 40402, `Version ${version} not found.`);
    return found;
  }

  byId(id: number): StoredSchema {
    return this.#find((schema) => schema.id === id, `Schema ${id} not found`);
  }

  byGuid(guid: string): StoredSchema {
    return this.#find((schema) => schema.guid === guid, `Schema ${guid} not found`);
  }

  lookup(subject: string, body: Body): StoredSchema {
    const wanted = readSchema(body);
    const found = this.versions(subject).find((one) => isSame(one, wanted));
    if (found === undefined) throw new ApiError(404, 40403, 'Schema not found');
    return found;
  }

  register(subject: string, body: Body): StoredSchema {
    const wanted = readSchema(body);
    const versions = this.#subjects.get(subject) ?? [];
    const same = versions.find((one) => isSame(one, wanted));
    if (same !== undefined) return same;
    const latest = versions.at(-1);
    if (latest !== undefined && !this.#fits(subject, latest, wanted))
      throw new ApiError(
        409,
        409,
        `Schema being registered is incompatible with an earlier schema for subject "${subject}"`,
      );
    const all = [...this.#subjects.values()].flat();
    const id = all.find((one) => isSame(one, wanted))?.id ?? all.reduce((max, one) => Math.max(max, one.id), 0) + 1;
    const stored = { ...wanted, subject, version: versions.length + 1, id, guid: guidOf(wanted) };
    this.#subjects.set(subject, [...versions, stored]);
    return stored;
  }

  isCompatible(subject: string, version: string, body: Body): boolean {
    return this.#fits(subject, this.version(subject, version), readSchema(body));
  }

  compatibility(subject: string): string {
    return this.#levels.get(subject) ?? this.#levels.get('') ?? 'BACKWARD';
  }

  configure(subject: string, level: string): { readonly compatibility: string } {
    this.#levels.set(subject, level);
    return { compatibility: level };
  }

  #find(isWanted: (schema: StoredSchema) => boolean, message: string): StoredSchema {
    const found = [...this.#subjects.values()].flat().find(isWanted);
    if (found === undefined) throw new ApiError(404, 40403, message);
    return found;
  }

  #fits(subject: string, older: RegisteredSchema, newer: RegisteredSchema): boolean {
    if (older.type !== newer.type) return false;
    if (older.type !== 'AVRO') return true;
    const level = this.compatibility(subject);
    const isBackward = level.startsWith('BACKWARD') || level.startsWith('FULL');
    const isForward = level.startsWith('FORWARD') || level.startsWith('FULL');
    return (!isBackward || canRead(newer, older)) && (!isForward || canRead(older, newer));
  }
}

function canRead(reader: RegisteredSchema, writer: RegisteredSchema): boolean {
  const parse = ({ schema }: RegisteredSchema): avsc.Type => avsc.Type.forSchema(JSON.parse(schema) as Schema);
  try {
    parse(reader).createResolver(parse(writer));
    return true;
  } catch {
    return false;
  }
}

function readSchema(body: Body): RegisteredSchema {
  const { schema, schemaType = 'AVRO', references = [] } = body;
  if (typeof schema !== 'string') throw new ApiError(422, 42201, 'Empty schema');
  if (schemaType !== 'PROTOBUF') JSON.parse(schema);
  return { type: schemaType as SchemaType, schema, references: references as readonly SchemaReference[] };
}

function isSame(a: RegisteredSchema, b: RegisteredSchema): boolean {
  return a.type === b.type && a.schema === b.schema && JSON.stringify(a.references) === JSON.stringify(b.references);
}

function guidOf(schema: RegisteredSchema): string {
  const hex = createHash('sha256')
    .update(JSON.stringify([schema.type, schema.schema, schema.references]))
    .digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
