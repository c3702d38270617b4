/** Blob uploads of the registry API: monolithic, POST and PUT, chunks, status, cancel, mounts. */
import type { ServerResponse } from 'node:http';
import { type DigestAlgorithm, isDigest, isRepositoryName } from './reference-grammar.ts';
import type { Holder, RegistryAccess } from './registry-access.ts';
import { RegistryError } from './registry-error.ts';
import type { RegistryRequest } from './registry-request.ts';
import type { RegistryStore } from './registry-store.ts';
import type { Upload } from './uploads.ts';

export interface UploadServices {
  store: RegistryStore;
  access: RegistryAccess;
  /** As ECR: PATCH answers 201, bodies after the first PATCH are lost, no status, and only blobs that a manifest names are mounted. */
  ecrUploads: boolean;
}

/** POST: opens an upload (202), takes a whole blob (`digest`, 201), or mounts one (`mount`, 201; 202 when there is none to mount). */
export async function beginUpload(
  services: UploadServices,
  request: RegistryRequest,
  holder: Holder,
  response: ServerResponse,
): Promise<void> {
  const { store } = services;
  const { query, repository } = request;
  const mount = query.get('mount');
  if (mount !== null) {
    if (!isDigest(mount)) throw new RegistryError(400, 'DIGEST_INVALID', 'invalid digest');
    if (await mountBlob(services, mount, query.get('from'), repository, holder)) return created(request, response, mount);
  }
  const digest = query.get('digest');
  if (digest !== null && !isDigest(digest)) throw new RegistryError(400, 'DIGEST_INVALID', 'invalid digest');
  const upload = await store.uploads.begin(repository, digestAlgorithm(query));
  if (digest === null) return accepted(request, response, upload, 202);
  await finish(store, request, upload, digest);
  created(request, response, digest);
}

/** PATCH: appends a chunk. With `content-range` it must begin where the upload ends, else 416. */
export async function appendChunk(
  { store, ecrUploads }: UploadServices,
  request: RegistryRequest,
  response: ServerResponse,
): Promise<void> {
  const upload = store.uploads.get(request.repository, request.reference);
  checkRange(request, upload);
  if (ecrUploads && upload.offset > 0) {
    // The bytes are lost without an error, which is what makes ECR answer DIGEST_INVALID at the end.
    request.message.resume();
    return accepted(request, response, upload, 201);
  }
  await store.uploads.append(upload, request.message, announcedLength(request));
  accepted(request, response, upload, ecrUploads ? 201 : 202);
}

/** PUT: ends the upload, with a last chunk if there is a body. */
export async function endUpload({ store }: UploadServices, request: RegistryRequest, response: ServerResponse): Promise<void> {
  const upload = store.uploads.get(request.repository, request.reference);
  const digest = request.query.get('digest');
  if (digest === null || !isDigest(digest)) throw new RegistryError(400, 'DIGEST_INVALID', 'the digest is missing or not valid');
  checkRange(request, upload);
  await finish(store, request, upload, digest);
  created(request, response, digest);
}

/** GET: how far the upload is. */
export function uploadStatus({ store, ecrUploads }: UploadServices, request: RegistryRequest, response: ServerResponse): void {
  if (ecrUploads) throw new RegistryError(404, 'UNSUPPORTED', 'upload status is not supported');
  accepted(request, response, store.uploads.get(request.repository, request.reference), 204);
}

export async function cancelUpload({ store }: UploadServices, request: RegistryRequest, response: ServerResponse): Promise<void> {
  await store.uploads.cancel(store.uploads.get(request.repository, request.reference));
  response.writeHead(204).end();
}

/** Mounts from the named repository, or from any that the caller may read. */
async function mountBlob(
  { store, access, ecrUploads }: UploadServices,
  digest: string,
  from: string | null,
  to: string,
  holder: Holder,
): Promise<boolean> {
  if (from !== null && !isRepositoryName(from)) return false;
  for (const source of from === null ? store.repositories.values() : [store.repositories.get(from)]) {
    if (!source?.blobs.has(digest)) continue;
    if (ecrUploads && ![...source.manifests.values()].some((manifest) => manifest.blobs.includes(digest))) continue;
    if (!(await access.mayReadBlob(source.name, holder))) continue;
    if (await store.mount(digest, source.name, to)) return true;
  }
  return false;
}

async function finish(store: RegistryStore, request: RegistryRequest, upload: Upload, digest: string): Promise<void> {
  await store.finishUpload(upload, request.message, digest);
}

function digestAlgorithm(query: URLSearchParams): DigestAlgorithm {
  const asked = query.get('digest-algorithm') ?? query.get('digest')?.split(':')[0] ?? 'sha256';
  if (asked !== 'sha256' && asked !== 'sha512')
    throw new RegistryError(400, 'DIGEST_INVALID', `digest algorithm '${asked}' is not supported`);
  return asked;
}

function checkRange(request: RegistryRequest, upload: Upload): void {
  const header = request.message.headers['content-range'];
  if (header === undefined) return;
  const range = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/.exec(header);
  const refused = (message: string) => new RegistryError(416, 'BLOB_UPLOAD_INVALID', message, { headers: uploadHeaders(request, upload) });
  if (!range) throw refused(`content-range '${header.slice(0, 100)}' is not START-END`);
  if (Number(range[1]) !== upload.offset) throw refused(`the chunk begins at ${range[1]}, the upload ends at ${upload.offset}`);
  const length = announcedLength(request);
  if (length !== undefined && Number(range[2]) - Number(range[1]) + 1 !== length) throw refused('content-range and content-length differ');
}

function announcedLength(request: RegistryRequest): number | undefined {
  const length = request.message.headers['content-length'];
  return length === undefined ? undefined : Number(length);
}

function uploadHeaders({ origin, repository }: RegistryRequest, upload: Upload): Record<string, string> {
  return {
    location: `${origin}/v2/${repository}/blobs/uploads/${upload.id}`,
    range: `0-${Math.max(0, upload.offset - 1)}`,
    'docker-upload-uuid': upload.id,
  };
}

function accepted(request: RegistryRequest, response: ServerResponse, upload: Upload, status: number): void {
  response.writeHead(status, { ...uploadHeaders(request, upload), ...(status !== 204 && { 'content-length': '0' }) }).end();
}

function created({ origin, repository }: RegistryRequest, response: ServerResponse, digest: string): void {
  response
    .writeHead(201, { location: `${origin}/v2/${repository}/blobs/${digest}`, 'docker-content-digest': digest, 'content-length': '0' })
    .end();
}
