import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { createS3, parseListing } from './s3.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serverThat(answer: (url: string) => { status: number; body?: string; etag?: string }) {
  const server = createServer((request, response) => {
    const { status, body = '', etag } = answer(request.url ?? '');
    response.writeHead(status, etag === undefined ? {} : { etag });
    response.end(body);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return createS3({ endpoint, region: 'us-east-1', accessKeyId: 'a', secretAccessKey: 's' });
}

describe('parseListing', () => {
  it('reads keys, sizes, etags and where to go on', () => {
    const xml = `<?xml version='1.0'?><ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
      <NextContinuationToken>a&amp;b</NextContinuationToken>
      <Contents><Key>in/a%2Bb+c%26.csv</Key><ETag>&quot;e1&quot;</ETag><Size>8</Size></Contents>
      <Contents><Key>in/z.csv</Key><ETag>&#34;e2&#x22;</ETag><Size>0</Size></Contents></ListBucketResult>`;
    expect(parseListing(xml)).toEqual({
      objects: [
        { key: 'in/a+b c&.csv', bytes: 8, etag: '"e1"' },
        { key: 'in/z.csv', bytes: 0, etag: '"e2"' },
      ],
      next: 'a&b',
    });
  });

  it('keys are taken as they are when the server does not escape them', () => {
    const xml = '<L><IsTruncated>false</IsTruncated><Contents><Key>a%2B+.csv</Key></Contents></L>';
    expect(parseListing(xml)).toEqual({ objects: [{ key: 'a%2B+.csv', bytes: 0, etag: '' }], next: null });
  });
});

describe('errors of S3', () => {
  it.each([
    [403, '<Error><Code>AccessDenied</Code></Error>', 'EVL_STORAGE_S3_REFUSED', 'terminal', /403 AccessDenied/],
    [404, '<Error><Code>NoSuchBucket</Code></Error>', 'EVL_STORAGE_S3_REFUSED', 'terminal', /NoSuchBucket/],
    [503, 'slow down', 'EVL_STORAGE_S3_REFUSED', 'retryable', /slow down/],
    [412, '', 'EVL_STORAGE_S3_CHANGED', 'terminal', /new name/],
  ])('%i', async (status, body, code, kind, message) => {
    const s3 = await serverThat(() => ({ status, body }));
    const read = s3.read({ bucket: 'b', key: 'k', etag: '"e"' });
    await expect(read).rejects.toThrow(message);
    await expect(s3.read({ bucket: 'b', key: 'k', etag: '"e"' })).rejects.toMatchObject({ code, kind });
  });

  it('a server that ignores If-Match or Range is noticed', async () => {
    const s3 = await serverThat(() => ({ status: 200, body: 'x', etag: '"other"' }));
    await expect(s3.read({ bucket: 'b', key: 'k', etag: '"e"' })).rejects.toMatchObject({
      code: 'EVL_STORAGE_S3_CHANGED',
    });
    await expect(s3.read({ bucket: 'b', key: 'k', etag: '"other"', from: 3 })).rejects.toThrow(/range was ignored/);
  });

  it('nobody there', async () => {
    const s3 = createS3({ endpoint: 'http://127.0.0.1:1', region: 'r', accessKeyId: 'a', secretAccessKey: 's' });
    await expect(s3.list('b', '').next()).rejects.toMatchObject({
      code: 'EVL_STORAGE_S3_UNREACHABLE',
      kind: 'retryable',
    });
  });
});
