/** Moves one large blob in parts. Whoever goes on, another pass or another process after a kill, begins where the target says that it ends. */
import { Fault } from '../../core/errors.ts';
import type { OpenUpload } from '../../core/registry/ports.ts';
import { BlobReader } from './blob-reader.ts';
import type { BlobProgress, CopyPass } from './copy-blob.ts';
import { EcrUpload } from './ecr-upload.ts';
import { PatchUpload } from './patch-upload.ts';
import { ATTEMPTS, pauseBefore } from './registry-request.ts';
import type { Repository } from './repository.ts';

/** An upload to which parts are appended, in the way that the target understands. */
export interface PartedUpload {
  /** What another process needs to go on. */
  readonly id: string;
  /** Bytes that the target has. */
  readonly offset: number;
  /**
   * Appends the next part from `reader`, which stands at `offset`; answers the bytes sent. After a Fault that may pass, `offset` holds only once
   * `refresh` has answered true.
   */
  append(reader: BlobReader): Promise<number>;
  /** Asks the target how far the upload is; false when it is gone. */
  refresh(): Promise<boolean>;
  /** Fault DIGEST_MISMATCH when the target finds another digest in what it got. */
  complete(digest: string): Promise<void>;
}

export async function copyInParts(
  source: Repository,
  target: Repository,
  digest: string,
  size: number,
  pass: CopyPass,
): Promise<BlobProgress> {
  const key = `${new URL(target.origin).host}/${target.name}@${digest}`;
  const kept = await pass.uploads?.find(key);
  const keep = (upload: PartedUpload) => pass.uploads?.keep(key, { id: upload.id, offset: upload.offset });
  let upload = kept && (await resumed(target, size, pass, kept));
  let reader = new BlobReader(source, digest, size, upload?.offset ?? 0);
  let sent = 0;
  let failures = 0;
  let furthest = upload?.offset ?? 0;
  try {
    for (;;) {
      try {
        if (!upload) {
          upload = await begun(target, size, pass);
          await keep(upload);
        }
        reader.rewind(upload.offset);
        while (upload.offset < size) {
          if (pass.isLate()) return { sent, done: false };
          sent += await upload.append(reader);
          pass.sent?.();
          if (upload.offset > furthest) {
            furthest = upload.offset;
            failures = 0;
          } else if (++failures >= ATTEMPTS)
            throw new Fault('REGISTRY_REFUSED', `the registry takes no more of ${digest} than ${furthest} bytes`);
          await keep(upload);
        }
        await upload.complete(digest);
        await pass.uploads?.forget(key);
        return { sent, done: true };
      } catch (error) {
        const fault = reader.mismatch ?? error;
        if (!(fault instanceof Fault)) throw fault;
        if (fault.code === 'DIGEST_MISMATCH') {
          await pass.uploads?.forget(key);
          // Continued, so that nobody has hashed the whole: what went wrong before may be right when it is sent and hashed in full.
          if (reader.mismatch || reader.isVerified || ++failures >= ATTEMPTS) throw fault;
          upload = undefined;
          furthest = 0;
          reader.close();
          reader = new BlobReader(source, digest, size);
          continue;
        }
        if (!fault.retryable || ++failures >= ATTEMPTS) throw fault;
        await pauseBefore(failures, fault);
        if (upload && !(await upload.refresh().catch(() => true))) {
          // It may be gone because it is complete, and only the answer was lost.
          if ((await target.blobSize(digest)) === size) {
            await pass.uploads?.forget(key);
            return { sent, done: true };
          }
          upload = undefined;
          furthest = 0;
        }
      }
    }
  } finally {
    reader.close();
  }
}

function begun(target: Repository, size: number, pass: CopyPass): Promise<PartedUpload> {
  return target.access.ecr
    ? EcrUpload.begin(target, target.access.ecr, size, pass.partBytes)
    : PatchUpload.begin(target, size, pass.partBytes);
}

/** The upload that was kept, if the target still has it. */
async function resumed(target: Repository, size: number, pass: CopyPass, kept: OpenUpload): Promise<PartedUpload | undefined> {
  const upload = target.access.ecr
    ? EcrUpload.resume(target, target.access.ecr, size, pass.partBytes, kept)
    : PatchUpload.resume(target, size, pass.partBytes, kept);
  return (await upload.refresh()) && upload.offset <= size ? upload : undefined;
}
