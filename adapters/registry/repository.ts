/** One repository of one registry: manifests, blobs, tags and referrers, every byte checked against its digest. */
import type { Readable } from 'node:stream';
import type { RegistryConfiguration } from '../../core/environment/configuration.ts';
import { Fault } from '../../core/errors.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import {
  type Descriptor,
  DIGEST,
  LARGEST_CONFIG,
  LARGEST_MANIFEST,
  MANIFEST_TYPES,
  type Manifest,
  readManifest,
  readReferrers,
} from '../../core/registry/manifest.ts';
import { TAG_GRAMMAR } from '../../core/registry/version.ts';
import { openAccess, type RegistryAccess } from './registry-access.ts';
import { callRegistry, streamRegistry } from './registry-request.ts';

/** A manifest as received, with what it says. */
export interface ReceivedManifest {
  digest: string;
  bytes: Buffer;
  manifest: Manifest;
}

/** All tags of a repository. It may say that there is one which is not: the registry is asked for it then. */
export type Tags = Pick<ReadonlySet<string>, 'has'>;

export interface ReferrerList {
  listed: Descriptor[];
  hasApi: boolean;
  /** The index under the fallback tag, when they come from there. */
  fallback?: ReceivedManifest;
}

/** A registry without the referrers API is asked again after so long: somebody may have updated it. */
const REFERRERS_ASKED_MS = 60_000;
/** Pages of a list that are read at most: 20 x 1,000 entries. A list that never ends is an attack. */
const MOST_PAGES = 20;

export class Repository {
  readonly origin: string;
  /** With the registry's prefix. */
  readonly name: string;
  readonly #access: RegistryAccess;

  constructor(access: RegistryAccess, name: string) {
    this.#access = access;
    this.origin = access.origin;
    this.name = name;
  }

  get access(): RegistryAccess {
    return this.#access;
  }

  scope(write = false): string {
    return `repository:${this.name}:${write ? 'pull,push' : 'pull'}`;
  }

  path(rest: string): string {
    return `/v2/${this.name}/${rest}`;
  }

  /** Digest that a tag or digest names, by what the registry says: a hint until its bytes are read. Undefined when there is none. */
  async head(reference: string): Promise<string | undefined> {
    const answer = await this.#read('HEAD', `manifests/${reference}`, { headers: { accept: MANIFEST_TYPES }, expect: [404] });
    if (answer.status === 404) return undefined;
    const digest = answer.headers['docker-content-digest'];
    if (typeof digest === 'string' && DIGEST.test(digest)) return digest;
    return (await this.manifest(reference))?.digest;
  }

