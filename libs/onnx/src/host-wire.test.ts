import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HostReply, HostRequest } from './host-protocol.ts';
import { bodyBytesMax, encodeReply, encodeRequest, FrameReader } from './host-wire.ts';

const id = fc.nat();
const text = fc.string({ unit: 'grapheme' });
const bytes = fc.nat(2 ** 40);

const requests: fc.Arbitrary<HostRequest> = fc.oneof(
  fc.record({ kind: fc.constant('load'), id, key: text, path: text, digest: text }),
  fc.record({ kind: fc.constant('unload'), id, key: text }),
  fc.record({
    ...{ kind: fc.constant('run'), id, key: text, rows: fc.nat(1_000) },
    numeric: fc.array(fc.float()).map((values) => Float32Array.from(values)),
    categories: fc.array(text),
  }),
);
const replies: fc.Arbitrary<HostReply> = fc.oneof(
  fc.record({ kind: fc.constant('ready'), runtimeVersion: text, trouble: fc.option(text) }),
  fc.record({
    ...{ kind: fc.constant('loaded'), id, rssBytes: bytes },
    model: fc.record({ nNumeric: fc.nat(), nCategories: fc.nat(), ops: fc.array(text) }),
  }),
  fc.record({ kind: fc.constant('unloaded'), id, rssBytes: bytes }),
  fc.record({
    ...{ kind: fc.constant('scored'), id, rssBytes: bytes },
    scores: fc.array(fc.double()).map((values) => Float64Array.from(values)),
  }),
  fc.record({ kind: fc.constant('failed'), id, code: text, message: text, rssBytes: bytes }),
);

/** What a reader makes of a stream that comes in chunks of the given sizes, again and again. */
function read<T extends HostRequest | HostReply>(stream: Buffer, sizes: readonly number[]): T[] {
  const reader = new FrameReader<T>();
  const messages: T[] = [];
  for (let [at, turn] = [0, 0]; at < stream.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    messages.push(...reader.take(stream.subarray(at, at + size)));
    at += size;
  }
  return messages;
}

const chunks = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 });

describe('frames', () => {
  it('carry every request, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(requests), chunks, (sent, sizes) => {
        expect(read(Buffer.concat(sent.map(encodeRequest)), sizes)).toEqual(sent);
      }),
    );
  });

  it('carry every reply, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(replies), chunks, (sent, sizes) => {
        expect(read(Buffer.concat(sent.map(encodeReply)), sizes)).toEqual(sent);
      }),
    );
  });

  it('are refused when they are damaged', () => {
    const reader = (): FrameReader<HostReply> => new FrameReader();
    const tooLong = Buffer.alloc(5);
    tooLong.writeUInt32LE(bodyBytesMax + 1);
    expect(() => reader().take(tooLong)).toThrow(RangeError);
    const unknown = encodeReply({ kind: 'unloaded', id: 1, rssBytes: 1 });
    unknown.writeUInt8(9, 4);
    expect(() => reader().take(unknown)).toThrow('unknown kind 9');
    const cut = encodeRequest({
      kind: 'run',
      id: 1,
      key: 'k',
      rows: 1,
      numeric: Float32Array.of(1, 2),
      categories: [],
    });
    cut.writeUInt32LE(1_000, 5 + 8);
    expect(() => reader().take(cut)).toThrow(RangeError);
  });
});
