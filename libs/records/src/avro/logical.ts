import avsc, { type Schema, type Type } from 'avsc';
import { exactInteger, narrow } from '../wire/byte-reader.ts';
import { decimalText, isoText, nanosOf } from '../wire/times.ts';

const dayMs = 86_400_000;
const { types } = avsc;

/** The value of a logical type from the value of the type that it annotates, and back. */
interface Conversion {
  /** `raw`: number or bigint for int and long, Buffer for bytes and fixed. */
  readonly fromRaw: (raw: unknown) => unknown;
  readonly toRaw: (value: unknown) => unknown;
}

/** A type of avsc that carries its conversion, so that the reader finds it in the compiled schema. */
export class ConvertedType extends types.LogicalType {
  readonly #conversion: Conversion;

  constructor(schema: Schema, options: unknown, conversion: Conversion) {
    super(schema, options);
    this.#conversion = conversion;
  }

  get conversion(): Conversion {
    return this.#conversion;
  }

  protected override _fromValue(raw: unknown): unknown {
    return this.#conversion.fromRaw(raw);
  }

  protected override _toValue(value: unknown): unknown {
    return this.#conversion.toRaw(value);
  }

  protected override _resolve(type: Type): unknown {
    return type instanceof ConvertedType ? (value: unknown): unknown => value : undefined;
  }
}

function define(conversionOf: (schema: Readonly<Record<string, unknown>>) => Conversion) {
  return class extends ConvertedType {
    constructor(schema: Schema, options?: unknown) {
      super(schema, options, conversionOf(schema as unknown as Readonly<Record<string, unknown>>));
    }
  };
}

/**
 * The logical types of Avro 1.12 as plain fields. Times with milliseconds are epoch milliseconds; finer ones are RFC 3339 text, since
 * a millisecond cannot hold them; local ones are text without an offset, which no timestamp contract accepts. Decimals are exact text.
 */
export const logicalTypes = {
  decimal: define(({ scale }) => decimal(typeof scale === 'number' ? scale : 0)),
  date: define(() => ({
    fromRaw: (days) => isoText(toBigInt(days) * BigInt(dayMs) * 1_000_000n, 0).slice(0, 10),
    toRaw: (text) => Math.round(Date.parse(`${String(text)}T00:00:00Z`) / dayMs),
  })),
  'timestamp-millis': define(() => ({ fromRaw: (ms) => exactInteger(toBigInt(ms)), toRaw: epochMs })),
  'timestamp-micros': define(() => instant(1_000n, 6, 'Z')),
  'timestamp-nanos': define(() => instant(1n, 9, 'Z')),
  'local-timestamp-millis': define(() => instant(1_000_000n, 3, '')),
  'local-timestamp-micros': define(() => instant(1_000n, 6, '')),
  'local-timestamp-nanos': define(() => instant(1n, 9, '')),
  'time-millis': define(() => timeOfDay(1_000_000n, 3)),
  'time-micros': define(() => timeOfDay(1_000n, 6)),
} as const;

function instant(nanosPerUnit: bigint, digits: number, suffix: string): Conversion {
  return {
    fromRaw: (value) => isoText(toBigInt(value) * nanosPerUnit, digits) + suffix,
    toRaw: (value) =>
      narrow(nanosOf(typeof value === 'number' ? new Date(value).toISOString() : String(value)) / nanosPerUnit),
  };
}

function timeOfDay(nanosPerUnit: bigint, digits: number): Conversion {
  return {
    fromRaw: (value) => isoText(toBigInt(value) * nanosPerUnit, digits).slice(11),
    toRaw: (value) => narrow(nanosOf(`1970-01-01T${String(value)}`) / nanosPerUnit),
  };
}

function epochMs(value: unknown): number {
  const ms = typeof value === 'string' ? Date.parse(value) : Number(value);
  if (!Number.isSafeInteger(ms)) throw new RangeError(`not a time in milliseconds: ${String(value).slice(0, 50)}`);
  return ms;
}

function toBigInt(raw: unknown): bigint {
  return typeof raw === 'bigint' ? raw : BigInt(raw as number | string);
}

/** Bytes in two's complement, big endian, with `scale` digits after the point (Avro 1.12, "Decimal"). */
function decimal(scale: number): Conversion {
  return {
    fromRaw: (raw) => decimalText(raw as Buffer, scale),
    toRaw: (value) => decimalBytes(typeof value === 'number' ? String(value) : (value as string), scale),
  };
}

function decimalBytes(text: string, scale: number): Buffer {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text) ?? [];
  if (whole === '' || fraction.length > scale) throw new RangeError(`${text} is no decimal of scale ${scale}`);
  const value = BigInt(sign + whole + fraction.padEnd(scale, '0'));
  let length = 1;
  while (BigInt.asIntN(length * 8, value) !== value) length += 1;
  return Buffer.from(
    BigInt.asUintN(length * 8, value)
      .toString(16)
      .padStart(length * 2, '0'),
    'hex',
  );
}
