import protobuf, { type Field, type MapField, type NamespaceBase, type Type } from 'protobufjs';
import type { SchemaText } from '../registry/types.ts';
import { wellKnownFiles } from './well-known-files.ts';
import {
  isScalar,
  protoFile,
  ShapeTable,
  type FieldShape,
  type MessageTree,
  type ProtoFile,
  type ValueShape,
} from './shape.ts';

/** Compiles a .proto file and those it imports (by reference name, or well known). Throws when one is malformed or missing. */
export function fromText(schema: string, references: readonly SchemaText[]): ProtoFile {
  const root = new protobuf.Root();
  for (const { path, text } of wellKnownFiles) {
    if (!references.some(({ name }) => name === path)) parse(text, root);
  }
  for (const reference of references) parse(reference.schema, root);
  parse(schema, root);
  root.resolveAll();
  const shapes: ShapeTable<Type> = new ShapeTable((type) =>
    type.fieldsArray.map((field) => fieldShape(field.resolve(), (message) => shapes.of(nameOf(message), message))),
  );
  // On its own the file shows which messages are its own, and in which order: other files may share its package.
  const own = new protobuf.Root();
  const { package: ownPackage } = parse(schema, own);
  const scope = ownPackage === undefined ? own : own.lookup(ownPackage);
  const tree = (parent: NamespaceBase): MessageTree[] =>
    parent.nestedArray
      .filter((nested): nested is Type => nested instanceof protobuf.Type)
      .map((type) => ({ message: shapes.of(nameOf(type), root.lookupType(nameOf(type))), nested: tree(type) }));
  return protoFile(tree(scope as NamespaceBase));
}

function parse(source: string, root: protobuf.Root): protobuf.IParserResult {
  return protobuf.parse(source, root, { keepCase: true });
}

function nameOf(type: Type): string {
  return type.fullName.replace(/^\./, '');
}

type ShapeOf = (type: Type) => ReturnType<ShapeTable<Type>['of']>;

function fieldShape(field: Field, shapeOf: ShapeOf): FieldShape {
  const isMap = field.map;
  const value = valueShape(field, shapeOf);
  const hasPresence = Boolean((field as unknown as { readonly hasPresence: unknown }).hasPresence);
  const isExplicit = hasPresence || field.partOf !== null || value.kind === 'message';
  return {
    number: field.id,
    name: field.name,
    value,
    isRepeated: field.repeated,
    mapKey: isMap ? keyType((field as unknown as MapField).keyType) : null,
    presence: field.required ? 'required' : isExplicit ? 'explicit' : 'implicit',
    isPacked: field.packed,
    rivals: field.partOf?.oneof.filter((name) => name !== field.name) ?? [],
  };
}

function keyType(name: string) {
  if (!isScalar(name)) throw new TypeError(`a map cannot have keys of type ${name}`);
  return name;
}

function valueShape(field: Field, shapeOf: ShapeOf): ValueShape {
  const { resolvedType, type } = field;
  if (resolvedType instanceof protobuf.Type) {
    const isGroup = Boolean((resolvedType as unknown as { readonly group?: unknown }).group);
    return { kind: 'message', message: shapeOf(resolvedType), isGroup };
  }
  if (resolvedType instanceof protobuf.Enum) {
    const values = Object.entries(resolvedType.values);
    return {
      kind: 'enum',
      values: {
        nameOf: new Map(values.map(([name, number]) => [number, name]).reverse() as [number, string][]),
        numberOf: new Map(values),
      },
    };
  }
  if (!isScalar(type)) throw new TypeError(`the type ${type} of field ${field.name} is not known`);
  return { kind: 'scalar', scalar: type };
}
