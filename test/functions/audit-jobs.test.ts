/** What watches the log: the sealer's own numbers while it cannot seal, and the guard, which looks from outside. */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectLegalHoldCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { holdLines } from '../../adapters/audit/legal-hold.ts';
import { sealedEvidence } from '../../adapters/audit/sealed-evidence.ts';
import { parseCheckpoint } from '../../core/audit/checkpoint.ts';
import { createRequest, outcome } from './requests.ts';
import { startWorld, type World } from './world.ts';

const Bucket = 'log';
let world: World;
let origin: string;
let s3: S3Client;
let guard: typeof import('../../functions/audit/guard.job.ts').handler;

beforeAll(async () => {
  world = await startWorld();
  process.env['LOG_LOCK'] = 'GOVERNANCE 731';
  origin = process.env['LOG_ORIGIN']!;
  s3 = new S3Client({ maxAttempts: 1 });
  ({ handler: guard } = await import('../../functions/audit/guard.job.ts'));
  await createRequest(world, 'dev');
  await world.seal();
});
afterAll(async () => {
  s3.destroy();
  await world.close();
});
beforeEach(() => void world.logged.splice(0));
afterEach(() => vi.restoreAllMocks);

const away = (name: string) => Object.assign(new Error(`${name}: 503`), { $metadata: { httpStatusCode: 503 } });

/** Commands of this name fail as S3 does when it is away; the rest go through. */
function failing(name: string): { mockRestore(): void } {
  const send = S3Client.prototype.send;
  return vi.spyOn(S3Client.prototype, 'send').mockImplementation(function (this: S3Client, ...parameters: Parameters<typeof send>) {
    if (parameters[0].constructor.name === name) return Promise.reject(away(name)) as never;
    return send.apply(this, parameters) as never;
  });
}

/** Last value of a metric that the functions have put; undefined: none. */
const metric = (name: string): number | undefined =>
  world.logged
    .filter((line) => line.includes('CloudWatchMetrics'))
    .map((line) => (JSON.parse(line) as Record<string, number>)[name])
    .filter((value) => value !== undefined)
    .at(-1);
const told = () => world.logged.filter((line) => line.includes('"detail"')).map((line) => (JSON.parse(line) as { detail: string }).detail);
const outbox = async () => (await world.state.table.all({ pk: 'OUTBOX#0' })).length;

describe('AUD-17 AUD-18: while the log cannot be written', () => {
  it('requests are accepted, effects wait, the lag passes the alarm in five minutes, and all is sealed afterwards', async () => {
    const gone = failing('PutObjectCommand');
    const id = await createRequest(world, 'cpi');
    const waiting = await outbox();
    expect(waiting).toBeGreaterThan(0);
    await expect(world.seal()).rejects.toThrow('503');
    expect(metric('SealingLag')).toBeLessThan(300);
    const { promotions, table, clock } = world.state;
    const evidence = sealedEvidence(table, clock, async () => void (await world.seal()), 200);
    const head = (await promotions.head(id))!;
    await expect(evidence.seal(head)).rejects.toMatchObject({ name: 'AUDIT_UNAVAILABLE' });

    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 301_000 });
    try {
      await expect(world.seal()).rejects.toThrow('503');
    } finally {
      vi.useRealTimers();
    }
    // The threshold of the alarm SealingLags: test/project/stacks.test.ts.
    expect(metric('SealingLag')).toBeGreaterThanOrEqual(300);
    expect(metric('SealerHalted')).toBe(0);
    expect(await outbox()).toBeGreaterThanOrEqual(waiting);
    expect((await world.call('GET', `/v1/requests/staging/${id}`, { as: 'cpi' })).status).toBe(200);

    gone.mockRestore();
    await evidence.seal(head);
    await world.seal();
    expect(await outbox()).toBe(0);
    expect(metric('SealingLag')).toBe(0);
    const { json } = await world.call('GET', `/v1/audit?request=${id}`, { as: 'auditor' });
    expect(json.items.map(({ type }: { type: string }) => type)).toContain('promotion.requested');
  });

  it('a proof is 503 while its bucket does not answer', async () => {
    const gone = failing('GetObjectCommand');
    const [event] = (await world.call('GET', '/v1/audit?limit=1', { as: 'auditor' })).json.items;
    expect(outcome(await world.call('GET', `/v1/audit/${event.id}/proof`, { as: 'auditor' }))).toBe('503 UNAVAILABLE');
    gone.mockRestore();
    expect((await world.call('GET', `/v1/audit/${event.id}/proof`, { as: 'auditor' })).status).toBe(200);
  });
});

