/** The key pair that signs the demo's images (cosign keys: ECDSA P-256), kept in the data folder. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFileDurably } from '../durable-file.ts';

export interface SigningKeyFiles {
  /** PKCS #8 PEM, 0600. */
  privateKey: string;
  /** SPKI PEM. */
  publicKey: string;
  publicKeyPem: string;
}

/** The keys of a data folder; made at the first call. The public key is derived, so that a kill between the two files loses nothing. */
export function openSigningKeys(dataFolder: string): SigningKeyFiles {
  const privateKey = join(dataFolder, 'signing.key');
  const publicKey = join(dataFolder, 'signing.pub');
  const made = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  createFileDurably(privateKey, made);
  const publicKeyPem = createPublicKey(createPrivateKey(readFileSync(privateKey)))
    .export({ type: 'spki', format: 'pem' })
    .toString();
  createFileDurably(publicKey, publicKeyPem, 0o644);
  return { privateKey, publicKey, publicKeyPem };
}
