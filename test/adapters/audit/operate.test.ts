import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { DeleteObjectCommand, GetObjectLegalHoldCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addFailure } from '../../../adapters/access/failure-counts.ts';
import { bucketLog } from '../../../adapters/audit/bucket-log.ts';
import { holdLines } from '../../../adapters/audit/legal-hold.ts';
import { logIndex } from '../../../adapters/audit/log-index.ts';
import { clientSettings } from '../../../adapters/audit/log-reader.ts';
import { recordFailures } from '../../../adapters/audit/record-failures.ts';
import { recoverHead } from '../../../adapters/audit/recover-head.ts';
import { reindex } from '../../../adapters/audit/reindex.ts';
import { seal } from '../../../adapters/audit/sealer.ts';
import { headsOfRequests, pendingEvents } from '../../../adapters/audit/state-heads.ts';
import type { Item } from '../../../adapters/state/table.ts';
import { minuteOf } from '../../../core/access/failed-sign-ins.ts';
import { verifyLog } from '../../../core/audit/verify-log.ts';
import { greenlight } from '../../cli/command-line.ts';
import { keyPair, makeLines, makeLog } from '../../core/audit/log-fixture.ts';
import { BUCKET, Events, type LogCloud, ORIGIN, startLogCloud, storedLines, writeMany } from './log-cloud.ts';

