/** What the rules need of registries. */
import type { RegistryConfiguration } from '../environment/configuration.ts';
import type { CopyComparison } from './copy-comparison.ts';

/** A version found in a registry. */
export interface ResolvedVersion {
  /** Tag that matched. */
  tag: string;
  /** The tag without its environment suffix: base of the tags that are written. */
  releaseVersion: string;
  digest: string;
}

/** What a copy would move. */
export interface CopyEstimate {
  blobs: number;
  bytes: number;
  missingBlobs: number;
  missingBytes: number;
}

/** Facts about an artifact for gates and previews. */
export interface ArtifactFacts {
  digest: string;
  mediaType: string;
  /** Labels of the image config (of the first platform of an index). */
  labels: Record<string, string>;
  created?: string;
  platforms: string[];
  sizeBytes: number;
}

/** A manifest that a registry lists. */
export interface ListedImage {
  digest: string;
  tags: string[];
  /** ISO, as the registry says; undefined where it does not say. */
  pushedAt?: string;
  /** Bytes of config and layers; of an index, of its images. */
  sizeBytes?: number;
}

export interface ImageList {
  /** Everything that a repository holds, with its tags; empty where there is no such repository. What has no tag is listed by ECR only. Fault LIMIT. */
  images(registry: RegistryConfiguration, repository: string): Promise<ListedImage[]>;
  /** One of them; undefined where it is not there, or the registry says nothing of it. */
  image(registry: RegistryConfiguration, repository: string, digest: string): Promise<ListedImage | undefined>;
  /** What the registry says about tags that are never to be moved; undefined where it does not say. */
  tagRule(registry: RegistryConfiguration, repository: string): Promise<TagRule | undefined>;
}

/** As ECR has it. */
export interface TagRule {
  mutability: string;
  /** Tags that may be moved all the same. */
  exclusions: string[];
}

export interface RegistryReader {
  /** Compares what the target has of the closure of a digest with the source. Faults of reading the source; what the target lacks is the answer. */
  compare(source: RegistryConfiguration, target: RegistryConfiguration, repository: string, digest: string): Promise<CopyComparison>;
  /** First tag of the contract's candidates that exists. `version` is attacker-controlled and must match the tag grammar already. */
  resolve(
    registry: RegistryConfiguration,
    repository: string,
    version: string,
    environments: readonly string[],
    source: string,
  ): Promise<ResolvedVersion | undefined>;
  /** Digest that a tag names now. */
  digestOf(registry: RegistryConfiguration, repository: string, tag: string): Promise<string | undefined>;
  facts(registry: RegistryConfiguration, repository: string, digest: string): Promise<ArtifactFacts>;
  estimate(source: RegistryConfiguration, target: RegistryConfiguration, repository: string, digest: string): Promise<CopyEstimate>;
}

export interface CopyProgress {
  /** False: the deadline came first; call again. */
  done: boolean;
  /** Merkle root over digests and sizes of the closure, equal on both sides once verified. */
  closureRoot?: string;
  manifests?: number;
  blobs?: number;
  copiedBytes?: number;
}

/** An upload of a large blob that is not complete. */
export interface OpenUpload {
  /** What the registry calls it: the address of the upload, or ECR's id. */
  id: string;
  /** Bytes that the registry acknowledged. It may have more when a process ended before it kept this. */
  offset: number;
}

/** Remembers uploads of large blobs for whoever goes on with them: the next pass of a copy, or the next process after a kill. */
export interface UploadLedger {
  /** `key` names registry, repository and digest. */
  find(key: string): Promise<OpenUpload | undefined>;
  keep(key: string, upload: OpenUpload): Promise<void>;
  forget(key: string): Promise<void>;
}

export interface RegistryWriter {
  /**
   * Copies the closure of a digest (children, config, layers, referrers, cosign tags). Reading it back is `compare` of the reader.
   * Stops between two blobs, or two parts of a large one, when `deadline` (real time, epoch ms) has come. `owner` names who copies: only the same goes
   * on with an upload that was not finished; without it nobody does. Faults: DIGEST_MISMATCH, LIMIT, FOREIGN_REALM, REGISTRY_REFUSED, UNAVAILABLE.
   */
  copy(
    source: RegistryConfiguration,
    target: RegistryConfiguration,
    repository: string,
    digest: string,
    deadline: number,
    owner?: string,
  ): Promise<CopyProgress>;
  /** Creates a tag; the same digest again is no change; another digest is the fault TAG_IMMUTABLE. */
  tagOnce(registry: RegistryConfiguration, repository: string, tag: string, digest: string): Promise<void>;
  /** Moves a mutable tag; false where it names the digest already. */
  moveTag(registry: RegistryConfiguration, repository: string, tag: string, digest: string): Promise<boolean>;
  /** Puts a document beside a digest as its referrer; the same document again is no change. */
  attach(registry: RegistryConfiguration, repository: string, digest: string, document: AttachedDocument): Promise<void>;
}

/** A small document about an artifact. */
export interface AttachedDocument {
  artifactType: string;
  mediaType: string;
  bytes: Buffer;
  annotations: Record<string, string>;
}
