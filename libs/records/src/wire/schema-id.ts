/** Names a schema: by the number it has in one registry, or by the GUID that it has in all. */
export type SchemaId = { readonly kind: 'id'; readonly id: number } | { readonly kind: 'guid'; readonly guid: string };

/** A value split by Confluent's wire format. */
export interface Framed {
  readonly schemaId: SchemaId;
  /** The encoded value. */
  readonly body: Uint8Array;
  /** What followed the id in the header (Protobuf's message indexes); absent when the id stood before the value. */
  readonly headerRest?: Uint8Array;
}

/** The headers of a record; records of @everloop/kafka have this shape. */
export interface HeaderCarrier {
  readonly headers: Readonly<Record<string, string>>;
  readonly rawHeaders?: Readonly<Record<string, readonly (Uint8Array | null)[]>> | undefined;
}

/** A record's bytes and headers. */
export interface RecordBytes extends HeaderCarrier {
  readonly value: Uint8Array | null;
}

/** Header with the schema id of the value. */
export const schemaIdHeader = '__value_schema_id';

const idMagic = 0;
const guidMagic = 1;
const idBytes = 4;
const guidBytes = 16;

/** Reads the schema id from the header, else from before the value; null when there is none in either. */
export function unframe(value: Uint8Array, carrier?: HeaderCarrier): Framed | null {
  const header = carrier === undefined ? undefined : headerBytes(carrier);
  if (header !== undefined) {
    const found = readId(header);
    return found === null ? null : { schemaId: found.schemaId, body: value, headerRest: header.subarray(found.length) };
  }
  const found = readId(value);
  return found === null ? null : { schemaId: found.schemaId, body: value.subarray(found.length) };
}

/** The schema id of a record in wire format; null when it has none. */
export function schemaIdOf(record: RecordBytes): SchemaId | null {
  return record.value === null ? null : (unframe(record.value, record)?.schemaId ?? null);
}

function headerBytes({ headers, rawHeaders }: HeaderCarrier): Uint8Array | undefined {
  const raw = rawHeaders?.[schemaIdHeader]?.at(-1);
  if (raw !== undefined && raw !== null) return raw;
  const text = Object.hasOwn(headers, schemaIdHeader) ? headers[schemaIdHeader] : undefined;
  return text === undefined ? undefined : Buffer.from(text);
}

function readId(bytes: Uint8Array): { readonly schemaId: SchemaId; readonly length: number } | null {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view[0] === idMagic && view.length > idBytes)
    return { schemaId: { kind: 'id', id: view.readUInt32BE(1) }, length: 1 + idBytes };
  if (view[0] === guidMagic && view.length > guidBytes) {
    const hex = view.toString('hex', 1, 1 + guidBytes);
    const guid = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
    return { schemaId: { kind: 'guid', guid }, length: 1 + guidBytes };
  }
  return null;
}

/** The id in its wire form: the prefix of a value, or a header's value. */
export function schemaIdBytes(schemaId: SchemaId): Buffer {
  if (schemaId.kind === 'guid')
    return Buffer.concat([Buffer.from([guidMagic]), Buffer.from(schemaId.guid.replaceAll('-', ''), 'hex')]);
  const bytes = Buffer.alloc(1 + idBytes);
  bytes.writeUInt32BE(schemaId.id, 1);
  return bytes;
}

/** @example schemaIdText({ kind: 'id', id: 7 }) // '7' */
export function schemaIdText(schemaId: SchemaId): string {
  return schemaId.kind === 'id' ? String(schemaId.id) : schemaId.guid;
}
