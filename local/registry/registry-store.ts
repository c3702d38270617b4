/** State of one registry: repositories in memory, every change in a journal before it is acknowledged, content in files. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { BlobFiles, digestOf } from './blob-files.ts';
import { Journal } from './journal.ts';
import { LARGEST_MANIFEST, type ParsedManifest, parseManifest } from './manifest.ts';
import { algorithmOf, isDigest, isTag } from './reference-grammar.ts';
import { RegistryError } from './registry-error.ts';
import {
  applyRecord,
  type RegistryRecord,
  type Repository,
  type RepositorySettings,
  recordsOf,
  type StoredManifest,
} from './repository.ts';
import { isImmutable } from './tag-immutability.ts';
import { type Upload, Uploads } from './uploads.ts';

/** A pushed manifest: its digest, and the subject it names, if any. */
export interface PushedManifest {
  digest: string;
  subject?: string;
}

export class RegistryStore {
  readonly repositories = new Map<string, Repository>();
  readonly uploads: Uploads;
  readonly #files: BlobFiles;
  readonly #clock: Clock;
  /** Content that a request is about to name: it must not be removed as unreferenced meanwhile. */
  readonly #pinned = new Map<string, number>();
  #journal!: Journal<RegistryRecord>;

  private constructor(folder: string, clock: Clock) {
    this.#clock = clock;
    this.#files = new BlobFiles(folder);
    this.uploads = new Uploads(folder, clock);
  }

  static async open(folder: string, clock: Clock): Promise<RegistryStore> {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const store = new RegistryStore(folder, clock);
    store.#journal = await Journal.open<RegistryRecord>(
      join(folder, 'journal.jsonl'),
      (record) => {
        applyRecord(store.repositories, record);
        store.uploads.replay(record);
      },
      () => [...recordsOf(store.repositories), ...store.uploads.records()],
    );
    store.uploads.start(store.#journal);
    const needed = new Set([...store.repositories.values()].flatMap(({ blobs, manifests }) => [...blobs.keys(), ...manifests.keys()]));
    store.#files.sweep((digest) => needed.has(digest));
    return store;
  }

  close(): Promise<void> {
    return this.#journal.close();
  }

  /** The repository, or NAME_UNKNOWN. */
  repository(name: string): Repository {
    const repository = this.repositories.get(name);
    if (!repository) throw new RegistryError(404, 'NAME_UNKNOWN', `The repository with name '${name}' does not exist in the registry`);
    return repository;
  }

  /** Creates the repository, or replaces the settings of an existing one. */
  async saveSettings(name: string, settings: RepositorySettings): Promise<void> {
    await this.#commit({ op: 'repository', name, settings });
  }

  async deleteRepository(name: string): Promise<void> {
    const { blobs, manifests } = this.repository(name);
    const digests = [...blobs.keys(), ...manifests.keys()];
    await this.#commit({ op: 'drop-repository', name });
    for (const digest of digests) this.#removeUnreferenced(digest);
  }

  pathOf(digest: string): string {
    return this.#files.pathOf(digest);
  }

