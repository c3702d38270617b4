/** The audit log as it lies in its bucket, and the offline verifier over a copy of it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GetObjectCommand, HeadObjectCommand, ListBucketsCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { verifyAudit } from '../../cli/audit/verify-audit.ts';
import { clientSettings } from '../../local/demo/aws-clients.ts';
import type { FlowCloud } from './cloud.ts';

export interface LogLine {
  rid: string;
  seq: number;
  type: string;
  /** Environment that it is about. */
  to: string | null;
  ts: string;
  actor: { id: string; auth: string; channel: string };
  plan: string | null;
  digest: string | null;
  data: Record<string, unknown>;
}

export interface SealedLog {
  lines: LogLine[];
  /** The bytes of all objects, for searches. */
  text: string;
  objects: { key: string; mode: string | undefined; retainUntil: Date | undefined }[];
  /** Bytes of all objects by their names below the origin. */
  files: Map<string, Buffer>;
  /** Exit code of `greenlight audit verify` over a copy: 0 is valid. */
  exitCode: number;
  /** What the verifier said. */
  said: string;
}

type LoggedCloud = Pick<FlowCloud, 'advance' | 'endpoints' | 'folder' | 'now'>;

/** Lets the sealer's schedule fire, then reads every object with its lock and verifies a copy. */
export async function readSealedLog(cloud: LoggedCloud, anchor: string[] = []): Promise<SealedLog> {
  await cloud.advance('PT2M');
  // A copy that was made between a batch and its checkpoint says so itself.
  for (let copies = 1; ; copies++) {
    const log = await copyLog(cloud, anchor);
    if (copies === 3 || !log.said.includes('copy again')) return log;
  }
}

async function copyLog(cloud: LoggedCloud, anchor: string[]): Promise<SealedLog> {
  const client = new S3Client(clientSettings({ ...cloud.endpoints, region: 'eu-central-1' }));
  const copy = mkdtempSync(join(cloud.folder, 'log-'));
  try {
    const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
    const Bucket = Buckets.map(({ Name }) => Name!).find((name) => /audit/i.test(name));
    if (Bucket === undefined) throw new Error(`no bucket of the audit log among ${Buckets.map(({ Name }) => Name).join(', ')}`);
    const log: SealedLog = { lines: [], text: '', objects: [], files: new Map(), exitCode: -1, said: '' };
    for await (const page of paginateListObjectsV2({ client }, { Bucket })) {
      for (const { Key } of page.Contents ?? []) {
        const head = await client.send(new HeadObjectCommand({ Bucket, Key: Key! }));
        log.objects.push({ key: Key!, mode: head.ObjectLockMode, retainUntil: head.ObjectLockRetainUntilDate });
        const bytes = await (await client.send(new GetObjectCommand({ Bucket, Key: Key! }))).Body!.transformToByteArray();
        mkdirSync(dirname(join(copy, Key!)), { recursive: true });
        writeFileSync(join(copy, Key!), bytes);
        log.files.set(Key!.split('/').slice(2).join('/'), Buffer.from(bytes));
        const text = Buffer.from(bytes).toString('utf8');
        log.text += text;
        if (!Key!.includes('/batch/')) continue;
        for (const line of text.split('\n')) if (line !== '') log.lines.push(JSON.parse(line) as LogLine);
      }
    }
    const say = (text: string) => (log.said += text);
    const { exitCode } = await verifyAudit({
      place: copy,
      key: cloud.endpoints.auditPublicKey,
      anchor,
      now: await cloud.now(),
      print: say,
      warn: say,
    });
    return { ...log, exitCode, said: log.said };
  } finally {
    client.destroy();
    rmSync(copy, { recursive: true, force: true });
  }
}
