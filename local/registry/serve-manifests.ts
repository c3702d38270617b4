/** Manifests of the registry API: by tag or digest, push, delete. */
import type { ServerResponse } from 'node:http';
import { readBody } from '../http-body.ts';
import { LARGEST_MANIFEST } from './manifest.ts';
import { isDigest } from './reference-grammar.ts';
import { RegistryError } from './registry-error.ts';
import type { RegistryRequest } from './registry-request.ts';
import type { RegistryStore } from './registry-store.ts';

/** GET and HEAD. The stored bytes are never converted to what `accept` would like: their digest is their name. */
export async function serveManifest(
  store: RegistryStore,
  { method, repository: name, reference }: RegistryRequest,
  response: ServerResponse,
): Promise<void> {
  const repository = store.repository(name);
  const digest = store.resolve(repository, reference);
  const { mediaType, size } = repository.manifests.get(digest)!;
  const bytes = method === 'HEAD' ? undefined : await store.readManifest(digest);
  response
    .writeHead(200, { 'content-type': mediaType, 'content-length': size, 'docker-content-digest': digest, etag: `"${digest}"` })
    .end(bytes);
}

export interface PutManifestOptions {
  referrers: boolean;
  /** ECR answers a pushed manifest without `location`. */
  ecrUploads: boolean;
}

/** PUT: 201 with the digest, and `OCI-Subject` when the manifest names one (the client then leaves the fallback tag alone). */
export async function putManifest(
  store: RegistryStore,
  request: RegistryRequest,
  response: ServerResponse,
  options: PutManifestOptions,
): Promise<void> {
  const { message, origin, repository, reference } = request;
  const bytes = await readBody(message, LARGEST_MANIFEST);
  if (!bytes) throw new RegistryError(413, 'SIZE_INVALID', `manifests are limited to ${LARGEST_MANIFEST} bytes`);
  const { digest, subject } = await store.putManifest(repository, reference, bytes, message.headers['content-type']);
  response
    .writeHead(201, {
      'docker-content-digest': digest,
      ...(!options.ecrUploads && { location: `${origin}/v2/${repository}/manifests/${digest}` }),
      ...(subject && options.referrers && { 'oci-subject': subject }),
      'content-length': '0',
    })
    .end();
}

/** DELETE by digest removes the manifest and its tags; by tag only the tag. */
export async function deleteManifest(
  store: RegistryStore,
  { repository, reference }: RegistryRequest,
  response: ServerResponse,
): Promise<void> {
  if (isDigest(reference)) await store.deleteManifest(repository, reference);
  else await store.deleteTag(repository, reference);
  response.writeHead(202, { 'content-length': '0' }).end();
}
