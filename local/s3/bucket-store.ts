/** All buckets of the local cloud: one folder each, opened at start. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { syncFolder, writeFileDurably } from '../durable-file.ts';
import { Bucket } from './bucket.ts';
import { type BucketSettings, defaultSettings } from './bucket-settings.ts';
import { S3Error } from './s3-error.ts';

/** Names that S3 takes; also safe as a folder name. */
const BUCKET_NAME = /^(?!\d+\.\d+\.\d+\.\d+$)(?!xn--)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

export class BucketStore {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder).sort()) {
      const settings = join(folder, name, 'bucket.json');
      // A folder without settings is a bucket whose creation or deletion a crash cut short.
      if (existsSync(settings)) this.#open(JSON.parse(readFileSync(settings, 'utf8')) as BucketSettings);
      else rmSync(join(folder, name), { recursive: true, force: true });
    }
  }

  list(): Bucket[] {
    return [...this.#buckets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): Bucket | undefined {
    return this.#buckets.get(name);
  }

  /** Throws NoSuchBucket. */
  get(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (!bucket) throw new S3Error('NoSuchBucket', 'The specified bucket does not exist', { details: { BucketName: name } });
    return bucket;
  }

  /** Throws InvalidBucketName, BucketAlreadyOwnedByYou. */
  create(name: string, change: Partial<BucketSettings> = {}): Bucket {
    if (!BUCKET_NAME.test(name))
      throw new S3Error('InvalidBucketName', 'The specified bucket is not valid.', { details: { BucketName: name } });
    if (this.#buckets.has(name)) {
      throw new S3Error('BucketAlreadyOwnedByYou', 'Your previous request to create the named bucket succeeded and you already own it.', {
        details: { BucketName: name },
      });
    }
    const settings = { ...defaultSettings(name, this.#clock.now()), ...change };
    const folder = join(this.#folder, name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileDurably(join(folder, 'bucket.json'), JSON.stringify(settings, null, 2));
    syncFolder(this.#folder);
    return this.#open(settings);
  }

  /** Throws BucketNotEmpty. */
  delete(bucket: Bucket): void {
    if (bucket.index.size > 0) {
      const what = bucket.settings.versioning ? ' You must delete all versions in the bucket.' : '';
      throw new S3Error('BucketNotEmpty', `The bucket you tried to delete is not empty.${what}`, { details: { BucketName: bucket.name } });
    }
    this.#buckets.delete(bucket.name);
    renameSync(join(bucket.folder, 'bucket.json'), join(bucket.folder, 'deleted.json'));
    syncFolder(bucket.folder);
    rmSync(bucket.folder, { recursive: true, force: true });
  }

  #open(settings: BucketSettings): Bucket {
    const bucket = new Bucket(join(this.#folder, settings.name), settings, () => this.#clock.now());
    this.#buckets.set(settings.name, bucket);
    return bucket;
  }
}
