/** A document beside an artifact, as a referrer: whoever has the image finds it, and no byte of the image changes. */
import { Readable } from 'node:stream';
import { Fault } from '../../core/errors.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import { OCI_IMAGE, OCI_INDEX } from '../../core/registry/manifest.ts';
import type { AttachedDocument } from '../../core/registry/ports.ts';
import { pushBlob } from './copy-blob.ts';
import { fallbackTag, type Repository } from './repository.ts';

/** The empty config of OCI 1.1. */
const EMPTY = Buffer.from('{}');
const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json';
const digestOf = (bytes: Buffer) => `sha256:${sha256Hex(bytes)}`;

/** The same document gives the same manifest, so that a second time changes nothing. */
export async function attachReferrer(repository: Repository, subject: string, document: AttachedDocument): Promise<void> {
  const received = await repository.manifest(subject);
  if (!received) throw new Fault('DIGEST_MISMATCH', `${subject} is not in the registry that is to hold a document about it`);
  const { artifactType, mediaType, bytes, annotations } = document;
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_IMAGE,
      artifactType,
      config: { mediaType: EMPTY_TYPE, digest: digestOf(EMPTY), size: EMPTY.length },
      layers: [{ mediaType, digest: digestOf(bytes), size: bytes.length }],
      subject: { mediaType: received.manifest.mediaType, digest: subject, size: received.bytes.length },
      annotations,
    }),
  );
  const digest = digestOf(manifest);
  for (const blob of [EMPTY, bytes]) {
    if ((await repository.blobSize(digestOf(blob))) === undefined)
      await pushBlob(repository, digestOf(blob), blob.length, () => Readable.from([blob]));
  }
  const { subjectKnown } = await repository.putManifest(digest, manifest, OCI_IMAGE);
  if (!subjectKnown) {
    const entry = { mediaType: OCI_IMAGE, digest, size: manifest.length, artifactType, annotations };
    await listUnderTag(repository, subject, entry);
  }
}

/** A registry without the referrers API finds them by an index under a tag, which its writers keep. */
async function listUnderTag(repository: Repository, subject: string, entry: { digest: string }): Promise<void> {
  const present = await repository.referrerList(subject);
  if (present.hasApi || present.listed.some(({ digest }) => digest === entry.digest)) return;
  const before = present.fallback ? (JSON.parse(present.fallback.bytes.toString('utf8')) as { manifests: object[] }).manifests : [];
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [...before, entry] };
  await repository.putManifest(fallbackTag(subject), Buffer.from(JSON.stringify(index)), OCI_INDEX);
}
