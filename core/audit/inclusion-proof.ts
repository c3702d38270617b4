/** The proof that one line is in the log: a file that needs nothing beside it but the public key. */
import type { KeyObject } from 'node:crypto';
import { BadCheckpoint, type Checkpoint, checkSignature, parseCheckpoint } from './checkpoint.ts';
import { BadManifest, type KeyRing, keyForSize, readKeyRing } from './log-keys.ts';
import { leafHash } from './merkle.ts';
import { provesInclusion } from './merkle-proof.ts';

export interface InclusionProof {
  v: 1;
  kind: 'inclusion';
  /** Index of the line, and size of the log that is signed. */
  index: number;
  size: number;
  /** The line as it stands in the log, without its newline. */
  line: string;
  /** Hashes in base64, lowest first. */
  proof: string[];
  /** Signed note of this size. */
  checkpoint: string;
  /** Manifests of the log's keys in their order, so that a key that was replaced still proves what came after it. */
  keys: string[];
}

/** A file that is no proof at all: not that something is wrong with the log. */
export class NotAProof extends Error {
  override readonly name = 'NotAProof';
}

export type ProofCheck =
  | { valid: true; origin: string; index: number; size: number; line: string }
  | { valid: false; reason: 'ROOT_MISMATCH' | 'UNKNOWN_KEY' | 'BAD_SIGNATURE' | 'BAD_CHECKPOINT'; detail: string };

/** Spells a proof. */
export function inclusionProofOf(
  parts: Omit<InclusionProof, 'v' | 'kind' | 'proof' | 'keys'> & { proof: readonly Buffer[]; keys: readonly Buffer[] },
): InclusionProof {
  const { index, size, line, checkpoint, proof, keys } = parts;
  const spelt = { proof: proof.map((hash) => hash.toString('base64')), keys: keys.map((bytes) => bytes.toString('utf8')) };
  return { v: 1, kind: 'inclusion', index, size, line, proof: spelt.proof, checkpoint, keys: spelt.keys };
}

/** Longest path in a tree whose size is a safe integer. */
const LONGEST_PROOF = 53;

/** Reads a proof (attacker-controlled). NotAProof when it is none, or speaks of a line behind the end of its own log. */
export function readInclusionProof(text: string): InclusionProof {
  let value: Partial<Record<keyof InclusionProof, unknown>> | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    throw new NotAProof('it is not JSON');
  }
  const { v, kind, index, size, line, proof, checkpoint, keys } = value ?? {};
  if (v !== 1 || kind !== 'inclusion') throw new NotAProof('it is no proof of inclusion');
  if (typeof line !== 'string' || typeof checkpoint !== 'string') throw new NotAProof('line or checkpoint is missing');
  if (!isTexts(proof) || !isTexts(keys) || proof.length > LONGEST_PROOF) throw new NotAProof('proof or keys is no list of texts');
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || (index as number) < 0)
    throw new NotAProof('index or size is no number');
  if ((index as number) >= (size as number)) throw new NotAProof(`there is no line ${index} in a log of ${size}`);
  return { v, kind, index: index as number, size: size as number, line, proof, checkpoint, keys };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

/** Whether the line is in the log whose key the reader trusts. */
export function checkInclusion(proof: InclusionProof, trust: KeyObject): ProofCheck {
  let ring: KeyRing;
  let checkpoint: Checkpoint;
  try {
    ring = readKeyRing(
      proof.keys.map((text) => Buffer.from(text)),
      trust,
    );
    checkpoint = parseCheckpoint(Buffer.from(proof.checkpoint));
  } catch (error) {
    if (error instanceof BadManifest) return { valid: false, reason: 'UNKNOWN_KEY', detail: error.message };
    if (error instanceof BadCheckpoint) return { valid: false, reason: 'BAD_CHECKPOINT', detail: error.message };
    throw error;
  }
  const { index, size, line } = proof;
  const { origin } = ring;
  if (checkpoint.origin !== origin || checkpoint.size !== size)
    return { valid: false, reason: 'BAD_CHECKPOINT', detail: `the checkpoint is of ${checkpoint.size} lines of ${checkpoint.origin}` };
  const { key, fromSize } = keyForSize(ring.keys, size);
  // A key from before the one that is trusted proves nothing to who trusts the later one only.
  if (fromSize < ring.keys[ring.trusted]!.fromSize)
    return { valid: false, reason: 'UNKNOWN_KEY', detail: `a checkpoint of ${size} lines is older than the key you trust` };
  const signature = checkSignature(checkpoint, key);
  if (signature !== 'valid') {
    const reason = signature === 'unknown' ? 'UNKNOWN_KEY' : 'BAD_SIGNATURE';
    return { valid: false, reason, detail: `the checkpoint is not signed by the key of its size` };
  }
  const hashes = proof.proof.map((text) => Buffer.from(text, 'base64'));
  if (!provesInclusion(leafHash(Buffer.from(line)), index, size, hashes, checkpoint.root))
    return { valid: false, reason: 'ROOT_MISMATCH', detail: `the line is not line ${index} of the log that was signed` };
  return { valid: true, origin, index, size, line };
}
