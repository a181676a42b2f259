import { Agent, request as httpRequest } from 'node:http';
import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect as connectTcp } from 'node:net';

/** How a call ended: a number of gRPC or HTTP, or why there is none. */
export type Outcome = number | 'hung' | 'reset' | 'refused';

export interface Answered {
  readonly outcome: Outcome;
  readonly text: string;
  readonly body: Buffer;
}

/** Longest wait for any answer, milliseconds. */
const patienceMs = 20_000;

/** A message with gRPC's five bytes before it. */
export function framed(message: Buffer, flag = 0, claimed = message.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag);
  head.writeUInt32BE(claimed >>> 0, 1);
  return Buffer.concat([head, message]);
}

/** Calls over HTTP/2 with bodies of any bytes; connections that the server has closed are made anew. */
export class RawGrpc {
  readonly #authority: string;
  #session: ClientHttp2Session | null = null;

  constructor(port: number) {
    this.#authority = `http://127.0.0.1:${port}`;
  }

  call(path: string, body: Buffer, headers: OutgoingHttpHeaders = {}, resetEarly = false): Promise<Answered> {
    return new Promise((resolve) => {
      const session = this.#open();
      const parts: Buffer[] = [];
      let status: { code: string; text: string } | null = null;
      const finish = (outcome: Outcome, text = ''): void => {
        clearTimeout(timer);
        resolve({ outcome, text, body: Buffer.concat(parts).subarray(5) });
      };
      const take = (fields: IncomingHttpHeaders): void => {
        const [code, text] = [[fields['grpc-status']].flat()[0], [fields['grpc-message']].flat()[0]];
        if (code !== undefined) status = { code, text: unescaped(text ?? '') };
      };
      const timer = setTimeout(() => {
        finish('hung');
        stream.close(8);
      }, patienceMs);
      const stream = session.request({
        ...{ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
        ...headers,
      });
      let http = 0;
      stream.on('response', (fields) => {
        http = Number(fields[':status']);
        take(fields);
      });
      stream.on('trailers', take);
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('error', () => undefined);
      stream.on('close', () => {
        if (status !== null) finish(Number(status.code), status.text);
        else finish(http >= 400 ? 'refused' : 'reset', String(http));
      });
      if (resetEarly) {
        stream.write(body.subarray(0, Math.ceil(body.length / 2)));
        stream.close(8);
      } else stream.end(body);
    });
  }

  close(): void {
    this.#session?.destroy();
  }

  #open(): ClientHttp2Session {
    if (this.#session === null || this.#session.closed || this.#session.destroyed) {
      this.#session = connectHttp2(this.#authority, { maxSessionMemory: 1_000 });
      this.#session.on('error', () => undefined);
    }
    return this.#session;
  }
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const agent = new Agent({ keepAlive: true, maxSockets: 32 });

/** A call over HTTP with any body and headers. */
export function callHttp(port: number, path: string, body: Buffer, headers: Record<string, string>): Promise<Answered> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    const finish = (outcome: Outcome, text = ''): void => {
      clearTimeout(timer);
      resolve({ outcome, text, body: Buffer.concat(parts) });
    };
    const sent = httpRequest({ ...{ host: '127.0.0.1', port, path, method: 'POST', agent }, headers }, (response) => {
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => finish(response.statusCode ?? 0, Buffer.concat(parts).toString('utf8', 0, 300)));
    });
    const timer = setTimeout(() => {
      finish('hung');
      sent.destroy();
    }, patienceMs);
    sent.on('error', () => finish('reset'));
    sent.end(body);
  });
}

/** Sends bytes to a port and waits for the end that the server makes, or makes it. */
export function sendBytes(port: number, bytes: Buffer): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = connectTcp({ host: '127.0.0.1', port }, () => {
      socket.write(bytes);
      // What is valid so far is waited for: a server need not close it.
      setTimeout(() => socket.destroy(), 200);
    });
    socket.on('data', () => undefined);
    socket.on('error', () => undefined);
    socket.on('close', () => resolve('reset'));
  });
}

/** What an answer said: the request's id, a score for each row, and the names under which the rows are in the log. */
export interface Said {
  readonly id: string;
  readonly scores: readonly number[];
  readonly decisionIds: readonly string[];
}

export interface Ports {
  readonly grpc: RawGrpc;
  readonly grpcPort: number;
  readonly httpPort: number;
}