  /** Ends an upload and makes its bytes a blob of the repository. */
  async finishUpload(upload: Upload, body: AsyncIterable<Uint8Array> | undefined, digest: string): Promise<void> {
    await this.#pinning(digest, async () => {
      const size = await this.uploads.finish(upload, body, digest, this.#files);
      this.repository(upload.name);
      await this.#commit({ op: 'blob', name: upload.name, digest, size });
    });
  }

  /** Makes a blob of `from` one of `to` without moving bytes; false when `from` has none. */
  async mount(digest: string, from: string, to: string): Promise<boolean> {
    const size = this.repositories.get(from)?.blobs.get(digest);
    if (size === undefined) return false;
    await this.#commit({ op: 'blob', name: to, digest, size });
    return true;
  }

  /** Digest that a tag or digest names, or MANIFEST_UNKNOWN. */
  resolve(repository: Repository, reference: string): string {
    const digest = isDigest(reference) ? reference : repository.tags.get(reference);
    if (!digest || !repository.manifests.has(digest)) {
      throw new RegistryError(404, 'MANIFEST_UNKNOWN', 'Requested image not found', { detail: { reference } });
    }
    return digest;
  }

  readManifest(digest: string): Promise<Buffer> {
    return this.#files.read(digest);
  }

  /** Stores a manifest under a tag or its digest, after checking that everything it refers to is in the repository. */
  async putManifest(name: string, reference: string, bytes: Uint8Array, contentType: string | undefined): Promise<PushedManifest> {
    if (bytes.length > LARGEST_MANIFEST) throw new RegistryError(413, 'SIZE_INVALID', `manifests are limited to ${LARGEST_MANIFEST} bytes`);
    const parsed = parseManifest(bytes, contentType);
    const byDigest = isDigest(reference);
    if (!byDigest && !isTag(reference)) throw new RegistryError(400, 'TAG_INVALID', `'${reference}' is neither a tag nor a digest`);
    const digest = digestOf(bytes, byDigest ? algorithmOf(reference) : 'sha256');
    if (byDigest && digest !== reference) {
      throw new RegistryError(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content', {
        detail: { expected: reference, actual: digest },
      });
    }
    const tag = byDigest ? undefined : reference;
    const pushed = { digest, ...(parsed.subject && { subject: parsed.subject.digest }) };
    // Refused before its bytes are stored; checked again after, because both may have changed meanwhile.
    this.#checkPush(name, parsed, digest, tag);
    await this.#pinning(digest, async () => {
      await this.#files.put(digest, bytes);
      const repository = this.#checkPush(name, parsed, digest, tag);
      const known = repository.manifests.has(digest);
      if (known && (tag === undefined || repository.tags.get(tag) === digest)) return;
      const manifest = known ? undefined : describe(parsed, bytes.length, this.#clock.now());
      await this.#commit({ op: 'manifest', name, digest, ...(manifest && { manifest }), ...(tag !== undefined && { tag }) });
    });
    return pushed;
  }

  async deleteTag(name: string, tag: string): Promise<void> {
    if (!this.repository(name).tags.has(tag))
      throw new RegistryError(404, 'MANIFEST_UNKNOWN', 'Requested image not found', { detail: { tag } });
    await this.#commit({ op: 'drop-tag', name, tag });
  }

  /** Deletes a manifest with all its tags. Its blobs stay until they are deleted themselves. */
  async deleteManifest(name: string, digest: string): Promise<void> {
    this.resolve(this.repository(name), digest);
    await this.#commit({ op: 'drop-manifest', name, digest });
    this.#removeUnreferenced(digest);
  }

  async deleteBlob(name: string, digest: string): Promise<void> {
    if (!this.repository(name).blobs.has(digest))
      throw new RegistryError(404, 'BLOB_UNKNOWN', 'blob unknown to registry', { detail: { digest } });
    await this.#commit({ op: 'drop-blob', name, digest });
    this.#removeUnreferenced(digest);
  }

  async saveFindings(name: string, digest: string, findings: Record<string, unknown>[]): Promise<void> {
    this.resolve(this.repository(name), digest);
    await this.#commit({ op: 'findings', name, digest, findings: { at: this.#clock.now(), findings } });
  }

  #checkPush(name: string, parsed: ParsedManifest, digest: string, tag: string | undefined): Repository {
    const repository = this.repository(name);
    const blobs = [...(parsed.config ? [parsed.config] : []), ...parsed.layers];
    for (const blob of blobs) {
      const size = repository.blobs.get(blob.digest);
      if (size === undefined) {
        throw new RegistryError(404, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry', {
          detail: { kind: 'blob', digest: blob.digest },
        });
      }
      if (size !== blob.size)
        throw new RegistryError(400, 'MANIFEST_INVALID', `size of ${blob.digest} is ${size}, the manifest says ${blob.size}`);
    }
    for (const child of parsed.children) {
      if (!repository.manifests.has(child.digest)) {
        const detail = { kind: 'manifest', digest: child.digest };
        throw new RegistryError(404, 'MANIFEST_BLOB_UNKNOWN', 'manifest referenced by the index is unknown to registry', { detail });
      }
    }
    const tagged = tag === undefined ? undefined : repository.tags.get(tag);
    if (tag !== undefined && tagged !== undefined && tagged !== digest && isImmutable(tag, repository.settings)) {
      throw new RegistryError(
        400,
        'TAG_INVALID',
        `The image tag '${tag}' already exists in the '${name}' repository and cannot be overwritten because the tag is immutable.`,
        { detail: { kind: 'immutable', tag } },
      );
    }
    return repository;
  }

  /** In memory at once, so that checks and changes are one step; acknowledged once it is on disk. */
  async #commit(record: RegistryRecord): Promise<void> {
    applyRecord(this.repositories, record);
    await this.#journal.append(record);
  }

  async #pinning(digest: string, work: () => Promise<void>): Promise<void> {
    this.#pinned.set(digest, (this.#pinned.get(digest) ?? 0) + 1);
    try {
      await work();
    } finally {
      const left = this.#pinned.get(digest)! - 1;
      if (left > 0) this.#pinned.set(digest, left);
      else this.#pinned.delete(digest);
      // The request may have failed after its bytes were stored.
      this.#removeUnreferenced(digest);
    }
  }

  #removeUnreferenced(digest: string): void {
    if (this.#pinned.has(digest)) return;
    for (const { blobs, manifests } of this.repositories.values()) if (blobs.has(digest) || manifests.has(digest)) return;
    this.#files.remove(digest);
  }
}

function describe(parsed: ParsedManifest, size: number, pushedAt: number): StoredManifest {
  const blobs = new Map([...(parsed.config ? [parsed.config] : []), ...parsed.layers].map((blob) => [blob.digest, blob.size]));
  return {
    mediaType: parsed.mediaType,
    size,
    contentSize: [...blobs.values()].reduce((sum, blob) => sum + blob, 0),
    pushedAt,
    blobs: [...blobs.keys()],
    children: parsed.children.map((child) => child.digest),
    ...(parsed.subject && { subject: parsed.subject.digest }),
    ...(parsed.artifactType && { artifactType: parsed.artifactType }),
    ...(parsed.config && { configType: parsed.config.mediaType }),
    ...(parsed.annotations && { annotations: parsed.annotations }),
  };
}
