/** The log in its bucket, read by an auditor. Versions and locks are looked at as far as the caller may see them. */
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  NoSuchKey,
  paginateListObjectsV2,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import type { ListedObject, LockCounts, LogFiles } from '../../core/audit/log-files.ts';

/** Log below `prefix`; without a prefix the only log of the bucket. Needs s3:ListBucket and s3:GetObject. */
export async function bucketLog(client: S3Client, bucket: string, prefix: string): Promise<LogFiles> {
  const root = await findRoot(client, bucket, prefix);
  const locks = new Locks();
  const notices: string[] = [];
  return {
    isLive: true,
    async read(name) {
      try {
        const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: root + name }));
        locks.see(name, answer);
        return Buffer.from(await answer.Body!.transformToByteArray());
      } catch (error) {
        if (error instanceof NoSuchKey) return undefined;
        throw error;
      }
    },
    async *list() {
      try {
        yield* versionsOf(client, bucket, root);
      } catch (error) {
        if (!(error instanceof S3ServiceException) || error.$metadata.httpStatusCode !== 403) throw error;
        notices.push('versions were not checked: that needs s3:ListBucketVersions');
        for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: root })) {
          for (const { Key } of page.Contents ?? []) yield { name: Key!.slice(root.length) };
        }
      }
    },
    findings: () => ({
      notices: [...notices, ...locks.notices()],
      locks: locks.counts(),
      ...(locks.earliest ? { earliestRetention: locks.earliest } : {}),
    }),
  };
}

/** Key prefix of the log, with its slash: what stands before the first name of a log. */
export async function findRoot(client: S3Client, bucket: string, prefix: string): Promise<string> {
  const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }));
  const first = Contents?.[0]?.Key;
  const [, root] = /^(.*?)(?:README|(?:batch|checkpoint|keys)\/\d+)$/.exec(first ?? '') ?? [];
  return root ?? (prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`);
}

/** Every key with its number of versions; a delete marker is a version too. Versions of a key come one after the other. */
export async function* versionsOf(client: S3Client, bucket: string, root: string): AsyncIterable<ListedObject> {
  const markers = { count: new Map<string, number>() };
  let keyMarker: string | undefined;
  let versionMarker: string | undefined;
  do {
    const page = await client.send(
      new ListObjectVersionsCommand({ Bucket: bucket, Prefix: root, KeyMarker: keyMarker, VersionIdMarker: versionMarker }),
    );
    for (const { Key } of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]) {
      markers.count.set(Key!, (markers.count.get(Key!) ?? 0) + 1);
    }
    keyMarker = page.IsTruncated ? page.NextKeyMarker : undefined;
    versionMarker = page.IsTruncated ? page.NextVersionIdMarker : undefined;
    for (const [key, count] of markers.count) {
      // The versions of the page's last key may go on on the next page.
      if (key === keyMarker) continue;
      markers.count.delete(key);
      yield { name: key.slice(root.length), versions: count };
    }
  } while (keyMarker !== undefined);
}

/** Locks of the objects that were read; S3 tells them to those who hold s3:GetObjectRetention and s3:GetObjectLegalHold. */
class Locks {
  earliest: string | undefined;
  readonly #counts: LockCounts = { compliance: 0, governance: 0, none: 0, held: 0 };
  #firstUnlocked = '';

  see(name: string, answer: GetObjectCommandOutput): void {
    const { ObjectLockRetainUntilDate: until, ObjectLockMode: mode, ObjectLockLegalHoldStatus: hold } = answer;
    if (hold === 'ON') this.#counts.held += 1;
    if (!until) {
      this.#counts.none += 1;
      this.#firstUnlocked ||= name;
      return;
    }
    this.#counts[mode === 'COMPLIANCE' ? 'compliance' : 'governance'] += 1;
    const at = until.toISOString();
    if (this.earliest === undefined || at < this.earliest) this.earliest = at;
  }

  counts(): LockCounts {
    return { ...this.#counts };
  }

  notices(): string[] {
    const { compliance, governance, none, held } = this.#counts;
    const notices: string[] = [];
    if (none > 0 && compliance + governance === 0) notices.push('locks were not checked: that needs s3:GetObjectRetention');
    else if (none > 0) notices.push(`${none} objects have no lock, the first is ${this.#firstUnlocked}`);
    if (governance > 0) notices.push(`${governance} objects are locked in GOVERNANCE mode, which some may lift`);
    if (held > 0) notices.push(`${held} objects are under a legal hold`);
    return notices;
  }
}
