/**
 * Multipart uploads: parts lie in a folder of their upload until they are joined into one version. The folder name is the upload id; each part is
 * a data file and a record, written like object versions. UploadPartCopy is not offered.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Instant } from '../clock.ts';
import { syncFolder, writeFileDurably } from '../durable-file.ts';
import type { ServiceResponse } from '../service.ts';
import type { Bucket } from './bucket.ts';
import { owner } from './bucket-operations.ts';
import {
  type Checksum,
  type ChecksumAlgorithm,
  ChecksumStream,
  checksumHeader,
  checksumOf,
  isChecksumAlgorithm,
  verifyBody,
} from './checksum.ts';
import { retentionFrom } from './object-lock.ts';
import { writeConditions } from './put-conditions.ts';
import { assertKeyLength, type DeclaredVersion, declaredVersion } from './put-headers.ts';
import { checksumElement, commitUnder } from './put-object.ts';
import { bucketOf, emptyAnswer, encryptionHeaders, isoDate, keyOf, type S3Call, versionHeader, xmlAnswer } from './s3-call.ts';
import { notImplemented, S3Error } from './s3-error.ts';
import { malformedXml, xmlBody } from './s3-request.ts';
import { childText } from './xml.ts';

interface Upload {
  id: string;
  key: string;
  started: Instant;
  declared: DeclaredVersion;
  algorithm: ChecksumAlgorithm;
  checksumType: Checksum['type'];
}

interface Part {
  number: number;
  file: string;
  size: number;
  etag: string;
  checksum: string;
  lastModified: Instant;
}

const UPLOAD_ID = /^[0-9a-f]{64}$/;
const PART_LIMIT = 10_000;
/** Every part but the last has at least 5 MiB. */
const PART_MINIMUM = 5 * 1024 * 1024;

export class MultipartUploads {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  create(call: S3Call): ServiceResponse {
    const bucket = bucketOf(call);
    const key = keyOf(call);
    assertKeyLength(key);
    const { headers } = call.request;
    const algorithm = (headers['x-amz-checksum-algorithm'] ?? 'CRC64NVME').toUpperCase();
    if (!isChecksumAlgorithm(algorithm)) throw new S3Error('InvalidRequest', 'Checksum algorithm provided is unsupported.');
    const checksumType = headers['x-amz-checksum-type'] ?? (algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE');
    if (checksumType !== 'FULL_OBJECT' && checksumType !== 'COMPOSITE')
      throw new S3Error('InvalidRequest', 'Value for x-amz-checksum-type header is invalid.');
    if (checksumType === (algorithm === 'CRC64NVME' ? 'COMPOSITE' : algorithm.startsWith('SHA') ? 'FULL_OBJECT' : '')) {
      throw new S3Error('InvalidRequest', `The ${checksumType} checksum type cannot be used with the ${algorithm} checksum algorithm.`);
    }
    const now = this.#clock.now();
    const upload: Upload = {
      id: randomBytes(32).toString('hex'),
      key,
      started: now,
      declared: declaredVersion(bucket, headers, now),
      algorithm,
      checksumType,
    };
    const folder = this.#folder(bucket, upload.id);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileDurably(join(folder, 'upload.json'), JSON.stringify(upload));
    syncFolder(join(bucket.folder, 'uploads'));
    syncFolder(bucket.folder);
    const answer = { Bucket: bucket.name, Key: key, UploadId: upload.id };
    return xmlAnswer('InitiateMultipartUploadResult', answer, {
      'x-amz-checksum-algorithm': algorithm,
      'x-amz-checksum-type': checksumType,
      ...encryptionHeaders(upload.declared),
    });
  }

