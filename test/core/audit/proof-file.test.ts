import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { manifestBody } from '../../../core/audit/log-keys.ts';
import { leafHash, rootOfLeaves } from '../../../core/audit/merkle.ts';
import { faultOfProof, type ProofFile, readProofFile } from '../../../core/audit/proof-file.ts';
import { keyPair, makeLines, ORIGIN, signedNote, signedText } from './log-fixture.ts';
import { inclusionProof } from './reference-proofs.ts';

const keys = keyPair();
const lines = makeLines(57);
const leaves = lines.map((line) => leafHash(Buffer.from(line)));

function proofOf(index: number): ProofFile {
  return {
    v: 1,
    kind: 'greenlight-inclusion-proof',
    index,
    line: lines[index]!,
    proof: inclusionProof(leaves, index).map((hash) => hash.toString('base64')),
    checkpoint: signedNote(keys, lines.length, rootOfLeaves(leaves)),
  };
}

const reasonOf = (file: ProofFile, key = keys.publicKey) => faultOfProof(file, [key])?.reason;
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));

describe('a proof file', () => {
  it('proves every line of the log that its checkpoint signs', () => {
    for (const index of lines.keys()) expect(reasonOf(readProofFile(bytesOf(proofOf(index)))!)).toBeUndefined();
  });

  it('AUD-12 is refused with another line, index, hash, size or key', () => {
    const file = proofOf(20);
    const flipped = Buffer.from(file.proof[1]!, 'base64');
    flipped[0]! ^= 1;
    const proof = file.proof.with(1, flipped.toString('base64'));
    expect(reasonOf({ ...file, line: file.line.replace('gate', 'gale') })).toBe('ROOT_MISMATCH');
    expect(reasonOf({ ...file, index: 21 })).toBe('ROOT_MISMATCH');
    expect(reasonOf({ ...file, proof })).toBe('ROOT_MISMATCH');
    expect(reasonOf({ ...file, proof: file.proof.slice(1) })).toBe('ROOT_MISMATCH');
    expect(reasonOf({ ...file, index: 57 })).toBe('BAD_PROOF');
    expect(reasonOf({ ...file, checkpoint: file.checkpoint.replace('\n57\n', '\n58\n') })).toBe('BAD_SIGNATURE');
    expect(reasonOf({ ...file, checkpoint: 'no note' })).toBe('BAD_CHECKPOINT');
    expect(reasonOf(file, generateKeyPairSync('ed25519').publicKey)).toBe('UNKNOWN_KEY');
  });

  it('holds over a change of keys for who trusts the older one, and for the later one only behind its beginning', () => {
    const [next, other] = [keyPair(), keyPair()];
    const manifest = (key: typeof keys, fromSize: number) => manifestBody(ORIGIN, { key: key.publicKey, fromSize });
    const manifests = [manifest(keys, 0), signedText(keys, manifest(next, 50))];
    const later: ProofFile = { ...proofOf(5), checkpoint: signedNote(next, 57, rootOfLeaves(leaves)), keys: manifests };
    for (const { publicKey } of [keys, next]) expect(reasonOf(later, publicKey)).toBeUndefined();
    expect(reasonOf(later, other.publicKey)).toBe('UNKNOWN_KEY');
    expect(reasonOf({ ...later, keys: [] })).toBe('UNKNOWN_KEY');
    expect(reasonOf({ ...later, keys: [manifests[0]!, signedText(other, manifest(next, 50))] })).toBe('UNKNOWN_KEY');
    expect(reasonOf({ ...later, keys: [manifests[0]!, signedText(keys, manifest(next, 57))] })).toBe('UNKNOWN_KEY');
    expect(reasonOf({ ...later, checkpoint: signedNote(next, 57, rootOfLeaves(leaves), 'other/audit') })).toBe('UNKNOWN_KEY');
    expect(reasonOf({ ...later, checkpoint: signedNote(keys, 57, rootOfLeaves(leaves)) })).toBe('UNKNOWN_KEY');
    const earlier: ProofFile = { ...proofOf(5), keys: [manifests[0]!, signedText(keys, manifest(next, 57))] };
    expect(reasonOf(earlier)).toBeUndefined();
    expect(reasonOf(earlier, next.publicKey)).toBe('UNKNOWN_KEY');
  });

  it('is nothing but what the format says', () => {
    const file = proofOf(3);
    expect(readProofFile(bytesOf({ ...file, v: 2 }))).toBeUndefined();
    expect(readProofFile(bytesOf({ ...file, more: 1 }))).toBeUndefined();
    expect(readProofFile(bytesOf({ ...file, proof: ['AAAA'] }))).toBeUndefined();
    expect(readProofFile(Buffer.from([0xff]))).toBeUndefined();
    expect(readProofFile(Buffer.from('[]'))).toBeUndefined();
  });
});
