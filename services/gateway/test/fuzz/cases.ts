import type { OutgoingHttpHeaders } from 'node:http2';
import { deflateSync, gzipSync } from 'node:zlib';
import { framed } from './calls.ts';
import { decisionSeeds, decisionTensors } from './decision-seeds.ts';
import { mutateJson } from './json.ts';
import { mutate, varint } from './protobuf.ts';
import { randomOf, type Random } from './random.ts';
import {
  binaryRequest,
  inferPath,
  inferSeeds,
  jsonRequest,
  otherCalls,
  streamPath,
  typedCall,
  typedJson,
  type Asked,
} from './seeds.ts';

/** Something to send, and what may come of it. */
export type Case =
  | {
      readonly kind: 'grpc';
      readonly about: string;
      readonly path: string;
      readonly body: Buffer;
      readonly headers: OutgoingHttpHeaders;
      readonly resetEarly: boolean;
    }
  | {
      readonly kind: 'http';
      readonly about: string;
      readonly path: string;
      readonly body: Buffer;
      readonly headers: Record<string, string>;
    }
  | { readonly kind: 'bytes'; readonly about: string; readonly toHttp: boolean; readonly body: Buffer };

const decisionForms = decisionSeeds();
const seeds = [...inferSeeds(), ...decisionTensors()];
const asked = { id: 'seed', distances: [12.5, -7, 3] };

/** Case `index` of the run with `seed`; the same for ever. */
export function caseOf(seed: number, index: number): Case {
  const random = randomOf(seed, index);
  const sort = random.below(100);
  if (sort < 37) return message(random, inferPath);
  if (sort < 45) return decision(random);
  if (sort < 55) return message(random, streamPath);
  if (sort < 62) return otherMethod(random);
  if (sort < 68) return typedMessage(random);
  if (sort < 72) return typedText(random);
  if (sort < 81) return envelope(random);
  if (sort < 98) return http(random);
  return bytes(random);
}

const grpc = (
  about: string,
  path: string,
  body: Buffer,
  headers: OutgoingHttpHeaders = {},
  resetEarly = false,
): Case => ({
  ...{ kind: 'grpc', about, path, body, headers, resetEarly },
});

function message(random: Random, path: string): Case {
  const one = (): Buffer => framed(mutate(random, seeds[random.below(seeds.length)] ?? Buffer.alloc(0), seeds));
  const count = path === streamPath ? 1 + random.below(4) : 1;
  return grpc('message', path, Buffer.concat(Array.from({ length: count }, one)));
}

function otherMethod(random: Random): Case {
  const [path, seed] = random.pick(otherCalls);
  return grpc('other method', path, framed(mutate(random, seed, [...seeds, seed])));
}

const oneOrThree = (random: Random): Asked => (random.chance(0.5) ? asked : { id: 'seed', distances: [12.5] });

function typedMessage(random: Random): Case {
  const { path, message: seed } = typedCall(oneOrThree(random));
  return grpc('typed message', path, framed(mutate(random, seed, [...seeds, seed])));
}

function typedText(random: Random): Case {
  const { path, json } = typedJson(oneOrThree(random));
  return { kind: 'http', about: 'typed json', path, body: mutateJson(random, json), headers: {} };
}

/** What explains, chooses or rewards, over gRPC or as JSON. */
function decision(random: Random): Case {
  const { path, message: seed, httpPath, json } = random.pick(decisionForms);
  if (random.chance(0.6)) {
    const others = decisionForms.map((forms) => forms.message);
    return grpc('decision message', path, framed(mutate(random, seed, [...seeds, ...others])));
  }
  const body = mutateJson(random, json);
  return { kind: 'http', about: 'decision json', path: httpPath, body, headers: {} };
}

/** A good message, or nearly, in a bad envelope. */
function envelope(random: Random): Case {
  const good = seeds[random.below(seeds.length)] ?? Buffer.alloc(0);
  const path = random.chance(0.8) ? inferPath : streamPath;
  // What costs a second and more is a hundredth of this sort.
  if (random.chance(0.02)) return costly(random, path, good);
  const gzip = { 'grpc-encoding': 'gzip' };
  switch (random.below(15)) {
    case 0:
      return grpc('compressed, of no coding', path, framed(good, 1));
    case 1:
      return grpc('garbage as gzip', path, framed(random.bytes(40), 1), gzip);
    case 2:
      return grpc('good gzip', path, framed(gzipSync(good), 1), gzip);
    case 3:
      return grpc('gzip bomb', path, framed(gzipSync(Buffer.alloc(1_000_000)), 1), gzip);
    case 4:
      return grpc('deflate', path, framed(deflateSync(good), 1), {
        'grpc-encoding': random.pick(['deflate', 'br', 'x', '']),
      });
    case 5:
      return grpc(
        'longer length',
        path,
        framed(good, 0, good.length + random.pick([1, 100, 2 ** 20, 2 ** 31, 2 ** 32 - 10_000])),
      );
    case 6:
      return grpc('shorter length', path, framed(good, 0, random.below(good.length)));
    case 7:
      return grpc('two messages', path, Buffer.concat([framed(good), framed(good)]));
    case 8:
      return grpc('no message', path, Buffer.alloc(random.below(5)));
    case 9:
      return grpc('flag', path, framed(good, random.below(256)));
    case 10:
      return grpc('content type', path, framed(good), {
        'content-type': random.pick(['application/json', 'application/grpc+json', 'application/grpc-web', 'text/html']),
      });
    case 11:
      return grpc(
        'path',
        random.pick([
          '/',
          '/x',
          `${inferPath}x`,
          '/inference.GRPCInferenceService/',
          '/a/b/c',
          `/${'x'.repeat(4_000)}`,
        ]),
        framed(good),
      );
    case 12:
      return grpc('timeout', path, framed(good), {
        'grpc-timeout': random.pick(['0n', '1n', '1m', '-5S', 'S', '99999999999H', '99999999H', 'x', '5']),
      });
    case 13:
      return grpc('metadata', path, framed(good), {
        'x-everloop-route': random.pick([':delay_1:', ':delay_9:', ':', 'x'.repeat(8_000)]),
        'x-bin': '!!',
        'x-everloop-unit': '%ff',
      });
    default:
      return grpc('reset', path, framed(good), {}, true);
  }
}

