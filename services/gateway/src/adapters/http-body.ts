import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { gatewayError } from '../errors.ts';
import type { Caller } from '../ports.ts';

export interface BodyOptions {
  /** Largest body, as sent and after decompression, bytes. */
  readonly bodyBytesMax: number;
}

export type Handler = (request: FastifyRequest, reply: FastifyReply) => object | Promise<object>;

/** HTTP status by gRPC status number; anything else is 500. */
const httpStatus: Readonly<Record<number, number>> = {
  1: 499,
  3: 400,
  4: 504,
  5: 404,
  8: 429,
  9: 400,
  12: 501,
  14: 503,
};

const decoders = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const;

/** The HTTP status that means a gRPC status. */
export function httpStatusOf(code: number): number {
  return httpStatus[code] ?? 500;
}

export function invalid(reason: string): Error {
  return gatewayError('EVL_GATEWAY_REQUEST_INVALID', reason);
}

/** Bodies come as bytes: clients name many content types, or none. */
export function takeBytes(scope: FastifyInstance, { bodyBytesMax }: BodyOptions): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: bodyBytesMax }, (_request, body, parsed) =>
    parsed(null, body),
  );
}

/** The body without its compression. */
export async function plainBody(request: FastifyRequest, { bodyBytesMax }: BodyOptions): Promise<Buffer> {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity') return body;
  if (encoding !== 'gzip' && encoding !== 'deflate')
    throw invalid(`Content-Encoding ${encoding} is not gzip or deflate`);
  try {
    return await decoders[encoding](body, { maxOutputLength: bodyBytesMax });
  } catch {
    throw invalid(`the body is not ${encoding}, or is larger than ${bodyBytesMax} bytes without it`);
  }
}

export function callerOf(request: FastifyRequest): Caller {
  return {
    get isOver() {
      return request.raw.socket.destroyed;
    },
  };
}

/** The value of a header, the first where it is repeated. */
export function headerOf(request: FastifyRequest, key: string): string | undefined {
  return [request.headers[key]].flat()[0];
}
