import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { durationForm, durationMs } from '../duration.ts';
import type { Finding } from '../errors.ts';
import { listNames, nearest } from '../suggest.ts';
import { compiledSpecSchema } from './compile.ts';
import { documentSchema, type SchemaNode } from './schemas.ts';
import type { Kind } from './types.ts';

const documents = new Ajv({ allErrors: true, verbose: true, useDefaults: true, allowUnionTypes: true, logger: false });
documents.addFormat('everloop-duration', (text: string) => (durationMs(text) ?? -1) >= 0);
documents.addFormat('everloop-offset', (text: string) => durationMs(text) !== undefined);
const compiledSpecs = new Ajv({
  allErrors: true,
  verbose: true,
  useDefaults: true,
  allowUnionTypes: true,
  logger: false,
});

const documentValidators = new Map<Kind, ValidateFunction>();
const specValidators = new Map<Kind, ValidateFunction>();

/** Everything that is wrong with the shape of a YAML document of this kind. Fills in the defaults in `document`. */
export function validateDocument(kind: Kind, document: unknown): Finding[] {
  const validate = validator(documentValidators, kind, () => documents.compile(documentSchema(kind)));
  return validate(document) ? [] : findings(validate.errors ?? [], []);
}

/**
 * Everything that is wrong with the shape of a compiled spec, as it comes over the wire. Fills in what has a default and is absent:
 * a resource that was applied before the property existed keeps its meaning.
 */
export function validateCompiledSpec(kind: Kind, spec: unknown): Finding[] {
  const validate = validator(specValidators, kind, () => compiledSpecs.compile(compiledSpecSchema(kind)));
  return validate(spec) ? [] : findings(validate.errors ?? [], ['spec']);
}

function validator(cache: Map<Kind, ValidateFunction>, kind: Kind, compile: () => ValidateFunction): ValidateFunction {
  const known = cache.get(kind);
  if (known !== undefined) return known;
  const compiled = compile();
  cache.set(kind, compiled);
  return compiled;
}

function findings(errors: readonly ErrorObject[], prefix: readonly string[]): Finding[] {
  return errors
    .filter(
      (error) => error.keyword !== 'if' && !(error.keyword !== 'propertyNames' && error.propertyName !== undefined),
    )
    .map((error) => finding(error, prefix));
}

function finding(error: ErrorObject, prefix: readonly string[]): Finding {
  const path = [...prefix, ...pointer(error.instancePath)];
  const schema = (error.parentSchema ?? {}) as SchemaNode;
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownField(path, String(error.params['additionalProperty']), schema);
    case 'propertyNames':
      return {
        path: [...path, String(error.params['propertyName'])],
        at: 'key',
        message: 'not a usable name',
        allowed: 'a letter, then letters, digits and _, at most 63',
      };
    case 'required':
      return missingField(path, String(error.params['missingProperty']), schema);
    case 'enum':
    case 'const':
      return notAllowed(path, error, schema);
    default:
      return { path, at: 'value', message: `${complaint(error)}, but is ${shown(error.data)}`, ...allowedForm(error) };
  }
}

function unknownField(path: readonly (string | number)[], key: string, schema: SchemaNode): Finding {
  const known = Object.keys(schema.properties ?? {});
  const meant = nearest(key, known);
  const hint = meant === undefined ? {} : { didYouMean: meant };
  return { path: [...path, key], at: 'key', message: 'unknown field', ...hint, allowed: listNames(known) };
}

function missingField(path: readonly (string | number)[], key: string, schema: SchemaNode): Finding {
  const description = schema.properties?.[key]?.description;
  return {
    path,
    at: 'key',
    message: `"${key}" is missing${description === undefined ? '' : ` (${description.replace(/\.$/, '')})`}`,
  };
}

function notAllowed(path: readonly (string | number)[], error: ErrorObject, schema: SchemaNode): Finding {
  const allowed = error.keyword === 'const' ? [schema.const] : (schema.enum ?? []);
  const names = allowed.map(String);
  const meant = typeof error.data === 'string' ? nearest(error.data, names) : undefined;
  const hint = meant === undefined ? {} : { didYouMean: meant };
  return { path, at: 'value', message: `${shown(error.data)} is not allowed here`, ...hint, allowed: listNames(names) };
}

function complaint(error: ErrorObject): string {
  const limit = error.params['limit'] as unknown;
  switch (error.keyword) {
    case 'type':
      return `must be ${[error.params['type']].flat().join(' or ')}`;
    case 'format':
      return 'must be a duration';
    case 'pattern':
      return 'has a form that is not allowed';
    case 'minLength':
    case 'maxLength':
      return `must have ${error.keyword === 'minLength' ? 'at least' : 'at most'} ${String(limit)} characters`;
    case 'minItems':
    case 'maxItems':
    case 'minProperties':
    case 'maxProperties':
      return `must have ${error.keyword.startsWith('min') ? 'at least' : 'at most'} ${String(limit)} entries`;
    case 'uniqueItems':
      return 'must not name the same thing twice';
    default:
      return error.message ?? error.keyword;
  }
}

function allowedForm(error: ErrorObject): { allowed?: string } {
  if (error.keyword === 'format') return { allowed: durationForm };
  return error.keyword === 'pattern' ? { allowed: `text that matches ${String(error.params['pattern'])}` } : {};
}

function shown(data: unknown): string {
  const text = JSON.stringify(data);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function pointer(instancePath: string): (string | number)[] {
  if (instancePath === '') return [];
  return instancePath
    .slice(1)
    .split('/')
    .map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}
