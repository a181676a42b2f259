import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { datasets } from '@everloop/contracts';
import { createGrpcServer, implement, type GrpcServer, type Handlers } from '@everloop/grpc';
import { createLogger } from '@everloop/service';
import { encodeColumns, type ColumnTable } from '@everloop/storage';
import { newKeyText, OpeningCheck, parseKey, readPublicKey, seal } from '@everloop/vault';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEvaluatorKeyPart } from '../src/adapters/evaluator-key.ts';
import { createHoldoutVault } from '../src/adapters/vault-client.ts';

const hash = 'ab'.repeat(32);
const rows: ColumnTable = { rows: 2, columns: new Map([['x', { type: 'number', values: Float64Array.from([1, 2]) }]]) };
let dir = '';
let server: GrpcServer;
let evaluator: ReturnType<typeof createEvaluatorKeyPart>;
const audit: string[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'evl-vault-client-'));
  evaluator = createEvaluatorKeyPart(join(dir, 'evaluator', 'evaluator.key'), join(dir, 'evaluator.pub'));
  await evaluator.part.start();
  const publicKey = await readPublicKey(join(dir, 'evaluator.pub'));
  const check = new OpeningCheck();
  const handlers = {
    getDataset: ({ ref }: datasets.GetDatasetRequest) => {
      const vault = ref === 'empty' ? null : { contentHash: hash };
      return datasets.GetDatasetResponse.fromPartial({ manifestJson: JSON.stringify({ vault }) });
    },
    async *openVault(request: datasets.OpenVaultRequest) {
      check.check(request, publicKey, Date.now());
      audit.push(`${request.ref} ${request.purpose}`);
      const sealed = seal(encodeColumns(rows), publicKey, request.ref === 'swapped' ? 'cd'.repeat(32) : hash);
      for (let at = 0; at < sealed.length; at += 64) yield { sealed: sealed.subarray(at, at + 64) };
    },
  } as unknown as Handlers<typeof datasets.DatasetServiceService>;
  server = createGrpcServer({
    ...{ name: 'fake', host: '127.0.0.1', port: 0, logger: createLogger({ service: 'test', level: 'silent' }) },
    services: [implement(datasets.DatasetServiceService, handlers)],
  });
  await server.start();
});
afterAll(async () => {
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});

function vaultWith(key = evaluator.key) {
  return createHoldoutVault({
    ...{ address: `127.0.0.1:${server.port}`, signal: new AbortController().signal },
    ...{ key, now: () => Date.now(), onAway: () => undefined },
  });
}

describe('the holdout for evaluation', () => {
  it('is fetched with a proof and opened in memory, as often as it is needed; each time is recorded', async () => {
    const vault = vaultWith();
    expect(await vault.open('snapshot', 'evaluation of job 1')).toEqual(rows);
    expect(await vault.open('snapshot', 'evaluation of job 2')).toEqual(rows);
    expect(await vault.open('empty', 'evaluation of job 3')).toBeNull();
    expect(audit).toEqual(['snapshot evaluation of job 1', 'snapshot evaluation of job 2']);
    vault.close();
  });

  it('stays closed for another key, and says so when the rows are of another dataset', async () => {
    const other = parseKey(newKeyText(), 'other');
    const denied = vaultWith(() => other);
    await expect(denied.open('snapshot', 'training')).rejects.toMatchObject({
      kind: 'terminal',
      message: expect.stringMatching(/another key/),
    });
    denied.close();
    const vault = vaultWith();
    await expect(vault.open('swapped', 'x')).rejects.toMatchObject({
      code: 'EVL_TRAINER_VAULT_INVALID',
      message: expect.stringMatching(/another dataset/),
    });
    vault.close();
  });

  it('has a key that is made once, for the owner alone', async () => {
    const path = join(dir, 'evaluator', 'evaluator.key');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const again = createEvaluatorKeyPart(path, join(dir, 'evaluator.pub'));
    expect(() => again.key()).toThrow(/read at the start/);
    await again.part.start();
    expect(again.key().keyId).toBe(evaluator.key().keyId);
    await again.part.stop();
  });
});
