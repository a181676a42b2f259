/**
 * Frames between the model host and its child process, over one stream in each direction. A frame: length of the body (uint32), kind (uint8), body;
 * numbers in the byte order of the machine, which both ends are on. Runs and their scores, which come thousands of times a second, are
 * written as they are; everything else is JSON.
 */
import type { HostReply, HostRequest, RunInput } from './host-protocol.ts';

type Run = Extract<HostRequest, { kind: 'run' }>;
type Scored = Extract<HostReply, { kind: 'scored' }>;

const kinds = { json: 0, run: 1, scored: 2 } as const;
const headBytes = 5;
/** Largest body that is read: several times the largest batch. A longer one can only be damage. */
export const bodyBytesMax = 256 * 1024 * 1024;

export function encodeRequest(request: HostRequest): Buffer {
  return request.kind === 'run' ? encodeRun(request) : encodeJson(request);
}

export function encodeReply(reply: HostReply): Buffer {
  return reply.kind === 'scored' ? encodeScored(reply) : encodeJson(reply);
}

/** Takes a stream apart into its messages. `take` throws RangeError or SyntaxError where a frame is damaged; nothing behind it can be read. */
export class FrameReader<T extends HostRequest | HostReply> {
  #parts: Buffer[] = [];
  #bytes = 0;
  /** Bytes until the next frame is whole. */
  #wanted = headBytes;

  /** The messages that are whole with this chunk. */
  take(chunk: Buffer): T[] {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    const messages: T[] = [];
    if (this.#bytes < this.#wanted) return messages;
    let rest = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts);
    this.#wanted = headBytes;
    while (rest.length >= headBytes) {
      const length = rest.readUInt32LE(0);
      if (length > bodyBytesMax) throw new RangeError(`a frame of ${length} bytes is too large`);
      if (rest.length < headBytes + length) {
        this.#wanted = headBytes + length;
        break;
      }
      // What a body becomes has its type: both ends are ours.
      messages.push(decodeBody(rest.readUInt8(4), rest.subarray(headBytes, headBytes + length)) as T);
      rest = rest.subarray(headBytes + length);
    }
    this.#parts = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
    return messages;
  }
}

function decodeBody(kind: number, body: Buffer): HostRequest | HostReply {
  if (kind === kinds.run) return decodeRun(body);
  if (kind === kinds.scored) return decodeScored(body);
  if (kind === kinds.json) return JSON.parse(body.toString()) as HostRequest | HostReply;
  throw new RangeError(`a frame has the unknown kind ${kind}`);
}

function newFrame(kind: number, bodyBytes: number): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + bodyBytes);
  frame.writeUInt32LE(bodyBytes, 0);
  frame.writeUInt8(kind, 4);
  return frame;
}

function encodeJson(message: HostRequest | HostReply): Buffer {
  const text = JSON.stringify(message);
  const frame = newFrame(kinds.json, Buffer.byteLength(text));
  frame.write(text, headBytes);
  return frame;
}

/** Id, rows, counts of numbers and categories (uint32 each), numbers (float32), then key and categories, each a length (uint32) and UTF-8. */
function encodeRun({ id, key, rows, numeric, categories }: Run): Buffer {
  const texts = [key, ...categories];
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const numberBytes = numeric.byteLength;
  const frame = newFrame(kinds.run, 16 + numberBytes + lengths.reduce((sum, length) => sum + 4 + length, 0));
  let at = headBytes;
  for (const count of [id, rows, numeric.length, categories.length]) at = frame.writeUInt32LE(count, at);
  frame.set(new Uint8Array(numeric.buffer, numeric.byteOffset, numberBytes), at);
  at += numberBytes;
  for (let index = 0; index < texts.length; index += 1) {
    at = frame.writeUInt32LE(lengths[index] ?? 0, at);
    at += frame.write(texts[index] ?? '', at);
  }
  return frame;
}

function decodeRun(body: Buffer): Run {
  const [id, rows, numbers, count] = [0, 4, 8, 12].map((at) => body.readUInt32LE(at)) as [
    number,
    number,
    number,
    number,
  ];
  let at = 16 + 4 * numbers;
  const numeric = new Float32Array(copyOf(body, 16, at));
  const text = (): string => {
    const from = at + 4;
    at = from + body.readUInt32LE(at);
    return body.toString('utf8', from, at);
  };
  const key = text();
  const categories: string[] = [];
  for (let index = 0; index < count; index += 1) categories.push(text());
  const input: RunInput = { rows, numeric, categories };
  return { kind: 'run', id, key, ...input };
}

/** Resident memory (float64), id (uint32), scores (float64 each). */
function encodeScored({ id, rssBytes, scores }: Scored): Buffer {
  const frame = newFrame(kinds.scored, 12 + scores.byteLength);
  frame.writeUInt32LE(id, frame.writeDoubleLE(rssBytes, headBytes));
  frame.set(new Uint8Array(scores.buffer, scores.byteOffset, scores.byteLength), headBytes + 12);
  return frame;
}

function decodeScored(body: Buffer): Scored {
  const scores = new Float64Array(copyOf(body, 12, body.length));
  return { kind: 'scored', id: body.readUInt32LE(8), rssBytes: body.readDoubleLE(0), scores };
}

/** A copy, since a view of numbers must begin at a multiple of their size. */
function copyOf(body: Buffer, from: number, to: number): ArrayBuffer {
  if (to > body.length) throw new RangeError(`a frame ends at byte ${body.length}, its numbers at ${to}`);
  const copy = new ArrayBuffer(to - from);
  new Uint8Array(copy).set(body.subarray(from, to));
  return copy;
}
