import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { batchBytes, batchName, checkpointName } from '../../../core/audit/layout.ts';
import type { LogFiles } from '../../../core/audit/log-files.ts';
import { leafHash, rootOfLeaves } from '../../../core/audit/merkle.ts';
import { type VerifyOptions, verifyLog } from '../../../core/audit/verify-log.ts';
import { filesOf, keyPair, makeLines, makeLog, signedNote } from './log-fixture.ts';

const keys = keyPair();
const lines = makeLines(300);
const NOW = new Date('2026-03-01T10:30:00Z');

const check = (objects: ReadonlyMap<string, Buffer>, options: Partial<VerifyOptions> = {}, files: Partial<LogFiles> = {}) =>
  verifyLog(filesOf(objects, files), { key: keys.publicKey, now: NOW, ...options });

/** Verdict of the log of 300 lines (batches 0, 99, 198, 297) after somebody worked on its objects. */
const tampered = (work: (objects: Map<string, Buffer>) => void, options: Partial<VerifyOptions> = {}, files: Partial<LogFiles> = {}) => {
  const objects = makeLog(lines, keys);
  work(objects);
  return check(objects, options, files);
};
const batch = batchName(99);
const edit = (objects: Map<string, Buffer>, work: (text: string) => string) =>
  objects.set(batch, Buffer.from(work(objects.get(batch)!.toString())));
const editLines = (objects: Map<string, Buffer>, work: (all: string[]) => string[]) =>
  edit(objects, (text) =>
    work(text.trimEnd().split('\n'))
      .map((line) => `${line}\n`)
      .join(''),
  );
/** Checkpoint of the first lines, signed, as it would lie with somebody outside. */
const anchorOf = (some: readonly string[], by = keys) =>
  Buffer.from(signedNote(by, some.length, rootOfLeaves(some.map((line) => leafHash(Buffer.from(line))))));
const forged = lines.with(151, lines[151]!.replace('gate.finished', 'gate.Finished'));

describe('AUD-01: changed bytes', () => {
  it.each([
    ['one byte', (text: string) => text.replace('gate.finished', 'gate.Finished')],
    ['white space at the end of a line', (text: string) => text.replace('}\n', '} \n')],
    ['CRLF', (text: string) => text.replaceAll('\n', '\r\n')],
    ['a torn end', (text: string) => text.slice(0, -20)],
  ])('%s are a root mismatch in the first bad batch', async (_, work) => {
    expect(await tampered((objects) => edit(objects, work))).toMatchObject({
      valid: false,
      size: 99,
      invalid: { reason: 'ROOT_MISMATCH', from: 99 },
    });
  });
});

describe('AUD-02: deleted things are gaps', () => {
  it.each([
    ['a line', (objects: Map<string, Buffer>) => editLines(objects, (all) => all.toSpliced(3, 1)), 99],
    ['a batch', (objects: Map<string, Buffer>) => objects.delete(batch), 99],
    ['a batch and its checkpoint', (objects: Map<string, Buffer>) => objects.delete(batch) && objects.delete(checkpointName(198)), 99],
    ['a checkpoint', (objects: Map<string, Buffer>) => objects.delete(checkpointName(198)), 99],
    ['the first batch', (objects: Map<string, Buffer>) => objects.delete(batchName(0)), 0],
    ['the last checkpoint', (objects: Map<string, Buffer>) => objects.delete(checkpointName(300)), 297],
    ['the last batch', (objects: Map<string, Buffer>) => objects.delete(batchName(297)), 297],
    [
      'all from a batch on, but a tile of it',
      (objects: Map<string, Buffer>) => {
        for (const name of [batchName(198), checkpointName(297), batchName(297), checkpointName(300)]) objects.delete(name);
      },
      198,
    ],
  ])('%s', async (_, work, from) => {
    expect(await tampered(work)).toMatchObject({ valid: false, size: from, invalid: { reason: 'GAP', from } });
  });

  it('the key manifest', async () => {
    expect(await tampered((objects) => objects.delete('keys/0001'))).toMatchObject({ invalid: { reason: 'GAP' } });
  });
});

describe('AUD-03: moved things', () => {
  it.each([
    ['two lines of a batch', (objects: Map<string, Buffer>) => editLines(objects, ([a, b, ...rest]) => [b!, a!, ...rest]), 'ROOT_MISMATCH'],
    [
      'a line that stands twice',
      (objects: Map<string, Buffer>) => editLines(objects, ([a, ...rest]) => [a!, a!, ...rest]),
      'ROOT_MISMATCH',
    ],
    [
      'a line in place of another',
      (objects: Map<string, Buffer>) => editLines(objects, ([a, , ...rest]) => [a!, a!, ...rest]),
      'ROOT_MISMATCH',
    ],
    [
      'two batches',
      (objects: Map<string, Buffer>) => {
        const [left, right] = [objects.get(batchName(0))!, objects.get(batch)!];
        objects.set(batchName(0), right).set(batch, left);
      },
      'ROOT_MISMATCH',
    ],
    [
      'a checkpoint of another size',
      (objects: Map<string, Buffer>) => objects.set(checkpointName(198), objects.get(checkpointName(99))!),
      'BAD_CHECKPOINT',
    ],
  ])('%s are found', async (_, work, reason) => {
    expect(await tampered(work)).toMatchObject({ valid: false, invalid: { reason } });
  });
});