describe('AUD-19: what a search finds', () => {
  it('names the lines that a legal hold takes, and is held with the checkpoint behind them', async () => {
    const [{ requestId }] = (await world.call('GET', '/v1/audit?type=promotion.requested&limit=1', { as: 'auditor' })).json.items;
    const { json } = await world.call('GET', `/v1/audit?request=${requestId}&limit=100`, { as: 'auditor' });
    const indexes = json.items.map(({ index }: { index: number }) => index) as number[];
    const names = await holdLines(s3, Bucket, origin, { from: Math.min(...indexes), to: Math.max(...indexes) }, true);
    expect(names.filter((name) => name.startsWith('checkpoint/')).length).toBeGreaterThan(0);
    for (const name of names) {
      const { LegalHold } = await s3.send(new GetObjectLegalHoldCommand({ Bucket, Key: `${origin}/${name}` }));
      expect(LegalHold?.Status, name).toBe('ON');
    }
    // Held or not, it is found and proven as before.
    const found = await world.call('GET', `/v1/audit/${json.items[0].id}/proof`, { as: 'auditor' });
    expect(outcome(found)).toBe('200');
    await holdLines(s3, Bucket, origin, { from: Math.min(...indexes), to: Math.max(...indexes) }, false);
  });
});

describe('the guard', () => {
  const newest = async () => {
    const { Versions = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: `${origin}/checkpoint/` }));
    return Versions.map(({ Key }) => Key!)
      .sort()
      .at(-1)!;
  };
  const lockFor = (Days: number) =>
    s3.send(
      new PutObjectLockConfigurationCommand({
        Bucket,
        ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days } } },
      }),
    );

  it('finds nothing in a log that is whole and locked', async () => {
    expect(await guard()).toEqual({ lock: 0, log: 0 });
    expect([metric('LogNotLocked'), metric('LogNotWhole'), told()]).toEqual([0, 0, []]);
  });

  it('AUD-13: tells of a lock that was shortened, also when the lines cannot be read, and then fails', async () => {
    await lockFor(30);
    expect(await guard()).toEqual({ lock: 1, log: 0 });
    world.logged.splice(0);
    const gone = failing('GetObjectCommand');
    await expect(guard()).rejects.toThrow(/503|does not answer/);
    gone.mockRestore();
    expect(told()).toEqual(['the default retention is 30 days, not 731']);
    expect([metric('LogNotLocked'), metric('LogNotWhole')]).toEqual([1, undefined]);
    await lockFor(731);
  });

  it('tells of lines that are missing also when the lock cannot be looked at, and then fails', async () => {
    const Key = `${origin}/batch/0000000000000000`;
    const { VersionId } = await s3.send(new DeleteObjectCommand({ Bucket, Key }));
    const gone = failing('GetObjectLockConfigurationCommand');
    await expect(guard()).rejects.toThrow(/503|does not answer/);
    gone.mockRestore();
    expect(told()).toEqual([expect.stringMatching(/^lines 0 to \d+ are not all in the log$|^batch\/0{16} is missing$/)]);
    expect([metric('LogNotLocked'), metric('LogNotWhole')]).toEqual([undefined, 1]);
    await s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId: VersionId! }));
    expect(await guard()).toEqual({ lock: 0, log: 0 });
  });

  it('AUD-05: tells of a fork: a checkpoint that says something else of the same lines', async () => {
    const Key = await newest();
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    const note = await Body!.transformToString();
    const { root } = parseCheckpoint(Buffer.from(note));
    const other = note.replace(root.toString('base64'), Buffer.alloc(32, 7).toString('base64'));
    const { VersionId } = await s3.send(new PutObjectCommand({ Bucket, Key, Body: other, ChecksumAlgorithm: 'SHA256' }));
    expect(await guard()).toEqual({ lock: 0, log: 1 });
    expect(told()).toEqual([expect.stringMatching(/^checkpoint.\d{16} and the lines before it do not agree$/)]);
    await s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId: VersionId!, BypassGovernanceRetention: true }));
    expect(await guard()).toEqual({ lock: 0, log: 0 });
  });

  it('says nothing of a log that has not begun', async () => {
    const head = (await world.state.table.get('LOG#head', 'HEAD'))!;
    await world.state.table.remove('LOG#head', 'HEAD');
    expect(await guard()).toEqual({ lock: 0, log: 0 });
    await world.state.table.put(head);
  });
});
