/** Images as content: blobs, manifests and an index with their digests. Nothing holds a date unless it is given, so the same input gives the same digests. */
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

export interface ImageParts {
  labels: Record<string, string>;
  /** `os/architecture`, default two. */
  platforms?: readonly string[];
  /** Content of one file per layer. */
  layersOf(platform: string): readonly (string | Buffer)[];
  /** RFC 3339; absent: the image does not say when it was built. */
  created?: string;
}

export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
/** Plain tar: compressed bytes differ between versions of zlib. */
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';

/** An index with one image per platform. */
export async function buildImage({ labels, platforms = ['linux/amd64', 'linux/arm64'], layersOf, created }: ImageParts): Promise<Image> {
  const blobs: Content[] = [];
  const manifests: Content[] = [];
  for (const spelled of platforms) {
    const [os = '', architecture = ''] = spelled.split('/');
    const platform = { architecture, os };
    const layers = await Promise.all(
      layersOf(spelled).map(async (file, index) => content(LAYER_TYPE, await archiveOf(`app/file-${index}`, file))),
    );
    const config = contentOf(CONFIG_TYPE, {
      ...platform,
      ...(created && { created }),
      config: { Labels: labels },
      rootfs: { type: 'layers', diff_ids: layers.map(({ descriptor }) => descriptor.digest) },
    });
    blobs.push(...layers, config);
    const body = {
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: config.descriptor,
      layers: layers.map(({ descriptor }) => descriptor),
    };
    manifests.push(contentOf(MANIFEST_TYPE, body, platform));
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

async function archiveOf(name: string, file: string | Buffer): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name, mode: 0o755, mtime: new Date(0) }, file);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
