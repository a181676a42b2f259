import type { feastTypes } from '@everloop/contracts';
import type { FeatureScalar } from '@everloop/features';

import type { FeastType } from '../domain/feast-types.ts';
import { errors } from '../errors.ts';

/** A value as Feast's gRPC API carries it; `val` is absent where there is none. */
export function wireValue(type: FeastType, value: FeatureScalar): feastTypes.Value {
  return { val: value === null ? undefined : valOf(type, value) };
}

function valOf(type: FeastType, value: string | number): feastTypes.Value['val'] {
  switch (type) {
    case 'double':
      return { $case: 'doubleVal', value: Number(value) };
    case 'int64':
      // A column of integers may hold more than 2^53 only as text; a float64 is whole here.
      return { $case: 'int64Val', value: BigInt(Math.trunc(Number(value))) };
    case 'bool':
      return { $case: 'boolVal', value: value !== 0 };
    case 'timestamp':
      return { $case: 'unixTimestampVal', value: BigInt(Math.floor(Number(value) / 1_000)) };
    case 'string':
      return { $case: 'stringVal', value: String(value) };
    case 'json':
      return { $case: 'jsonVal', value: String(value) };
    case 'list':
      return listOf(JSON.parse(String(value)) as readonly (string | number)[]);
  }
}

function listOf(values: readonly (string | number)[]): feastTypes.Value['val'] {
  return typeof values[0] === 'string'
    ? { $case: 'stringListVal', value: { val: values.map(String) } }
    : { $case: 'doubleListVal', value: { val: values.map(Number) } };
}

/** A value of a record, as JSON has it; EVL_FEATURES_REQUEST_INVALID for bytes. Times stay in seconds. */
export function plainValue({ val }: feastTypes.Value): unknown {
  switch (val?.$case) {
    case undefined:
    case 'nullVal':
      return null;
    case 'int64Val':
    case 'unixTimestampVal':
      return safeNumber(val.value);
    case 'stringVal':
    case 'int32Val':
    case 'doubleVal':
    case 'floatVal':
    case 'boolVal':
    case 'jsonVal':
    case 'uuidVal':
    case 'decimalVal':
      return val.value;
    case 'stringListVal':
    case 'int32ListVal':
    case 'doubleListVal':
    case 'floatListVal':
    case 'boolListVal':
      return val.value.val;
    case 'int64ListVal':
    case 'unixTimestampListVal':
      return val.value.val.map(safeNumber);
    case 'bytesVal':
    case 'bytesListVal':
      throw errors.requestInvalid('Bytes are no values of a Source; send text');
  }
}

function safeNumber(value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw errors.requestInvalid(`${value} is beyond 2^53; keep such keys as text`);
}

/** A value of an entity. */
export function entityValue(value: feastTypes.Value): FeatureScalar {
  const plain = plainValue(value);
  if (value.val?.$case === 'unixTimestampVal') return Number(plain) * 1_000;
  if (typeof plain === 'boolean') return Number(plain);
  if (plain === null || typeof plain === 'string' || typeof plain === 'number') return plain;
  throw errors.requestInvalid('A list is no key of an entity');
}
