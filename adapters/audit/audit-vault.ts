/** The locked bucket of the audit log: objects are created once and read, nothing else. Retention comes from the bucket, so writing needs no right to it. */
import { GetObjectCommand, NoSuchKey, PutObjectCommand, paginateListObjectsV2, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { batchName, LINES_PER_BATCH } from '../../core/audit/layout.ts';
import { VARIABLES } from '../../core/environment/variables.ts';
import { Fault } from '../../core/errors.ts';
import { isUnavailable, requiredVariable } from '../state/table.ts';

export interface AuditVault {
  /** Origin of the checkpoints and first part of every key. */
  readonly origin: string;
  /** Creates the object unless there is one; false: there is one. Names are relative to the origin. */
  create(name: string, bytes: Uint8Array): Promise<boolean>;
  read(name: string): Promise<Buffer | undefined>;
  /** Starts of the batches that hold lines `from` to before `to`, in order; the last one may end before `to`. */
  batches(from: number, to: number): Promise<number[]>;
}

/** How often a create that met another one of the same key is tried again before S3 has decided which of them was first. */
const CREATE_ATTEMPTS = 5;

/** Bucket and origin from `LOG_BUCKET` and `LOG_ORIGIN`. */
export function openVault(
  bucket: string = requiredVariable(VARIABLES.LOG_BUCKET),
  origin: string = requiredVariable(VARIABLES.LOG_ORIGIN),
  client = new S3Client({ maxAttempts: 5 }),
): AuditVault {
  return {
    origin,
    async create(name, bytes) {
      const command = () =>
        new PutObjectCommand({
          Bucket: bucket,
          Key: `${origin}/${name}`,
          Body: bytes,
          IfNoneMatch: '*',
          ChecksumAlgorithm: 'SHA256',
          ContentType: 'text/plain; charset=utf-8',
        });
      for (let attempt = 1; ; attempt++) {
        try {
          await client.send(command());
          return true;
        } catch (error) {
          const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
          // 412: it exists. It may be our own, when the answer to an earlier attempt was lost: callers compare the bytes.
          if (status === 412) return false;
          // 409: another create of the same key is under way.
          if (status !== 409 || attempt >= CREATE_ATTEMPTS) throw error;
          await new Promise((resolve) => setTimeout(resolve, 20 * 2 ** attempt));
        }
      }
    },
    async read(name) {
      try {
        const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: `${origin}/${name}` }));
        return Buffer.from(await answer.Body!.transformToByteArray());
      } catch (error) {
        if (error instanceof NoSuchKey) return undefined;
        if (isUnavailable(error)) throw new Fault('UNAVAILABLE', 'the bucket of the log does not answer', { cause: error });
        throw error;
      }
    },
    async batches(from, to) {
      const prefix = `${origin}/batch/`;
      const before = from - LINES_PER_BATCH;
      const starts: number[] = [];
      const pages = paginateListObjectsV2(
        { client },
        { Bucket: bucket, Prefix: prefix, ...(before < 0 ? {} : { StartAfter: `${origin}/${batchName(before)}` }) },
      );
      for await (const { Contents = [] } of pages) {
        for (const { Key } of Contents) starts.push(Number(Key!.slice(prefix.length)));
        if (starts.at(-1)! >= to) break;
      }
      const first = starts.findLastIndex((start) => start <= from);
      return starts.slice(Math.max(0, first)).filter((start) => start < to);
    },
  };
}
