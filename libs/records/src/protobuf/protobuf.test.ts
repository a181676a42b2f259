import { create, toBinary } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  ValueSchema,
} from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { compileProtobuf } from './index.ts';
import { isDescriptor } from './from-descriptor.ts';

function compile(schema: string, references: { name: string; schema: string }[] = []) {
  return compileProtobuf({ name: '', schema }, references, 64);
}

/** The body of a message as protobufjs writes it: an independent writer. */
function peerBytes(schema: string, type: string, value: object): Buffer {
  const message = protobuf.parse(schema, { keepCase: true }).root.lookupType(type);
  return Buffer.concat([Buffer.from([0]), message.encode(message.fromObject(value)).finish()]);
}

const everything = `syntax = "proto3"; package a;
  enum Color { RED = 0; BLUE = 2; }
  message All {
    double d = 1; float f = 2; int32 i32 = 3; int64 i64 = 4; uint32 u32 = 5; uint64 u64 = 6; sint32 s32 = 7; sint64 s64 = 8;
    fixed32 x32 = 9; fixed64 x64 = 10; sfixed32 y32 = 11; sfixed64 y64 = 12; bool b = 13; string s = 14; bytes raw = 15;
    Color color = 16; repeated int32 packed_ints = 17; repeated int32 plain_ints = 18 [packed = false]; map<string, int64> counts = 19;
    map<int32, All> children = 20; oneof choice { string left = 21; int32 right = 22; } optional int32 maybe = 23; repeated string words = 24;
    All inner = 25;
  }`;

describe('values', () => {
  const value = {
    d: 0.1,
    f: 0.5,
    i32: -5,
    i64: -6,
    u32: 4_294_967_295,
    u64: 8,
    s32: -9,
    s64: -10,
    x32: 11,
    x64: 12,
    y32: -13,
    y64: -14,
    b: true,
    s: 'grün',
    raw: 'AP8=',
    color: 'BLUE',
    packed_ints: [1, -2, 300],
    plain_ints: [4, 5],
    counts: { a: 1, b: -2 },
    children: {},
    right: 7,
    maybe: 0,
    words: ['x', ''],
  };

  it('each scalar type, lists, maps and choices as another implementation writes them', () => {
    expect(compile(everything).decode(peerBytes(everything, 'a.All', value))).toEqual(value);
  });

  it('what is written is read again', () => {
    const compiled = compile(everything);
    const nested = { ...value, children: { '3': value }, inner: value };
    expect(compiled.decode(compiled.encode(nested))).toEqual(nested);
  });

  it('an empty message has its defaults, but nothing that was not set explicitly', () => {
    const fields = compile(everything).decode(Buffer.from([0])) as Record<string, unknown>;
    expect(fields).toMatchObject({ d: 0, s: '', b: false, color: 'RED', words: [], counts: {} });
    expect(['left', 'right', 'maybe', 'inner'].filter((name) => name in fields)).toEqual([]);
  });

  it('64 bits are exact, as a number or as digits', () => {
    const schema = 'syntax = "proto3"; message M { int64 a = 1; uint64 b = 2; sint64 c = 3; sfixed64 d = 4; }';
    const compiled = compile(schema);
    const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(int64, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), int64, int64, (a, b, c, d) => {
        const fields = compiled.decode(compiled.encode({ a, b, c, d })) as Record<string, number | string>;
        expect(['a', 'b', 'c', 'd'].map((name) => BigInt(fields[name] ?? ''))).toEqual([a, b, c, d]);
      }),
    );
  });

  it('well-known types have their JSON form', () => {
    const schema = `syntax = "proto3"; import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto";
      import "google/protobuf/wrappers.proto"; import "google/protobuf/struct.proto"; import "confluent/type/decimal.proto";
      message M { google.protobuf.Timestamp at = 1; google.protobuf.Duration took = 2; google.protobuf.Int64Value n = 3;
        google.protobuf.Struct any = 4; google.protobuf.Int32Value none = 5; confluent.type.Decimal price = 6; }`;
    const compiled = compile(schema);
    const fields = {
      at: '2013-01-01T10:00:00.123Z',
      took: '-1.500s',
      n: 7,
      any: { a: [1, 'x', null, true, { b: 2 }] },
    };
    expect(compiled.decode(compiled.encode(fields))).toEqual(fields);
    const decimal = Buffer.from([0, 0x32, 6, 0x0a, 2, 0x04, 0xd2, 0x18, 2]);
    expect(compiled.decode(decimal)).toEqual({ price: '12.34' });
  });

  it('a message that another implementation wrote as Struct', () => {
    const bytes = toBinary(ValueSchema, create(ValueSchema, { kind: { case: 'stringValue', value: 'x' } }));
    const schema =
      'syntax = "proto3"; import "google/protobuf/struct.proto"; message M { google.protobuf.Value v = 1; }';
    expect(compile(schema).decode(Buffer.concat([Buffer.from([0, 0x0a, bytes.length]), bytes]))).toEqual({ v: 'x' });
  });
});

