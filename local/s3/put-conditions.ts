/** Conditions of a write: `If-None-Match: *` (create once) and `If-Match`. */
import type { Bucket } from './bucket.ts';
import { notImplemented, S3Error } from './s3-error.ts';

export interface WriteConditions {
  /** Throws PreconditionFailed, NoSuchKey, ConditionalRequestConflict. Call it in the same turn as the commit. */
  assert(): void;
}

/**
 * Reads the conditions and remembers the newest version at the arrival of the request: a delete between then and the commit is answered with
 * ConditionalRequestConflict, a put with PreconditionFailed.
 */
export function writeConditions(bucket: Bucket, key: string, headers: Record<string, string>): WriteConditions {
  const noneMatch = headers['if-none-match'];
  const match = headers['if-match'];
  if (noneMatch !== undefined && noneMatch.trim() !== '*') throw notImplemented('If-None-Match with an ETag on a write');
  const atStart = bucket.index.current(key);
  return {
    assert() {
      const current = bucket.index.current(key);
      if (noneMatch === undefined && match === undefined) return;
      if (atStart && !current) {
        throw new S3Error(
          'ConditionalRequestConflict',
          'The conditional request cannot succeed due to a conflicting operation against this resource.',
        );
      }
      if (noneMatch !== undefined && current) throw preconditionFailed('If-None-Match');
      if (match === undefined) return;
      if (!current) throw new S3Error('NoSuchKey', 'The specified key does not exist.', { details: { Key: key } });
      if (match.trim() !== '*' && match.trim().replaceAll('"', '') !== current.etag) throw preconditionFailed('If-Match');
    },
  };
}

export function preconditionFailed(condition: string): S3Error {
  return new S3Error('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', {
    details: { Condition: condition },
  });
}
