/** Table, locked bucket and signing key of the audit log, each the real local service behind a bare http server. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { type AuditVault, openVault } from '../../../adapters/audit/audit-vault.ts';
import { type CheckpointSigner, checkpointSigner } from '../../../adapters/audit/checkpoint-signer.ts';
import { logState } from '../../../adapters/audit/log-head.ts';
import type { SealerParts } from '../../../adapters/audit/sealer.ts';
import { openTable, type Table } from '../../../adapters/state/table.ts';
import { ENGINE } from '../../../core/access/identity.ts';
import { auditLine, eventId, lineHash } from '../../../core/audit/line.ts';
import type { Clock } from '../../../core/promotion/ports.ts';
import { createDynamoDb } from '../../../local/dynamodb/dynamodb.ts';
import { createKms } from '../../../local/kms/kms.ts';
import type { LocalService, ResourceRequest } from '../../../local/service.ts';
import { makeContext } from '../../local/context.ts';
import { startS3 } from '../../local/s3/s3-server.ts';

export const ORIGIN = 'greenlight.000000000000.eu-central-1/audit';
export const BUCKET = 'log';
const ACCESS = { region: 'eu-central-1', credentials: { accessKeyId: 'AKIATEST', secretAccessKey: 'test' } };

export interface LogCloud {
  table: Table;
  vault: AuditVault;
  s3: S3Client;
  dynamo: DynamoDBClient;
  /** Time passes at S3. */
  pass(milliseconds: number): Promise<void>;
  parts: SealerParts;
  clock: Clock & { add(milliseconds: number): void };
  /** A further signing key. */
  addSigner(): Promise<CheckpointSigner>;
  dispose(): Promise<void>;
}

const declare = (service: LocalService, type: string, logicalId: string, properties: Record<string, unknown>) =>
  service.resources[type]!({
    stack: 's',
    logicalId,
    type,
    properties,
    defaultName: logicalId,
    assembly: '',
    asset: () => undefined,
  } as ResourceRequest);

/** Serves a service whose requests are told apart by their headers only. */
async function serve(service: LocalService): Promise<{ origin: string; close(): Promise<void> }> {
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const answer = await service.handle({
      method: 'POST',
      url: new URL('http://127.0.0.1/'),
      headers: incoming.headers as Record<string, string>,
      body: Buffer.concat(chunks),
      caller: { kind: 'admin', accessKeyId: 'test' },
      requestId: 'test',
      presigned: false,
    });
    outgoing.writeHead(answer.status, answer.headers).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export async function startLogCloud(keySpec = 'ECC_NIST_EDWARDS25519'): Promise<LogCloud> {
  const s3Server = await startS3();
  await declare(s3Server.service, 'AWS::S3::Bucket', 'Log', {
    BucketName: BUCKET,
    VersioningConfiguration: { Status: 'Enabled' },
    ObjectLockEnabled: true,
    ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 731 } } },
  });
  const databaseContext = makeContext('dynamodb');
  const database = await createDynamoDb(databaseContext);
  const string = (AttributeName: string) => ({ AttributeName, AttributeType: 'S' });
  await declare(database, 'AWS::DynamoDB::Table', 'State', {
    TableName: 'state',
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [string('PK'), string('SK')],
    KeySchema: [
      { AttributeName: 'PK', KeyType: 'HASH' },
      { AttributeName: 'SK', KeyType: 'RANGE' },
    ],
  });
  const kmsContext = makeContext('kms');
  const kms = await createKms(kmsContext);
  const key = await declare(kms, 'AWS::KMS::Key', 'SigningKey', { KeySpec: keySpec, KeyUsage: 'SIGN_VERIFY' });
  let keys = 1;
  const servers = { database: await serve(database), kms: await serve(kms) };

  const dynamoClient = new DynamoDBClient({ ...ACCESS, endpoint: servers.database.origin });
  const s3 = new S3Client({ ...ACCESS, endpoint: s3Server.origin, forcePathStyle: true });
  const kmsClient = new KMSClient({ ...ACCESS, endpoint: servers.kms.origin });
  let now = Date.parse('2026-03-01T10:00:00Z');
  const clock = {
    now: () => new Date(now),
    add: (milliseconds: number) => {
      now += milliseconds;
    },
  };
  const table = openTable('state', dynamoClient);
  const vault = openVault(BUCKET, ORIGIN, s3);
  return {
    table,
    vault,
    s3,
    dynamo: dynamoClient,
    pass: (milliseconds) => s3Server.context.clock.advance(milliseconds),
    clock,
    addSigner: async () => {
      keys += 1;
      const another = await declare(kms, 'AWS::KMS::Key', `SigningKey${keys}`, { KeySpec: keySpec, KeyUsage: 'SIGN_VERIFY' });
      return checkpointSigner(another.ref, kmsClient);
    },
    parts: { log: logState(table, clock), vault, signers: [checkpointSigner(key.ref, kmsClient)] },
    async dispose() {
      for (const client of [dynamoClient, s3, kmsClient]) client.destroy();
      for (const server of Object.values(servers)) await server.close();
      await database.close?.();
      await kms.close?.();
      await s3Server.service.close?.();
      for (const context of [s3Server.context, databaseContext, kmsContext]) await context.dispose();
    },
  };
}

/** Events of requests as the business transactions write them: numbered and chained per request. */
export class Events {
  readonly #table: Pick<Table, 'put'>;
  readonly #last = new Map<string, { seq: number; prev: string }>();
  #count = 0;
  constructor(table: Pick<Table, 'put'>) {
    this.#table = table;
  }

  /** The next row of a request; `key` replaces its sort key. */
  row(rid: string, key?: string): Record<string, unknown> & { SK: string; line: string; seq: number } {
    const { seq, prev } = this.#last.get(rid) ?? { seq: 0, prev: '' };
    const ts = new Date(Date.parse('2026-03-01T10:00:00Z') + this.#count).toISOString();
    const line = auditLine(
      { rid, seq: seq + 1, prev, ts, tenant: 't' },
      { type: 'gate.finished', actor: ENGINE, auth: 'engine', channel: 'engine', data: {} },
    );
    this.#last.set(rid, { seq: seq + 1, prev: lineHash(line) });
    this.#count += 1;
    const SK = key ?? String(this.#count).padStart(26, '0');
    return { PK: 'OUTBOX#0', SK, id: eventId(rid, seq + 1), rid, seq: seq + 1, line };
  }

  async write(rid: string, key?: string) {
    const row = this.row(rid, key);
    await this.#table.put(row);
    return row;
  }
}

/** The next rows of the requests PR-0 to PR-6 in turn, written at once. */
export async function writeMany(events: Events, table: Pick<Table, 'put'>, count: number, requests = 7): Promise<string[]> {
  const rows = Array.from({ length: count }, (_, index) => events.row(`PR-${index % requests}`));
  await Promise.all(rows.map((row) => table.put(row)));
  return rows.map(({ line }) => line);
}

/** All lines of the log in order, read batch by batch, with every checkpoint's size. */
export async function storedLines(vault: AuditVault): Promise<string[]> {
  const lines: string[] = [];
  for (;;) {
    const batch = await vault.read(`batch/${String(lines.length).padStart(16, '0')}`);
    if (!batch) return lines;
    lines.push(...batch.toString().split('\n').slice(0, -1));
  }
}
