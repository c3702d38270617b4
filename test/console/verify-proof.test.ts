import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readKey, verifyProof } from '../../console/audit/verify-proof.ts';
import { checkpointBody, noteOf } from '../../core/audit/checkpoint.ts';
import { leafHash, rootOfLeaves } from '../../core/audit/merkle.ts';
import { inclusionSpans } from '../../core/audit/proof-path.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PEM = publicKey.export({ type: 'spki', format: 'pem' }) as string;
const ORIGIN = 'greenlight.example/log';
const lines = Array.from({ length: 11 }, (_, index) => JSON.stringify({ v: 1, id: `event-${index}`, note: `Ümlaut ${index}` }));

function proofOf(index: number, { size = lines.length, signer = privateKey, key = publicKey } = {}) {
  const leaves = lines.slice(0, size).map((line) => leafHash(Buffer.from(line)));
  const body = checkpointBody({ origin: ORIGIN, size, root: rootOfLeaves(leaves) });
  const checkpoint = noteOf(body, ORIGIN, key, sign('sha256', Buffer.from(body), signer));
  return {
    index,
    line: lines[index]!,
    proof: inclusionSpans(index, size).map(({ start, end }) => rootOfLeaves(leaves.slice(start, end)).toString('base64')),
    checkpoint,
  };
}

const verdictOf = async (proof: ReturnType<typeof proofOf>, id = `event-${proof.index}`) => verifyProof(proof, id, await readKey(PEM));

describe('a proof in the browser', () => {
  it('holds for every line of a log of any size', async () => {
    for (let size = 1; size <= lines.length; size++)
      for (let index = 0; index < size; index++)
        expect(await verdictOf(proofOf(index, { size })), `${index} of ${size}`).toMatchObject({ valid: true, size });
  });

  const tampered: [string, (proof: ReturnType<typeof proofOf>) => ReturnType<typeof proofOf>, RegExp][] = [
    ['another line', (proof) => ({ ...proof, line: proof.line.replace('Ümlaut', 'umlaut') }), /does not lead to the root/],
    ['another place', (proof) => ({ ...proof, index: proof.index + 1 }), /does not lead|no such line/],
    ['a place behind the log', (proof) => ({ ...proof, index: 99 }), /no such line/],
    ['a hash less', (proof) => ({ ...proof, proof: proof.proof.slice(1) }), /no such line/],
    ['another hash', (proof) => ({ ...proof, proof: [createHash('sha256').digest('base64'), ...proof.proof.slice(1)] }), /does not lead/],
    ['a hash that is none', (proof) => ({ ...proof, proof: ['%%', ...proof.proof.slice(1)] }), /malformed/],
    ['another size', (proof) => ({ ...proof, checkpoint: proof.checkpoint.replace('\n11\n', '\n12\n') }), /signature/],
    ['a note without signature', (proof) => ({ ...proof, checkpoint: proof.checkpoint.split('\n\n')[0]! }), /cannot be read/],
    [
      'a signature that is none',
      (proof) => ({ ...proof, checkpoint: proof.checkpoint.replace(/[A-Za-z0-9+/=]{20}\n$/, 'AAAA\n') }),
      /signature/,
    ],
  ];
  it.each(tampered)('does not hold with %s', async (_what, tamper, why) => {
    const verdict = await verdictOf(tamper(proofOf(4)));
    expect(verdict.valid).toBe(false);
    expect('why' in verdict && verdict.why).toMatch(why);
  });

  it('does not hold under a key that is not pinned, nor where another signed in its name', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(await verdictOf(proofOf(4, { signer: other.privateKey, key: other.publicKey }))).toMatchObject({
      why: /not signed by the pinned key/,
    });
    expect(await verdictOf(proofOf(4, { signer: other.privateKey }))).toMatchObject({ why: /does not hold/ });
  });

  it('holds under an Ed25519 key too, whose name in notes hangs on the log', async () => {
    const ed = generateKeyPairSync('ed25519');
    const key = await readKey(ed.publicKey.export({ type: 'spki', format: 'pem' }) as string);
    const { checkpoint, ...proof } = proofOf(4);
    const body = `${checkpoint.split('\n\n')[0]}\n`;
    const signed = { ...proof, checkpoint: noteOf(body, ORIGIN, ed.publicKey, sign(null, Buffer.from(body), ed.privateKey)) };
    expect(await verifyProof(signed, 'event-4', key)).toMatchObject({ valid: true });
    const forged = { ...proof, checkpoint: noteOf(body, ORIGIN, ed.publicKey, Buffer.alloc(64)) };
    expect(await verifyProof(forged, 'event-4', key)).toMatchObject({ valid: false, why: /does not hold/ });
  });

  it('of another event proves nothing', async () => {
    expect(await verdictOf(proofOf(4), 'event-5')).toMatchObject({ why: 'the proof is of another event' });
  });
});

describe('a key', () => {
  it.each(['', 'hello', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', PEM.replace('PUBLIC', 'PRIVATE')])(
    'is not %j',
    async (text) => {
      await expect(readKey(text)).rejects.toThrow();
    },
  );
});
