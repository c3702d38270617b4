/** Kinds of keys: what each may be used for and how its material is made. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';

export type KeySpec = 'SYMMETRIC_DEFAULT' | 'HMAC_256' | 'ECC_NIST_P256' | 'ECC_NIST_EDWARDS25519';
export type KeyUsage = 'ENCRYPT_DECRYPT' | 'GENERATE_VERIFY_MAC' | 'SIGN_VERIFY';

export interface KeyKind {
  usage: KeyUsage;
  /** Field of the metadata and its algorithms. */
  algorithms: Record<string, string[]>;
  /** Secret bytes, or the private key as PKCS #8 DER. */
  generate(): Buffer;
}

export const KEY_KINDS: Readonly<Record<KeySpec, KeyKind>> = {
  SYMMETRIC_DEFAULT: {
    usage: 'ENCRYPT_DECRYPT',
    algorithms: { EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'] },
    generate: () => randomBytes(32),
  },
  HMAC_256: { usage: 'GENERATE_VERIFY_MAC', algorithms: { MacAlgorithms: ['HMAC_SHA_256'] }, generate: () => randomBytes(32) },
  ECC_NIST_P256: {
    usage: 'SIGN_VERIFY',
    algorithms: { SigningAlgorithms: ['ECDSA_SHA_256'] },
    generate: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'der', type: 'pkcs8' }),
  },
  ECC_NIST_EDWARDS25519: {
    usage: 'SIGN_VERIFY',
    algorithms: { SigningAlgorithms: ['ED25519_SHA_512'] },
    generate: () => generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }),
  },
};

export function isKeySpec(name: string): name is KeySpec {
  return Object.hasOwn(KEY_KINDS, name);
}