  /** A manifest by tag or digest. Faults: DIGEST_MISMATCH when the bytes are not what the digest names; refusals of a hostile document. */
  async manifest(reference: string): Promise<ReceivedManifest | undefined> {
    const answer = await this.#read('GET', `manifests/${reference}`, {
      headers: { accept: MANIFEST_TYPES },
      maxBytes: LARGEST_MANIFEST,
      expect: [404],
    });
    if (answer.status === 404) return undefined;
    const digest = `sha256:${sha256Hex(answer.body)}`;
    if (DIGEST.test(reference) && digest !== reference) {
      throw new Fault('DIGEST_MISMATCH', `the registry answered other bytes than ${reference} names`, { hint: 'do not use this registry' });
    }
    return { digest, bytes: answer.body, manifest: readManifest(answer.body, answer.headers['content-type']) };
  }

  async putManifest(reference: string, bytes: Buffer, mediaType: string): Promise<{ subjectKnown: boolean }> {
    await this.#access.turnForManifest?.();
    const answer = await callRegistry(this.#access, {
      method: 'PUT',
      path: this.path(`manifests/${reference}`),
      scope: this.scope(true),
      headers: { 'content-type': mediaType },
      body: bytes,
      // The bytes are what their digest names. Registries that keep links in files say so while somebody else writes one.
      mistake: 'DIGEST_INVALID',
    });
    return { subjectKnown: answer.headers['oci-subject'] !== undefined };
  }

  /** Size of a blob in bytes; undefined when it is not there. */
  async blobSize(digest: string): Promise<number | undefined> {
    const answer = await this.#read('HEAD', `blobs/${digest}`, { expect: [404], redirects: 3 });
    if (answer.status === 404) return undefined;
    const size = Number(answer.headers['content-length']);
    return Number.isSafeInteger(size) ? size : undefined;
  }

  /** A small blob, checked. */
  async blob(digest: string, maxBytes = LARGEST_CONFIG): Promise<Buffer> {
    const answer = await this.#read('GET', `blobs/${digest}`, { maxBytes, redirects: 3 });
    if (`sha256:${sha256Hex(answer.body)}` !== digest) {
      throw new Fault('DIGEST_MISMATCH', `the registry answered other bytes than ${digest} names`, { hint: 'do not use this registry' });
    }
    return answer.body;
  }

  /** The same of a blob that a manifest declares with `size` bytes: more or fewer are a DIGEST_MISMATCH too. */
  async declaredBlob(digest: string, size: number): Promise<Buffer> {
    const wrong = (has: string) =>
      new Fault('DIGEST_MISMATCH', `${digest} has ${has} bytes; its manifest declares ${size}`, {
        hint: 'the source registry is not to be trusted with this artifact',
      });
    const bytes = await this.blob(digest, size).catch((error: unknown) => {
      throw error instanceof Fault && error.code === 'LIMIT' ? wrong('more') : error;
    });
    if (bytes.length !== size) throw wrong(String(bytes.length));
    return bytes;
  }

  /**
   * The bytes of a blob of `size`, unchecked, from byte `from` on if the registry can do that: `start` is the first that comes. Faults: DIGEST_MISMATCH
   * when the registry declares another length, REGISTRY_REFUSED when it answers another range than was asked for.
   */
  async openBlob(digest: string, size: number, from = 0): Promise<{ body: Readable; start: number }> {
    const path = this.path(`blobs/${digest}`);
    const headers = from === 0 ? {} : { headers: { range: `bytes=${from}-` } };
    const answer = await streamRegistry(this.#access, { method: 'GET', path, scope: this.scope(), redirects: 3, ...headers });
    const refuse = (code: 'DIGEST_MISMATCH' | 'REGISTRY_REFUSED', why: string): never => {
      answer.body.destroy();
      throw new Fault(code, why, { hint: 'the source registry is not to be trusted with this artifact' });
    };
    const start = answer.status === 206 ? from : 0;
    if (answer.status === 206) {
      const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(answer.headers['content-range'] ?? '');
      const isRight =
        range && Number(range[1]) === from && Number(range[2]) === size - 1 && (range[3] === '*' || Number(range[3]) === size);
      if (!isRight || from === 0) {
        if (from === 0) return refuse('REGISTRY_REFUSED', `the registry answers a part of ${digest} that it was not asked for`);
        // It cannot resume rightly: the whole is asked for, and what was read already is hashed and left out.
        answer.body.destroy();
        return this.openBlob(digest, size);
      }
    }
    const declared = answer.headers['content-length'];
    if (declared !== undefined && Number(declared) !== size - start)
      return refuse('DIGEST_MISMATCH', `${digest} is declared with ${size} bytes, but the source has ${start + Number(declared)}`);
    return { body: answer.body, start };
  }

  /** Manifests that name `digest` as their subject: by the referrers API, or by the fallback tag where there is none. */
  async referrers(digest: string): Promise<Descriptor[]> {
    return (await this.referrerList(digest)).listed;
  }

  /** The same with where it comes from. `tags`: all tags of the repository, where they are known. */
  async referrerList(digest: string, tags?: Tags): Promise<ReferrerList> {
    if ((this.#access.withoutReferrersUntil ?? 0) > performance.now()) return this.#referrersByTag(digest, tags);
    const found: Descriptor[] = [];
    let path: string | undefined = `referrers/${digest}`;
    for (let page = 0; path !== undefined; page++) {
      if (page >= MOST_PAGES) throw new Fault('LIMIT', `the list of referrers of ${digest} has more than ${MOST_PAGES} pages`);
      const answer = await this.#read('GET', path, { maxBytes: LARGEST_MANIFEST, expect: [404] });
      if (answer.status === 404) {
        // A registry that has the API answers an empty list.
        this.#access.withoutReferrersUntil = performance.now() + REFERRERS_ASKED_MS;
        return this.#referrersByTag(digest, tags);
      }
      found.push(...readReferrers(answer.body));
      path = this.#nextPage(answer.headers.link);
    }
    return { listed: found, hasApi: true };
  }

  async #referrersByTag(digest: string, tags: Tags | undefined): Promise<ReferrerList> {
    const tag = fallbackTag(digest);
    const fallback = tags && !tags.has(tag) ? undefined : await this.manifest(tag);
    return { listed: fallback?.manifest.children ?? [], hasApi: false, ...(fallback && { fallback }) };
  }

  /** All tags, or undefined when there are too many for one page: then ask for each. */
  async fewTags(): Promise<Tags | undefined> {
    const answer = await this.#read('GET', 'tags/list?n=1000', { maxBytes: LARGEST_MANIFEST, expect: [404] });
    if (answer.status === 404) return new Set();
    if (answer.headers.link !== undefined) return undefined;
    return tagsOf(answer.body.toString('latin1'));
  }

  /** Every tag. Fault LIMIT when the list does not end. */
  async everyTag(): Promise<string[]> {
    const found: string[] = [];
    let path: string | undefined = 'tags/list?n=1000';
    for (let page = 0; path !== undefined; page++) {
      if (page >= MOST_PAGES) throw new Fault('LIMIT', `${this.name} has more than ${MOST_PAGES * 1_000} tags`);
      const answer = await this.#read('GET', path, { maxBytes: LARGEST_MANIFEST, expect: [404] });
      if (answer.status === 404) return [];
      const { tags } = JSON.parse(answer.body.toString('utf8')) as { tags?: unknown };
      // An empty repository answers null.
      found.push(...(Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === 'string' && TAG_GRAMMAR.test(tag)) : []));
      path = this.#nextPage(answer.headers.link);
    }
    return found;
  }

  #nextPage(link: string | string[] | undefined): string | undefined {
    const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec([link ?? ''].flat().join(','))?.[1];
    if (next === undefined) return undefined;
    const url = new URL(next, `${this.origin}${this.path('referrers/')}`);
    const prefix = this.path('');
    if (url.origin !== this.origin || !url.pathname.startsWith(prefix))
      throw new Fault('REGISTRY_REFUSED', 'the registry names a next page outside this repository');
    return `${url.pathname.slice(prefix.length)}${url.search}`;
  }

  #read(
    method: 'GET' | 'HEAD',
    path: string,
    options: { headers?: Record<string, string>; maxBytes?: number; expect?: number[]; redirects?: number },
  ) {
    return callRegistry(this.#access, { method, path: this.path(path), scope: this.scope(), ...options });
  }
}

/** Undefined when the answer is not a list of tags. `text` may hold thousands, of which a handful is asked for: it is searched, not read. */
function tagsOf(text: string): Tags | undefined {
  // A backslash would begin another spelling of a tag, which needs none.
  if (!text.trimStart().startsWith('{') || !text.includes('"tags"') || text.includes('\\')) return undefined;
  return { has: (tag) => text.includes(`"${tag}"`) };
}

/** Tag under which registries without a referrers API list them. */
export function fallbackTag(digest: string): string {
  return digest.replace(':', '-');
}

/** The repository of an artifact in a registry. `name` is checked by the schema of requests; a prefix may stand before it. */
export async function openRepository(registry: RegistryConfiguration, name: string): Promise<Repository> {
  return new Repository(await openAccess(registry), registry.prefix === '' ? name : `${registry.prefix}/${name}`);
}