const always = () => true;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'audit-operate-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('in the cloud', () => {
  let cloud: LogCloud;
  let events: Events;
  beforeEach(async () => {
    cloud = await startLogCloud();
    events = new Events(cloud.table);
    await writeMany(events, cloud.table, 150);
    await seal(cloud.parts, always);
  });
  afterEach(() => cloud.dispose());

  const files = () => bucketLog(cloud.s3, BUCKET, '');
  const key = () => cloud.parts.signers[0].publicKey();
  const recover = async () => recoverHead(await files(), cloud.table, await key(), cloud.clock);

  describe('the head of the log', () => {
    it('is computed again when it is lost, set back, or wrong, and sealing goes on without losing or doubling an event', async () => {
      const head = (await cloud.table.get('LOG#head', 'HEAD')) as Item;
      expect(await recover()).toMatchObject({ outcome: 'in order', dropped: 0 });
      // A restore of the table brings back a head of before, no heartbeat, and rows that are sealed already.
      const lines = await storedLines(cloud.vault);
      const again = lines.slice(0, 120).filter((line) => !line.includes('sys:log'));
      for (const [place, line] of again.entries()) {
        const { id, rid, seq } = JSON.parse(line) as { id: string; rid: string; seq: number };
        await cloud.table.put({ PK: 'OUTBOX#0', SK: String(place).padStart(26, '0'), id, rid, seq, line });
      }
      await cloud.table.remove('LOG#head', 'HEAD');
      await cloud.table.remove('LOG#head', 'HEARTBEAT');
      expect(await recover()).toMatchObject({ outcome: 'recovered', dropped: again.length });
      expect(await cloud.table.get('LOG#head', 'HEAD')).toEqual({ ...head, at: expect.anything() });
      await events.write('PR-1');
      expect(await seal(cloud.parts, always)).toMatchObject({ sealed: 1, size: 152 });
      cloud.clock.add(60 * 60_000);
      expect(await seal(cloud.parts, always)).toMatchObject({ sealed: 1, size: 153 });
      expect(await verifyLog(await files(), { key: await key(), now: cloud.clock.now() })).toMatchObject({ valid: true, size: 153 });
    });

    it('is not set back to a log that is shorter than what was signed, nor to one that is not valid', async () => {
      const head = (await cloud.table.get('LOG#head', 'HEAD')) as Item;
      await cloud.table.put({ ...head, size: 500 });
      expect(await recover()).toMatchObject({ outcome: 'refused', before: 500 });
      expect(await recoverHead(await files(), cloud.table, keyPair().publicKey, cloud.clock)).toMatchObject({
        outcome: 'refused',
        verdict: { invalid: { reason: 'UNKNOWN_KEY' } },
      });
    });
  });

  it('the chain of failed sign-ins goes on where the log ends, after a restore', async () => {
    const fail = async () => {
      await addFailure(cloud.table, 'link', '198.51.100.1', minuteOf(cloud.clock.now()));
      cloud.clock.add(120_000);
      await recordFailures(cloud.table, cloud.clock);
      await seal(cloud.parts, always);
    };
    await fail();
    const restored = (await cloud.table.get('LOG#head', 'FAILURES#link')) as Item;
    await fail();
    await cloud.table.put(restored);
    await cloud.table.remove('LOG#head', 'HEAD');
    expect(await recover()).toMatchObject({ outcome: 'recovered' });
    await fail();
    expect(await verifyLog(await files(), { key: await key(), now: cloud.clock.now() })).toMatchObject({ valid: true });
    expect((await storedLines(cloud.vault)).filter((line) => line.includes('sys:failures:link'))).toHaveLength(3);
  });

  describe('what follows from the log', () => {
    const again = async (isDry = false, more = {}) => {
      const { table, dynamo: client, clock } = cloud;
      return reindex({ files: await files(), table, client, name: 'state', key: await key(), clock, ...more }, isDry);
    };
    const rows = async () =>
      (await cloud.dynamo.send(new ScanCommand({ TableName: 'state', ConsistentRead: true })))
        .Items!.map((item) => unmarshall(item))
        .filter(({ PK }) => String(PK).startsWith('AUDIT#'))
        .map((row) => JSON.stringify(Object.entries(row).sort()))
        .sort();

    it('is made from nothing, as it was made event by event', async () => {
      await logIndex(cloud.table, cloud.vault).catchUp(151, always);
      const made = await rows();
      expect(await again()).toMatchObject({ repaired: 0, foreign: 0, tiles: 0, checked: made.length - 1 });
      for (const row of made) {
        const { PK, SK } = Object.fromEntries(JSON.parse(row) as [string, string][]) as { PK: string; SK: string };
        await cloud.table.remove(PK, SK);
      }
      expect(await again(true)).toMatchObject({ repaired: made.length - 1 });
      expect(await rows()).toEqual([]);
      await again();
      expect(await rows()).toEqual(made);
    });

    it('is mended where somebody has changed it, and rid of what no line makes; what was sealed since is left', async () => {
      const index = logIndex(cloud.table, cloud.vault);
      await index.catchUp(151, always);
      const made = await rows();
      const { id } = JSON.parse((await storedLines(cloud.vault))[5]!) as { id: string };
      const event = (await cloud.table.get(`AUDIT#EVENT#${id}`, 'EVENT')) as Item;
      await cloud.table.put({ ...event, index: 77 });
      await cloud.table.remove('AUDIT#T#t', (await cloud.table.query({ pk: 'AUDIT#T#t', limit: 1 })).items[0]!['SK'] as string);
      await cloud.table.put({ ...event, PK: 'AUDIT#EVENT#forged' });
      await cloud.table.put({ PK: 'AUDIT#A#t#payment-api', SK: `2026-03-01T10:00:00.000Z#${'7'.padStart(16, '0')}`, body: {} });
      await cloud.table.put({ PK: 'AUDIT#A#t#payment-api', SK: 'nonsense', body: {} });
      const later = { PK: 'AUDIT#EVENT#later', SK: 'EVENT', index: 151 };
      await cloud.table.put(later);
      await cloud.table.put({ PK: 'AUDIT#POSITION', SK: 'HEAD', size: 9_999 });
      const before = await rows();
      expect(await again(true)).toMatchObject({ repaired: 2, foreign: 3 });
      expect(await rows()).toEqual(before);
      expect(await again()).toMatchObject({ repaired: 2, foreign: 3 });
      await cloud.table.remove(later.PK, later.SK);
      expect(await rows()).toEqual(made);
      expect(await index.placeOf(id)).toMatchObject({ index: 5 });
    });

    it('is told to the sealer where tiles are missing, and to nobody when the log is not valid', async () => {
      await writeMany(events, cloud.table, 150);
      await seal(cloud.parts, always);
      const whole = await files();
      const without = {
        ...whole,
        read: (name: string) => (name.startsWith('tile/') ? Promise.resolve(undefined) : whole.read(name)),
        async *list() {
          for await (const object of whole.list()) if (!object.name.startsWith('tile/')) yield object;
        },
      };
      expect(await again(false, { files: without })).toMatchObject({ tiles: 2, verdict: { valid: true } });
      expect(await cloud.parts.log.tiled()).toBe(0);
      await seal(cloud.parts, always);
      expect(await cloud.parts.log.tiled()).toBe(256);
      const before = await rows();
      expect(await again(false, { key: keyPair().publicKey })).toMatchObject({ verdict: { valid: false }, checked: 0, foreign: 0 });
      expect(await rows()).toEqual(before);
    });
  });

  it('heads and pending events are read as the table has them', async () => {
    await cloud.table.put({ PK: 'REQ#PR-9', SK: 'HEAD', body: { seq: 4, lastLine: 'ab' } });
    await cloud.table.put({ PK: 'REQ#PR-9', SK: 'TEXTS', body: {} });
    const { SK, line } = await events.write('PR-1');
    expect(await headsOfRequests(cloud.dynamo, 'state')).toEqual([{ rid: 'PR-9', seq: 4, lastLine: 'ab' }]);
    expect(await pendingEvents(cloud.dynamo, 'state')).toEqual([{ rid: 'PR-1', seq: 23, key: SK, line }]);
  });

  it('AUD-19: objects under a legal hold stay when their retention is over', async () => {
    const names = await holdLines(cloud.s3, BUCKET, ORIGIN, { from: 100, to: 120 }, true);
    expect(names).toEqual(['batch/0000000000000099', 'checkpoint/0000000000000151']);
    expect(await verifyLog(await files(), { key: await key(), now: cloud.clock.now() })).toMatchObject({
      valid: true,
      locks: { held: 2, none: 0 },
    });
    const remove = async (name: string) => {
      const Key = `${ORIGIN}/${name}`;
      const { Versions } = await cloud.s3.send(new ListObjectVersionsCommand({ Bucket: BUCKET, Prefix: Key }));
      return cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key, VersionId: Versions![0]!.VersionId! }));
    };
    await expect(remove('batch/0000000000000000')).rejects.toThrow(/denied|locked|WORM/i);
    await cloud.pass(732 * 86_400_000);
    await expect(remove('batch/0000000000000099')).rejects.toThrow(/denied|locked|WORM/i);
    await remove('batch/0000000000000000');
    await holdLines(cloud.s3, BUCKET, ORIGIN, { from: 100, to: 120 }, false);
    const { LegalHold } = await cloud.s3.send(new GetObjectLegalHoldCommand({ Bucket: BUCKET, Key: `${ORIGIN}/batch/0000000000000099` }));
    expect(LegalHold?.Status).toBe('OFF');
    await remove('batch/0000000000000099');
  });
});

