import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimalText, isoText } from '../wire/times.ts';
import { compileAvro } from './index.ts';

function compile(schema: unknown, references: { name: string; schema: string }[] = []) {
  return compileAvro({ name: '', schema: JSON.stringify(schema) }, references, 64);
}

/** Bytes as avsc itself writes them, without this library's types. */
function plainBytes(schema: unknown, value: unknown): Buffer {
  return avsc.Type.forSchema(schema as avsc.Schema).toBuffer(value);
}

function zigzag(value: bigint): Buffer {
  let left = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  for (; left > 0x7fn; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(left)]);
}

describe('values', () => {
  it.each([
    ['null', 'null', null, null],
    ['boolean', 'boolean', true, true],
    ['int', 'int', -7, -7],
    ['float', 'float', 0.5, 0.5],
    ['double', 'double', 0.1, 0.1],
    ['string', 'string', 'grün', 'grün'],
    ['bytes are base64', 'bytes', Buffer.from([0, 255]), 'AP8='],
    ['fixed is base64', { type: 'fixed', name: 'F', size: 2 }, Buffer.from([1, 2]), 'AQI='],
    ['enum', { type: 'enum', name: 'E', symbols: ['A', 'B'] }, 'B', 'B'],
    ['map', { type: 'map', values: 'int' }, { a: 1, b: 2 }, { a: 1, b: 2 }],
    ['array', { type: 'array', items: 'int' }, [1, 2, 3], [1, 2, 3]],
    ['union, its branch', ['null', 'string', 'int'], 'x', 'x'],
    ['a union that avsc would wrap', ['int', 'double'], { double: 1.5 }, 1.5],
  ])('%s', (_name, schema, value, expected) => {
    expect(compile(schema).decode(plainBytes(schema, value))).toEqual(expected);
  });

  it.each([
    ['timestamp-millis', 'long', 1_357_034_400_123n, 1_357_034_400_123],
    ['timestamp-micros', 'long', 1_357_034_400_123_456n, '2013-01-01T10:00:00.123456Z'],
    ['timestamp-micros', 'long', -1n, '1969-12-31T23:59:59.999999Z'],
    ['timestamp-nanos', 'long', 1n, '1970-01-01T00:00:00.000000001Z'],
    ['local-timestamp-millis', 'long', 0n, '1970-01-01T00:00:00.000'],
    ['date', 'int', 15_706n, '2013-01-01'],
    ['time-millis', 'int', 3_723_004n, '01:02:03.004'],
    ['time-micros', 'long', 1n, '00:00:00.000001'],
  ])('%s', (logicalType, type, raw, expected) => {
    const compiled = compile({ type, logicalType });
    expect(compiled.decode(zigzag(raw))).toBe(expected);
    expect(Buffer.from(compiled.encode(expected))).toEqual(zigzag(raw));
  });

  it.each([
    ['12.34', [4, 0x04, 0xd2]],
    ['-2.00', [4, 0xff, 0x38]],
    ['0.00', [2, 0]],
    ['123456789012345678.90', undefined],
  ])('decimal %s is exact text', (text, bytes) => {
    const compiled = compile({ type: 'bytes', logicalType: 'decimal', precision: 20, scale: 2 });
    const encoded = Buffer.from(compiled.encode(text));
    if (bytes !== undefined) expect([...encoded]).toEqual(bytes);
    expect(compiled.decode(encoded)).toBe(text);
  });

  it('a long is a number where that is exact, and its digits beyond: nothing is rounded', () => {
    const compiled = compile('long');
    expect(compiled.decode(zigzag(2n ** 53n - 1n))).toBe(Number.MAX_SAFE_INTEGER);
    expect(compiled.decode(zigzag(2n ** 53n + 1n))).toBe('9007199254740993');
    expect(compiled.decode(zigzag(-(2n ** 63n)))).toBe('-9223372036854775808');
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const decoded = compiled.decode(zigzag(value));
        expect(BigInt(decoded as number | string)).toBe(value);
        expect(Buffer.from(compiled.encode(decoded))).toEqual(zigzag(value));
      }),
    );
  });

  it('named types of references', () => {
    const address = { type: 'record', name: 'a.Address', fields: [{ name: 'city', type: 'string' }] };
    const person = { type: 'record', name: 'a.Person', fields: [{ name: 'home', type: 'a.Address' }] };
    const compiled = compile(person, [{ name: 'a.Address', schema: JSON.stringify(address) }]);
    const fields = { home: { city: 'Bern' } };
    expect(compiled.decode(compiled.encode(fields))).toEqual(fields);
  });
});

describe('what is refused', () => {
  it.each([
    ['bytes after the value', 'int', [2, 0]],
    ['a boolean that is neither', 'boolean', [2]],
    ['an int beyond 32 bits', 'int', [...zigzag(2n ** 31n)]],
    ['a number beyond 64 bits', 'long', Array<number>(11).fill(0xff)],
    ['a text that is not UTF-8', 'string', [2, 0xff]],
    ['a text longer than the bytes', 'string', [20, 0x61]],
    ['a negative length', 'string', [1]],
    ['a symbol that is not there', { type: 'enum', name: 'E', symbols: ['A'] }, [2]],
    ['a branch that is not there', ['null', 'int'], [4]],
    ['a time beyond the calendar', { type: 'long', logicalType: 'timestamp-micros' }, [...zigzag(2n ** 63n - 1n)]],
  ])('%s', (_name, schema, bytes) => {
    expect(() => compile(schema).decode(Buffer.from(bytes))).toThrow();
  });

  it('a map may have any key, __proto__ too', () => {
    const value = compile({ type: 'map', values: 'int' }).decode(
      Buffer.from([2, 18, ...Buffer.from('__proto__'), 2, 0]),
    );
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });
});

it('docstring examples', () => {
  expect(decimalText(Buffer.from([0xff, 0x38]), 2)).toBe('-2.00');
  expect(isoText(1_500_000_000n, 3)).toBe('1970-01-01T00:00:01.500');
});
