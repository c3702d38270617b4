/**
 * Verifies signatures of images by trusted keys: cosign's simple signing, sigstore bundles and signed attestations. Everything but the keys is
 * attacker-controlled; what a statement says counts only once a trusted key has signed it.
 */
import { createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto';
import * as z from 'zod';
import { sha256Hex } from '../promotion/canonical-json.ts';
import type { Requirement } from './definition.ts';

export const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
/** Annotation of a layer in cosign's `.sig` manifests. */
export const SIGNATURE_ANNOTATION = 'dev.cosignproject.cosign/signature';
/** Layers of cosign's `.att` manifests. */
export const ENVELOPE_TYPE = 'application/vnd.dsse.envelope.v1+json';
const IN_TOTO = 'application/vnd.in-toto+json';
/** Other statements (scans, provenance) speak about an image too; only this one says "signed". */
const SIGNED_PREDICATE = 'https://sigstore.dev/cosign/sign/v1';
const SHORTEST_RSA_BITS = 2_048;

export interface TrustedKey {
  key: KeyObject;
  /** SHA-256 of the key itself: two names of one key are one signer. */
  id: string;
}

/**
 * A trusted key in PEM, of the kinds that cosign signs with: P-256 (what it generates), RSA from 2,048 bits (PKCS #1 v1.5 with SHA-256), Ed25519.
 * Throws for anything else.
 */
export function trustedKey(pem: string): TrustedKey {
  const key = createPublicKey(pem);
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const type = key.asymmetricKeyType;
  const isTrusted =
    type === 'ed25519' || (type === 'ec' && namedCurve === 'prime256v1') || (type === 'rsa' && modulusLength >= SHORTEST_RSA_BITS);
  if (!isTrusted) throw new Error(`it is no public key of the kinds P-256, RSA (${SHORTEST_RSA_BITS} bits or more) and Ed25519`);
  return { key, id: sha256Hex(key.export({ type: 'spki', format: 'der' })) };
}

/** Ids of the keys that made `signature`. */
function signersOf(keys: readonly TrustedKey[], message: Uint8Array, signature: Buffer): string[] {
  return keys
    .filter(({ key }) => {
      try {
        return verify(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', message, key, signature);
      } catch {
        return false;
      }
    })
    .map(({ id }) => id);
}

const payloadSchema = z.object({
  critical: z.object({ type: z.literal('cosign container image signature'), image: z.object({ 'docker-manifest-digest': z.string() }) }),
});

/**
 * Cosign's simple signing: `payload` is the layer, `signature` its annotation in base64. Answers the ids of the keys that have signed this digest. The
 * `docker-reference` in it is not compared.
 */
export function verifySimpleSigning(payload: Buffer, signature: string, digest: string, keys: readonly TrustedKey[]): string[] {
  const signers = signersOf(keys, payload, Buffer.from(signature, 'base64'));
  if (signers.length === 0) return [];
  const parsed = payloadSchema.safeParse(parse(payload));
  return parsed.success && parsed.data.critical.image['docker-manifest-digest'] === digest ? signers : [];
}

const envelopeSchema = z.object({
  payload: z.string(),
  payloadType: z.literal(IN_TOTO),
  signatures: z
    .array(z.object({ sig: z.string() }))
    .min(1)
    .max(10),
});

const bundleSchema = z.object({
  mediaType: z.literal(BUNDLE_TYPE),
  messageSignature: z
    .object({
      messageDigest: z.object({ algorithm: z.literal('SHA2_256'), digest: z.string() }).optional(),
      signature: z.string(),
    })
    .optional(),
  dsseEnvelope: envelopeSchema.optional(),
});

const statementSchema = z.object({
  predicateType: z.string().max(500),
  subject: z.array(z.object({ digest: z.record(z.string(), z.string()) })).min(1),
});

/** What trusted keys have said about a digest. */
export interface SignedStatement {
  /** `signature`, or the predicate type of an attestation. */
  says: string;
  /** Ids of the keys, at least one. */
  signers: string[];
}

/**
 * A sigstore bundle v0.3, key-based: log entries and certificates in it are not asked for. `manifest` are the bytes that `digest` names. Undefined when
 * no trusted key has signed it, or when it speaks of another digest.
 */
export function verifyBundle(bundle: Buffer, manifest: Buffer, digest: string, keys: readonly TrustedKey[]): SignedStatement | undefined {
  const parsed = bundleSchema.safeParse(parse(bundle));
  if (!parsed.success || `sha256:${sha256Hex(manifest)}` !== digest) return undefined;
  const { messageSignature, dsseEnvelope } = parsed.data;
  if (messageSignature) {
    const named = messageSignature.messageDigest?.digest;
    if (named !== undefined && !equal(Buffer.from(named, 'base64'), Buffer.from(digest.slice('sha256:'.length), 'hex'))) return undefined;
    const signers = signersOf(keys, manifest, Buffer.from(messageSignature.signature, 'base64'));
    return signers.length > 0 ? { says: 'signature', signers } : undefined;
  }
  return dsseEnvelope && statementOf(dsseEnvelope, digest, keys);
}

/** A DSSE envelope as `cosign attest` stores it in a layer of the `.att` tag. Undefined as with bundles. */
export function verifyEnvelope(envelope: Buffer, digest: string, keys: readonly TrustedKey[]): SignedStatement | undefined {
  const parsed = envelopeSchema.safeParse(parse(envelope));
  return parsed.success ? statementOf(parsed.data, digest, keys) : undefined;
}

function statementOf(envelope: z.output<typeof envelopeSchema>, digest: string, keys: readonly TrustedKey[]): SignedStatement | undefined {
  const payload = Buffer.from(envelope.payload, 'base64');
  const message = preAuthenticationEncoding(envelope.payloadType, payload);
  const signers = new Set(envelope.signatures.flatMap(({ sig }) => signersOf(keys, message, Buffer.from(sig, 'base64'))));
  if (signers.size === 0) return undefined;
  const statement = statementSchema.safeParse(parse(payload));
  if (!statement.success || !statement.data.subject.some((subject) => `sha256:${subject.digest['sha256']}` === digest)) return undefined;
  const { predicateType } = statement.data;
  return { says: predicateType === SIGNED_PREDICATE ? 'signature' : predicateType, signers: [...signers] };
}

/** Predicate types that the short words of the configuration stand for. A version that comes later begins the same way. */
const PREDICATES = new Map<string, RegExp>(
  Object.entries({
    sbom: /^https:\/\/(?:spdx\.dev\/Document(?:\/v[0-9.]+)?|cyclonedx\.org\/bom(?:\/v?[0-9.]+)?)$/,
    provenance: /^https:\/\/slsa\.dev\/provenance\/v[0-9.]+$/,
    scan: /^https:\/\/cosign\.sigstore\.dev\/attestation\/vuln\/v[0-9]+$/,
  }),
);

/** Does a statement meet a requirement: `signature`, one of the short words, or a predicate type? */
export function meets({ says }: SignedStatement, requirement: Requirement): boolean {
  return says === requirement || (PREDICATES.get(requirement)?.test(says) ?? false);
}

/** What a DSSE signature covers: type and payload with their lengths, so that neither can be read as part of the other. */
function preAuthenticationEncoding(type: string, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `), payload]);
}

function equal(left: Buffer, right: Buffer): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
