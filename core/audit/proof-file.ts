/** The file that `audit prove` writes and `audit verify-proof` reads: one line of the log, its way to a root, and who signed that. */
import type { KeyObject } from 'node:crypto';
import * as z from 'zod';
import { type Checkpoint, checkSignature, parseCheckpoint } from './checkpoint.ts';
import { keyForSize, readKeyRing } from './log-keys.ts';
import { leafHash } from './merkle.ts';
import { provesInclusion } from './merkle-proof.ts';

const hash = z.base64().length(44);

/** A line, where it stands, and the hashes from it to the root of `checkpoint`, lowest first, in base64. */
export const provenLine = z.strictObject({ index: z.int().min(0), line: z.string().max(64 * 1024), proof: z.array(hash).max(64) });
export type ProvenLine = z.infer<typeof provenLine>;

export const keyManifests = z.array(z.string().max(4096)).max(999);

export const proofFile = z.strictObject({
  /** Version of this format. */
  v: z.literal(1),
  kind: z.literal('greenlight-inclusion-proof'),
  ...provenLine.shape,
  /** The C2SP signed note. */
  checkpoint: z.string().max(128 * 1024),
  /** Manifests of the log's keys in their order: with them a proof under a later key holds for who trusts an earlier one. */
  keys: keyManifests.optional(),
});
export type ProofFile = z.infer<typeof proofFile>;

export type ProofFault = { reason: 'BAD_PROOF' | 'BAD_CHECKPOINT' | 'UNKNOWN_KEY' | 'BAD_SIGNATURE' | 'ROOT_MISMATCH'; detail: string };

/** Reads a proof file (attacker-controlled bytes); undefined when it is none. */
export function readProofFile(bytes: Uint8Array): ProofFile | undefined {
  try {
    return proofFile.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch {
    return undefined;
  }
}

/** The checkpoint, if one of the keys has signed it; otherwise what is wrong with it. */
export function signedCheckpoint(note: string, trusted: readonly KeyObject[], manifests: readonly string[]): Checkpoint | ProofFault {
  let checkpoint: Checkpoint;
  try {
    checkpoint = parseCheckpoint(Buffer.from(note));
  } catch (error) {
    return { reason: 'BAD_CHECKPOINT', detail: (error as Error).message };
  }
  const keys = manifests.length === 0 ? trusted : trusted.flatMap((key) => signerOf(checkpoint, key, manifests));
  const verdicts = keys.map((key) => checkSignature(checkpoint, key));
  if (verdicts.includes('forged')) return { reason: 'BAD_SIGNATURE', detail: 'the signature of the checkpoint does not hold' };
  if (verdicts.includes('valid')) return checkpoint;
  return { reason: 'UNKNOWN_KEY', detail: `the checkpoint of ${checkpoint.origin} is not signed by this key` };
}

/** The key that signs a log of this size, if it is the trusted one or follows it. */
function signerOf({ origin, size }: Checkpoint, trusted: KeyObject, manifests: readonly string[]): KeyObject[] {
  try {
    const ring = readKeyRing(
      manifests.map((text) => Buffer.from(text)),
      trusted,
    );
    const signer = keyForSize(ring.keys, size);
    return ring.origin === origin && ring.keys.indexOf(signer) >= ring.trusted ? [signer.key] : [];
  } catch {
    // Manifests that cannot be believed prove nothing.
    return [];
  }
}

/** Whether the line stands in the log of the checkpoint. */
export function provesLine({ index, line, proof }: ProvenLine, { size, root }: Pick<Checkpoint, 'size' | 'root'>): boolean {
  const hashes = proof.map((each) => Buffer.from(each, 'base64'));
  return provesInclusion(leafHash(Buffer.from(line)), index, size, hashes, root);
}

/** What is wrong with a proof; undefined: the line is in the log that the key has signed. */
export function faultOfProof(file: ProofFile, keys: readonly KeyObject[]): ProofFault | undefined {
  const checkpoint = signedCheckpoint(file.checkpoint, keys, file.keys ?? []);
  if ('reason' in checkpoint) return checkpoint;
  if (file.index >= checkpoint.size)
    return { reason: 'BAD_PROOF', detail: `line ${file.index} lies behind the checkpoint of ${checkpoint.size} lines` };
  if (provesLine(file, checkpoint)) return undefined;
  return { reason: 'ROOT_MISMATCH', detail: `the proof of line ${file.index} does not lead to the root of the checkpoint` };
}