function costly(random: Random, path: string, good: Buffer): Case {
  const gzip = { 'grpc-encoding': 'gzip' };
  if (random.chance(0.5)) return grpc('gzip bomb', path, framed(gzipSync(Buffer.alloc(64_000_000)), 1), gzip);
  const unknownField = Buffer.concat([Buffer.from([0xa2, 6]), varint(17_000_000n), Buffer.alloc(17_000_000)]);
  return grpc('too large', path, framed(Buffer.concat([good, unknownField])));
}

function http(random: Random): Case {
  const path = random.chance(0.9)
    ? '/v2/models/delay/infer'
    : random.pick([
        '/v2/models/delay/versions/1/infer',
        '/v2/models/%ff/infer',
        '/v2/models/__proto__/infer',
        '/v2/repository/index',
        '/v2/repository/models/delay/load',
        '/v2/x',
      ]);
  const of = (about: string, body: Buffer, headers: Record<string, string> = {}): Case => ({
    kind: 'http',
    about,
    path,
    body,
    headers,
  });
  const good = Buffer.from(JSON.stringify(jsonRequest(asked)));
  switch (random.below(12)) {
    case 0:
      return of('garbage as gzip', random.bytes(50), { 'content-encoding': random.pick(['gzip', 'deflate']) });
    case 1:
      return of('gzip', gzipSync(good), {
        'content-encoding': random.pick(['gzip', 'deflate', 'br', 'GZIP', 'gzip, gzip']),
      });
    case 2:
      if (random.chance(0.9))
        return of('gzip', gzipSync(mutateJson(random, jsonRequest(asked))), { 'content-encoding': 'gzip' });
      return random.chance(0.5)
        ? of('gzip bomb', gzipSync(Buffer.alloc(64_000_000, 0x20)), { 'content-encoding': 'gzip' })
        : of('too large', Buffer.alloc(17_000_000, 0x20));
    case 3:
    case 4:
    case 5: {
      const { json, tail } = binaryRequest(asked);
      const head = random.chance(0.5) ? mutateJson(random, json) : Buffer.from(JSON.stringify(json));
      const claimed = random.chance(0.6)
        ? String(head.length)
        : random.pick([
            '0',
            '-1',
            '1e3',
            'x',
            '99999999999',
            String(head.length + 1),
            String(head.length - 1),
            String(head.length + tail.length + 1),
          ]);
      const after = random.chance(0.5)
        ? tail
        : random.pick([tail.subarray(1), Buffer.concat([tail, tail]), Buffer.alloc(0), random.bytes(24)]);
      return of('binary', Buffer.concat([head, after]), { 'inference-header-content-length': claimed });
    }
    default:
      return of(
        'json',
        mutateJson(random, jsonRequest(asked)),
        random.chance(0.1)
          ? { 'content-type': random.pick(['text/plain', 'x', 'application/json; charset=utf-16']) }
          : {},
      );
  }
}

/** Bytes that are nearly HTTP/2 or HTTP/1.1, on the connection itself. */
function bytes(random: Random): Case {
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const frame = (type: number, flags: number, stream: number, body: Buffer, claimed = body.length): Buffer => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(claimed % 2 ** 24, 0, 3);
    head.writeUInt8(type, 3);
    head.writeUInt8(flags, 4);
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, body]);
  };
  const settings = frame(4, 0, 0, Buffer.alloc(0));
  const some = (): Buffer =>
    frame(
      random.below(12),
      random.below(256),
      random.pick([0, 1, 3, 2 ** 31 - 1]),
      random.bytes(random.below(80)),
      random.pick([0, 5, 40, 2 ** 24 - 1]),
    );
  const body = random.pick([
    Buffer.concat([preface, settings, some(), some()]),
    Buffer.concat([preface, some()]),
    random.bytes(100),
    Buffer.from(
      `POST /v2/models/delay/infer HTTP/1.1\r\nhost: x\r\ncontent-length: ${random.pick(['-1', 'x', '5\r\ncontent-length: 6', '999'])}\r\n\r\n{}`,
    ),
    Buffer.from(
      'POST /v2/models/delay/infer HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFF\r\n{}',
    ),
    Buffer.from(`GET /${'x'.repeat(40_000)} HTTP/1.1\r\nhost: x\r\n\r\n`),
  ]);
  return { kind: 'bytes', about: 'connection', toHttp: random.chance(0.5), body };
}
