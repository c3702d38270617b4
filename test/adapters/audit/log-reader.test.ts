import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bucketLog } from '../../../adapters/audit/bucket-log.ts';
import { folderLog } from '../../../adapters/audit/folder-log.ts';
import { seal } from '../../../adapters/audit/sealer.ts';
import { verifyAudit } from '../../../cli/audit/verify-audit.ts';
import { verifyLog } from '../../../core/audit/verify-log.ts';
import { keyPair, makeLines, makeLog, ORIGIN, signedNote } from '../../core/audit/log-fixture.ts';
import { BUCKET, Events, type LogCloud, startLogCloud } from './log-cloud.ts';

const keys = keyPair();
const now = new Date('2026-03-01T10:30:00Z');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'audit-log-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const pem = () => {
  const file = `${folder}.pem`;
  writeFileSync(file, keys.publicKey.export({ format: 'pem', type: 'spki' }));
  return file;
};

function store(root: string, count = 120): void {
  for (const [name, bytes] of makeLog(makeLines(count), keys)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), bytes);
  }
}

describe('a folder', () => {
  const verify = async () => verifyLog(await folderLog(folder), { key: keys.publicKey, now });

  it('AUD-10: verifies wherever it lies, with or without the folders of the origin', async () => {
    store(folder);
    expect(await verify()).toMatchObject({ valid: true, size: 120 });
    const moved = join(folder, 'stick');
    cpSync(join(folder, 'batch'), join(moved, ORIGIN, 'batch'), { recursive: true });
    for (const part of ['checkpoint', 'keys', 'README']) cpSync(join(folder, part), join(moved, ORIGIN, part), { recursive: true });
    expect(await verifyLog(await folderLog(moved), { key: keys.publicKey, now })).toMatchObject({ valid: true, size: 120, origin: ORIGIN });
  });

  it('holds tiles in folders of their own, and nothing else there', async () => {
    store(folder, 600);
    expect(await verify()).toMatchObject({ valid: true, size: 600, notices: [] });
    mkdirSync(join(folder, 'tile/0/x001'), { recursive: true });
    expect(await verify()).toMatchObject({ valid: true });
    writeFileSync(join(folder, 'tile/0/x001/x'), '');
    expect(await verify()).toMatchObject({ invalid: { reason: 'UNEXPECTED_OBJECT' } });
  });

  it('without anything is an empty log', async () => {
    expect(await verify()).toMatchObject({ valid: true, size: 0 });
  });

  it.each([
    ['a file', () => writeFileSync(join(folder, 'x'), '')],
    ['a folder', () => mkdirSync(join(folder, 'x'))],
    ['a folder in place of a batch', () => mkdirSync(join(folder, 'batch', '0000000000000120'))],
    ['a link among the batches', () => symlinkSync('/etc/hosts', join(folder, 'batch', '0000000000000120'))],
    ['a dangling link', () => symlinkSync('/nowhere', join(folder, 'keys', '0002'))],
    [
      'a link in place of a folder',
      () => {
        cpSync(join(folder, 'batch'), `${folder}-batch`, { recursive: true });
        rmSync(join(folder, 'batch'), { recursive: true });
        symlinkSync(`${folder}-batch`, join(folder, 'batch'));
      },
    ],
  ])('AUD-08: with %s is refused', async (_, plant) => {
    store(folder);
    plant();
    expect(await verify()).toMatchObject({ valid: false, invalid: { reason: 'UNEXPECTED_OBJECT' } });
    rmSync(`${folder}-batch`, { recursive: true, force: true });
  });
});

describe('the command', () => {
  const run = async (options: object = {}) => {
    const printed: string[] = [];
    const warned: string[] = [];
    const result = await verifyAudit({
      place: folder,
      key: pem(),
      now,
      print: (text) => void printed.push(text),
      warn: (text) => void warned.push(text),
      ...options,
    });
    return { exitCode: result.exitCode, out: printed.join(''), err: warned.join('') };
  };
  afterEach(() => rmSync(`${folder}.pem`, { force: true }));

  it('answers 0 and says how far the log is proven', async () => {
    store(folder);
    const { exitCode, out } = await run();
    expect(exitCode).toBe(0);
    expect(out).toContain('complete up to 120 at 2026-03-01T10:01:59.000Z; tail not provable');
    expect((await run({ maxAge: '65m' })).out).not.toContain('not provable');
    expect(JSON.parse((await run({ json: true })).out)).toMatchObject({ valid: true, size: 120 });
  });

  it('answers 1 with the first bad index and the reason', async () => {
    store(folder);
    writeFileSync(join(folder, 'batch/0000000000000099'), 'x\n'.repeat(21));
    expect(await run()).toMatchObject({ exitCode: 1, out: expect.stringContaining('INVALID ROOT_MISMATCH at 99..119') });
    expect(await run({ maxAge: '1s' })).toMatchObject({ exitCode: 1 });
  });

  it('takes checkpoints and receipts as anchors, any number', async () => {
    store(folder);
    const note = join(tmpdir(), `note-${process.pid}`);
    const receipt = `${note}.json`;
    writeFileSync(note, readFileSync(join(folder, 'checkpoint/0000000000000120')));
    writeFileSync(receipt, JSON.stringify({ index: 1, checkpoint: signedNote(keys, 121, Buffer.alloc(32)) }));
    try {
      expect((await run({ anchor: note })).out).not.toContain('not provable');
      expect(await run({ anchor: [note, receipt] })).toMatchObject({
        exitCode: 1,
        out: expect.stringContaining('INVALID TAIL_CUT at 120'),
      });
    } finally {
      rmSync(note);
      rmSync(receipt);
    }
  });

  it.each([
    ['a place that is not there', { place: '/nowhere/at/all' }],
    ['a key that is not there', { key: '/nowhere.pem' }],
    ['an anchor that is not there', { anchor: '/nowhere' }],
    ['an age that is no length of time', { maxAge: 'soon' }],
  ])('answers 2 for %s', async (_, options) => {
    expect(await run(options)).toMatchObject({ exitCode: 2, out: '', err: expect.stringContaining('greenlight audit verify: ') });
  });
});

describe('the bucket', () => {
  let cloud: LogCloud;
  beforeAll(async () => {
    cloud = await startLogCloud();
    const events = new Events(cloud.table);
    for (let index = 0; index < 110; index++) await events.write(`PR-${index % 5}`);
    await seal(cloud.parts, () => true);
  });
  afterAll(() => cloud.dispose());

  const verify = async (prefix = '') =>
    verifyLog(await bucketLog(cloud.s3, BUCKET, prefix), { key: await cloud.parts.signers[0].publicKey(), now: cloud.clock.now() });

  it('is found without a prefix and with one, and shows its locks', async () => {
    const verdict = await verify();
    expect(verdict).toMatchObject({ valid: true, size: 111, origin: ORIGIN, notices: [expect.stringContaining('GOVERNANCE')] });
    expect(Date.parse(verdict.earliestRetention!)).toBeGreaterThan(Date.now() + 730 * 86_400_000);
    expect(await verify(ORIGIN)).toMatchObject({ valid: true, size: 111 });
  });

  it('shows that a key was written over, or hidden by a delete marker', async () => {
    const Key = `${ORIGIN}/batch/0000000000000000`;
    const batch = (await cloud.vault.read('batch/0000000000000000'))!;
    await cloud.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: batch }));
    expect(await verify()).toMatchObject({ invalid: { reason: 'KEY_NOT_SINGLE_VERSION' } });
    await cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key }));
    expect(await verify()).toMatchObject({ valid: false });
  });
});
