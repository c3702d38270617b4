/** Builds and pushes small real images of any content to a registry: for the demo's bad versions and for tests. */
import { Buffer } from 'node:buffer';
import { buildImage, content, INDEX_TYPE } from './image-content.ts';
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

/** Pushes an index with one image per platform under its tag. `manifests` are the digests of the images. */
export async function pushImage(options: RegistryPlace & ImageContent): Promise<{ digest: string; manifests: string[] }> {
  const { tag, labels, platforms, layers, created } = options;
  const image = await buildImage({
    labels,
    layersOf: (platform) => layers ?? [`#!/bin/sh\necho ${tag} ${platform}\n`],
    ...(platforms && { platforms }),
    ...(created && { created }),
  });
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

function repositoryOf({ origin, repository, authorization }: RegistryPlace): Repository {
  return { address: new URL(origin).host, name: repository, ...(authorization && { authorization }) };
}
