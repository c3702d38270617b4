import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyForSize, type LogKey, manifestBody, readKeyManifest, readKeyRing } from '../../../core/audit/log-keys.ts';
import { verifyLog } from '../../../core/audit/verify-log.ts';
import { filesOf, keyPair, makeLines, makeLog, ORIGIN, signedNote, signedText } from './log-fixture.ts';

const [first, second, third] = [keyPair(), keyPair(), keyPair()];
const entry = (keys: ReturnType<typeof keyPair>, fromSize: number): LogKey => ({ key: keys.publicKey, fromSize });
const plain = (keys = first, fromSize = 0) => Buffer.from(manifestBody(ORIGIN, entry(keys, fromSize)));
const signed = (keys: ReturnType<typeof keyPair>, fromSize: number, by: ReturnType<typeof keyPair>, origin = ORIGIN) =>
  Buffer.from(signedText(by, manifestBody(origin, entry(keys, fromSize))));
const chain = [plain(), signed(second, 150, first), signed(third, 250, second)];

describe('the keys of a log', () => {
  it('follow one another, each declared by the one before', () => {
    const { origin, keys, trusted } = readKeyRing(chain, second.publicKey);
    expect([origin, trusted, keys.map(({ fromSize }) => fromSize)]).toEqual([ORIGIN, 1, [0, 150, 250]]);
  });

  it.each([
    [1, 0],
    [150, 0],
    [151, 1],
    [250, 1],
    [251, 2],
    [0, 0],
  ])('sign a checkpoint of %d lines with the key of its range', (size, place) => {
    const { keys } = readKeyRing(chain, first.publicKey);
    expect(keyForSize(keys, size)).toBe(keys[place]);
  });

  it.each([
    ['the trusted key is none of them', chain, keyPair(), /another key than the one you trust/, true],
    ['there are none', [], first, /another key/, true],
    ['a key is declared by a stranger', [plain(), signed(second, 150, third)], first, /keys\/0002: it is not signed/, true],
    ['a key declares itself', [plain(), signed(second, 150, second)], first, /keys\/0002: it is not signed/, true],
    ['a key is declared without a signature', [plain(), plain(second, 150)], first, /keys\/0002: the note has no signature block/, false],
    [
      'a key begins before the one that it follows',
      [...chain.slice(0, 2), signed(third, 150, second)],
      first,
      /keys\/0003: a key begins after/,
      false,
    ],
    ['the first key begins late', [plain(first, 5)], first, /from the beginning/, false],
    ['a manifest is of another log', [plain(), signed(second, 150, first, 'other/audit')], first, /keys\/0002: it is not signed/, true],
    ['a manifest is no JSON', [Buffer.from('x')], first, /not a key manifest/, false],
    ['a signed manifest is no JSON', [plain(), Buffer.from(signedText(first, 'x\n'))], first, /not a key manifest/, false],
  ])('are refused when %s', (_, manifests, trust, message, isForeign) => {
    expect(() => readKeyRing(manifests as Buffer[], trust.publicKey)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(message), isForeign }),
    );
  });

  it.each([
    ['version', { v: 2 }],
    ['name', { name: 1 }],
    ['key', { spki: 7 }],
    ['readable key', { spki: 'AAAA' }],
    ['key of ours', { spki: generateKeyPairSync('x25519').publicKey.export({ format: 'der', type: 'spki' }).toString('base64') }],
    ['beginning', { fromSize: '0' }],
    ['beginning at all', { fromSize: -1 }],
  ])('are refused without a %s', (_, change) => {
    const manifest = Buffer.from(JSON.stringify({ ...JSON.parse(plain().toString()), ...change }));
    expect(() => readKeyManifest(manifest, [])).toThrow('it is not a key manifest');
  });

  it('of any bytes throw nothing but that', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.boolean(), (bytes, isFirst) => {
        expect(() => readKeyManifest(Buffer.from(bytes), isFirst ? [] : [entry(first, 0)])).toThrow(
          expect.objectContaining({ name: 'BadManifest' }),
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe('a log whose key was changed', () => {
  const lines = makeLines(300);
  /** Batches 0, 99, 198, 297: the second key signs above 198, the third above 297. */
  const rotated = () => {
    const objects = makeLog(lines, first);
    const third300 = makeLog(lines, third).get('checkpoint/0000000000000300')!;
    objects.set('keys/0002', signed(second, 198, first)).set('keys/0003', signed(third, 297, second));
    objects.set('checkpoint/0000000000000297', makeLog(lines, second).get('checkpoint/0000000000000297')!);
    return objects.set('checkpoint/0000000000000300', third300);
  };
  const check = (objects: ReadonlyMap<string, Buffer>, key = first.publicKey, anchors: Buffer[] = []) =>
    verifyLog(filesOf(objects), { key, anchors, now: new Date('2026-03-01T10:30:00Z') });

  it('verifies by its first key, and by any later one', async () => {
    expect(await check(rotated())).toMatchObject({ valid: true, size: 300, notices: [] });
    expect(await check(rotated(), third.publicKey)).toMatchObject({ valid: true, notices: [expect.stringContaining('signs from 297 on')] });
  });

  it.each([
    [
      'an old key behind its range',
      (objects: Map<string, Buffer>) =>
        objects.set('checkpoint/0000000000000300', makeLog(lines, first).get('checkpoint/0000000000000300')!),
    ],
    [
      'a new key before its range',
      (objects: Map<string, Buffer>) =>
        objects.set('checkpoint/0000000000000198', makeLog(lines, second).get('checkpoint/0000000000000198')!),
    ],
  ])('refuses %s', async (_, work) => {
    const objects = rotated();
    work(objects);
    expect(await check(objects)).toMatchObject({
      invalid: { reason: 'UNKNOWN_KEY', detail: expect.stringContaining('outside its range') },
    });
  });

  it('refuses a manifest that is missing in between, forged or foreign', async () => {
    const without = rotated();
    without.delete('keys/0002');
    expect(await check(without)).toMatchObject({ valid: false, invalid: { reason: 'UNKNOWN_KEY' } });
    const short = rotated();
    short.delete('checkpoint/0000000000000300');
    short.delete('batch/0000000000000297');
    short.delete('checkpoint/0000000000000297');
    short.delete('batch/0000000000000198');
    short.delete('tile/0/000');
    expect(await check(short)).toMatchObject({ valid: true, size: 198 });
    expect(await check(short, third.publicKey)).toMatchObject({
      invalid: { reason: 'UNKNOWN_KEY', detail: expect.stringContaining('signed nothing yet') },
    });
    short.delete('keys/0002');
    expect(await check(short)).toMatchObject({ invalid: { reason: 'GAP', detail: expect.stringContaining('keys/0002 is missing') } });
    const forged = rotated().set('keys/0002', signed(second, 198, third));
    expect(await check(forged)).toMatchObject({ invalid: { reason: 'UNKNOWN_KEY' } });
    expect(await check(rotated().set('keys/0003', Buffer.from('x')))).toMatchObject({ invalid: { reason: 'UNEXPECTED_OBJECT' } });
  });

  it('takes an anchor by the key of its size only', async () => {
    const anchor = rotated().get('checkpoint/0000000000000297')!;
    expect(await check(rotated(), first.publicKey, [anchor])).toMatchObject({ valid: true });
    const wrong = Buffer.from(signedNote(first, 297, Buffer.alloc(32)));
    expect(await check(rotated(), first.publicKey, [wrong])).toMatchObject({ invalid: { reason: 'UNKNOWN_KEY' } });
  });
});

describe('tiles beside the lines', () => {
  const lines = makeLines(600);
  const check = (objects: ReadonlyMap<string, Buffer>) =>
    verifyLog(filesOf(objects), { key: first.publicKey, now: new Date('2026-03-01T10:30:00Z') });

  it('that were edited do not stand for the lines', async () => {
    const objects = makeLog(lines, first);
    objects.get('tile/0/001')!.write('~', 100);
    expect(await check(objects)).toMatchObject({
      invalid: { reason: 'ROOT_MISMATCH', from: 256, to: 511, detail: expect.stringContaining('tile/0/001') },
    });
  });

  it('that are missing are a note: they can be made again', async () => {
    const objects = makeLog(lines, first);
    objects.delete('tile/0/001');
    expect(await check(objects)).toMatchObject({ valid: true, notices: [expect.stringContaining('1 tiles are missing')] });
  });
});
