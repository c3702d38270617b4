/** Publishes a folder as an OCI artifact: one layer, an image config that carries the labels, and a version tag that is written once. */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Fault } from '../../core/errors.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import { OCI_IMAGE } from '../../core/registry/manifest.ts';
import { allowOrigin } from '../egress-address.ts';
import { pushBlob } from './copy-blob.ts';
import { packFolder } from './pack-folder.ts';
import type { RegistryAccess } from './registry-access.ts';
import { Repository } from './repository.ts';

export interface Publication {
  /** Scheme, host and port of the registry, named by the person who publishes. */
  origin: string;
  repository: string;
  tag: string;
  folder: string;
  labels?: Record<string, string>;
  /** Value of `authorization`; absent: anonymous. */
  authorization?: string;
}

export interface Published {
  digest: string;
  /** Bytes of the compressed layer. */
  size: number;
  files: number;
  /** True when exactly this was published under the tag before. */
  existed: boolean;
}

const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const CONFIG = 'application/vnd.oci.image.config.v1+json';

/** Packs and pushes. Fault TAG_IMMUTABLE when the tag names something else: a version is published once. */
export async function publish(publication: Publication): Promise<Published> {
  allowOrigin(publication.origin);
  const target = new Repository(accessWith(publication), publication.repository);
  const temporary = await mkdtemp(join(tmpdir(), 'greenlight-publish-'));
  try {
    const file = join(temporary, 'layer.tar.gz');
    const layer = await packFolder(publication.folder, file);
    const config = Buffer.from(JSON.stringify(configOf(publication, layer.diffId)));
    const configDigest = `sha256:${sha256Hex(config)}`;
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_IMAGE,
        config: { mediaType: CONFIG, digest: configDigest, size: config.length },
        layers: [{ mediaType: LAYER, digest: layer.digest, size: layer.size }],
      }),
    );
    const digest = `sha256:${sha256Hex(manifest)}`;
    const present = await target.head(publication.tag);
    if (present !== undefined && present !== digest) {
      throw new Fault('TAG_IMMUTABLE', `${publication.repository}:${publication.tag} names ${present} already`, {
        hint: 'publish a new version: what is published once never changes',
      });
    }
    if (present === undefined) {
      await pushBlob(target, layer.digest, layer.size, () => createReadStream(file));
      await pushBlob(target, configDigest, config.length, () => Readable.from([config]));
      await target.putManifest(digest, manifest, OCI_IMAGE);
      await target.putManifest(publication.tag, manifest, OCI_IMAGE);
    }
    return { digest, size: layer.size, files: layer.files, existed: present !== undefined };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function configOf({ labels, repository, tag }: Publication, diffId: string): object {
  const own = { 'org.opencontainers.image.title': repository, 'org.opencontainers.image.version': tag };
  return {
    architecture: 'unknown',
    os: 'unknown',
    config: { Labels: { ...own, ...labels } },
    rootfs: { type: 'layers', diff_ids: [diffId] },
  };
}

function accessWith({ origin, authorization }: Publication): RegistryAccess {
  return {
    origin: new URL(origin).origin,
    authorization: async () => authorization,
    challenged: async () => false,
  };
}
