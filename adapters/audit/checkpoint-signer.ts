/** The key that signs checkpoints, in KMS. It never leaves KMS; only the sealer's role may sign with it. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { GetPublicKeyCommand, KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { checkpointBody, noteOf, type TreeHead } from '../../core/audit/checkpoint.ts';
import { VARIABLES } from '../../core/environment/variables.ts';
import { requiredVariable } from '../state/table.ts';

export interface CheckpointSigner {
  publicKey(): Promise<KeyObject>;
  /** The signed note. Equal heads give equal notes with Ed25519; ECDSA signatures differ from time to time. */
  sign(head: TreeHead): Promise<string>;
  /** Signature over any text that is no checkpoint: the manifest of the next key. */
  signText(text: string): Promise<Uint8Array>;
}

const ALGORITHMS = { ECC_NIST_EDWARDS25519: 'ED25519_SHA_512', ECC_NIST_P256: 'ECDSA_SHA_256' } as const;

/** A signer by one key. The public key is asked for once. */
export function checkpointSigner(keyId: string, client: KMSClient): CheckpointSigner {
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
  const signText = async (text: string): Promise<Uint8Array> => {
    const { algorithm } = await signing();
    const answer = await client.send(
      // RAW: KMS hashes itself. A text is far below the 4,096 bytes that it takes.
      new SignCommand({ KeyId: keyId, Message: Buffer.from(text), MessageType: 'RAW', SigningAlgorithm: algorithm }),
    );
    return answer.Signature!;
  };
  return {
    publicKey: async () => (await signing()).key,
    signText,
    async sign(head) {
      const { key } = await signing();
      const body = checkpointBody(head);
      return noteOf(body, head.origin, key, await signText(body));
    },
  };
}

/** The signers of a deployment, oldest first: `LOG_KEY` names their keys, separated by commas. They share one client. */
export function checkpointSigners(
  keyIds: string = requiredVariable(VARIABLES.LOG_KEY),
  client = new KMSClient({ maxAttempts: 5 }),
): readonly [CheckpointSigner, ...CheckpointSigner[]] {
  const [first, ...rest] = keyIds.split(',');
  return [checkpointSigner(first!, client), ...rest.map((keyId) => checkpointSigner(keyId, client))];
}