describe('which message', () => {
  const schema = `syntax = "proto3"; package p;
    message A { string a = 1; message B { string b = 1; } map<string, string> m = 2; message C { string c = 1; } }
    message D { string d = 1; }`;

  it.each([
    ['the first, short', [0], 'a'],
    ['the first, long', [2, 0], 'a'],
    ['the second', [2, 2], 'd'],
    ['nested', [4, 0, 0], 'b'],
    ['nested, after a map', [4, 0, 2], 'c'],
  ])('%s', (_name, indexes, field) => {
    expect(compile(schema).decode(Buffer.from([...indexes, 0x0a, 1, 0x78]))).toMatchObject({ [field]: 'x' });
  });

  it('the first, when a writer left the indexes out', () => {
    expect(compile(schema).decode(Buffer.from([0x0a, 1, 0x78]))).toMatchObject({ a: 'x' });
  });

  it('one that is not there is malformed', () => {
    expect(() => compile(schema).decode(Buffer.from([2, 8]))).toThrow(/no message/);
    expect(() => compile(schema).decode(Buffer.from([0xff, 0xff, 0x03]))).toThrow();
  });

  it('a file that shares its package with what it imports counts its own messages only', () => {
    const other = { name: 'other.proto', schema: 'syntax = "proto3"; package p; message Z { string z = 1; }' };
    const main = 'syntax = "proto3"; package p; import "other.proto"; message Y { Z z = 1; }';
    expect(compile(main, [other]).decode(Buffer.from([0, 0x0a, 3, 0x0a, 1, 0x78]))).toEqual({ z: { z: 'x' } });
  });
});

describe('a binary descriptor', () => {
  const proto = create(FileDescriptorProtoSchema, {
    name: 'm.proto',
    package: 'p',
    syntax: 'proto3',
    messageType: [
      {
        name: 'M',
        field: [
          { name: 'id', number: 1, type: FieldDescriptorProto_Type.STRING, label: FieldDescriptorProto_Label.OPTIONAL },
          { name: 'n', number: 2, type: FieldDescriptorProto_Type.INT64, label: FieldDescriptorProto_Label.REPEATED },
        ],
      },
    ],
  });
  const schema = Buffer.from(toBinary(FileDescriptorProtoSchema, proto)).toString('base64');

  it('is told from text', () => {
    expect([isDescriptor(schema), isDescriptor(everything), isDescriptor('message A{}')]).toEqual([true, false, false]);
  });

  it('gives the same as text', () => {
    const text = compile('syntax = "proto3"; package p; message M { string id = 1; repeated int64 n = 2; }');
    const fields = { id: 'a', n: [1, 2] };
    expect(compile(schema).decode(text.encode(fields))).toEqual(fields);
    expect(Buffer.from(compile(schema).encode(fields))).toEqual(Buffer.from(text.encode(fields)));
  });
});

describe('what is refused', () => {
  const schema = `syntax = "proto2"; message M { optional string s = 1; optional int32 i = 2; required int32 r = 3; repeated fixed32 x = 4;
    optional group G = 5 { optional int32 g = 1; } optional M m = 6; }`;
  const r = [0x18, 1];

  it.each([
    ['a text that ends early', [0x0a, 0x7f, 0x61, ...r]],
    ['a text that is not UTF-8', [0x0a, 1, 0xff, ...r]],
    ['a type that the field never has', [0x0d, 0, 0, 0, 0, ...r]],
    ['a required field that is not there', [0x10, 1]],
    ['packed numbers that end early', [0x22, 3, 1, 2, 3, ...r]],
    ['field number 0', [0, ...r]],
    ['wire type 7', [0x0f, ...r]],
    ['a group that does not end', [...r, 0x2b, 8, 1]],
    ['a group that was not begun', [...r, 0x2c]],
    ['a number of 11 bytes', [0x10, ...Array<number>(11).fill(0xff), ...r]],
  ])('%s', (_name, bytes) => {
    expect(() => compile(schema).decode(Buffer.from([0, ...bytes]))).toThrow(/./);
  });

  it('unknown fields are passed over, a group is read, a message that is written twice is one', () => {
    const bytes = [0, ...r, 0xf8, 1, 5, 0x2b, 8, 9, 0x2c, 0x32, 4, 0x10, 7, ...r, 0x32, 5, 0x0a, 1, 0x78, ...r];
    expect(compile(schema).decode(Buffer.from(bytes))).toEqual({
      r: 1,
      x: [],
      g: { g: 9 },
      m: { i: 7, r: 1, s: 'x', x: [] },
    });
  });

  it('messages nested without end', () => {
    let bytes = Buffer.from(r);
    for (let depth = 0; depth < 100; depth += 1) {
      const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
      bytes = Buffer.concat([Buffer.from([...r, 0x32, ...length]), bytes]);
    }
    expect(() => compile(schema).decode(Buffer.concat([Buffer.from([0]), bytes]))).toThrow(/too deep/);
  });

  it('a file whose import is missing, or that is none', () => {
    expect(() => compile('syntax = "proto3"; import "x.proto"; message M { X x = 1; }')).toThrow();
    expect(() => compile('this is no file')).toThrow();
  });
});
