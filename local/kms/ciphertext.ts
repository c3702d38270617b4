/** Ciphertexts of symmetric keys: AES-256-GCM, bound to the key and the encryption context. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { KmsError } from './kms-error.ts';

/** Layout: 1 byte version, 16 bytes key id, 12 bytes nonce, 16 bytes tag, ciphertext. */
const VERSION = 1;
const KEY_END = 17;
const NONCE_END = 29;
const TAG_END = 45;

/** Encrypts under the material of a key; the blob names the key, so that Decrypt needs no key id. */
export function seal(keyId: string, material: Buffer, context: Record<string, string>, plaintext: Buffer): Buffer {
  const nonce = randomBytes(12);
  const head = Buffer.concat([Buffer.from([VERSION]), Buffer.from(keyId.replaceAll('-', ''), 'hex')]);
  const cipher = createCipheriv('aes-256-gcm', material, nonce).setAAD(Buffer.concat([head, canonical(context)]));
  const sealed = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([head, nonce, cipher.getAuthTag(), sealed]);
}

/** Throws InvalidCiphertextException: changed bytes and a wrong context look the same. */
export function unseal(material: Buffer, context: Record<string, string>, blob: Buffer): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', material, blob.subarray(KEY_END, NONCE_END), { authTagLength: 16 });
    decipher.setAAD(Buffer.concat([blob.subarray(0, KEY_END), canonical(context)])).setAuthTag(blob.subarray(NONCE_END, TAG_END));
    return Buffer.concat([decipher.update(blob.subarray(TAG_END)), decipher.final()]);
  } catch {
    throw new KmsError('InvalidCiphertextException', '');
  }
}

/** Key id that a blob names. Throws InvalidCiphertextException. */
export function keyIdIn(blob: Buffer): string {
  if (blob[0] !== VERSION || blob.length < TAG_END) throw new KmsError('InvalidCiphertextException', '');
  return blob
    .subarray(1, KEY_END)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The order of the pairs does not matter. */
function canonical(context: Record<string, string>): Buffer {
  return Buffer.from(JSON.stringify(Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1))));
}
