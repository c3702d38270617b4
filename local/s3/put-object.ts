/** PutObject and CopyObject. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { ServiceResponse } from '../service.ts';
import { type Checksum, ChecksumStream, checksumHeader, checksumOf, isChecksumAlgorithm, verifyBody } from './checksum.ts';
import type { ObjectVersion } from './object-version.ts';
import { writeConditions } from './put-conditions.ts';
import { assertKeyLength, contentHeaders, declaredVersion, requireChecksumUnderLock } from './put-headers.ts';
import { assertReadConditions } from './read-conditions.ts';
import { bucketOf, emptyAnswer, encryptionHeaders, findVersion, isoDate, keyOf, type S3Call, versionHeader, xmlAnswer } from './s3-call.ts';
import { S3Error } from './s3-error.ts';
import { copySourceOf } from './s3-request.ts';

/** Stores a body as a new version. */
export async function putObject(call: S3Call): Promise<ServiceResponse> {
  const { headers, body } = call.request;
  const bucket = bucketOf(call);
  const key = keyOf(call);
  assertKeyLength(key);
  const checksum = verifyBody(headers, body) ?? defaultChecksum(body);
  const declared = declaredVersion(bucket, headers, call.context.clock.now());
  requireChecksumUnderLock(declared, headers);
  const conditions = writeConditions(bucket, key, headers);
  conditions.assert();
  const file = await bucket.writeData([body]);
  const etag = createHash('md5').update(body).digest('hex');
  const version = await commitUnder(conditions, bucket, { ...declared, key, file, size: body.length, etag, checksum });
  return emptyAnswer(200, {
    etag: `"${etag}"`,
    [checksumHeader(checksum.algorithm)]: checksum.value,
    'x-amz-checksum-type': checksum.type,
    ...versionHeader(bucket, version),
    ...encryptionHeaders(version),
  });
}

/** Without a checksum of the caller S3 computes CRC64NVME. */
function defaultChecksum(body: Buffer): Checksum {
  return { algorithm: 'CRC64NVME', value: checksumOf('CRC64NVME', body), type: 'FULL_OBJECT' };
}

/** Checks the conditions again and commits in the same turn: of concurrent create-once puts one wins. The losers' bytes are removed. */
export async function commitUnder(
  conditions: { assert(): void },
  bucket: ReturnType<typeof bucketOf>,
  draft: Parameters<ReturnType<typeof bucketOf>['commit']>[0],
): Promise<ObjectVersion> {
  try {
    conditions.assert();
    return bucket.commit(draft);
  } catch (error) {
    await bucket.discardData(draft.file);
    throw error;
  }
}

/** Copies a version inside or between buckets, with its own metadata or new ones. */
export async function copyObject(call: S3Call): Promise<ServiceResponse> {
  const { headers } = call.request;
  const bucket = bucketOf(call);
  const key = keyOf(call);
  assertKeyLength(key);
  const source = copySourceOf(call.request);
  const sourceBucket = call.store.get(source.bucket);
  const original = await findVersion(call, sourceBucket, source.key, source.versionId);
  assertReadConditions(original, headers, 'x-amz-copy-source-');
  const directive = headers['x-amz-metadata-directive'] ?? 'COPY';
  if (directive !== 'COPY' && directive !== 'REPLACE') throw new S3Error('InvalidArgument', 'Unknown metadata directive.');
  if (bucket === sourceBucket && key === source.key && source.versionId === undefined && directive === 'COPY') {
    throw new S3Error(
      'InvalidRequest',
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  const declared = declaredVersion(bucket, headers, call.context.clock.now());
  const content = directive === 'REPLACE' ? contentHeaders(headers) : { headers: original.headers, metadata: original.metadata };
  const conditions = writeConditions(bucket, key, headers);
  conditions.assert();
  const digests = copyDigests(original, headers['x-amz-checksum-algorithm']);
  const file = await bucket.writeData(digests.through(createReadStream(sourceBucket.dataPath(original))));
  const { etag, checksum } = digests.done();
  const version = await commitUnder(conditions, bucket, { ...declared, ...content, key, file, size: original.size, etag, checksum });
  const answer = { LastModified: isoDate(version.lastModified), ETag: `"${etag}"`, ...checksumElement(checksum) };
  return xmlAnswer('CopyObjectResult', answer, {
    ...versionHeader(bucket, version),
    ...encryptionHeaders(version),
    ...(sourceBucket.settings.versioning ? { 'x-amz-copy-source-version-id': original.versionId } : {}),
  });
}

/** ETag and checksum of the copied bytes, computed while they pass: the copy of a multipart object is one part. */
function copyDigests(original: ObjectVersion, asked: string | undefined) {
  const wanted = (asked ?? original.checksum?.algorithm ?? 'CRC64NVME').toUpperCase();
  if (!isChecksumAlgorithm(wanted)) throw new S3Error('InvalidRequest', 'Checksum algorithm provided is unsupported.');
  const md5 = createHash('md5');
  const sum = new ChecksumStream(wanted);
  return {
    async *through(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        md5.update(chunk);
        sum.update(chunk);
        yield chunk;
      }
    },
    done: () => ({ etag: md5.digest('hex'), checksum: { algorithm: wanted, value: sum.digest(), type: 'FULL_OBJECT' } satisfies Checksum }),
  };
}

/** `<ChecksumSHA256>…</ChecksumSHA256><ChecksumType>…</ChecksumType>` */
export function checksumElement(checksum: Checksum | undefined): Record<string, string> {
  return checksum ? { [`Checksum${checksum.algorithm}`]: checksum.value, ChecksumType: checksum.type } : {};
}
