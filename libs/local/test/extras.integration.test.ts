import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePorts, startLocalPostgres, startLocalS3 } from '../src/index.ts';
import { postgresAnswers, postgresBuild } from '../src/postgres.ts';

const silent = (): void => undefined;

it('Postgres starts, also for root, asks for a password, and leaves nothing behind', async () => {
  const [port = 0] = await freePorts(1);
  const postgres = await startLocalPostgres({ port, log: silent });
  expect(new URL(postgres.url)).toMatchObject({ port: String(port), username: 'everloop', pathname: '/postgres' });
  expect(await postgresAnswers('127.0.0.1', port)).toBe(true);
  await postgres.stop();
  expect(await postgres.process.exited).toMatchObject({ asked: true, code: 0 });
  await expect(postgresAnswers('127.0.0.1', port)).rejects.toThrow();
});

it('an S3 server starts, refuses a request without signature, and stops', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'everloop-s3-'));
  const [port = 0] = await freePorts(1);
  const s3 = await startLocalS3({ dir, port, log: silent });
  expect((await fetch(`${s3.endpoint}/`)).status).toBe(403);
  await s3.stop();
  expect(await s3.process.exited).toMatchObject({ asked: true });
  rmSync(dir, { recursive: true });
});

it.each([
  ['linux', 'x64', 'linux-amd64'],
  ['linux', 'arm64', 'linux-arm64v8'],
  ['darwin', 'arm64', 'darwin-arm64v8'],
  ['win32', 'x64', undefined],
  ['linux', 's390x', undefined],
])('the Postgres for %s on %s is %s', (platform, arch, artifact) => {
  expect(postgresBuild(platform, arch)?.artifact).toBe(artifact);
});