describe('AUD-04: a tail that was cut off', () => {
  const cut = (objects: Map<string, Buffer>) => {
    for (const name of [batchName(198), batchName(297), checkpointName(297), checkpointName(300), 'tile/0/000']) objects.delete(name);
  };

  it('does not show in the objects alone, and that is said', async () => {
    expect(await tampered(cut)).toMatchObject({ valid: true, size: 198, isTailProven: false, lastTime: '2026-03-01T10:03:17.000Z' });
  });

  it('shows against an anchor and against the wanted age', async () => {
    const anchors = [anchorOf(lines)];
    expect(await tampered(cut, { anchors })).toMatchObject({ invalid: { reason: 'TAIL_CUT', from: 198, to: 299 } });
    const now = new Date('2026-03-01T11:08:00Z');
    expect(await tampered(cut, { now, maxAgeMs: 65 * 60_000 })).toMatchObject({ invalid: { reason: 'STALE' } });
    expect(await tampered(() => {}, { now, maxAgeMs: 65 * 60_000 })).toMatchObject({ valid: true, isTailProven: true });
  });

  it('is excluded by an anchor of the last size, not by an older one', async () => {
    expect(await tampered(() => {}, { anchors: [anchorOf(lines)] })).toMatchObject({ valid: true, isTailProven: true });
    expect(await tampered(() => {}, { anchors: [anchorOf(lines.slice(0, 120))] })).toMatchObject({ valid: true, isTailProven: false });
  });
});

describe('AUD-05: forks', () => {
  it('signed by another key are of an unknown key', async () => {
    const other = keyPair();
    expect(await check(makeLog(forged, other))).toMatchObject({ invalid: { reason: 'UNKNOWN_KEY' } });
    const mixed = makeLog(lines, keys);
    for (const [name, bytes] of makeLog(forged, other)) if (name !== 'keys/0001') mixed.set(name, bytes);
    expect(await check(mixed)).toMatchObject({ invalid: { reason: 'UNKNOWN_KEY', from: 0, to: 98 } });
  });

  it('that name our key without its signature are forged', async () => {
    const name = checkpointName(198);
    const work = (objects: Map<string, Buffer>) =>
      objects.set(name, Buffer.from(objects.get(name)!.toString().replace('\n198\n', '\n199\n')));
    expect(await tampered(work)).toMatchObject({ invalid: { reason: 'BAD_SIGNATURE' } });
  });

  it('signed by the real key are found against an anchor that covers them, with both statements, and not against an older one', async () => {
    // Whoever holds the signing key also repairs the chain of the request.
    const rewritten = makeLog(makeLines(300, 5), keys);
    expect(await check(rewritten)).toMatchObject({ valid: true });
    const verdict = await check(rewritten, { anchors: [anchorOf(lines)] });
    expect(verdict).toMatchObject({ valid: false, invalid: { reason: 'EQUIVOCATION' } });
    expect(verdict.invalid?.evidence).toHaveLength(2);
    expect(await check(rewritten, { anchors: [anchorOf(lines.slice(0, 1))] })).toMatchObject({ valid: true });
  });

  it('an anchor by another key is no anchor', async () => {
    expect(await tampered(() => {}, { anchors: [anchorOf(lines, keyPair())] })).toMatchObject({ invalid: { reason: 'UNKNOWN_KEY' } });
    expect(await tampered(() => {}, { anchors: [Buffer.from('note')] })).toMatchObject({ invalid: { reason: 'BAD_CHECKPOINT' } });
  });
});

describe('AUD-07: events that never arrived', () => {
  it('leave a gap in the sequence of their request', async () => {
    expect(await check(makeLog(lines.toSpliced(60, 1), keys))).toMatchObject({ invalid: { reason: 'SEQUENCE_GAP', from: 66 } });
  });

  it('and lines that were signed twice, out of the chain, or not as events, are found', async () => {
    const again = [...lines, lines[42]!];
    expect(await check(makeLog(again, keys))).toMatchObject({ invalid: { reason: 'DUPLICATE', from: 300 } });
    expect(await check(makeLog(forged, keys))).toMatchObject({ invalid: { reason: 'CHAIN_BROKEN', from: 158 } });
    expect(await check(makeLog([...lines, '{}'], keys))).toMatchObject({ invalid: { reason: 'BAD_LINE', from: 300 } });
  });
});

