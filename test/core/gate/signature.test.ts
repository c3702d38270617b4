import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { BUNDLE_TYPE, trustedKey, verifyBundle, verifySimpleSigning } from '../../../core/gate/signature.ts';

const ours = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const keys = [trustedKey(ours.publicKey.export({ type: 'spki', format: 'pem' }).toString())];
const manifest = Buffer.from('{"schemaVersion":2}');
const hex = createHash('sha256').update(manifest).digest('hex');
const digest = `sha256:${hex}`;
const other = `sha256:${'0'.repeat(64)}`;

function payloadFor(named: string, type = 'cosign container image signature'): Buffer {
  return Buffer.from(
    JSON.stringify({ critical: { type, image: { 'docker-manifest-digest': named }, identity: { 'docker-reference': 'x' } } }),
  );
}

const signed = (bytes: Buffer, key: KeyObject = ours.privateKey) => sign('sha256', bytes, key).toString('base64');

function bundle(members: object): Buffer {
  return Buffer.from(JSON.stringify({ mediaType: BUNDLE_TYPE, verificationMaterial: { publicKey: { hint: '' } }, ...members }));
}

function envelope(statement: object, key = ours.privateKey, type = 'application/vnd.in-toto+json'): object {
  const payload = Buffer.from(JSON.stringify(statement));
  const message = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
  return { dsseEnvelope: { payload: payload.toString('base64'), payloadType: type, signatures: [{ sig: signed(message, key) }] } };
}

const statement = {
  _type: 'https://in-toto.io/Statement/v1',
  predicateType: 'https://sigstore.dev/cosign/sign/v1',
  subject: [{ digest: { sha256: hex } }],
};

describe('simple signing', () => {
  test('by a trusted key over this digest counts', () => {
    expect(verifySimpleSigning(payloadFor(digest), signed(payloadFor(digest)), digest, keys)).toBe(true);
  });

  test.each([
    ['of another digest', payloadFor(other), signed(payloadFor(other))],
    ['by a foreign key', payloadFor(digest), signed(payloadFor(digest), foreign.privateKey)],
    ['over another payload', payloadFor(digest), signed(payloadFor(other))],
    ['of another kind', payloadFor(digest, 'atomic container signature'), signed(payloadFor(digest, 'atomic container signature'))],
    ['that is garbage', payloadFor(digest), 'garbage'],
    ['that is empty', payloadFor(digest), ''],
  ])('%s does not', (_name, payload, signature) => {
    expect(verifySimpleSigning(payload, signature, digest, keys)).toBe(false);
  });
});

describe('a sigstore bundle', () => {
  const message = {
    messageDigest: { algorithm: 'SHA2_256', digest: Buffer.from(hex, 'hex').toString('base64') },
    signature: signed(manifest),
  };

  test.each([
    ['with a message signature over the manifest', { messageSignature: message }],
    ['with a statement that names the digest', envelope(statement)],
  ])('%s counts', (_name, members) => {
    expect(verifyBundle(bundle(members), manifest, digest, keys)).toBe(true);
  });

  test.each([
    ['with a message signature by a foreign key', { messageSignature: { ...message, signature: signed(manifest, foreign.privateKey) } }],
    ['with the digest of something else', { messageSignature: { ...message, messageDigest: { algorithm: 'SHA2_256', digest: 'AAAA' } } }],
    ['with a statement about another digest', envelope({ ...statement, subject: [{ digest: { sha256: '0'.repeat(64) } }] })],
    ['with a statement by a foreign key', envelope(statement, foreign.privateKey)],
    [
      'with a statement that is a scan, not a signature',
      envelope({ ...statement, predicateType: 'https://cosign.sigstore.dev/attestation/vuln/v1' }),
    ],
    ['with a payload of another type', envelope(statement, ours.privateKey, 'text/plain')],
    ['with nothing', {}],
  ])('%s does not', (_name, members) => {
    expect(verifyBundle(bundle(members), manifest, digest, keys)).toBe(false);
  });
});

test('only P-256 keys are trusted', () => {
  for (const pair of [generateKeyPairSync('ec', { namedCurve: 'P-384' }), generateKeyPairSync('ed25519')]) {
    expect(() => trustedKey(pair.publicKey.export({ type: 'spki', format: 'pem' }).toString())).toThrow('P-256');
  }
});
