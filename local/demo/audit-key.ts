/** The public key of the audit log as a file, for the offline verifier. */
import { join } from 'node:path';
import { DescribeKeyCommand, GetPublicKeyCommand, KMSClient, paginateListKeys } from '@aws-sdk/client-kms';
import { writeFileDurably } from '../durable-file.ts';
import { type AdminAccess, clientSettings } from './aws-clients.ts';

/** Key spec that only the log's signing key has. */
const AUDIT_KEY_SPEC = 'ECC_NIST_EDWARDS25519';

/** Writes the key as PEM (SPKI) and answers the file's path. Throws when the account does not hold exactly one such key. */
export async function writeAuditPublicKey(cloud: AdminAccess & { dataFolder: string }): Promise<string> {
  const client = new KMSClient(clientSettings(cloud));
  try {
    const found: string[] = [];
    for await (const page of paginateListKeys({ client }, {})) {
      for (const { KeyId } of page.Keys ?? []) {
        const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId }));
        if (KeyMetadata?.KeySpec === AUDIT_KEY_SPEC && KeyMetadata.KeyState === 'Enabled') found.push(KeyId!);
      }
    }
    if (found.length !== 1) throw new Error(`expected one ${AUDIT_KEY_SPEC} key, found ${found.length}`);
    const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId: found[0]! }));
    const lines =
      Buffer.from(PublicKey!)
        .toString('base64')
        .match(/.{1,64}/g) ?? [];
    const file = join(cloud.dataFolder, 'audit.pub');
    writeFileDurably(file, `-----BEGIN PUBLIC KEY-----\n${lines.join('\n')}\n-----END PUBLIC KEY-----\n`, 0o644);
    return file;
  } finally {
    client.destroy();
  }
}
