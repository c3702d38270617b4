/** The key that signs checkpoints, in KMS. It never leaves KMS; only the sealer's role may sign with it. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { GetPublicKeyCommand, KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { checkpointBody, checkpointNote, type TreeHead } from '../../core/audit/checkpoint.ts';
import { VARIABLES } from '../../core/environment/variables.ts';
import { requiredVariable } from '../state/table.ts';

export interface CheckpointSigner {
  publicKey(): Promise<KeyObject>;
  /** The signed note. Equal heads give equal notes with Ed25519; ECDSA signatures differ from time to time. */
  sign(head: TreeHead): Promise<string>;
}

const ALGORITHMS = { ECC_NIST_EDWARDS25519: 'ED25519_SHA_512', ECC_NIST_P256: 'ECDSA_SHA_256' } as const;

/** Key named by the environment variable `LOG_KEY`. The public key is asked for once. */
export function checkpointSigner(
  keyId: string = requiredVariable(VARIABLES.LOG_KEY),
  client = new KMSClient({ maxAttempts: 5 }),
): CheckpointSigner {
  let known: Promise<{ key: KeyObject; algorithm: (typeof ALGORITHMS)[keyof typeof ALGORITHMS] }> | undefined;
  const load = async () => {
    const answer = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
    const algorithm = ALGORITHMS[answer.KeySpec as keyof typeof ALGORITHMS];
    if (!algorithm) throw new Error(`the audit log cannot be signed by a key of spec ${answer.KeySpec}`);
    return { key: createPublicKey({ key: Buffer.from(answer.PublicKey!), format: 'der', type: 'spki' }), algorithm };
  };
  const signing = () => {
    known ??= load().catch((error: unknown) => {
      known = undefined;
      throw error;
    });
    return known;
  };
  return {
    publicKey: async () => (await signing()).key,
    async sign(head) {
      const { key, algorithm } = await signing();
      const body = checkpointBody(head);
      const answer = await client.send(
        // RAW: KMS hashes itself. A body is below 200 of the 4,096 bytes that it takes.
        new SignCommand({ KeyId: keyId, Message: Buffer.from(body), MessageType: 'RAW', SigningAlgorithm: algorithm }),
      );
      return checkpointNote(body, head.origin, key, answer.Signature!);
    },
  };
}
