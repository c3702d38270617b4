/**
 * Looks for what trusted keys have said about a digest: cosign's `.sig` and `.att` tags, and sigstore bundles among the referrers. A signature of an index
 * covers its images; one of an image says nothing about the index. An attestation may also be made for each image of an index instead.
 */
import { Refusal } from '../../core/errors.ts';
import type { Requirement, SignatureGate } from '../../core/gate/definition.ts';
import type { GateOutcome } from '../../core/gate/gate.ts';
import {
  BUNDLE_TYPE,
  ENVELOPE_TYPE,
  meets,
  SIGNATURE_ANNOTATION,
  type SignedStatement,
  type TrustedKey,
  trustedKey,
  verifyBundle,
  verifyEnvelope,
  verifySimpleSigning,
} from '../../core/gate/signature.ts';
import { resolveReference } from '../references.ts';
import { fallbackTag, openRepository, type ReceivedManifest, type Repository } from '../registry/repository.ts';
import { artifactReference, type GatePlace } from './gate-place.ts';

/** Payloads are a few KiB, a bundle may hold an SBOM; anybody who may push can add as many as they like, so all are bounded. */
const LARGEST_SIGNATURE = 1024 * 1024;
const LARGEST_ATTESTATION = 16 * 1024 * 1024;
const MOST_SIGNATURES = 50;
/** Images of an index that are asked for attestations of their own. */
const MOST_IMAGES = 50;

/** What was found about one digest: what trusted keys have said, and how much else there was. */
interface Found {
  statements: SignedStatement[];
  untrusted: number;
}

export async function runSignatureGate(definition: SignatureGate, place: GatePlace): Promise<GateOutcome> {
  const { digest, artifact } = place.subject;
  const { min = 1, require = ['signature'] } = definition;
  const keys = await trustedKeys(definition.keys);
  const repository = await openRepository(place.source, artifact);
  const received = await repository.manifest(digest);
  if (!received) throw new Refusal('NOT_FOUND', `the registry does not have ${digest} any more`, { hint: 'publish the artifact again' });
  const needed = new Set(require);
  const signersIn = ({ statements }: Found) =>
    new Set(statements.filter(({ says }) => says === 'signature').flatMap((statement) => statement.signers));
  const found = await saidOf(repository, received, keys, needed, (so) =>
    require.every((requirement) =>
      requirement === 'signature' ? signersIn(so).size >= min : so.statements.some((statement) => meets(statement, requirement)),
    ),
  );
  const signers = signersIn(found);
  const reference = artifactReference(repository.origin, repository.name, digest);
  const problems: string[] = [];
  const remedies: string[] = [];
  for (const requirement of needed) {
    if (requirement === 'signature') {
      if (signers.size >= min) continue;
      problems.push(signatureProblem(digest, signers.size, min, found.untrusted));
      // Registries behind the first environment are usually written by the copy role alone; a signature made later is not carried along yet.
      remedies.push(`sign it with a trusted key (cosign sign --key … ${reference})`);
    } else if (!(await isAttested(repository, received, keys, requirement, found))) {
      problems.push(`${digest} has no attestation "${requirement}" by a trusted key`);
      remedies.push(`attest it with a trusted key (cosign attest --key … --type … --predicate … ${reference})`);
    }
  }
  if (problems.length === 0) return { status: 'passed', message: passedMessage(require, signers.size), resolution: '' };
  return {
    status: 'failed',
    message: problems.join('; '),
    resolution: `${remedies.join(', ')}, then POST …/retry; where you may not write, publish a new version that is signed before its first promotion`,
  };
}

function signatureProblem(digest: string, signers: number, min: number, untrusted: number): string {
  if (signers > 0) return `${digest} is signed by ${signers} of the ${min} different trusted keys that must have signed`;
  return untrusted === 0 ? `${digest} has no signature` : `${digest} has ${untrusted} signature(s), none of them valid by a trusted key`;
}

