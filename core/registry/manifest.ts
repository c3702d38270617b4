/** Manifests of OCI and Docker images, read strictly: a document that two programs could read in two ways is refused. */
import { Refusal } from '../errors.ts';
import { isUnambiguousJson } from './unambiguous-json.ts';

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  artifactType?: string;
  /** Addresses outside the registry: layers that have them are foreign. */
  urls?: string[];
  annotations?: Record<string, string>;
  platform?: string;
}

export interface Manifest {
  kind: 'image' | 'index';
  mediaType: string;
  /** `artifactType`, or for images the media type of the config, as the referrers API has it. */
  artifactType?: string;
  config?: Descriptor;
  layers: Descriptor[];
  children: Descriptor[];
  subject?: Descriptor;
  annotations: Record<string, string>;
}

/** Limits of ECR: 4 MiB manifests, 4,200 layers, 52,000 MiB per layer. An index beyond 1,000 entries is an attack on memory. */
export const LARGEST_MANIFEST = 4 * 1024 * 1024;
export const LARGEST_CONFIG = 4 * 1024 * 1024;
const LARGEST_BLOB = 52_000 * 1024 * 1024;
const MOST_LAYERS = 4_200;
const MOST_CHILDREN = 1_000;

export const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER_IMAGE = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const KINDS: Readonly<Record<string, Manifest['kind']>> = {
  [OCI_IMAGE]: 'image',
  [DOCKER_IMAGE]: 'image',
  [OCI_INDEX]: 'index',
  [DOCKER_LIST]: 'index',
};
/** Value of `accept` when a manifest is asked for. */
export const MANIFEST_TYPES = Object.keys(KINDS).join(', ');

export const DIGEST = /^sha256:[a-f0-9]{64}$/;

/** Reads the bytes of a manifest that came as `contentType`. Both come from a registry and may be hostile. Refusals: AMBIGUOUS_MANIFEST, LIMIT. */
export function readManifest(bytes: Uint8Array, contentType: string | undefined): Manifest {
  if (bytes.length > LARGEST_MANIFEST) throw new Refusal('LIMIT', `a manifest is larger than ${LARGEST_MANIFEST} bytes`);
  const body = objectOf(bytes);
  const declared = contentType?.split(';')[0]?.trim().toLowerCase();
  const inside = body['mediaType'];
  if (inside !== undefined && inside !== declared) ambiguous('its media type is not the content type that the registry answered');
  const mediaType = declared ?? '';
  const kind = Object.hasOwn(KINDS, mediaType) ? KINDS[mediaType] : undefined;
  if (kind === undefined) return ambiguous('the registry answered a media type that is no image manifest or index');
  if (body['schemaVersion'] !== 2) ambiguous('its schemaVersion is not 2');
  // CVE-2021-41190: a document with both would be an image to one program and an index to another.
  if (kind === 'image' && (body['manifests'] !== undefined || body['fsLayers'] !== undefined))
    ambiguous('it is an image and an index at once');
  if (kind === 'index' && (body['layers'] !== undefined || body['config'] !== undefined || body['fsLayers'] !== undefined))
    ambiguous('it is an index and an image at once');
  const config = kind === 'image' ? descriptor(body['config'], 'config') : undefined;
  const artifactType = typeof body['artifactType'] === 'string' && body['artifactType'] !== '' ? body['artifactType'] : config?.mediaType;
  return {
    kind,
    mediaType,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(config ? { config } : {}),
    layers: kind === 'image' ? descriptors(body['layers'], 'layers', MOST_LAYERS) : [],
    children: kind === 'index' ? descriptors(body['manifests'], 'manifests', MOST_CHILDREN) : [],
    ...(body['subject'] === undefined || body['subject'] === null ? {} : { subject: descriptor(body['subject'], 'subject') }),
    annotations: strings(body['annotations']),
  };
}

/** Entries of a referrers list or fallback tag, which is an index too. */
export function readReferrers(bytes: Uint8Array): Descriptor[] {
  return descriptors(objectOf(bytes)['manifests'] ?? [], 'manifests', MOST_CHILDREN);
}

function objectOf(bytes: Uint8Array): Record<string, unknown> {
  let body: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    body = JSON.parse(text);
    if (!isUnambiguousJson(text)) ambiguous('it names a member twice');
  } catch (error) {
    if (error instanceof Refusal) throw error;
    return ambiguous('it is not JSON');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return ambiguous('it is not a JSON object');
  return body as Record<string, unknown>;
}

function descriptors(value: unknown, field: string, most: number): Descriptor[] {
  if (!Array.isArray(value)) return ambiguous(`${field} is not a list`);
  if (value.length > most) throw new Refusal('LIMIT', `a manifest has more than ${most} ${field}`);
  return value.map((entry) => descriptor(entry, field));
}

function descriptor(value: unknown, field: string): Descriptor {
  const { mediaType, digest, size, artifactType, urls, annotations, platform } = (value ?? {}) as Record<string, unknown>;
  if (typeof digest !== 'string' || !DIGEST.test(digest)) return ambiguous(`${field} has no sha256 digest`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return ambiguous(`${field} has no size`);
  if (size > LARGEST_BLOB) throw new Refusal('LIMIT', `an entry of ${field} is larger than ${LARGEST_BLOB} bytes`);
  const spelled = platformOf(platform);
  return {
    mediaType: typeof mediaType === 'string' ? mediaType : '',
    digest,
    size,
    ...(typeof artifactType === 'string' ? { artifactType } : {}),
    ...(Array.isArray(urls) && urls.length > 0 ? { urls: urls.map(String) } : {}),
    ...(annotations ? { annotations: strings(annotations) } : {}),
    ...(spelled === undefined ? {} : { platform: spelled }),
  };
}

/** `os/architecture[/variant]`. */
export function platformOf(value: unknown): string | undefined {
  const { os, architecture, variant } = (value ?? {}) as Record<string, unknown>;
  if (typeof os !== 'string' || typeof architecture !== 'string' || os === '' || architecture === '') return undefined;
  return typeof variant === 'string' && variant !== '' ? `${os}/${architecture}/${variant}` : `${os}/${architecture}`;
}

function strings(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function ambiguous(why: string): never {
  throw new Refusal('AMBIGUOUS_MANIFEST', `a manifest is refused: ${why}`, {
    hint: 'build and publish the artifact again with a current tool',
  });
}
