import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noteOf, parseCheckpoint } from '../../../core/audit/checkpoint.ts';
import { keyPair, makeLines, makeLog } from './log-fixture.ts';

const runs = (program: string) => spawnSync(program, [program === 'python3' ? '--version' : 'version']).status === 0;
const isPossible = runs('python3') && runs('openssl');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'audit-script-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(objects: ReadonlyMap<string, Buffer>, keys: ReturnType<typeof keyPair>) {
  const log = join(folder, 'log');
  for (const [name, bytes] of objects) {
    mkdirSync(dirname(join(log, name)), { recursive: true });
    writeFileSync(join(log, name), bytes);
  }
  const pem = join(folder, 'key.pem');
  writeFileSync(pem, keys.publicKey.export({ format: 'pem', type: 'spki' }));
  const { status, stdout, stderr } = spawnSync('python3', ['docs/verify_log.py', log, pem], { encoding: 'utf8' });
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
    expect(run(objects, keys)).toMatchObject({ status: 0 });
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
