import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { AwsClient } from 'aws4fetch';

import { ServiceError } from '@everloop/service';

export interface S3Options {
  /** `https://host[:port]`; buckets are addressed as the first part of the path. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Longest wait for the head of an answer, milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
}

/** One object as a listing tells it. */
export interface S3Object {
  readonly key: string;
  readonly bytes: number;
  /** Opaque text that changes with the content. */
  readonly etag: string;
}

/** Objects of S3 buckets: signature version 4, path-style addresses. Calls are not repeated; their errors say whether to. */
export interface S3 {
  /** Objects under a prefix in the order of their keys (UTF-8). Asks for 1,000 at a time. */
  list(bucket: string, prefix: string, signal?: AbortSignal): AsyncGenerator<S3Object>;
  /** Bytes from an offset on, if the object is still that version; EVL_STORAGE_S3_CHANGED otherwise. */
  read(
    object: { readonly bucket: string; readonly key: string; readonly etag: string; readonly from?: number },
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>;
  /** Stores a whole object, or makes the bucket when no key is given. */
  put(bucket: string, key?: string, bytes?: Uint8Array): Promise<void>;
  /** Writes a whole object to a file, if it is still that version. */
  download(
    object: { readonly bucket: string; readonly key: string; readonly etag: string },
    path: string,
    signal?: AbortSignal,
  ): Promise<void>;
}

/** A connection to an S3 service; nothing is sent until it is used. */
export function createS3(options: S3Options): S3 {
  const { endpoint, region, accessKeyId, secretAccessKey, timeoutMs = 30_000 } = options;
  const client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 });
  const base = endpoint.replace(/\/+$/, '');

  /** `what` is for the message. Statuses of `allowed` are given back, everything else is an error. */
  async function call(
    what: string,
    url: string,
    init: {
      readonly headers?: Record<string, string>;
      readonly method?: string;
      readonly body?: Uint8Array<ArrayBuffer>;
    },
    signal?: AbortSignal,
  ) {
    // The body of a long object may take longer than its head: only the head has a deadline.
    const head = new AbortController();
    const timer = setTimeout(() => head.abort(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    try {
      const signals = [head.signal, ...(signal === undefined ? [] : [signal])];
      const response = await client.fetch(url, { ...init, signal: AbortSignal.any(signals) });
      if (response.ok) return response;
      const text = (await response.text()).slice(0, 2_000);
      throw refused(what, response.status, text);
    } catch (error) {
      if (error instanceof ServiceError || signal?.aborted === true) throw error;
      throw unreachable(what, base, error);
    } finally {
      clearTimeout(timer);
    }
  }

  const get: S3['read'] = async ({ bucket, key, etag, from = 0 }, signal) => {
    const headers = { 'if-match': etag, ...(from > 0 ? { range: `bytes=${from}-` } : {}) };
    const response = await call(`object ${bucket}/${key}`, `${base}/${bucket}/${escapeKey(key)}`, { headers }, signal);
    // A server that does not know If-Match must not make two versions into one.
    const found = response.headers.get('etag');
    if (found !== null && found !== etag) {
      await response.body?.cancel();
      throw changed(`object ${bucket}/${key}`);
    }
    if (from > 0 && response.status !== 206) {
      await response.body?.cancel();
      throw refused(`object ${bucket}/${key}`, response.status, 'the range was ignored');
    }
    return response.body === null ? Readable.from([]) : Readable.fromWeb(response.body);
  };

  return {
    read: get,
    async put(bucket, key = '', bytes) {
      const body = bytes === undefined ? {} : { body: Uint8Array.from(bytes) };
      const path = key === '' ? bucket : `${bucket}/${escapeKey(key)}`;
      const response = await call(`object ${path}`, `${base}/${path}`, { method: 'PUT', ...body });
      await response.body?.cancel();
    },
    async download(object, path, signal) {
      await pipeline(await get(object, signal), createWriteStream(path));
    },
    async *list(bucket, prefix, signal) {
      let after: string | null = null;
      do {
        const query = new URLSearchParams({ 'list-type': '2', 'encoding-type': 'url', prefix });
        if (after !== null) query.set('continuation-token', after);
        const response = await call(`bucket ${bucket}`, `${base}/${bucket}?${query.toString()}`, {}, signal);
        const page = parseListing(await response.text());
        yield* page.objects;
        after = page.next;
      } while (after !== null);
    },
  };
}

/** Every character that is not unreserved (RFC 3986, section 2.3) is escaped, slashes are not. */
function escapeKey(key: string): string {
  return key
    .split('/')
    .map((part) =>
      encodeURIComponent(part).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
    )
    .join('/');
}

/** Reads an answer of ListObjectsV2 with `encoding-type=url`. Exported for its test. */
export function parseListing(xml: string): { readonly objects: readonly S3Object[]; readonly next: string | null } {
  const escaped = /<EncodingType>\s*url\s*<\/EncodingType>/i.test(xml);
  const objects = [...xml.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g)].map(([, entry = '']): S3Object => {
    const key = textOf(entry, 'Key') ?? '';
    return {
      key: escaped ? decodeURIComponent(key.replaceAll('+', ' ')) : key,
      bytes: Number(textOf(entry, 'Size') ?? 0),
      etag: textOf(entry, 'ETag') ?? '',
    };
  });
  const more = textOf(xml, 'IsTruncated') === 'true';
  return { objects, next: more ? textOf(xml, 'NextContinuationToken') : null };
}

function textOf(xml: string, tag: string): string | null {
  const found = new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml)?.[1];
  return found === undefined ? null : unescapeXml(found);
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replace(/&(#x?[0-9a-f]+|\w+);/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return entities[name] ?? whole;
    return String.fromCodePoint(/^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1)));
  });
}

function unreachable(what: string, endpoint: string, cause: unknown): ServiceError {
  const why = cause instanceof Error ? ((cause.cause as Error | undefined)?.message ?? cause.message) : String(cause);
  return new ServiceError({
    code: 'EVL_STORAGE_S3_UNREACHABLE',
    kind: 'retryable',
    message: `S3 at ${endpoint} cannot be reached for ${what} (${why}): check the connection's address; it is tried again`,
    cause,
  });
}

function changed(what: string): ServiceError {
  return new ServiceError({
    code: 'EVL_STORAGE_S3_CHANGED',
    kind: 'terminal',
    message: `${what} is not the version any more that was listed: give a changed file a new name`,
  });
}

function refused(what: string, status: number, text: string): ServiceError {
  if (status === 412) return changed(what);
  const reason = /<Code>([^<]+)<\/Code>/.exec(text)?.[1] ?? text.slice(0, 200);
  return new ServiceError({
    code: 'EVL_STORAGE_S3_REFUSED',
    kind: status >= 500 || status === 429 ? 'retryable' : 'terminal',
    message: `S3 refused ${what} (${status} ${reason}): check the bucket's name and what the connection's key may do`,
  });
}
