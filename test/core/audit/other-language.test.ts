import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noteOf, parseCheckpoint } from '../../../core/audit/checkpoint.ts';
import { manifestBody } from '../../../core/audit/log-keys.ts';
import { leafHash, rootOfLeaves } from '../../../core/audit/merkle.ts';
import { keyPair, makeLines, makeLog, ORIGIN, signedNote, signedText } from './log-fixture.ts';

const runs = (program: string) => spawnSync(program, [program === 'python3' ? '--version' : 'version']).status === 0;
const isPossible = runs('python3') && runs('openssl');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'audit-script-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(objects: ReadonlyMap<string, Buffer>, keys: { publicKey: KeyObject }, anchors: string[] = [], script = 'docs/verify_log.py') {
  const log = join(folder, 'log');
  for (const [name, bytes] of objects) {
    mkdirSync(dirname(join(log, name)), { recursive: true });
    writeFileSync(join(log, name), bytes);
  }
  const pem = join(folder, 'key.pem');
  writeFileSync(pem, keys.publicKey.export({ format: 'pem', type: 'spki' }));
  const { status, stdout, stderr } = spawnSync('python3', [script, log, pem, ...anchors], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe.skipIf(!isPossible)('the script of 40 lines in another language', () => {
  it('agrees that the log is valid, and how far', () => {
    const keys = keyPair();
    expect(run(makeLog(makeLines(230), keys), keys)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('valid: complete up to 230 at'),
    });
  });

  it('agrees on logs of P-256 keys', () => {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const objects = makeLog(makeLines(10), keyPair());
    for (const [name, bytes] of objects) {
      if (!name.startsWith('checkpoint/')) continue;
      const { body, origin } = parseCheckpoint(bytes);
      objects.set(name, Buffer.from(noteOf(body, origin, keys.publicKey, sign('sha256', Buffer.from(body), keys.privateKey))));
    }
    objects.set('keys/0001', Buffer.from(manifestBody(ORIGIN, { key: keys.publicKey, fromSize: 0 })));
    expect(run(objects, keys)).toMatchObject({ status: 0 });
  });

  it('agrees on a log whose key was changed, by the keys that are declared and no other', () => {
    const [first, second] = [keyPair(), keyPair()];
    const lines = makeLines(230);
    const objects = makeLog(lines, first);
    const manifest = manifestBody(ORIGIN, { key: second.publicKey, fromSize: 198 });
    objects.set('keys/0002', Buffer.from(signedText(first, manifest)));
    expect(run(objects, first)).toMatchObject({ status: 1, stderr: expect.stringContaining('not signed by the key of its range') });
    objects.set('checkpoint/0000000000000230', makeLog(lines, second).get('checkpoint/0000000000000230')!);
    expect(run(objects, first)).toMatchObject({ status: 0 });
    expect(run(objects, second)).toMatchObject({ status: 0 });
    objects.set('keys/0002', Buffer.from(signedText(second, manifest)));
    expect(run(objects, first)).toMatchObject({ status: 1, stderr: expect.stringContaining('not declared by the key before it') });
  });

  it('takes anchors: AUD-04 a cut end and AUD-05 a fork show against them', () => {
    const keys = keyPair();
    const note = (size: number, root: Buffer) => {
      const file = join(folder, `anchor-${size}`);
      writeFileSync(file, signedNote(keys, size, root));
      return file;
    };
    const lines = makeLines(230);
    const rootAt = (size: number) => rootOfLeaves(lines.slice(0, size).map((line) => leafHash(Buffer.from(line))));
    const objects = makeLog(lines, keys);
    expect(run(objects, keys, [note(230, rootAt(230)), note(57, rootAt(57))])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('covers the end'),
    });
    expect(run(objects, keys, [note(231, rootAt(230))])).toMatchObject({ status: 1, stderr: expect.stringContaining('cut off') });
    expect(run(objects, keys, [note(57, rootAt(58))])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('not those of the anchor'),
    });
  });

  it('confirms the signed root from the tiles alone, as any reader of tlog-tiles would', () => {
    const keys = keyPair();
    const objects = makeLog(makeLines(600), keys);
    expect(run(objects, keys, [], 'docs/verify_tiles.py')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('root of 600 lines'),
    });
    objects.get('tile/0/001')!.write('~', 40);
    expect(run(objects, keys, [], 'docs/verify_tiles.py')).toMatchObject({ status: 1 });
  });

  it.each([
    ['a changed byte', (objects: Map<string, Buffer>) => objects.get('batch/0000000000000099')!.write('~', 20)],
    ['a missing checkpoint', (objects: Map<string, Buffer>) => objects.delete('checkpoint/0000000000000198')],
    ['a missing batch', (objects: Map<string, Buffer>) => objects.delete('batch/0000000000000099')],
    ['a foreign file', (objects: Map<string, Buffer>) => objects.set('batch/x', Buffer.alloc(0))],
  ])('finds %s', (_, work) => {
    const keys = keyPair();
    const objects = makeLog(makeLines(230), keys);
    work(objects);
    expect(run(objects, keys).status).toBe(1);
  });

  it('does not take a log of another key', () => {
    expect(run(makeLog(makeLines(10), keyPair()), keyPair())).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('not signed by this key'),
    });
  });
});
