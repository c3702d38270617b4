/** Lifecycle rules on the virtual clock: once a day, as in S3, versions that have outlived their rule go, unless a lock holds them. */
import type { Clock, Instant, Timer } from '../clock.ts';
import type { Bucket } from './bucket.ts';
import type { BucketStore } from './bucket-store.ts';
import { assertDeletable } from './object-lock.ts';
import type { ObjectVersion } from './object-version.ts';

export interface LifecycleRule {
  id: string;
  enabled: boolean;
  prefix: string;
  expirationDays?: number;
  noncurrentDays?: number;
  /** Versions kept besides the current one before noncurrentDays counts. */
  noncurrentKept?: number;
  /** Delete markers under which nothing is left go. */
  expiredDeleteMarkers?: boolean;
  abortUploadsDays?: number;
}

const DAY_MS = 86_400_000;

export class Lifecycle {
  readonly #store: BucketStore;
  readonly #clock: Clock;
  readonly #abortUploads: (bucket: Bucket, startedBefore: Instant, prefix: string) => void;
  #timer: Timer | undefined;

  constructor(store: BucketStore, clock: Clock, abortUploads: (bucket: Bucket, startedBefore: Instant, prefix: string) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#abortUploads = abortUploads;
  }

  /** Sweeps now and at every following midnight UTC, as long as a bucket has a rule: an idle timer would slow down every jump of the clock. */
  start(): void {
    this.stop();
    if (!this.#store.list().some((bucket) => bucket.settings.lifecycle?.some((rule) => rule.enabled))) return;
    this.#sweep();
    const midnight = (Math.floor(this.#clock.now() / DAY_MS) + 1) * DAY_MS;
    this.#timer = this.#clock.at(midnight, () => this.start());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #sweep(): void {
    for (const bucket of this.#store.list()) {
      for (const rule of bucket.settings.lifecycle ?? []) if (rule.enabled) this.#apply(bucket, rule);
    }
  }

  #apply(bucket: Bucket, rule: LifecycleRule): void {
    const now = this.#clock.now();
    if (rule.abortUploadsDays !== undefined) this.#abortUploads(bucket, now - rule.abortUploadsDays * DAY_MS, rule.prefix);
    if (rule.expirationDays === undefined && rule.noncurrentDays === undefined && !rule.expiredDeleteMarkers) return;
    const keys = new Set([...bucket.index.all()].map((version) => version.key).filter((key) => key.startsWith(rule.prefix)));
    for (const key of keys) {
      expireNoncurrent(bucket, rule, key, now);
      expireCurrent(bucket, rule, key, now);
    }
  }
}

/** S3 rounds up to the next midnight UTC. */
function isOver(since: Instant, days: number, now: Instant): boolean {
  return Math.ceil((since + days * DAY_MS) / DAY_MS) * DAY_MS <= now;
}

function expireCurrent(bucket: Bucket, rule: LifecycleRule, key: string, now: Instant): void {
  const newest = bucket.index.newest(key);
  if (!newest) return;
  if (newest.deleteMarker) {
    const alone = bucket.index.versions(key).length === 1;
    if (
      alone &&
      (rule.expiredDeleteMarkers || (rule.expirationDays !== undefined && isOver(newest.lastModified, rule.expirationDays, now)))
    ) {
      bucket.remove(newest);
    }
    return;
  }
  if (rule.expirationDays === undefined || !isOver(newest.lastModified, rule.expirationDays, now)) return;
  if (bucket.settings.versioning === 'Enabled') bucket.commitDeleteMarker(key);
  else if (isDeletable(newest, now)) bucket.remove(newest);
}

/** A version counts as noncurrent from the moment its successor was made. */
function expireNoncurrent(bucket: Bucket, rule: LifecycleRule, key: string, now: Instant): void {
  if (rule.noncurrentDays === undefined) return;
  const versions = bucket.index.versions(key);
  for (let position = versions.length - 1; position >= 1 + (rule.noncurrentKept ?? 0); position--) {
    const version = versions[position]!;
    if (isOver(versions[position - 1]!.lastModified, rule.noncurrentDays, now) && isDeletable(version, now)) bucket.remove(version);
  }
}

function isDeletable(version: ObjectVersion, now: Instant): boolean {
  try {
    assertDeletable(version, now, false);
    return true;
  } catch {
    return false;
  }
}
