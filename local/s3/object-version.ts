/** One version of an object, or a delete marker, as it is kept in its metadata file. */
import type { Instant } from '../clock.ts';
import type { Checksum } from './checksum.ts';
import type { Retention } from './object-lock.ts';

export interface ObjectVersion {
  key: string;
  /** `null` in a bucket without versioning. */
  versionId: string;
  /** Names of the files: FILE.json holds this record, FILE.data the bytes. Random, so that nothing of the caller reaches a path. */
  file: string;
  /** Order of the versions of a key, over the whole bucket. */
  sequence: number;
  /** Virtual time, whole seconds. */
  lastModified: Instant;
  deleteMarker?: true;
  size: number;
  /** MD5 in hex, without quotes; a multipart upload adds `-` and its number of parts. */
  etag: string;
  /** Headers that come back as they were sent: content-type, cache-control, … */
  headers: Record<string, string>;
  /** User metadata without the prefix `x-amz-meta-`. */
  metadata: Record<string, string>;
  checksum?: Checksum;
  encryption: Encryption;
  retention?: Retention;
  legalHold?: boolean;
}

/** What answers report; the local files are not encrypted. */
export interface Encryption {
  algorithm: 'AES256' | 'aws:kms';
  kmsKeyId?: string;
  bucketKey?: boolean;
}

const SEQUENCE_DIGITS = 8;
const ALPHABET = /^[0-9A-Za-z]{32}$/;

/** Version id: 32 characters as AWS's, starting with the sequence, so that a list can go on behind a version that is gone. */
export function versionIdOf(sequence: number, random: Uint8Array): string {
  const tail = Buffer.from(random).toString('hex');
  return (sequence.toString(36).padStart(SEQUENCE_DIGITS, '0') + tail).slice(0, 32);
}

/** Sequence inside a version id, undefined when it was not made here. */
export function sequenceOf(versionId: string): number | undefined {
  return ALPHABET.test(versionId) ? Number.parseInt(versionId.slice(0, SEQUENCE_DIGITS), 36) : undefined;
}
