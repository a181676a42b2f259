import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { vaultError } from './errors.ts';
import type { EvaluatorKey, PublicEvaluatorKey } from './keys.ts';

/*
 * A sealed object: magic "EVLVAULT1" (9 bytes), key id (8), public key of the sender in SPKI (44), nonce (12), authentication tag (16),
 * ciphertext. The content key is HKDF-SHA256 of the X25519 secret between a key pair made for this object alone and the evaluator's, so
 * who sealed it cannot open it again. AES-256-GCM; header and context are authenticated.
 */
const magic = Buffer.from('EVLVAULT1');
const lengths = { keyId: 8, sender: 44, nonce: 12, tag: 16 } as const;
const headerBytes = magic.length + lengths.keyId + lengths.sender;

/** Seals bytes for the evaluator. `context` says what they are (the digest of the rows) and must be said again to open them. */
export function seal(bytes: Uint8Array, recipient: PublicEvaluatorKey, context: string): Buffer {
  const sender = generateKeyPairSync('x25519');
  const header = Buffer.concat([
    magic,
    Buffer.from(recipient.keyId, 'hex'),
    sender.publicKey.export({ format: 'der', type: 'spki' }),
  ]);
  const nonce = randomBytes(lengths.nonce);
  const cipher = createCipheriv('aes-256-gcm', contentKey(sender.privateKey, recipient.agreement, header), nonce);
  cipher.setAAD(Buffer.concat([header, Buffer.from(context)]));
  const sealed = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return Buffer.concat([header, nonce, cipher.getAuthTag(), sealed]);
}

/**
 * Opens what was sealed for this key. EVL_VAULT_DENIED when it was sealed for another key, EVL_VAULT_SEAL_INVALID when it is damaged or of
 * another context.
 */
export function unseal(sealed: Uint8Array, key: EvaluatorKey, context: string): Buffer {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const header = bytes.subarray(0, headerBytes);
  const body = headerBytes + lengths.nonce + lengths.tag;
  if (bytes.length < body || !header.subarray(0, magic.length).equals(magic)) throw damaged();
  const keyId = header.subarray(magic.length, magic.length + lengths.keyId).toString('hex');
  if (keyId !== key.keyId)
    throw vaultError(
      'EVL_VAULT_DENIED',
      `the rows are sealed for key ${keyId}, this is key ${key.keyId}: use that one`,
    );
  try {
    const sender = createPublicKey({ key: header.subarray(-lengths.sender), format: 'der', type: 'spki' });
    const nonce = bytes.subarray(headerBytes, headerBytes + lengths.nonce);
    const decipher = createDecipheriv('aes-256-gcm', contentKey(key.agreement, sender, header), nonce);
    decipher.setAAD(Buffer.concat([header, Buffer.from(context)]));
    decipher.setAuthTag(bytes.subarray(headerBytes + lengths.nonce, body));
    return Buffer.concat([decipher.update(bytes.subarray(body)), decipher.final()]);
  } catch (error) {
    throw damaged(error);
  }
}

function contentKey(own: KeyObject, other: KeyObject, header: Buffer): Buffer {
  const secret = diffieHellman({ privateKey: own, publicKey: other });
  return Buffer.from(hkdfSync('sha256', secret, header, 'everloop vault content', 32));
}

function damaged(cause?: unknown) {
  return vaultError('EVL_VAULT_SEAL_INVALID', 'the sealed rows are damaged or belong to another dataset', cause);
}
