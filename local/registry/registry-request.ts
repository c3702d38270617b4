/** Reads the address of a registry request into the operation that it asks for, with its names checked. */
import type { IncomingMessage } from 'node:http';
import { isDigest, isRepositoryName, isTag } from './reference-grammar.ts';
import { RegistryError } from './registry-error.ts';

type RegistryObject = 'base' | 'token' | 'catalog' | 'tags' | 'referrers' | 'manifest' | 'blob' | 'uploads' | 'upload';

export interface RegistryRequest {
  method: string;
  object: RegistryObject;
  /** As in faults and the calls log: `PUT manifest`, `POST upload`. */
  operation: string;
  /** Empty for base, token and catalog. */
  repository: string;
  /** Tag, digest or upload id. */
  reference: string;
  query: URLSearchParams;
  /** `http://HOST` under which the client reached the registry; locations begin with it. */
  origin: string;
  message: IncomingMessage;
}

const METHODS: Record<RegistryObject, readonly string[]> = {
  base: ['GET', 'HEAD'],
  token: ['GET'],
  catalog: ['GET'],
  tags: ['GET'],
  referrers: ['GET'],
  manifest: ['GET', 'HEAD', 'PUT', 'DELETE'],
  blob: ['GET', 'HEAD', 'DELETE'],
  uploads: ['POST'],
  upload: ['GET', 'PATCH', 'PUT', 'DELETE'],
};

const UPLOADS = /^\/v2\/(.+)\/blobs\/uploads\/?$/;
const UPLOAD = /^\/v2\/(.+)\/blobs\/uploads\/([0-9a-f-]{36})$/;
const TAGS = /^\/v2\/(.+)\/tags\/list$/;
const REFERENCED = /^\/v2\/(.+)\/(manifests|blobs|referrers)\/([^/]+)$/;

/** Throws NAME_INVALID, TAG_INVALID, DIGEST_INVALID, UNSUPPORTED (405) or 404 for an address that is none of the API. */
export function readRegistryRequest(message: IncomingMessage): RegistryRequest {
  const origin = `http://${message.headers.host}`;
  const { path, query } = split(message.url ?? '/');
  const { object, repository = '', reference = '' } = locate(path);
  const method = message.method ?? 'GET';
  if (!METHODS[object].includes(method)) {
    throw new RegistryError(405, 'UNSUPPORTED', `${method} is not supported here`, { headers: { allow: METHODS[object].join(', ') } });
  }
  if (repository && !isRepositoryName(repository)) {
    throw new RegistryError(400, 'NAME_INVALID', 'invalid repository name', { detail: { name: repository.slice(0, 300) } });
  }
  if ((object === 'blob' || object === 'referrers') && !isDigest(reference)) {
    throw new RegistryError(400, 'DIGEST_INVALID', 'invalid digest', { detail: { digest: reference.slice(0, 300) } });
  }
  if (object === 'manifest' && !isDigest(reference) && !isTag(reference)) {
    const digest = reference.includes(':');
    throw new RegistryError(400, digest ? 'DIGEST_INVALID' : 'TAG_INVALID', `invalid ${digest ? 'digest' : 'tag'}`);
  }
  const operation = `${method} ${object === 'uploads' ? 'upload' : object}`;
  return { method, object, operation, repository, reference, query, origin, message };
}

function locate(path: string): { object: RegistryObject; repository?: string; reference?: string } {
  if (path === '/v2/' || path === '/v2') return { object: 'base' };
  if (path === '/token') return { object: 'token' };
  if (path === '/v2/_catalog') return { object: 'catalog' };
  const uploads = UPLOADS.exec(path);
  if (uploads) return { object: 'uploads', repository: uploads[1]! };
  const upload = UPLOAD.exec(path);
  if (upload) return { object: 'upload', repository: upload[1]!, reference: upload[2]! };
  const tags = TAGS.exec(path);
  if (tags) return { object: 'tags', repository: tags[1]! };
  const referenced = REFERENCED.exec(path);
  if (referenced) {
    const object = referenced[2] === 'manifests' ? 'manifest' : referenced[2] === 'blobs' ? 'blob' : 'referrers';
    return { object, repository: referenced[1]!, reference: referenced[3]! };
  }
  throw new RegistryError(404, 'UNSUPPORTED', 'this address is not part of the registry API');
}

/** Not `URL`: it would fold `..` away before the grammar can refuse it. */
function split(target: string): { path: string; query: URLSearchParams } {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  try {
    return { path: decodeURIComponent(path), query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)) };
  } catch {
    throw new RegistryError(400, 'NAME_INVALID', 'the address is not well encoded');
  }
}
