import type { SourceSpec } from '@everloop/contracts';
import { createEncoder, type EncodedRecord } from './encoder.ts';
import { asDerived, deriveSchema } from './derive-schema.ts';
import { schemaRefused } from './errors.ts';
import type { RegistryOf } from './field-reader.ts';
import { schemaTypeOf } from './formats.ts';

/** Writes records in the format of a Source. Throws when the fields do not fit its schema. */
export type EncodeFields = (fields: Readonly<Record<string, unknown>>) => EncodedRecord;

/**
 * How records of a Source are written: JSON, or the wire format by the newest schema of the subject `<topic>-value`; where there is none, one
 * that is derived from the contract is registered. Rejects with EVL_RECORDS_REGISTRY_UNREACHABLE (retryable), EVL_RECORDS_SCHEMA_INVALID or
 * EVL_RECORDS_SCHEMA_UNDERIVABLE.
 */
export async function createSourceEncoder(
  source: string,
  spec: SourceSpec,
  registryOf: RegistryOf,
): Promise<EncodeFields> {
  const { format, topic, fields } = spec;
  if (format === 'json') return (record) => ({ value: Buffer.from(JSON.stringify(record)) });
  const registry = registryOf(spec.schemaRegistry, format);
  const subject = `${topic}-value`;
  const latest = await registry.latest(subject);
  if (latest !== null && latest.type !== schemaTypeOf[format])
    throw schemaRefused(subject, `its newest schema is ${latest.type}, but the Source's format is ${format}`);
  const { schema, references } = latest ?? { schema: deriveSchema(format, source, fields), references: [] };
  const encoder = await createEncoder({ format, registry, subject, schema, references });
  if (latest === null || isDerived(schema, format, source, spec))
    return (record) => encoder.encode(asDerived(fields, record));
  return (record) => encoder.encode(record);
}

/** Whether it is the schema that this program registered before. Registries may write it in another way: the name tells. */
function isDerived(
  schema: string,
  format: Exclude<SourceSpec['format'], 'json'>,
  source: string,
  spec: SourceSpec,
): boolean {
  try {
    const name = /Source_[A-Za-z0-9_]+/.exec(deriveSchema(format, source, spec.fields))?.[0] ?? '';
    return new RegExp(String.raw`\b${name}\b`).test(schema);
  } catch {
    return false;
  }
}
