import { sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { noteOf, parseCheckpoint } from '../../../core/audit/checkpoint.ts';
import { batchBytes, batchName, checkpointName, linesOf, readName } from '../../../core/audit/layout.ts';
import { auditLine, eventId, LONGEST_LINE_BYTES, lineHash } from '../../../core/audit/line.ts';
import { NotPlainObject } from '../../../core/audit/log-files.ts';
import { manifestBody, readKeyRing } from '../../../core/audit/log-keys.ts';
import { provesConsistency, provesInclusion } from '../../../core/audit/merkle-proof.ts';
import { nextBatch, readPending } from '../../../core/audit/next-batch.ts';
import { RequestChains } from '../../../core/audit/request-chains.ts';
import { verifyLog } from '../../../core/audit/verify-log.ts';
import { filesOf, keyPair, makeLines, makeLog, ORIGIN, signedNote, signedText } from './log-fixture.ts';

const keys = keyPair();
const now = new Date('2026-03-01T10:30:00Z');
const hash = Buffer.alloc(32);

describe('what is not as it must be, at its edges', () => {
  it('a note that is too long, or whose origin is no name, is no checkpoint', () => {
    expect(() => parseCheckpoint(Buffer.alloc(128 * 1024 + 1, 97))).toThrow('too long');
    expect(() => parseCheckpoint(Buffer.from(signedText(keys, `a b\n1\n${hash.toString('base64')}\n`)))).toThrow(
      'the origin is not a name',
    );
  });

  it('a name beyond the safe integers is none, and a batch without lines neither', () => {
    expect(readName('batch/9999999999999999')).toBeUndefined();
    expect(readName('keys/0000')).toBeUndefined();
    expect(readName('keys/0012')).toEqual({ kind: 'manifest', at: 12 });
    expect(linesOf(Buffer.alloc(0))).toBeUndefined();
    expect(linesOf(Buffer.from('a\nb'))).toBeUndefined();
    expect(linesOf(batchBytes(Array.from({ length: 100 }, () => 'x')))).toBeUndefined();
  });

  it('a line that is too long is refused before it is written', () => {
    const subject = {
      rid: 'r',
      seq: 1,
      prev: '',
      ts: now.toISOString(),
      tenant: 't',
      artifact: 'a',
      digest: 'd',
      from: 'x',
      to: 'y',
      plan: 'p',
    };
    const event = { type: 'gate.finished', actor: { id: 'p-1' }, auth: 'oidc', channel: 'rest', data: {} } as never;
    const line = auditLine(subject, event);
    expect(JSON.parse(line)).toMatchObject({ id: eventId('r', 1), artifact: 'a', plan: 'p' });
    expect(JSON.parse(auditLine({ rid: 'r', seq: 1, prev: '', ts: '', tenant: '' }, event))).toMatchObject({ artifact: null, plan: null });
    expect(lineHash(line)).toMatch(/^[0-9a-f]{64}$/);
    const large = {
      type: 'gate.finished',
      actor: { id: 'p-1' },
      auth: 'oidc',
      channel: 'rest',
      data: { text: 'x'.repeat(LONGEST_LINE_BYTES) },
    } as never;
    expect(() => auditLine(subject, large)).toThrow(expect.objectContaining({ code: 'LIMIT' }));
  });

  it('a later key of another log is refused, though the key before it has signed it', () => {
    const next = keyPair();
    const first = Buffer.from(manifestBody(ORIGIN, { key: keys.publicKey, fromSize: 0 }));
    const body = manifestBody('other/audit', { key: next.publicKey, fromSize: 5 });
    const note = noteOf(body, 'other/audit', keys.publicKey, sign(null, Buffer.from(body), keys.privateKey));
    expect(() => readKeyRing([first, Buffer.from(note)], keys.publicKey)).toThrow('keys/0002 belongs to another log');
  });

  it('a proof of another shape proves nothing', () => {
    expect(provesConsistency(3, 5, [Buffer.alloc(31)], hash, hash)).toBe(false);
    expect(provesConsistency(3, 5, [], hash, hash)).toBe(false);
    expect(provesConsistency(4, 5, [hash, hash, hash, hash], hash, hash)).toBe(false);
    expect(provesConsistency(0, 5, [], hash, hash)).toBe(false);
    expect(provesConsistency(5, 5, [hash], hash, hash)).toBe(false);
    expect(provesConsistency(5, 5, [], hash, hash)).toBe(true);
    expect(provesInclusion(hash, 0, 2, [Buffer.alloc(31)], hash)).toBe(false);
    expect(provesInclusion(hash, 0.5, 2, [hash], hash)).toBe(false);
  });

  it('a row of the outbox that is no event blocks its request, and nobody where none is named', () => {
    const line = JSON.stringify({ id: eventId('r', 2), rid: 'r', seq: 2 });
    const good = readPending({ SK: 'b', id: eventId('r', 2), rid: 'r', seq: 2, line });
    const bad = readPending({ SK: 'a', rid: 'r', seq: 1, line: 'x' });
    const nameless = readPending({ SK: '0', line: '' });
    expect(bad).toEqual({ key: 'a', rid: 'r', reason: 'the line is not JSON' });
    expect(nameless).toEqual({ key: '0', rid: undefined, reason: 'there is no line' });
    expect(readPending({ SK: 'c', rid: 'r', line })).toMatchObject({ reason: 'request or sequence is missing' });
    expect(readPending({ SK: 'c', rid: 'r', seq: 2, id: 'x', line: 'null' })).toMatchObject({ reason: 'row and line do not agree' });
    expect(readPending({ SK: 'c', rid: 'r', seq: 2, line: `"${'x'.repeat(LONGEST_LINE_BYTES)}"` })).toMatchObject({
      reason: 'the line is too long',
    });
    expect(readPending({ SK: 'c', rid: 'r', seq: 2, line: 'a\nb' })).toMatchObject({ reason: 'the line is not one line' });
    const choice = nextBatch(new Set(['0', 'a', 'b']), [nameless, bad, good]);
    expect([choice.batch, choice.held, choice.poisoned]).toEqual([[], 1, [nameless, bad]]);
  });

  it('a line that is no event is told, whatever it is', () => {
    for (const text of ['null', '1', '"x"', '{"rid":1}', '\xff'])
      expect(new RequestChains().take(Buffer.from(text, 'latin1'), 0)).toMatchObject({ reason: 'BAD_LINE' });
    const chains = new RequestChains();
    const beat = makeLines(1)[0]!;
    chains.take(Buffer.from(beat), 0);
    const other = {
      v: 1,
      id: eventId('sys:log', 2),
      rid: 'sys:log',
      seq: 2,
      prev: lineHash(beat),
      type: 'log.key_added',
      ts: now.toISOString(),
    };
    expect(chains.take(Buffer.from(JSON.stringify(other)), 1)).toBeUndefined();
    expect(chains.lastHeartbeat).not.toBe(other.ts);
    expect(chains.take(Buffer.from(JSON.stringify({ ...other, seq: 3, id: 'x' })), 2)).toMatchObject({ reason: 'BAD_LINE' });
    expect([[...chains.rids()], chains.lastOf('sys:log')?.seq]).toEqual([['sys:log'], 2]);
    expect(chains.lastOf('nobody')).toBeUndefined();
  });

  it('an object that is none is unexpected, and a place that does not answer is no verdict', async () => {
    const objects = makeLog(makeLines(10), keys);
    const failing = (error: Error) => verifyLog(filesOf(objects, { read: () => Promise.reject(error) }), { key: keys.publicKey, now });
    expect(await failing(new NotPlainObject('a link'))).toMatchObject({ invalid: { reason: 'UNEXPECTED_OBJECT', detail: 'a link' } });
    await expect(failing(new Error('away'))).rejects.toThrow('away');
  });

  it('an anchor of another log by the same key does not belong to this one', async () => {
    const anchor = Buffer.from(signedNote(keys, 10, hash, 'other/audit'));
    const verdict = await verifyLog(filesOf(makeLog(makeLines(10), keys)), { key: keys.publicKey, now, anchors: [anchor] });
    expect(verdict).toMatchObject({
      invalid: { reason: 'UNEXPECTED_OBJECT', detail: expect.stringContaining('belongs to the log other/audit') },
    });
  });

  it('what was sealed while it was read is no fault of a live log', async () => {
    const objects = makeLog(makeLines(150), keys);
    const read = async (name: string) => (name === batchName(99) ? undefined : objects.get(name));
    const live = await verifyLog(filesOf(objects, { isLive: true, read }), { key: keys.publicKey, now });
    expect(live).toMatchObject({ valid: true, size: 99, notices: [expect.stringContaining('being sealed')] });
    expect(objects.has(checkpointName(150))).toBe(true);
  });

  it('locks that the place tells are in the verdict', async () => {
    const locks = { compliance: 1, governance: 0, none: 0, held: 0 };
    const findings = () => ({ notices: ['seen'], earliestRetention: '2028-01-01T00:00:00Z', locks });
    const verdict = await verifyLog(filesOf(makeLog(makeLines(10), keys), { findings }), { key: keys.publicKey, now });
    expect(verdict).toMatchObject({ valid: true, locks, earliestRetention: '2028-01-01T00:00:00Z', notices: ['seen'] });
  });
});