describe('AUD-08: foreign objects', () => {
  it.each([
    'batch/1',
    'batch/0000000000000098',
    'checkpoint/0000000000000100',
    'notes.txt',
    'keys/0002',
    'keys/0000',
    'tile/0/000.p/44',
    'tile/0/0',
    'tile/7/000',
    'batch/',
    'checkpoint/0000000000000000',
  ])('%s is unexpected', async (name) => {
    expect(await tampered((objects) => objects.set(name, Buffer.from('x')))).toMatchObject({ invalid: { reason: 'UNEXPECTED_OBJECT' } });
  });

  it('a key of several versions was written over', async () => {
    const objects = makeLog(lines, keys);
    const verdict = await check(
      objects,
      {},
      {
        async *list() {
          for (const name of objects.keys()) yield { name, versions: name === batch ? 2 : 1 };
        },
      },
    );
    expect(verdict).toMatchObject({ invalid: { reason: 'KEY_NOT_SINGLE_VERSION' } });
  });
});

describe('AUD-11: sizes', () => {
  it('an empty log is valid and has the root of nothing', async () => {
    expect(await check(new Map())).toMatchObject({ valid: true, size: 0, root: createHash('sha256').digest('hex'), isTailProven: false });
  });

  it.each([1, 98, 99, 100, 256, 257])('%i events have the right root', async (count) => {
    const some = makeLines(count);
    const verdict = await check(makeLog(some, keys));
    expect(verdict).toMatchObject({
      valid: true,
      size: count,
      root: rootOfLeaves(some.map((line) => leafHash(Buffer.from(line)))).toString('hex'),
    });
  });

  it('a batch of a hundred lines is none of ours', async () => {
    expect(await check(makeLog(makeLines(100), keys, 100))).toMatchObject({ invalid: { reason: 'ROOT_MISMATCH' } });
  });
});

describe('heartbeats', () => {
  const MAX_AGE = 65 * 60_000;
  const now = new Date('2026-03-01T12:30:00Z');
  const silentUntil = (time: string) =>
    makeLog(
      makeLines(101).map((line, index) => (index === 100 ? line.replace('T10:01:40', time) : line)),
      keys,
    );

  it('that are missing for long are told, and tolerated for an hour of outage', async () => {
    const noted = { valid: true, notices: [expect.stringContaining('stood still for 119 minutes')] };
    expect(await check(silentUntil('T12:00:40'))).toMatchObject(noted);
    expect(await check(silentUntil('T12:00:40'), { now, maxAgeMs: MAX_AGE })).toMatchObject(noted);
  });

  it('that are missing for longer are refused when an age is wanted', async () => {
    expect(await check(silentUntil('T12:06:40'))).toMatchObject({ valid: true });
    const verdict = await check(silentUntil('T12:06:40'), { now, maxAgeMs: MAX_AGE });
    expect(verdict).toMatchObject({ valid: false, invalid: { reason: 'HEARTBEAT_GAP', from: 100 } });
  });

  it('must exist when an age is wanted', async () => {
    expect(await check(new Map(), { maxAgeMs: 1 })).toMatchObject({ invalid: { reason: 'STALE' } });
  });
});

describe('a log that grows while it is read', () => {
  const live = { isLive: true };

  it('is valid up to the last checkpoint, with a note', async () => {
    const verdict = await tampered((objects) => objects.delete(checkpointName(300)), {}, live);
    expect(verdict).toMatchObject({ valid: true, size: 297, notices: [expect.stringContaining('being sealed')] });
  });

  it('may show objects that came after the walk', async () => {
    const objects = makeLog(lines.slice(0, 99), keys);
    const verdict = await check(
      objects,
      {},
      {
        isLive: true,
        async *list() {
          for (const [name, bytes] of makeLog(lines, keys)) objects.set(name, bytes);
          for (const name of objects.keys()) if (name !== batch) yield { name };
        },
      },
    );
    expect(verdict).toMatchObject({ valid: true, size: 99 });
  });

  it.each([batch, checkpointName(198)])('still shows that %s is missing', async (name) => {
    expect(await tampered((objects) => objects.delete(name), {}, live)).toMatchObject({ invalid: { reason: 'GAP', from: 99 } });
  });
});

it('reads the log in pieces: nothing is kept of a batch once it is proven', async () => {
  const objects = makeLog(makeLines(3000), keys);
  const reads: string[] = [];
  const read = async (name: string) => {
    reads.push(name);
    return objects.get(name);
  };
  const sizes: number[] = [];
  const verdict = await check(objects, { onBatch: ({ size }) => sizes.push(size) }, { read });
  expect(verdict).toMatchObject({ valid: true, size: 3000 });
  expect(new Set(reads).size).toBe(reads.length);
  expect(sizes.at(-1)).toBe(3000);
  expect(batchBytes(['a', 'b']).toString()).toBe('a\nb\n');
});
