/** Scalar types by their names in .proto files. */
export const scalars = [
  'double',
  'float',
  'int32',
  'int64',
  'uint32',
  'uint64',
  'sint32',
  'sint64',
  'fixed32',
  'fixed64',
  'sfixed32',
  'sfixed64',
  'bool',
  'string',
  'bytes',
] as const;

export type Scalar = (typeof scalars)[number];

export function isScalar(name: string): name is Scalar {
  return (scalars as readonly string[]).includes(name);
}

export interface EnumShape {
  readonly nameOf: ReadonlyMap<number, string>;
  readonly numberOf: ReadonlyMap<string, number>;
}

export type ValueShape =
  | { readonly kind: 'scalar'; readonly scalar: Scalar }
  | { readonly kind: 'enum'; readonly values: EnumShape }
  /** `isGroup`: delimited by tags instead of a length. */
  | { readonly kind: 'message'; readonly message: MessageShape; readonly isGroup: boolean };

export interface FieldShape {
  readonly number: number;
  /** As written in the .proto file. */
  readonly name: string;
  readonly value: ValueShape;
  readonly isRepeated: boolean;
  /** Type of the keys of a map; null when the field is none. */
  readonly mapKey: Scalar | null;
  /** `implicit`: absent means the default value. */
  readonly presence: 'implicit' | 'explicit' | 'required';
  /** Whether repeated scalars are written packed; both forms are read. */
  readonly isPacked: boolean;
  /** Names of the other fields of the same oneof. */
  readonly rivals: readonly string[];
}

/** A message type: the one model that text and binary descriptors are compiled to. Fields are filled in later: types may be recursive. */
export interface MessageShape {
  /** Full name without a leading point. */
  readonly name: string;
  readonly fields: FieldShape[];
  readonly byNumber: Map<number, FieldShape>;
}

/** A compiled file: which message a path of indexes names. */
export interface ProtoFile {
  /** The message at `indexes`: the position among the file's messages, then among the nested ones of each. Null when there is none. */
  messageAt(indexes: readonly number[]): MessageShape | null;
}

/** Positions of messages in a file, by nesting. */
export interface MessageTree {
  readonly message: MessageShape | null;
  readonly nested: readonly MessageTree[];
}

export function protoFile(messages: readonly MessageTree[]): ProtoFile {
  return {
    messageAt(indexes) {
      let level = messages;
      let found: MessageTree | undefined;
      for (const index of indexes) {
        found = level[index];
        if (found === undefined) return null;
        level = found.nested;
      }
      return found?.message ?? null;
    },
  };
}

/** Shapes by full name, each made once: `fill` adds the fields after the shape is known, so that a type may contain itself. */
export class ShapeTable<T> {
  readonly #known = new Map<string, MessageShape>();
  readonly #fieldsOf: (type: T) => readonly FieldShape[];

  constructor(fieldsOf: (type: T) => readonly FieldShape[]) {
    this.#fieldsOf = fieldsOf;
  }

  of(name: string, type: T): MessageShape {
    const found = this.#known.get(name);
    if (found !== undefined) return found;
    const shape: MessageShape = { name, fields: [], byNumber: new Map() };
    this.#known.set(name, shape);
    for (const field of this.#fieldsOf(type)) {
      if (field.name === '__proto__') throw new TypeError('a field cannot be named __proto__');
      shape.fields.push(field);
      shape.byNumber.set(field.number, field);
    }
    return shape;
  }
}
