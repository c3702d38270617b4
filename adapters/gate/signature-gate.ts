/** Looks for a signature of the digest by a trusted key: cosign's `.sig` tag and sigstore bundles among the referrers. */
import type { KeyObject } from 'node:crypto';
import type { SignatureGate } from '../../core/gate/definition.ts';
import type { GateOutcome } from '../../core/gate/gate.ts';
import { BUNDLE_TYPE, SIGNATURE_ANNOTATION, trustedKey, verifyBundle, verifySimpleSigning } from '../../core/gate/signature.ts';
import { resolveReference } from '../references.ts';
import { fallbackTag, openRepository, type Repository } from '../registry/repository.ts';
import { artifactReference, type GatePlace } from './gate-place.ts';

/** Payloads and bundles are a few KiB; anybody who may push can add as many as they like, so both are bounded. */
const LARGEST_SIGNATURE = 1024 * 1024;
const MOST_SIGNATURES = 50;

export async function runSignatureGate(definition: SignatureGate, place: GatePlace): Promise<GateOutcome> {
  const { digest, artifact } = place.subject;
  const keys = await trustedKeys(definition.keys);
  const repository = await openRepository(place.source, artifact);
  const simple = await simpleSignatures(repository, digest);
  if (simple.some(({ payload, signature }) => verifySimpleSigning(payload, signature, digest, keys))) {
    return { status: 'passed', message: 'signed by a trusted key (cosign)', resolution: '' };
  }
  const bundles = await signatureBundles(repository, digest);
  if (bundles.length > 0) {
    const received = await repository.manifest(digest);
    if (received && bundles.some((bundle) => verifyBundle(bundle, received.bytes, digest, keys))) {
      return { status: 'passed', message: 'signed by a trusted key (sigstore bundle)', resolution: '' };
    }
  }
  const reference = artifactReference(repository.origin, repository.name, digest);
  // Registries behind the first environment are usually written by the copy role alone; a signature made later is not carried along yet.
  const resolution = `sign it with a trusted key (cosign sign --key … ${reference}), then POST …/retry; where you may not write, publish a new version that is signed before its first promotion`;
  const count = simple.length + bundles.length;
  if (count === 0) return { status: 'failed', message: `${digest} has no signature`, resolution };
  return { status: 'failed', message: `${digest} has ${count} signature(s), none of them valid by a trusted key`, resolution };
}

async function trustedKeys(references: readonly string[]): Promise<KeyObject[]> {
  return Promise.all(
    references.map(async (reference) => {
      try {
        return trustedKey(await resolveReference(reference));
      } catch (error) {
        throw new Error(`the trusted key ${reference} cannot be used: ${(error as Error).message}`);
      }
    }),
  );
}

async function simpleSignatures(repository: Repository, digest: string): Promise<{ payload: Buffer; signature: string }[]> {
  const signatures: { payload: Buffer; signature: string }[] = [];
  const received = await repository.manifest(`${fallbackTag(digest)}.sig`);
  for (const layer of received?.manifest.layers.slice(0, MOST_SIGNATURES) ?? []) {
    const signature = layer.annotations?.[SIGNATURE_ANNOTATION];
    if (signature === undefined || layer.size > LARGEST_SIGNATURE || layer.urls) continue;
    signatures.push({ payload: await repository.blob(layer.digest, LARGEST_SIGNATURE), signature });
  }
  return signatures;
}

/** The list of referrers is a claim: a bundle counts only when its own manifest names this digest as its subject. */
async function signatureBundles(repository: Repository, digest: string): Promise<Buffer[]> {
  const bundles: Buffer[] = [];
  const listed = (await repository.referrers(digest)).filter((entry) => entry.artifactType === BUNDLE_TYPE);
  for (const entry of listed.slice(0, MOST_SIGNATURES)) {
    const received = await repository.manifest(entry.digest);
    const layer = received?.manifest.layers.find(({ mediaType }) => mediaType === BUNDLE_TYPE);
    if (received?.manifest.subject?.digest !== digest || !layer || layer.size > LARGEST_SIGNATURE || layer.urls) continue;
    bundles.push(await repository.blob(layer.digest, LARGEST_SIGNATURE));
  }
  return bundles;
}
