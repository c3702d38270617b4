/** Metadata of one repository, and the journal records from which it is rebuilt at start. */
import type { PolicyDocument } from '../service.ts';
import type { DigestAlgorithm } from './reference-grammar.ts';
import type { TagRule } from './tag-immutability.ts';

/** Attributes that ECR keeps per repository. */
export interface RepositorySettings extends TagRule {
  /** Virtual time, milliseconds. */
  createdAt: number;
  policy?: PolicyDocument;
  lifecyclePolicy?: { text: string; at: number };
  scanOnPush?: boolean;
  tags?: Record<string, string>;
}

export interface StoredManifest {
  mediaType: string;
  /** Bytes of the manifest itself. */
  size: number;
  /** Bytes of its config and layers, each counted once. */
  contentSize: number;
  pushedAt: number;
  /** Digests that must exist in the repository as long as the manifest does. */
  blobs: string[];
  children: string[];
  subject?: string;
  artifactType?: string;
  /** Media type of an image's config. */
  configType?: string;
  annotations?: Record<string, string>;
}

interface ScanFindings {
  /** Virtual time, milliseconds. */
  at: number;
  findings: Record<string, unknown>[];
}

export interface Repository {
  readonly name: string;
  settings: RepositorySettings;
  /** Digest → size in bytes. */
  readonly blobs: Map<string, number>;
  readonly manifests: Map<string, StoredManifest>;
  /** Tag → digest. */
  readonly tags: Map<string, string>;
  /** Subject → digests of manifests that name it; the subject itself may not exist. */
  readonly referrers: Map<string, Set<string>>;
  readonly findings: Map<string, ScanFindings>;
}

export interface UploadRecord {
  name: string;
  algorithm: DigestAlgorithm;
  at: number;
  offset: number;
  /** Sizes of the parts, in order; ECR refuses small ones at the end. */
  parts: number[];
}

export type RegistryRecord =
  | { op: 'repository'; name: string; settings: RepositorySettings }
  | { op: 'drop-repository'; name: string }
  | { op: 'blob'; name: string; digest: string; size: number }
  | { op: 'drop-blob'; name: string; digest: string }
  | { op: 'manifest'; name: string; digest: string; manifest?: StoredManifest; tag?: string }
  | { op: 'drop-manifest'; name: string; digest: string }
  | { op: 'drop-tag'; name: string; tag: string }
  | { op: 'findings'; name: string; digest: string; findings: ScanFindings }
  | { op: 'upload'; id: string; upload: UploadRecord }
  | { op: 'progress'; id: string; offset: number; part: number }
  | { op: 'drop-upload'; id: string };

function emptyRepository(name: string, settings: RepositorySettings): Repository {
  return { name, settings, blobs: new Map(), manifests: new Map(), tags: new Map(), referrers: new Map(), findings: new Map() };
}

/** Applies one record; unknown repositories are ignored, so that a record after a drop does no harm. */
export function applyRecord(repositories: Map<string, Repository>, record: RegistryRecord): void {
  if (!('name' in record)) return;
  const repository = repositories.get(record.name);
  if (record.op === 'repository') {
    if (repository) repository.settings = record.settings;
    else repositories.set(record.name, emptyRepository(record.name, record.settings));
    return;
  }
  if (!repository) return;
  switch (record.op) {
    case 'drop-repository':
      repositories.delete(record.name);
      return;
    case 'blob':
      repository.blobs.set(record.digest, record.size);
      return;
    case 'drop-blob':
      repository.blobs.delete(record.digest);
      return;
    case 'manifest':
      if (record.manifest) addManifest(repository, record.digest, record.manifest);
      if (record.tag) repository.tags.set(record.tag, record.digest);
      return;
    case 'drop-manifest':
      dropManifest(repository, record.digest);
      return;
    case 'drop-tag':
      repository.tags.delete(record.tag);
      return;
    case 'findings':
      repository.findings.set(record.digest, record.findings);
      return;
  }
}

/** The shortest list of records that yields these repositories. */
export function recordsOf(repositories: Map<string, Repository>): RegistryRecord[] {
  const records: RegistryRecord[] = [];
  for (const { name, settings, blobs, manifests, tags, findings } of repositories.values()) {
    records.push({ op: 'repository', name, settings });
    for (const [digest, size] of blobs) records.push({ op: 'blob', name, digest, size });
    for (const [digest, manifest] of manifests) records.push({ op: 'manifest', name, digest, manifest });
    for (const [tag, digest] of tags) records.push({ op: 'manifest', name, digest, tag });
    for (const [digest, found] of findings) records.push({ op: 'findings', name, digest, findings: found });
  }
  return records;
}

function addManifest(repository: Repository, digest: string, manifest: StoredManifest): void {
  repository.manifests.set(digest, manifest);
  if (!manifest.subject) return;
  const referrers = repository.referrers.get(manifest.subject) ?? new Set();
  repository.referrers.set(manifest.subject, referrers.add(digest));
}

function dropManifest(repository: Repository, digest: string): void {
  const subject = repository.manifests.get(digest)?.subject;
  if (subject) {
    const referrers = repository.referrers.get(subject);
    referrers?.delete(digest);
    if (referrers?.size === 0) repository.referrers.delete(subject);
  }
  repository.manifests.delete(digest);
  repository.findings.delete(digest);
  for (const [tag, tagged] of repository.tags) if (tagged === digest) repository.tags.delete(tag);
}
