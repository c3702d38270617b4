/** The key that signs receipts, in KMS: another one than that of checkpoints, so that who signs receipts can sign no state of the log. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { GetPublicKeyCommand, KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { VARIABLES } from '../../core/environment/variables.ts';
import { requiredVariable } from '../state/table.ts';

export interface ReceiptSigner {
  publicKey(): Promise<KeyObject>;
  /** DER over SHA-256 of the bytes. */
  sign(bytes: Buffer): Promise<Buffer>;
}

/** Key named by `RECEIPT_KEY`: P-256, because KMS signs no more than 4,096 bytes with Ed25519, and a receipt is longer. */
export function receiptSigner(
  keyId: string = requiredVariable(VARIABLES.RECEIPT_KEY),
  client = new KMSClient({ maxAttempts: 5 }),
): ReceiptSigner {
  let known: Promise<KeyObject> | undefined;
  return {
    publicKey() {
      known ??= client.send(new GetPublicKeyCommand({ KeyId: keyId })).then(
        ({ PublicKey }) => createPublicKey({ key: Buffer.from(PublicKey!), format: 'der', type: 'spki' }),
        (error: unknown) => {
          known = undefined;
          throw error;
        },
      );
      return known;
    },
    async sign(bytes) {
      const Message = createHash('sha256').update(bytes).digest();
      const answer = await client.send(
        new SignCommand({ KeyId: keyId, Message, MessageType: 'DIGEST', SigningAlgorithm: 'ECDSA_SHA_256' }),
      );
      return Buffer.from(answer.Signature!);
    },
  };
}
