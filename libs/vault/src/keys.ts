import { createHash, createPrivateKey, createPublicKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';
import { vaultError } from './errors.ts';

/** The evaluator's secret: opens what was sealed for it, and signs as it. */
export interface EvaluatorKey {
  /** First 16 hex digits of SHA-256 of both public keys. */
  readonly keyId: string;
  readonly agreement: KeyObject;
  readonly signing: KeyObject;
  readonly public: PublicEvaluatorKey;
}

/** What everyone may know: seals for the evaluator, and recognises its signature. */
export interface PublicEvaluatorKey {
  readonly keyId: string;
  readonly agreement: KeyObject;
  readonly signing: KeyObject;
}

const seedBytes = 32;
/** DER before the 32 bytes of a private key: PKCS #8 of X25519 and Ed25519 (RFC 8410 section 7). */
const pkcs8 = {
  x25519: Buffer.from('302e020100300506032b656e04220420', 'hex'),
  ed25519: Buffer.from('302e020100300506032b657004220420', 'hex'),
} as const;

/** The text of a new key: 32 random bytes from which everything else follows. */
export function newKeyText(): string {
  return JSON.stringify({ format: 'everloop-evaluator-key-1', seed: randomBytes(seedBytes).toString('base64') }) + '\n';
}

/** EVL_VAULT_KEY_INVALID when the text is no key of `newKeyText`. */
export function parseKey(text: string, where: string): EvaluatorKey {
  const said = parse(text, where, 'everloop-evaluator-key-1');
  const seed = Buffer.from(typeof said['seed'] === 'string' ? said['seed'] : '', 'base64');
  if (seed.length !== seedBytes) throw invalid(where);
  const agreement = derived(seed, 'x25519');
  const signing = derived(seed, 'ed25519');
  const publicKey = publicOf(createPublicKey(agreement), createPublicKey(signing));
  return { keyId: publicKey.keyId, agreement, signing, public: publicKey };
}

/** The text of the public half. */
export function publicKeyText(key: PublicEvaluatorKey): string {
  const { agreement, signing } = key;
  return (
    JSON.stringify({
      format: 'everloop-evaluator-public-key-1',
      keyId: key.keyId,
      agreement: spki(agreement).toString('base64'),
      signing: spki(signing).toString('base64'),
    }) + '\n'
  );
}

/** EVL_VAULT_KEY_INVALID when the text is no public key of `publicKeyText`. */
export function parsePublicKey(text: string, where: string): PublicEvaluatorKey {
  const said = parse(text, where, 'everloop-evaluator-public-key-1');
  const read = (name: string, type: 'x25519' | 'ed25519'): KeyObject => {
    try {
      const der = Buffer.from(String(said[name]), 'base64');
      const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
      if (key.asymmetricKeyType === type) return key;
    } catch (error) {
      throw invalid(where, error);
    }
    throw invalid(where);
  };
  return publicOf(read('agreement', 'x25519'), read('signing', 'ed25519'));
}

function derived(seed: Buffer, type: keyof typeof pkcs8): KeyObject {
  const bytes = Buffer.from(hkdfSync('sha256', seed, Buffer.alloc(0), `everloop vault ${type}`, seedBytes));
  return createPrivateKey({ key: Buffer.concat([pkcs8[type], bytes]), format: 'der', type: 'pkcs8' });
}

function publicOf(agreement: KeyObject, signing: KeyObject): PublicEvaluatorKey {
  const keyId = createHash('sha256').update(spki(agreement)).update(spki(signing)).digest('hex').slice(0, 16);
  return { keyId, agreement, signing };
}

function spki(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' });
}

function parse(text: string, where: string, format: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'format' in value && value.format === format)
      return { ...value };
  } catch (error) {
    throw invalid(where, error);
  }
  throw invalid(where);
}

function invalid(where: string, cause?: unknown) {
  return vaultError(
    'EVL_VAULT_KEY_INVALID',
    `${where} holds no key of the evaluator; restore it, or remove it to have a new one made (what was sealed for the old one stays closed)`,
    cause,
  );
}
