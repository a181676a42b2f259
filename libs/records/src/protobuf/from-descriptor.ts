import {
  createFileRegistry,
  fromBinary,
  ScalarType,
  type DescField,
  type DescFile,
  type DescMessage,
} from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_any,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
  type DescriptorProto,
} from '@bufbuild/protobuf/wkt';
import type { SchemaText } from '../registry/types.ts';
import {
  isScalar,
  protoFile,
  ShapeTable,
  type FieldShape,
  type MessageTree,
  type ProtoFile,
  type Scalar,
  type ValueShape,
} from './shape.ts';

const wellKnownFiles: readonly DescFile[] = [
  file_google_protobuf_any,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
];

/** Whether a schema is a base64 FileDescriptorProto instead of .proto text, which never is base64: it has spaces and semicolons. */
export function isDescriptor(schema: string): boolean {
  return /^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(schema) && !/[A-Za-z0-9] [A-Za-z0-9]/.test(schema);
}

/** Compiles a base64 FileDescriptorProto and those that it imports. Throws when one is malformed or missing. */
export function fromDescriptor(schema: string, references: readonly SchemaText[]): ProtoFile {
  const given = new Map(references.map(({ name, schema: text }) => [name, readDescriptor(text)]));
  const known = new Map(wellKnownFiles.map((file) => [file.proto.name, file]));
  const proto = readDescriptor(schema);
  const registry = createFileRegistry(proto, (name) => given.get(name) ?? known.get(name));
  const shapes: ShapeTable<DescMessage> = new ShapeTable((message) =>
    message.fields.map((field) => fieldShape(field, (type) => shapes.of(type.typeName, type))),
  );
  // Map entries count: a descriptor lists them among the nested messages, and writers that register descriptors count so.
  const tree = (messages: readonly DescriptorProto[], scope: string): MessageTree[] =>
    messages.map((message) => {
      const name = scope === '' ? message.name : `${scope}.${message.name}`;
      const found = registry.getMessage(name);
      return { message: found === undefined ? null : shapes.of(name, found), nested: tree(message.nestedType, name) };
    });
  return protoFile(tree(proto.messageType, proto.package));
}

function readDescriptor(base64: string) {
  return fromBinary(FileDescriptorProtoSchema, Buffer.from(base64, 'base64'));
}

type ShapeOf = (type: DescMessage) => ReturnType<ShapeTable<DescMessage>['of']>;

function fieldShape(field: DescField, shapeOf: ShapeOf): FieldShape {
  return {
    number: field.number,
    name: field.name,
    value: valueShape(field, shapeOf),
    isRepeated: field.fieldKind === 'list',
    mapKey: field.fieldKind === 'map' ? scalarName(field.mapKey) : null,
    presence: presenceOf(field),
    isPacked: field.fieldKind === 'list' && field.packed,
    rivals: field.oneof?.fields.filter((other) => other !== field).map(({ name }) => name) ?? [],
  };
}

/** google.protobuf.FeatureSet.FieldPresence */
const presences = { explicit: 1, implicit: 2, required: 3 } as const;

function presenceOf(field: DescField): FieldShape['presence'] {
  const presence: number = field.presence;
  if (presence === presences.required) return 'required';
  return presence === presences.implicit ? 'implicit' : 'explicit';
}

function valueShape(field: DescField, shapeOf: ShapeOf): ValueShape {
  if (field.message !== undefined) {
    const isGroup = field.fieldKind !== 'map' && 'delimitedEncoding' in field && field.delimitedEncoding;
    return { kind: 'message', message: shapeOf(field.message), isGroup };
  }
  if (field.enum !== undefined) {
    const values = field.enum.values.map(({ name, number }) => [name, number] as const);
    return {
      kind: 'enum',
      values: {
        nameOf: new Map(values.map(([name, number]) => [number, name] as const).reverse()),
        numberOf: new Map(values),
      },
    };
  }
  return { kind: 'scalar', scalar: scalarName(field.scalar) };
}

function scalarName(type: ScalarType | undefined): Scalar {
  const name = type === undefined ? '' : ScalarType[type].toLowerCase();
  if (!isScalar(name)) throw new TypeError(`a scalar type ${name} is not known`);
  return name;
}
