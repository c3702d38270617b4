/** What a registry must know of a manifest: its type, what it refers to, and how it appears in a referrers list. */

import { isDigest } from './reference-grammar.ts';
import { RegistryError } from './registry-error.ts';

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

export interface ParsedManifest {
  mediaType: string;
  config?: Descriptor;
  /** Layers or blobs, without those that are fetched from elsewhere (`urls`). */
  layers: Descriptor[];
  /** Manifests of an index. */
  children: Descriptor[];
  subject?: Descriptor;
  /** `artifactType` of the manifest, or else the media type of an image's config, as the referrers API wants it. */
  artifactType?: string;
  annotations?: Record<string, string>;
}

/** Largest manifest accepted: 4 MiB, the least that the specification asks for. */
export const LARGEST_MANIFEST = 4 * 1024 * 1024;
/** An index beyond this is a memory attack, not a release. */
const MOST_REFERENCES = 10_000;

const IMAGES = new Set(['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json']);
const INDEXES = new Set(['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json']);
const ARTIFACT = 'application/vnd.oci.artifact.manifest.v1+json';

/** Parses the bytes of a manifest that arrived as `contentType`; throws MANIFEST_INVALID. Unknown manifest types (schema 1 too) are refused. */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined): ParsedManifest {
  const body = parseObject(bytes);
  const declared = contentType?.split(';')[0]?.trim() || undefined;
  const inside = typeof body.mediaType === 'string' ? body.mediaType : undefined;
  if (declared && inside && declared !== inside) invalid(`content type ${declared} differs from the manifest's media type ${inside}`);
  const mediaType = declared ?? inside;
  if (!mediaType) invalid('the manifest has no media type');
  if (IMAGES.has(mediaType)) {
    const config = descriptor(body.config, 'config');
    return {
      mediaType,
      config,
      layers: descriptors(body.layers, 'layers', { required: true }),
      children: [],
      artifactType: typeof body.artifactType === 'string' && body.artifactType ? body.artifactType : config.mediaType,
      ...optional(body),
    };
  }
  if (INDEXES.has(mediaType)) {
    const children = descriptors(body.manifests, 'manifests', { required: true });
    return { mediaType, layers: [], children, ...artifactTypeOf(body), ...optional(body) };
  }
  if (mediaType === ARTIFACT) {
    return { mediaType, layers: descriptors(body.blobs, 'blobs'), children: [], ...artifactTypeOf(body), ...optional(body) };
  }
  return invalid(`manifests of type ${mediaType} are not supported`);
}

function artifactTypeOf(body: Record<string, unknown>): { artifactType?: string } {
  return typeof body.artifactType === 'string' && body.artifactType ? { artifactType: body.artifactType } : {};
}

function optional(body: Record<string, unknown>): { subject?: Descriptor; annotations?: Record<string, string> } {
  return {
    ...(body.subject !== undefined && body.subject !== null && { subject: descriptor(body.subject, 'subject') }),
    ...(isStrings(body.annotations) && { annotations: body.annotations }),
  };
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return invalid('the manifest is not JSON');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return invalid('the manifest is not a JSON object');
  return body as Record<string, unknown>;
}

function descriptors(value: unknown, field: string, options: { required?: boolean } = {}): Descriptor[] {
  if (value === undefined || value === null) return options.required ? invalid(`${field} is missing`) : [];
  if (!Array.isArray(value)) return invalid(`${field} is not a list`);
  if (value.length > MOST_REFERENCES) return invalid(`${field} has more than ${MOST_REFERENCES} entries`);
  return value.filter((entry) => !isForeign(entry)).map((entry) => descriptor(entry, field));
}

/** Foreign layers live at their `urls` and are not pushed. */
function isForeign(entry: unknown): boolean {
  const urls = (entry as { urls?: unknown } | null)?.urls;
  return Array.isArray(urls) && urls.length > 0;
}

function descriptor(value: unknown, field: string): Descriptor {
  const { mediaType, digest, size } = (value ?? {}) as Record<string, unknown>;
  if (typeof digest !== 'string' || !isDigest(digest)) return invalid(`${field} has no valid digest`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return invalid(`${field} has no valid size`);
  return { mediaType: typeof mediaType === 'string' ? mediaType : '', digest, size };
}

function isStrings(value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && Object.values(value).every((entry) => typeof entry === 'string');
}

function invalid(message: string): never {
  throw new RegistryError(400, 'MANIFEST_INVALID', message);
}