function passedMessage(require: readonly Requirement[], signers: number): string {
  const attested = require.filter((requirement) => requirement !== 'signature');
  const signed = signers > 1 ? `signed by ${signers} trusted keys` : 'signed by a trusted key';
  return [
    ...(require.includes('signature') ? [signed] : []),
    ...(attested.length > 0 ? [`attested by a trusted key: ${attested.join(', ')}`] : []),
  ].join('; ');
}

async function trustedKeys(references: readonly string[]): Promise<TrustedKey[]> {
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

/** The attestation stands for the whole index, or there is one for each of its images: build tools attest what they build. */
async function isAttested(
  repository: Repository,
  { manifest }: ReceivedManifest,
  keys: readonly TrustedKey[],
  requirement: Requirement,
  found: Found,
): Promise<boolean> {
  if (found.statements.some((statement) => meets(statement, requirement))) return true;
  const images = manifest.children.filter(({ platform }) => platform !== 'unknown/unknown');
  if (images.length === 0 || images.length > MOST_IMAGES) return false;
  for (const { digest } of images) {
    const received = await repository.manifest(digest);
    if (!received) return false;
    const isMet = ({ statements }: Found) => statements.some((statement) => meets(statement, requirement));
    if (!isMet(await saidOf(repository, received, keys, new Set([requirement]), isMet))) return false;
  }
  return true;
}

/** Reads no more than what is needed: simple signatures for `signature`, `.att` for attestations, and bundles for both while `isEnough` is false. */
async function saidOf(
  repository: Repository,
  received: ReceivedManifest,
  keys: readonly TrustedKey[],
  needed: ReadonlySet<Requirement>,
  isEnough: (found: Found) => boolean,
): Promise<Found> {
  const { digest, bytes } = received;
  const found: Found = { statements: [], untrusted: 0 };
  const note = (statement: SignedStatement | undefined) => {
    if (statement) found.statements.push(statement);
    else found.untrusted++;
  };
  if (needed.has('signature')) {
    for (const { payload, signature } of await simpleSignatures(repository, digest)) {
      const signers = verifySimpleSigning(payload, signature, digest, keys);
      note(signers.length > 0 ? { says: 'signature', signers } : undefined);
    }
  }
  if ([...needed].some((requirement) => requirement !== 'signature')) {
    for (const envelope of await taggedAttestations(repository, digest)) note(verifyEnvelope(envelope, digest, keys));
  }
  if (isEnough(found)) return found;
  for (const bundle of await referringBundles(repository, digest)) note(verifyBundle(bundle, bytes, digest, keys));
  return found;
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

async function taggedAttestations(repository: Repository, digest: string): Promise<Buffer[]> {
  const envelopes: Buffer[] = [];
  const received = await repository.manifest(`${fallbackTag(digest)}.att`);
  for (const layer of received?.manifest.layers.slice(0, MOST_SIGNATURES) ?? []) {
    if (layer.mediaType !== ENVELOPE_TYPE || layer.size > LARGEST_ATTESTATION || layer.urls) continue;
    envelopes.push(await repository.blob(layer.digest, LARGEST_ATTESTATION));
  }
  return envelopes;
}

/** The list of referrers is a claim: a bundle counts only when its own manifest names this digest as its subject. */
async function referringBundles(repository: Repository, digest: string): Promise<Buffer[]> {
  const bundles: Buffer[] = [];
  const listed = (await repository.referrers(digest)).filter((entry) => entry.artifactType === BUNDLE_TYPE);
  for (const entry of listed.slice(0, MOST_SIGNATURES)) {
    const received = await repository.manifest(entry.digest);
    const layer = received?.manifest.layers.find(({ mediaType }) => mediaType === BUNDLE_TYPE);
    if (received?.manifest.subject?.digest !== digest || !layer || layer.size > LARGEST_ATTESTATION || layer.urls) continue;
    bundles.push(await repository.blob(layer.digest, LARGEST_ATTESTATION));
  }
  return bundles;
}
