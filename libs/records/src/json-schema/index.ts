import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import type { CompiledSchema, SchemaText } from '../registry/types.ts';

/** The value is JSON but breaks the registered schema. Caught by the decoder; never leaves this library. */
export class SchemaViolation extends Error {
  override readonly name = 'SchemaViolation';
}

// A CommonJS module whose typings promise more than Node's loader gives.
const addFormats = addFormatsModule as unknown as (ajv: unknown) => unknown;
const shownErrorsMax = 3;

/**
 * Compiles a JSON Schema, draft 04 (as far as 07 reads it), 06, 07, 2019-09 or 2020-12 as `$schema` says, and the schemas that it refers
 * to by name. Throws when it is none. What is not a keyword is passed over, as registries do.
 */
export function compileJsonSchema(
  schema: SchemaText,
  references: readonly SchemaText[],
  parse: ParseJson,
): CompiledSchema {
  const root = JSON.parse(schema.schema) as boolean | Record<string, unknown>;
  const ajv = ajvFor(typeof root === 'object' && typeof root['$schema'] === 'string' ? root['$schema'] : '');
  for (const { name, schema: text } of references) ajv.addSchema(withoutDialect(JSON.parse(text)), name);
  const validate = ajv.compile(withoutDialect(root));
  return {
    decode(bytes) {
      const value = parse(bytes);
      if (!validate(value)) throw new SchemaViolation(describe(validate));
      return value;
    },
    encode(fields) {
      if (!validate(fields)) throw new RangeError(`the fields break the schema: ${describe(validate)}`);
      return Buffer.from(JSON.stringify(fields));
    },
  };
}

/** Parses the bytes after the schema id; throws what the decoder understands when they are no JSON object. */
export type ParseJson = (bytes: Uint8Array) => unknown;

function ajvFor(dialect: string): Pick<Ajv, 'addSchema' | 'compile'> {
  const options = { strict: false, allErrors: false, validateFormats: true, logger: false } as const;
  if (dialect.includes('2020-12')) return withFormats(new Ajv2020(options));
  return withFormats(dialect.includes('2019-09') ? new Ajv2019(options) : new Ajv(options));
}

function withFormats<T>(ajv: T): T {
  addFormats(ajv);
  return ajv;
}

/** The class of ajv has the dialect built in; naming another one, as draft 04 and 06 do, would make it look for its meta-schema. */
function withoutDialect(schema: unknown): boolean | Record<string, unknown> {
  if (typeof schema !== 'object' || schema === null) return schema === true;
  const { $schema: dialect, ...rest } = schema as Record<string, unknown>;
  const isOld = typeof dialect === 'string' && dialect.includes('draft-04');
  const { id, ...others } = rest;
  return isOld && typeof id === 'string' ? { ...others, $id: id } : rest;
}

function describe(validate: ValidateFunction): string {
  const errors: readonly ErrorObject[] = validate.errors ?? [];
  const shown = errors
    .slice(0, shownErrorsMax)
    .map(({ instancePath, message }) => `${instancePath === '' ? 'the value' : instancePath} ${message ?? 'is wrong'}`);
  return shown.join('; ');
}
