import { decompileSpec } from '../resources/compile.ts';
import type { SourceSpec } from '../resources/types.ts';
import {
  customName,
  typeOptions,
  type CustomProperty,
  type OdcsContract,
  type OdcsObject,
  type OdcsProperty,
  type OdcsQuality,
  type WrittenField,
  type WrittenSource,
} from './types.ts';

export interface ExportOptions {
  /** Version of the contract; default `1.0.0`. */
  readonly version?: string;
  /** `host:port[,host:port]` of the Kafka that has the topics; left out: no server is named. */
  readonly brokers?: string;
}

/** A compiled Source and its name. */
export interface ExportedSource {
  readonly name: string;
  readonly spec: SourceSpec;
}

/**
 * Sources as one contract of the Open Data Contract Standard v3.1. What the standard has no place for stands in custom properties whose
 * names begin with `everloop`, so that `importOdcs` gives the very same Sources back.
 */
export function exportOdcs(sources: readonly ExportedSource[], options: ExportOptions = {}): OdcsContract {
  const written = sources.map(({ name, spec }): WrittenSource => {
    return { name, spec: decompileSpec('Source', spec) as WrittenSource['spec'] };
  });
  return exportWritten(written, options);
}

/** As `exportOdcs`, from Sources as they are written in YAML. */
export function exportWritten(sources: readonly WrittenSource[], options: ExportOptions = {}): OdcsContract {
  const names = sources.map(({ name }) => name).join('-');
  const { version = '1.0.0', brokers } = options;
  return {
    ...{ apiVersion: 'v3.1.0', kind: 'DataContract', id: `everloop-${names}`, name: names, version, status: 'active' },
    ...(brokers === undefined ? {} : { servers: [{ server: 'kafka', type: 'kafka', host: brokers, format: 'json' }] }),
    schema: sources.map(objectOf),
  };
}

function objectOf({ name, spec }: WrittenSource): OdcsObject {
  const { topic, fields = {}, rules = [], windows = [], ...others } = spec;
  const quality = [
    ...(rules as readonly CelText[]).map(celQuality),
    ...(windows as readonly object[]).map(windowQuality),
  ];
  const custom = Object.entries(others).map(([key, value]) => ({ property: customName(key), value }));
  return {
    name,
    ...(typeof topic === 'string' ? { physicalName: topic } : {}),
    ...{ physicalType: 'topic', logicalType: 'object' },
    properties: Object.entries(fields as Readonly<Record<string, WrittenField>>).map(([field, contract]) => ({
      name: field,
      ...propertyOf(contract),
      ...(spec['key'] === field ? { partitioned: true, partitionKeyPosition: 1 } : {}),
    })),
    ...(quality.length === 0 ? {} : { quality }),
    ...(custom.length === 0 ? {} : { customProperties: custom }),
  };
}

interface CelText {
  readonly name: string;
  readonly cel: string;
  readonly description?: string;
}

function celQuality({ name, cel, description }: CelText): OdcsQuality {
  const text = description === undefined ? {} : { description };
  return { type: 'custom', name, ...text, engine: 'cel', implementation: cel };
}

function windowQuality(window: object): OdcsQuality {
  const name = 'name' in window && typeof window.name === 'string' ? { name: window.name } : {};
  return { type: 'custom', ...name, engine: 'everloop', implementation: { window } };
}

const logicalTypes: Readonly<Record<string, string>> = { decimal: 'number' };

/** A field without its name. */
function propertyOf(field: WrittenField): OdcsProperty {
  const { type, required, nullable, values, description, fields, items, ...limits } = field;
  const logicalType = logicalTypes[type] ?? type;
  const options: Record<string, unknown> = {};
  const custom: CustomProperty[] = [];
  if (type === 'decimal') custom.push({ property: customName('type'), value: type });
  const optionOf = new Map(Object.entries(typeOptions).map(([name, option]) => [option.key, { name, ...option }]));
  for (const [key, value] of Object.entries(limits)) {
    const option = optionOf.get(key);
    if (option?.of.includes(logicalType) === true) options[option.name] = value;
    else custom.push({ property: customName(key), value });
  }
  // The standard's `required` is about null as well; a field that must be there and may be null is not required there.
  const isRequired = required === true && nullable !== true;
  if (required !== undefined && required !== isRequired)
    custom.push({ property: customName('required'), value: required });
  if (nullable !== undefined) custom.push({ property: customName('nullable'), value: nullable });
  return {
    logicalType,
    ...(type === 'decimal' ? { physicalType: 'DECIMAL' } : {}),
    ...(Object.keys(options).length === 0 ? {} : { logicalTypeOptions: options }),
    ...(description === undefined ? {} : { description }),
    ...(required === undefined ? {} : { required: isRequired }),
    ...(fields === undefined
      ? {}
      : { properties: Object.entries(fields).map(([name, inner]) => ({ name, ...propertyOf(inner) })) }),
    ...(items === undefined ? {} : { items: propertyOf(items) }),
    ...(values === undefined ? {} : { quality: [valuesQuality(values)] }),
    ...(custom.length === 0 ? {} : { customProperties: custom }),
  };
}

function valuesQuality(values: readonly unknown[]): OdcsQuality {
  return { type: 'library', metric: 'invalidValues', arguments: { validValues: values }, mustBe: 0 };
}
