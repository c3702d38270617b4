/** Takes the audit log away from the cloud and verifies it where no cloud is. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import {
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  ListBucketsCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import { clientSettings } from './aws-clients.ts';
import { greenlight } from './command-line.ts';
import type { DemoEndpoints } from './demo-cloud.ts';
import { expect } from './demo-record.ts';

interface Verdict {
  valid: boolean;
  size: number;
  root: string;
  invalid?: { reason: string; detail: string };
}

/** Moves the virtual clock so far that the schedule of the sealer fires, and verifies the log. */
export async function verifyLogOffline(endpoints: DemoEndpoints, folder: string): Promise<Verdict> {
  await fetch(`${endpoints.aws}/_local/clock`, { method: 'POST', body: JSON.stringify({ advance: 'PT3M' }) });
  return verifyLog(endpoints, folder);
}

/** Downloads every object of the locked bucket into a folder, and runs `greenlight audit verify` over it. Throws when the log is not valid. */
export async function verifyLog(endpoints: DemoEndpoints, folder: string): Promise<Verdict> {
  await download(endpoints, folder);
  const { exitCode, stdout, stderr } = await greenlight(['audit', 'verify', folder, '--key', endpoints.auditPublicKey, '--json']);
  expect(exitCode === 0, `the log is not valid (exit ${exitCode}): ${stdout.trim() || stderr.trim()}`);
  return JSON.parse(stdout) as Verdict;
}

async function download(endpoints: DemoEndpoints, folder: string): Promise<void> {
  const client = new S3Client(clientSettings({ ...endpoints, region: 'eu-central-1' }));
  try {
    const Bucket = await lockedBucket(client);
    for await (const page of paginateListObjectsV2({ client }, { Bucket })) {
      for (const { Key } of page.Contents ?? []) {
        const file = resolve(folder, Key!);
        expect(file.startsWith(resolve(folder) + sep), `${Key} leads out of the folder`);
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: Key! }));
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(join(file), await Body!.transformToByteArray());
      }
    }
  } finally {
    client.destroy();
  }
}

/** The one bucket with Object Lock that holds the log: receipts are locked too, in a bucket of their own. */
async function lockedBucket(client: S3Client): Promise<string> {
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
  const locked: string[] = [];
  for (const { Name } of Buckets.filter((bucket) => /log/i.test(bucket.Name ?? ''))) {
    const lock = await client.send(new GetObjectLockConfigurationCommand({ Bucket: Name! })).catch(() => undefined);
    if (lock?.ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled') locked.push(Name!);
  }
  expect(locked.length === 1, `expected one bucket of the log with Object Lock, found ${locked.length}`);
  return locked[0]!;
}
