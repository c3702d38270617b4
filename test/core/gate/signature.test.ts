import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { BUNDLE_TYPE, meets, trustedKey, verifyBundle, verifyEnvelope, verifySimpleSigning } from '../../../core/gate/signature.ts';

const ours = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pemOf = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString();
const keys = [trustedKey(pemOf(ours.publicKey))];
const [{ id }] = keys as [(typeof keys)[number]];
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
    expect(verifySimpleSigning(payloadFor(digest), signed(payloadFor(digest)), digest, keys)).toEqual([id]);
  });

  test.each([
    ['of another digest', payloadFor(other), signed(payloadFor(other))],
    ['by a foreign key', payloadFor(digest), signed(payloadFor(digest), foreign.privateKey)],
    ['over another payload', payloadFor(digest), signed(payloadFor(other))],
    ['of another kind', payloadFor(digest, 'atomic container signature'), signed(payloadFor(digest, 'atomic container signature'))],
    ['that is garbage', payloadFor(digest), 'garbage'],
    ['that is empty', payloadFor(digest), ''],
  ])('%s does not', (_name, payload, signature) => {
    expect(verifySimpleSigning(payload, signature, digest, keys)).toEqual([]);
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
    expect(verifyBundle(bundle(members), manifest, digest, keys)).toEqual({ says: 'signature', signers: [id] });
  });

  test.each([
    ['with a message signature by a foreign key', { messageSignature: { ...message, signature: signed(manifest, foreign.privateKey) } }],
    ['with the digest of something else', { messageSignature: { ...message, messageDigest: { algorithm: 'SHA2_256', digest: 'AAAA' } } }],
    ['with a statement about another digest', envelope({ ...statement, subject: [{ digest: { sha256: '0'.repeat(64) } }] })],
    ['with a statement by a foreign key', envelope(statement, foreign.privateKey)],
    ['with a payload of another type', envelope(statement, ours.privateKey, 'text/plain')],
    ['with nothing', {}],
  ])('%s does not', (_name, members) => {
    expect(verifyBundle(bundle(members), manifest, digest, keys)).toBeUndefined();
  });
});

describe('a signed statement of another kind', () => {
  const scan = 'https://cosign.sigstore.dev/attestation/vuln/v1';
  const attestation = (predicateType: string, key = ours.privateKey) => envelope({ ...statement, predicateType }, key) as Envelope;
  interface Envelope {
    dsseEnvelope: object;
  }

  test('is no signature, in a bundle as in an envelope', () => {
    expect(verifyBundle(bundle(attestation(scan)), manifest, digest, keys)).toEqual({ says: scan, signers: [id] });
    const { dsseEnvelope } = attestation(scan);
    expect(verifyEnvelope(Buffer.from(JSON.stringify(dsseEnvelope)), digest, keys)).toEqual({ says: scan, signers: [id] });
  });

  test.each([
    ['by a foreign key', JSON.stringify(attestation(scan, foreign.privateKey).dsseEnvelope), digest],
    ['about another digest', JSON.stringify(attestation(scan).dsseEnvelope), other],
    ['that is garbage', 'garbage', digest],
    ['without signatures', JSON.stringify({ ...attestation(scan).dsseEnvelope, signatures: [] }), digest],
  ])('%s says nothing', (_name, text, about) => {
    expect(verifyEnvelope(Buffer.from(text), about, keys)).toBeUndefined();
  });

  test('names every key that signed it, each once', () => {
    const second = trustedKey(pemOf(foreign.publicKey));
    const [one, two] = [attestation(scan), attestation(scan, foreign.privateKey)] as { dsseEnvelope: { signatures: object[] } }[];
    const both = { ...one!.dsseEnvelope, signatures: [...one!.dsseEnvelope.signatures, ...two!.dsseEnvelope.signatures] };
    expect(verifyEnvelope(Buffer.from(JSON.stringify(both)), digest, [...keys, second])).toEqual({ says: scan, signers: [id, second.id] });
  });

  test.each([
    ['sbom', 'https://spdx.dev/Document', true],
    ['sbom', 'https://spdx.dev/Document/v2.3', true],
    ['sbom', 'https://cyclonedx.org/bom', true],
    ['sbom', 'https://cyclonedx.org/bomb', false],
    ['provenance', 'https://slsa.dev/provenance/v0.2', true],
    ['provenance', 'https://slsa.dev/provenance/v1', true],
    ['provenance', 'https://slsa.dev/verification_summary/v1', false],
    ['scan', scan, true],
    ['signature', 'signature', true],
    ['signature', scan, false],
    ['https://example.com/reviewed/v1', 'https://example.com/reviewed/v1', true],
    ['https://example.com/reviewed/v1', 'https://example.com/reviewed/v10', false],
    ['constructor', 'https://example.com', false],
  ])('meets "%s" when it says %s: %s', (requirement, says, expected) => {
    expect(meets({ says, signers: [id] }, requirement)).toBe(expected);
  });
});

describe('a trusted key', () => {
  test.each([
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['Ed25519', generateKeyPairSync('ed25519')],
  ])('may be %s', (_name, pair) => {
    const trusted = trustedKey(pemOf(pair.publicKey));
    const payload = payloadFor(digest);
    const signature = sign(pair.privateKey.asymmetricKeyType === 'ed25519' ? null : 'sha256', payload, pair.privateKey).toString('base64');
    expect(verifySimpleSigning(payload, signature, digest, [...keys, trusted])).toEqual([trusted.id]);
  });

  test.each([
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['RSA of 1,024 bits', generateKeyPairSync('rsa', { modulusLength: 1024 })],
    ['RSA-PSS', generateKeyPairSync('rsa-pss', { modulusLength: 2048 })],
    ['X25519', generateKeyPairSync('x25519')],
  ])('is not %s', (_name, pair) => {
    expect(() => trustedKey(pemOf(pair.publicKey))).toThrow('P-256');
  });

  test('is one signer under any number of names', () => {
    expect(trustedKey(pemOf(ours.publicKey)).id).toBe(id);
  });
});
