/** A file that others import without a reference: path, package and messages. */
interface KnownFile {
  readonly path: string;
  readonly text: string;
}

const wrapped = ['double', 'float', 'int64', 'uint64', 'int32', 'uint32', 'bool', 'string', 'bytes'];

function wrapperName(scalar: string): string {
  return `${scalar.replace(/^(ui|.)/, (letters) => letters.toUpperCase())}Value`;
}

function google(name: string, messages: string): KnownFile {
  return { path: `google/protobuf/${name}.proto`, text: `syntax = "proto3"; package google.protobuf; ${messages}` };
}

/** The well-known types of Protocol Buffers, and the registry's own decimal; the numbers of their fields are fixed for ever. */
export const wellKnownFiles: readonly KnownFile[] = [
  google('any', 'message Any { string type_url = 1; bytes value = 2; }'),
  google('duration', 'message Duration { int64 seconds = 1; int32 nanos = 2; }'),
  google('empty', 'message Empty {}'),
  google('field_mask', 'message FieldMask { repeated string paths = 1; }'),
  google('timestamp', 'message Timestamp { int64 seconds = 1; int32 nanos = 2; }'),
  google(
    'struct',
    `message Struct { map<string, Value> fields = 1; }
     message Value { oneof kind { NullValue null_value = 1; double number_value = 2; string string_value = 3; bool bool_value = 4;
       Struct struct_value = 5; ListValue list_value = 6; } }
     enum NullValue { NULL_VALUE = 0; }
     message ListValue { repeated Value values = 1; }`,
  ),
  google('wrappers', wrapped.map((scalar) => `message ${wrapperName(scalar)} { ${scalar} value = 1; }`).join('\n')),
  {
    path: 'confluent/type/decimal.proto',
    text: `syntax = "proto3"; package confluent.type;
      message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }`,
  },
];
