/** Legal hold on the objects that hold a range of lines. The caller brings the right to it: nobody in the stack may set or lift one. */
import { PutObjectLegalHoldCommand, type S3Client } from '@aws-sdk/client-s3';
import { batchName, checkpointName, linesOf } from '../../core/audit/layout.ts';
import { openVault } from './audit-vault.ts';

export interface HoldRange {
  from: number;
  /** Last line. */
  to: number;
}

/** Sets or lifts the hold on every batch that holds one of the lines, and on the checkpoint behind it. Answers the names. */
export async function holdLines(
  client: S3Client,
  bucket: string,
  origin: string,
  { from, to }: HoldRange,
  isOn: boolean,
): Promise<string[]> {
  const log = openVault(bucket, origin, client);
  const names: string[] = [];
  for (const start of await log.batches(from, to + 1)) {
    const lines = linesOf((await log.read(batchName(start))) ?? Buffer.alloc(0)) ?? [];
    if (start + lines.length > from) names.push(batchName(start), checkpointName(start + lines.length));
  }
  for (const name of names) {
    await client.send(
      new PutObjectLegalHoldCommand({
        Bucket: bucket,
        Key: `${origin}/${name}`,
        LegalHold: { Status: isOn ? 'ON' : 'OFF' },
        ChecksumAlgorithm: 'SHA256',
      }),
    );
  }
  return names;
}
