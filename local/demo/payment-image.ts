/** Builds payment-api as a two-platform OCI image. Layers are plain tar and nothing holds a date, so the same input gives the same digests everywhere. */
import { createHash } from 'node:crypto';
import { pack } from 'tar-stream';

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  platform?: { architecture: string; os: string };
}

export interface Content {
  bytes: Buffer;
  descriptor: Descriptor;
}

export interface Image {
  /** Digest of the index. */
  digest: string;
  index: Content;
  /** One per platform. */
  manifests: Content[];
  blobs: Content[];
}

export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';
const PLATFORMS = [
  { architecture: 'amd64', os: 'linux' },
  { architecture: 'arm64', os: 'linux' },
];

/** `healthy` is the behaviour that the sample app reads: `true`, `false`, `after-50`, `crash`. */
export async function buildPaymentImage(version: string, healthy: string): Promise<Image> {
  const labels = {
    'org.opencontainers.image.title': 'payment-api',
    'org.opencontainers.image.version': version,
    'greenlight.demo.healthy': healthy,
  };
  const blobs: Content[] = [];
  const manifests: Content[] = [];
  for (const platform of PLATFORMS) {
    const layer = content(LAYER_TYPE, await layerOf(version, platform.architecture));
    const config = contentOf(CONFIG_TYPE, {
      ...platform,
      config: { Labels: labels, Entrypoint: ['/payment-api'], ExposedPorts: { '8080/tcp': {} } },
      rootfs: { type: 'layers', diff_ids: [layer.descriptor.digest] },
    });
    blobs.push(layer, config);
    manifests.push(
      contentOf(
        MANIFEST_TYPE,
        { schemaVersion: 2, mediaType: MANIFEST_TYPE, config: config.descriptor, layers: [layer.descriptor] },
        platform,
      ),
    );
  }
  const index = contentOf(INDEX_TYPE, {
    schemaVersion: 2,
    mediaType: INDEX_TYPE,
    manifests: manifests.map(({ descriptor }) => descriptor),
  });
  return { digest: index.descriptor.digest, index, manifests, blobs };
}

/** JSON bytes with their descriptor. */
export function contentOf(mediaType: string, value: unknown, platform?: Descriptor['platform']): Content {
  return content(mediaType, Buffer.from(JSON.stringify(value)), platform);
}

export function content(mediaType: string, bytes: Buffer, platform?: Descriptor['platform']): Content {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  return { bytes, descriptor: { mediaType, digest, size: bytes.length, ...(platform && { platform }) } };
}

/** One small file that differs by version and platform, as a program would. */
async function layerOf(version: string, architecture: string): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name: 'payment-api', mode: 0o755, mtime: new Date(0) }, `#!/bin/sh\necho payment-api ${version} ${architecture}\n`);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
