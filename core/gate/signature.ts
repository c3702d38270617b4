/** Verifies signatures of images by trusted P-256 keys: cosign's simple signing and sigstore bundles. Everything but the keys is attacker-controlled. */
import { createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto';
import * as z from 'zod';
import { sha256Hex } from '../promotion/canonical-json.ts';

export const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
/** Annotation of a layer in cosign's `.sig` manifests. */
export const SIGNATURE_ANNOTATION = 'dev.cosignproject.cosign/signature';
const IN_TOTO = 'application/vnd.in-toto+json';
/** Other statements (scans, provenance) speak about an image too; only this one says "signed". */
const SIGNED_PREDICATE = 'https://sigstore.dev/cosign/sign/v1';

/** A trusted key. Throws for anything but a P-256 public key in PEM. */
export function trustedKey(pem: string): KeyObject {
  const key = createPublicKey(pem);
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new Error('it is not a P-256 public key');
  return key;
}

function isSignedBy(keys: readonly KeyObject[], message: Uint8Array, signature: Buffer): boolean {
  return keys.some((key) => {
    try {
      return verify('sha256', message, key, signature);
    } catch {
      return false;
    }
  });
}

const payloadSchema = z.object({
  critical: z.object({ type: z.literal('cosign container image signature'), image: z.object({ 'docker-manifest-digest': z.string() }) }),
});

/** Cosign's simple signing: `payload` is the layer, `signature` its annotation in base64. The `docker-reference` in it is not compared. */
export function verifySimpleSigning(payload: Buffer, signature: string, digest: string, keys: readonly KeyObject[]): boolean {
  if (!isSignedBy(keys, payload, Buffer.from(signature, 'base64'))) return false;
  const parsed = payloadSchema.safeParse(parse(payload));
  return parsed.success && parsed.data.critical.image['docker-manifest-digest'] === digest;
}

const bundleSchema = z.object({
  mediaType: z.literal(BUNDLE_TYPE),
  messageSignature: z
    .object({
      messageDigest: z.object({ algorithm: z.literal('SHA2_256'), digest: z.string() }).optional(),
      signature: z.string(),
    })
    .optional(),
  dsseEnvelope: z
    .object({
      payload: z.string(),
      payloadType: z.literal(IN_TOTO),
      signatures: z
        .array(z.object({ sig: z.string() }))
        .min(1)
        .max(10),
    })
    .optional(),
});

const statementSchema = z.object({
  predicateType: z.literal(SIGNED_PREDICATE),
  subject: z.array(z.object({ digest: z.record(z.string(), z.string()) })).min(1),
});

/** A sigstore bundle v0.3, key-based: log entries and certificates in it are not asked for. `manifest` are the bytes that `digest` names. */
export function verifyBundle(bundle: Buffer, manifest: Buffer, digest: string, keys: readonly KeyObject[]): boolean {
  const parsed = bundleSchema.safeParse(parse(bundle));
  if (!parsed.success || `sha256:${sha256Hex(manifest)}` !== digest) return false;
  const { messageSignature, dsseEnvelope } = parsed.data;
  if (messageSignature) {
    const named = messageSignature.messageDigest?.digest;
    if (named !== undefined && !equal(Buffer.from(named, 'base64'), Buffer.from(digest.slice('sha256:'.length), 'hex'))) return false;
    return isSignedBy(keys, manifest, Buffer.from(messageSignature.signature, 'base64'));
  }
  if (!dsseEnvelope) return false;
  const payload = Buffer.from(dsseEnvelope.payload, 'base64');
  const message = preAuthenticationEncoding(dsseEnvelope.payloadType, payload);
  if (!dsseEnvelope.signatures.some(({ sig }) => isSignedBy(keys, message, Buffer.from(sig, 'base64')))) return false;
  const statement = statementSchema.safeParse(parse(payload));
  return statement.success && statement.data.subject.some((subject) => `sha256:${subject.digest['sha256']}` === digest);
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