  uploadPart(call: S3Call): ServiceResponse {
    const { headers, body, url } = call.request;
    const bucket = bucketOf(call);
    const upload = this.#find(call, bucket);
    const number = Number(url.searchParams.get('partNumber'));
    if (!Number.isInteger(number) || number < 1 || number > PART_LIMIT) {
      throw new S3Error('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive');
    }
    const sent = verifyBody(headers, body);
    if (sent && sent.algorithm !== upload.algorithm && headers['x-amz-checksum-algorithm']) {
      throw new S3Error('InvalidRequest', `Checksum Type mismatch occurred, expected checksum Type: ${upload.algorithm}`);
    }
    const folder = this.#folder(bucket, upload.id);
    const file = `${number}-${randomBytes(8).toString('hex')}.data`;
    writeFileDurably(join(folder, file), body);
    const etag = createHash('md5').update(body).digest('hex');
    const checksum = checksumOf(upload.algorithm, body);
    const part: Part = { number, file, size: body.length, etag, checksum, lastModified: this.#clock.now() };
    writeFileDurably(join(folder, `${number}.part.json`), JSON.stringify(part));
    return emptyAnswer(200, { etag: `"${etag}"`, [checksumHeader(upload.algorithm)]: checksum, ...encryptionHeaders(upload.declared) });
  }

  async complete(call: S3Call): Promise<ServiceResponse> {
    const { headers } = call.request;
    const bucket = bucketOf(call);
    const upload = this.#find(call, bucket);
    const parts = this.#chosenParts(call, bucket, upload);
    const conditions = writeConditions(bucket, upload.key, headers);
    conditions.assert();
    const digest = new ChecksumStream(upload.algorithm);
    const folder = this.#folder(bucket, upload.id);
    const file = await bucket.writeData(joined(folder, parts, digest));
    const etag = `${createHash('md5')
      .update(Buffer.concat(parts.map((part) => Buffer.from(part.etag, 'hex'))))
      .digest('hex')}-${parts.length}`;
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    const checksum = finalChecksum(upload, parts, digest);
    const version = await commitUnder(conditions, bucket, {
      ...this.#lockAtCompletion(bucket, upload),
      key: upload.key,
      file,
      size,
      etag,
      checksum,
    });
    rmSync(folder, { recursive: true, force: true });
    const answer = {
      Location: call.request.url.pathname,
      Bucket: bucket.name,
      Key: upload.key,
      ETag: `"${etag}"`,
      ...checksumElement(checksum),
    };
    return xmlAnswer('CompleteMultipartUploadResult', answer, { ...versionHeader(bucket, version), ...encryptionHeaders(version) });
  }

  abort(call: S3Call): ServiceResponse {
    const bucket = bucketOf(call);
    rmSync(this.#folder(bucket, this.#find(call, bucket).id), { recursive: true, force: true });
    return emptyAnswer(204);
  }

  listParts(call: S3Call): ServiceResponse {
    const query = call.request.url.searchParams;
    const bucket = bucketOf(call);
    const upload = this.#find(call, bucket);
    const marker = Number(query.get('part-number-marker') ?? 0);
    const limit = Math.min(Number(query.get('max-parts') ?? 1000), 1000);
    if (Number.isNaN(marker) || Number.isNaN(limit))
      throw new S3Error('InvalidArgument', 'Provided max-parts not an integer or within integer range');
    const behind = this.#parts(bucket, upload).filter((part) => part.number > marker);
    const page = behind.slice(0, limit);
    return xmlAnswer('ListPartsResult', {
      Bucket: bucket.name,
      Key: upload.key,
      UploadId: upload.id,
      PartNumberMarker: marker,
      NextPartNumberMarker: page.at(-1)?.number,
      MaxParts: limit,
      IsTruncated: behind.length > page.length,
      StorageClass: 'STANDARD',
      ChecksumAlgorithm: upload.algorithm,
      ChecksumType: upload.checksumType,
      Part: page.map((part) => ({
        PartNumber: part.number,
        LastModified: isoDate(part.lastModified),
        ETag: `"${part.etag}"`,
        Size: part.size,
        [`Checksum${upload.algorithm}`]: part.checksum,
      })),
    });
  }

  /** All uploads of a bucket at once; paging and delimiter are refused, since there are never many here. */
  list(call: S3Call): ServiceResponse {
    const query = call.request.url.searchParams;
    const refused = ['key-marker', 'upload-id-marker', 'delimiter'].find((parameter) => query.get(parameter));
    if (refused) throw notImplemented(`ListMultipartUploads with ${refused}`);
    const bucket = bucketOf(call);
    const prefix = query.get('prefix') ?? '';
    const uploads = this.#uploads(bucket).filter((upload) => upload.key.startsWith(prefix));
    return xmlAnswer('ListMultipartUploadsResult', {
      Bucket: bucket.name,
      Prefix: prefix || undefined,
      IsTruncated: false,
      Upload: uploads.map((upload) => ({
        Key: upload.key,
        UploadId: upload.id,
        Owner: owner(call.context.account),
        StorageClass: 'STANDARD',
        Initiated: isoDate(upload.started),
        ChecksumAlgorithm: upload.algorithm,
        ChecksumType: upload.checksumType,
      })),
    });
  }

  /** For lifecycle rules. */
  abortOld(bucket: Bucket, startedBefore: Instant, prefix: string): void {
    for (const upload of this.#uploads(bucket)) {
      if (upload.started > startedBefore || !upload.key.startsWith(prefix)) continue;
      rmSync(this.#folder(bucket, upload.id), { recursive: true, force: true });
    }
  }

  /** A default retention counts from the completion; a date that the caller gave stays. */
  #lockAtCompletion(bucket: Bucket, { declared, started }: Upload): DeclaredVersion {
    const rule = bucket.settings.objectLock?.defaultRetention;
    const isDefault = rule && declared.retention?.until === retentionFrom(rule, started).until;
    return isDefault ? { ...declared, retention: retentionFrom(rule, this.#clock.now()) } : declared;
  }

  #chosenParts(call: S3Call, bucket: Bucket, upload: Upload): Part[] {
    const known = new Map(this.#parts(bucket, upload).map((part) => [part.number, part]));
    const listed = xmlBody(call.request, 'CompleteMultipartUpload').children.filter((element) => element.name === 'Part');
    if (listed.length === 0) throw malformedXml();
    let previous = 0;
    const parts = listed.map((element) => {
      const part = known.get(Number(childText(element, 'PartNumber')));
      const checksum = childText(element, `Checksum${upload.algorithm}`);
      const matches =
        part?.etag === childText(element, 'ETag')?.replaceAll('"', '') && (checksum === undefined || checksum === part?.checksum);
      if (!part || !matches) {
        throw new S3Error(
          'InvalidPart',
          "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
        );
      }
      if (part.number <= previous)
        throw new S3Error('InvalidPartOrder', 'The list of parts was not in ascending order. Parts must be ordered by part number.');
      previous = part.number;
      return part;
    });
    if (parts.slice(0, -1).some((part) => part.size < PART_MINIMUM)) {
      throw new S3Error('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size');
    }
    return parts;
  }

  #find(call: S3Call, bucket: Bucket): Upload {
    // The id comes from the caller and names a folder: only the form that `create` gives reaches the path.
    const id = call.request.url.searchParams.get('uploadId') ?? '';
    const upload = UPLOAD_ID.test(id) ? this.#read(bucket, id) : undefined;
    if (upload?.key === keyOf(call)) return upload;
    throw new S3Error(
      'NoSuchUpload',
      'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
    );
  }

  #uploads(bucket: Bucket): Upload[] {
    const folder = join(bucket.folder, 'uploads');
    if (!existsSync(folder)) return [];
    const uploads = readdirSync(folder).map((id) => this.#read(bucket, id));
    return uploads
      .filter((upload) => upload !== undefined)
      .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.started - b.started));
  }

  #read(bucket: Bucket, id: string): Upload | undefined {
    const file = join(this.#folder(bucket, id), 'upload.json');
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Upload) : undefined;
  }

  #parts(bucket: Bucket, upload: Upload): Part[] {
    const folder = this.#folder(bucket, upload.id);
    const names = readdirSync(folder).filter((name) => name.endsWith('.part.json'));
    return names.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Part).sort((a, b) => a.number - b.number);
  }

  #folder(bucket: Bucket, id: string): string {
    return join(bucket.folder, 'uploads', id);
  }
}

async function* joined(folder: string, parts: Part[], digest: ChecksumStream): AsyncGenerator<Buffer> {
  for (const part of parts) {
    for await (const chunk of createReadStream(join(folder, part.file)) as AsyncIterable<Buffer>) {
      digest.update(chunk);
      yield chunk;
    }
  }
}

/** Composite: the checksum of the checksums of the parts. */
function finalChecksum(upload: Upload, parts: Part[], digest: ChecksumStream): Checksum {
  if (upload.checksumType === 'FULL_OBJECT') return { algorithm: upload.algorithm, value: digest.digest(), type: 'FULL_OBJECT' };
  const all = Buffer.concat(parts.map((part) => Buffer.from(part.checksum, 'base64')));
  return { algorithm: upload.algorithm, value: `${checksumOf(upload.algorithm, all)}-${parts.length}`, type: 'COMPOSITE' };
}
