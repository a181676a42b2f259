import { decimalText, isoText, nanosOf } from '../wire/times.ts';
import { MalformedBytes } from '../wire/byte-reader.ts';

const nanosPerSecond = 1_000_000_000n;

type Fields = Readonly<Record<string, unknown>>;

/** Types whose JSON is not that of their fields (Protocol Buffers, "ProtoJSON Format"), and the registry's own decimal. */
const conversions: Readonly<Record<string, (fields: Fields) => unknown>> = {
  'google.protobuf.Timestamp': ({ seconds, nanos }) => instant(integer(seconds), Number(nanos)),
  'google.protobuf.Duration': ({ seconds, nanos }) => duration(integer(seconds), Number(nanos)),
  'google.protobuf.FieldMask': ({ paths }) => (paths as readonly string[]).join(','),
  'google.protobuf.Struct': ({ fields }) => fields,
  'google.protobuf.ListValue': ({ values }) => values,
  'google.protobuf.Value': jsonValue,
  'confluent.type.Decimal': ({ value, scale }) => decimal(String(value), Number(scale)),
  ...Object.fromEntries(
    ['Double', 'Float', 'Int64', 'UInt64', 'Int32', 'UInt32', 'Bool', 'String', 'Bytes'].map((type) => [
      `google.protobuf.${type}Value`,
      ({ value }: Fields) => value,
    ]),
  ),
};

/** How a message type of this name is turned into a plain value; undefined for an ordinary one. */
export function wellKnown(name: string): ((fields: Fields) => unknown) | undefined {
  return Object.hasOwn(conversions, name) ? conversions[name] : undefined;
}

function integer(value: unknown): bigint {
  return BigInt(value as number | string);
}

/** RFC 3339 in UTC with 0, 3, 6 or 9 digits of the second's fraction. */
function instant(seconds: bigint, nanos: number): string {
  if (nanos < 0 || nanos > 999_999_999) throw new MalformedBytes(`a timestamp has ${nanos} nanoseconds`);
  return `${isoText(seconds * 1_000_000_000n + BigInt(nanos), fractionDigits(nanos))}Z`;
}

function duration(seconds: bigint, nanos: number): string {
  const sign = seconds < 0n || nanos < 0 ? '-' : '';
  const [whole, part] = [seconds < 0n ? -seconds : seconds, Math.abs(nanos)];
  if (part > 999_999_999) throw new MalformedBytes(`a duration has ${nanos} nanoseconds`);
  const digits = fractionDigits(part);
  const fraction = digits === 0 ? '' : `.${String(part).padStart(9, '0').slice(0, digits)}`;
  return `${sign}${whole}${fraction}s`;
}

function fractionDigits(nanos: number): number {
  return nanos === 0 ? 0 : nanos % 1_000_000 === 0 ? 3 : nanos % 1_000 === 0 ? 6 : 9;
}

/** One of the kinds of a google.protobuf.Value; one without a kind is null. */
function jsonValue(fields: Fields): unknown {
  for (const kind of ['number_value', 'string_value', 'bool_value', 'struct_value', 'list_value'])
    if (fields[kind] !== undefined) return fields[kind];
  return null;
}

/** @example decimal('yg==', 2) // '-0.54' */
function decimal(base64: string, scale: number): string {
  if (scale < 0 || scale > 1_000) throw new MalformedBytes(`a decimal has scale ${scale}`);
  return decimalText(Buffer.from(base64, 'base64'), scale);
}

/** The fields of a message whose plain value is not those; any other value is returned as it is. For writing. */
export function toWellKnown(name: string, value: unknown): unknown {
  const short = name.startsWith('google.protobuf.') ? name.slice('google.protobuf.'.length) : '';
  switch (short) {
    case 'Timestamp': {
      const nanos = nanosOf(typeof value === 'number' ? new Date(value).toISOString() : String(value));
      const seconds = nanos / nanosPerSecond - (nanos % nanosPerSecond < 0n ? 1n : 0n);
      return { seconds: seconds.toString(), nanos: Number(nanos - seconds * nanosPerSecond) };
    }
    case 'Duration': {
      const [, sign = '', seconds = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,9}))?s$/.exec(String(value)) ?? [];
      if (seconds === '') throw new RangeError(`not a duration such as 1.5s: ${String(value).slice(0, 50)}`);
      return { seconds: sign + seconds, nanos: Number(`${sign}${fraction.padEnd(9, '0')}`) };
    }
    case 'FieldMask':
      return { paths: String(value) === '' ? [] : String(value).split(',') };
    case 'Struct':
      return { fields: value };
    case 'ListValue':
      return { values: value };
    case 'Value':
      return kindOf(value);
    default:
      return short.endsWith('Value') ? { value } : value;
  }
}

function kindOf(value: unknown): unknown {
  if (Array.isArray(value)) return { list_value: value };
  switch (typeof value) {
    case 'number':
      return { number_value: value };
    case 'string':
      return { string_value: value };
    case 'boolean':
      return { bool_value: value };
    default:
      return value === null ? { null_value: 0 } : { struct_value: value };
  }
}
