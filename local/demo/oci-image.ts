/** Builds and pushes small real images of any content to a registry: for the demo's bad versions and for tests. */
import { Buffer } from 'node:buffer';
import { pack } from 'tar-stream';
import { type Content, content, contentOf, type Image, INDEX_TYPE, MANIFEST_TYPE } from './payment-image.ts';
import { attachSbom as attach, pushImage as push, type Repository, signImage as sign } from './push-image.ts';

export interface RegistryPlace {
  /** `http://127.0.0.1:PORT`. */
  origin: string;
  repository: string;
  /** Value of `authorization`; absent: anonymous. */
  authorization?: string;
}

export interface ImageContent {
  tag: string;
  labels: Record<string, string>;
  /** `os/architecture`, default two. */
  platforms?: string[];
  /** Content of one file per layer, default one small file that differs by tag. */
  layers?: (string | Buffer)[];
  /** RFC 3339; absent: the image does not say when it was built. */
  created?: string;
}

const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';

/** Pushes an index with one image per platform under its tag. `manifests` are the digests of the images. */
export async function pushImage(options: RegistryPlace & ImageContent): Promise<{ digest: string; manifests: string[] }> {
  const image = await buildImage(options);
  await push(repositoryOf(options), image, [options.tag]);
  return { digest: image.digest, manifests: image.manifests.map(({ descriptor }) => descriptor.digest) };
}

/** Signs as `cosign sign --key` does; answers the tag of the signature. */
export function signImage(options: RegistryPlace & { digest: string; privateKeyPem: string }): Promise<string> {
  return sign(repositoryOf(options), options.digest, options.privateKeyPem);
}

/** Attaches an SPDX document as a referrer of an index; answers the digest of its manifest. */
export async function attachSbom(options: RegistryPlace & { digest: string; version: string }): Promise<string> {
  const to = repositoryOf(options);
  const answer = await fetch(`${options.origin}/v2/${to.name}/manifests/${options.digest}`, {
    headers: { accept: INDEX_TYPE, ...(to.authorization && { authorization: to.authorization }) },
  });
  if (!answer.ok) throw new Error(`${options.digest} is not in ${to.name}: ${answer.status}`);
  const index = content(INDEX_TYPE, Buffer.from(await answer.arrayBuffer()));
  return attach(to, { digest: options.digest, index, manifests: [], blobs: [] }, to.name, options.version);
}

async function buildImage({ tag, labels, platforms = ['linux/amd64', 'linux/arm64'], layers, created }: ImageContent): Promise<Image> {
  const blobs: Content[] = [];
  const manifests: Content[] = [];
  for (const spelled of platforms) {
    const [os = '', architecture = ''] = spelled.split('/');
    const platform = { architecture, os };
    const files = layers ?? [`#!/bin/sh\necho ${tag} ${spelled}\n`];
    const packed = await Promise.all(files.map(async (file, index) => content(LAYER_TYPE, await archiveOf(`app/file-${index}`, file))));
    const config = contentOf(CONFIG_TYPE, {
      ...platform,
      ...(created && { created }),
      config: { Labels: labels },
      rootfs: { type: 'layers', diff_ids: packed.map(({ descriptor }) => descriptor.digest) },
    });
    blobs.push(...packed, config);
    const body = {
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: config.descriptor,
      layers: packed.map(({ descriptor }) => descriptor),
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

async function archiveOf(name: string, file: string | Buffer): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name, mode: 0o755, mtime: new Date(0) }, file);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function repositoryOf({ origin, repository, authorization }: RegistryPlace): Repository {
  return { address: new URL(origin).host, name: repository, ...(authorization && { authorization }) };
}