describe('on the command line', () => {
  const keys = keyPair();
  const lines = makeLines(130);
  let log: string;
  let key: string;
  beforeEach(() => {
    log = join(folder, 'log');
    key = join(folder, 'audit.pub');
    writeFileSync(key, keys.publicKey.export({ format: 'pem', type: 'spki' }));
    for (const [name, bytes] of makeLog(lines, keys)) {
      mkdirSync(dirname(join(log, name)), { recursive: true });
      writeFileSync(join(log, name), bytes);
    }
  });
  const { id, rid } = JSON.parse(lines[77]!) as { id: string; rid: string };

  it('AUD-12: an event is proven out of a folder, and the proof is checked by itself', async () => {
    const proof = join(folder, 'proof.json');
    expect(await greenlight(['audit', 'prove', id, '--log', log, '--key', key, '--output', proof])).toMatchObject({
      exitCode: 0,
    });
    rmSync(log, { recursive: true });
    expect(await greenlight(['audit', 'verify-proof', proof, '--key', key])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining(`line 77 of the log: gate.finished of ${rid}`),
    });
    const file = JSON.parse(readFileSync(proof, 'utf8')) as { line: string; index: number };
    const check = async (change: object) => {
      writeFileSync(proof, JSON.stringify({ ...file, ...change }));
      return greenlight(['audit', 'verify-proof', proof, '--key', key, '--json']);
    };
    const altered = await check({ line: file.line.replace('gate', 'gale') });
    expect([altered.exitCode, JSON.parse(altered.stdout)]).toMatchObject([1, { valid: false, invalid: { reason: 'ROOT_MISMATCH' } }]);
    expect(await check({ index: 78 })).toMatchObject({ exitCode: 1 });
    expect(await check({ index: 130 })).toMatchObject({ exitCode: 2 });
    expect(await check({ v: 2 })).toMatchObject({ exitCode: 2 });
  });

  it.each([
    ['an event that is not there', 1, () => ['audit', 'prove', 'f'.repeat(32), '--log', log, '--key', key]],
    ['no key', 2, () => ['audit', 'prove', id, '--log', log]],
    ['a folder that is not there', 2, () => ['audit', 'prove', id, '--log', '/nowhere', '--key', key]],
    ['a proof that is not there', 2, () => ['audit', 'verify-proof', '/nowhere', '--key', key]],
    ['a hold on a folder', 2, () => ['audit', 'hold', log, '0..5']],
    ['an index of a log that is not there', 2, () => ['audit', 'reindex', '/nowhere', '--key', key, '--table', 'state']],
    ['an index without a table', 2, () => ['audit', 'reindex', log, '--key', key]],
    ['a hold on no range', 2, () => ['audit', 'hold', 's3://log', '5..0']],
    ['locks of a folder', 2, () => ['audit', 'verify', log, '--key', key, '--locked', 'COMPLIANCE']],
  ])('%s ends with %d', async (_, exitCode, argv) => {
    expect(await greenlight(argv())).toMatchObject({ exitCode, stdout: '' });
  });

  it('the region is that of the AWS command line, however it is named', () => {
    expect(clientSettings({ AWS_DEFAULT_REGION: 'eu-west-1' }).region).toBe('eu-west-1');
    expect(clientSettings({ AWS_DEFAULT_REGION: 'eu-west-1', AWS_REGION: 'eu-central-1' }).region).toBe('eu-central-1');
    // What a profile says is found by the SDK itself.
    expect(clientSettings({})).not.toHaveProperty('region');
  });

  it('no proof is made of a log that was edited', async () => {
    writeFileSync(join(log, 'batch/0000000000000099'), 'x\n'.repeat(31));
    expect(await greenlight(['audit', 'prove', id, '--log', log, '--key', key])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('ROOT_MISMATCH'),
    });
  });
});
