import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ensureKey,
  newKeyText,
  OpeningCheck,
  parseKey,
  readKey,
  readPublicKey,
  seal,
  signOpening,
  unseal,
  writePublicKey,
} from './index.ts';

const key = parseKey(newKeyText(), 'test');
const other = parseKey(newKeyText(), 'test');
let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'evl-vault-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('seal', () => {
  it('any bytes come back with the key, and differ every time they are sealed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.string(), (bytes, context) => {
        const sealed = seal(bytes, key.public, context);
        expect(unseal(sealed, key, context).equals(Buffer.from(bytes))).toBe(true);
        expect(seal(bytes, key.public, context).equals(sealed)).toBe(false);
      }),
    );
  });

  it('no changed bit, other context or other key opens it', () => {
    const sealed = seal(Buffer.from('rows'), key.public, 'digest');
    expect(() => unseal(sealed, key, 'another')).toThrow(expect.objectContaining({ code: 'EVL_VAULT_SEAL_INVALID' }));
    expect(() => unseal(sealed, other, 'digest')).toThrow(expect.objectContaining({ code: 'EVL_VAULT_DENIED' }));
    expect(() => unseal(Buffer.from('short'), key, 'digest')).toThrow(/damaged/);
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Buffer.from(sealed);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(() => unseal(changed, key, 'digest')).toThrow(/EVL_VAULT|damaged|sealed for key/);
    }
  });

  it('does not show what it holds', () => {
    expect(seal(Buffer.from('label of flight 1545'), key.public, 'd').includes('flight')).toBe(false);
  });
});

describe('a proof', () => {
  const asked = { ref: 'abcd', purpose: 'job 1' };
  it('is taken once, while it is fresh, from the evaluator alone', () => {
    const check = new OpeningCheck();
    const proof = signOpening(key, asked, 1_000);
    check.check(proof, key.public, 2_000);
    expect(() => check.check(proof, key.public, 2_000)).toThrow(/used before/);
    expect(() => check.check(signOpening(key, asked, 1_000), key.public, 500_000)).toThrow(/this moment/);
    expect(() => check.check(signOpening(other, asked, 1_000), key.public, 1_000)).toThrow(/another key/);
    const moved = { ...signOpening(key, asked, 1_000), ref: 'efgh' };
    expect(() => check.check(moved, key.public, 1_000)).toThrow(expect.objectContaining({ code: 'EVL_VAULT_DENIED' }));
    expect(() => check.check({ ...proof, signature: Buffer.alloc(3) }, key.public, 1_000)).toThrow(/signature/);
  });
});

describe('key files', () => {
  it('are made once, for the owner alone, and have the same keys when read again', async () => {
    const path = join(dir, 'made', 'evaluator.key');
    const made = await ensureKey(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await ensureKey(path)).keyId).toBe(made.keyId);
    expect((await readKey(path)).keyId).toBe(made.keyId);
    const publicPath = join(dir, 'public', 'evaluator.pub');
    await writePublicKey(publicPath, made.public);
    const sealed = seal(Buffer.from('x'), await readPublicKey(publicPath), 'c');
    expect(unseal(sealed, made, 'c').toString()).toBe('x');
  });

  it('that others may read, that hold no key, or are not there are refused', async () => {
    const path = join(dir, 'open.key');
    await writeFile(path, newKeyText(), { mode: 0o600 });
    await chmod(path, 0o644);
    await expect(readKey(path)).rejects.toMatchObject({ code: 'EVL_VAULT_KEY_EXPOSED' });
    await chmod(path, 0o600);
    await writeFile(path, '{}');
    await expect(readKey(path)).rejects.toMatchObject({ code: 'EVL_VAULT_KEY_INVALID' });
    await expect(readKey(join(dir, 'none'))).rejects.toMatchObject({ code: 'EVL_VAULT_KEY_NOT_FOUND' });
    await expect(readPublicKey(join(dir, 'none'))).rejects.toMatchObject({ code: 'EVL_VAULT_KEY_NOT_FOUND' });
    await writeFile(
      join(dir, 'bad.pub'),
      JSON.stringify({ format: 'everloop-evaluator-public-key-1', agreement: 'AA' }),
    );
    await expect(readPublicKey(join(dir, 'bad.pub'))).rejects.toMatchObject({ code: 'EVL_VAULT_KEY_INVALID' });
    expect(() => parseKey(JSON.stringify({ format: 'everloop-evaluator-key-1', seed: 'AA' }), 'x')).toThrow(
      /holds no key/,
    );
  });
});
