import { ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bucketLog } from '../../../adapters/audit/bucket-log.ts';
import { logState, NO_HEAD } from '../../../adapters/audit/log-head.ts';
import { type SealerParts, seal } from '../../../adapters/audit/sealer.ts';
import { proveStored } from '../../../adapters/audit/stored-lines.ts';
import type { Write } from '../../../adapters/state/table.ts';
import { checkSignature, parseCheckpoint } from '../../../core/audit/checkpoint.ts';
import { leafHash, rootOfLeaves } from '../../../core/audit/merkle.ts';
import { faultOfProof, readProofFile } from '../../../core/audit/proof-file.ts';
import { verifyLog } from '../../../core/audit/verify-log.ts';
import { BUCKET, Events, type LogCloud, ORIGIN, startLogCloud, storedLines, writeMany } from './log-cloud.ts';

let cloud: LogCloud;
let events: Events;
const always = () => true;

beforeEach(async () => {
  cloud = await startLogCloud();
  events = new Events(cloud.table);
});
afterEach(() => cloud.dispose());

const pendingRows = () => cloud.table.all({ pk: 'OUTBOX#0' });
const checkpointAt = async (size: number) => parseCheckpoint((await cloud.vault.read(`checkpoint/${String(size).padStart(16, '0')}`))!);
const ids = (lines: string[]) => lines.map((line) => (JSON.parse(line) as { id: string }).id);

describe('sealing', () => {
  it('begins with the key, the manual and a heartbeat, and signs the root over all lines', async () => {
    const row = await events.write('PR-1');
    expect(await seal(cloud.parts, always)).toMatchObject({ sealed: 2, size: 2, poisoned: [] });
    const lines = await storedLines(cloud.vault);
    expect(lines).toContain(row.line);
    expect(lines.some((line) => line.includes('"rid":"sys:log","seq":1'))).toBe(true);
    const checkpoint = await checkpointAt(2);
    expect(checkpoint.root).toEqual(rootOfLeaves(lines.map((line) => leafHash(Buffer.from(line)))));
    expect(checkpoint.origin).toBe(ORIGIN);
    expect(checkSignature(checkpoint, await cloud.parts.signers[0].publicKey())).toBe('valid');
    const manifest = JSON.parse((await cloud.vault.read('keys/0001'))!.toString()) as { spki: string };
    expect(manifest.spki).toBe((await cloud.parts.signers[0].publicKey()).export({ format: 'der', type: 'spki' }).toString('base64'));
    expect((await cloud.vault.read('README'))!.toString()).toContain('batch/<start>');
    expect(await pendingRows()).toEqual([]);
  });

  it('takes at most 99 lines at a time and stops where the time ends', async () => {
    await writeMany(events, cloud.table, 120);
    let batches = 0;
    expect(await seal(cloud.parts, () => ++batches <= 1)).toMatchObject({ sealed: 99, size: 99 });
    expect(await seal(cloud.parts, always)).toMatchObject({ sealed: 22, size: 121 });
    expect((await checkpointAt(121)).size).toBe(121);
  });

  it('never seals an event before an earlier one of the same request, whatever the clocks of their writers said', async () => {
    const first = events.row('PR-1', 'Z');
    const second = events.row('PR-1', 'A');
    await cloud.table.put(first);
    await cloud.table.put(second);
    await seal(cloud.parts, always);
    const lines = await storedLines(cloud.vault);
    expect(lines.indexOf(first.line)).toBeLessThan(lines.indexOf(second.line));
    expect(lines).toHaveLength(3);
  });

  it('reports a row that is no event, keeps it, holds back what follows it, and seals the rest', async () => {
    const bad = events.row('PR-1');
    await cloud.table.put({ ...bad, line: `${bad.line}\n` });
    const after = await events.write('PR-1');
    const other = await events.write('PR-2');
    const outcome = await seal(cloud.parts, always);
    expect(outcome.poisoned).toEqual([{ key: bad.SK, rid: 'PR-1', reason: 'the line is not one line' }]);
    expect(await storedLines(cloud.vault)).toContain(other.line);
    expect((await pendingRows()).map((row) => row['SK'])).toEqual([bad.SK, after.SK]);
  });

  it('moves the head only under the condition that the size is as it was', async () => {
    const written: Write[][] = [];
    const table = {
      ...cloud.table,
      transact: (writes: readonly Write[]) => {
        written.push([...writes]);
        return cloud.table.transact(writes);
      },
    };
    const parts = { ...cloud.parts, log: logState(table, cloud.clock) };
    const first = await events.write('PR-1');
    await seal(parts, always);
    await events.write('PR-1');
    await seal(parts, always);
    const conditions = written.map((writes) => writes.map((write) => ('condition' in write ? write.condition : undefined)));
    const absent = { expression: 'attribute_not_exists(PK)' };
    expect(conditions).toEqual([
      [absent, absent],
      [absent, undefined, undefined],
      [
        {
          expression: '#size = :before AND (#keys = :keys OR attribute_not_exists(#keys))',
          names: { '#size': 'size', '#keys': 'keyStarts' },
          values: { ':before': 2, ':keys': '0' },
        },
        undefined,
      ],
    ]);
    expect(written[1]![1]).toEqual({ remove: { pk: 'OUTBOX#0', sk: first.SK } });
  });

  it('beats again after 55 minutes, in one chain, and not before', async () => {
    await seal(cloud.parts, always);
    cloud.clock.add(54 * 60_000);
    expect(await seal(cloud.parts, always)).toMatchObject({ sealed: 0, size: 1 });
    cloud.clock.add(60_000);
    expect(await seal(cloud.parts, always)).toMatchObject({ sealed: 1, size: 2 });
    const [, second] = await storedLines(cloud.vault);
    expect(JSON.parse(second!)).toMatchObject({ rid: 'sys:log', seq: 2, type: 'log.heartbeat', data: { size: 1 } });
  });

  it('keeps every event exactly once when four sealers run at once', async () => {
    const rows = await writeMany(events, cloud.table, 230, 11);
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => seal(cloud.parts, always)));
    const lines = await storedLines(cloud.vault);
    expect(lines).toHaveLength(231);
    expect(new Set(lines).size).toBe(231);
    expect(rows.every((row) => lines.includes(row))).toBe(true);
    expect(outcomes.reduce((sum, outcome) => sum + outcome.sealed, 0)).toBe(231);
    expect((await checkpointAt(231)).root).toEqual(rootOfLeaves(lines.map((line) => leafHash(Buffer.from(line)))));
    expect(await pendingRows()).toEqual([]);
  });
});

describe('what is derived', () => {
  it('is stored as tiles of 256 lines, once, and gives proofs of any line from three objects', async () => {
    await writeMany(events, cloud.table, 530);
    await seal(cloud.parts, always);
    expect(await cloud.parts.log.tiled()).toBe(512);
    expect((await cloud.vault.read('tile/0/001'))!.length).toBe(256 * 32);
    expect((await cloud.vault.read('tile/1/000.p/2'))!.length).toBe(64);
    const { checkpoint } = (await cloud.parts.log.head())!;
    const key = await cloud.parts.signers[0].publicKey();
    const lines = await storedLines(cloud.vault);
    for (const index of [0, 99, 255, 256, 300, 511, 512, 530]) {
      const proof = await proveStored(cloud.vault, index, checkpoint);
      expect(proof.line).toBe(lines[index]);
      expect(proof.index).toBe(index);
      expect(faultOfProof(readProofFile(Buffer.from(JSON.stringify(proof)))!, [key])).toBeUndefined();
    }
    const older = (await cloud.vault.read('checkpoint/0000000000000198'))!.toString();
    expect(faultOfProof(await proveStored(cloud.vault, 20, older, 0), [key])).toBeUndefined();
    // With the head's own nodes the same proof needs nothing of the end of the log.
    const head = (await cloud.parts.log.head())!;
    const read: string[] = [];
    const watched = {
      batches: cloud.vault.batches,
      read: (name: string) => {
        read.push(name);
        return cloud.vault.read(name);
      },
    };
    expect(await proveStored(watched, 20, checkpoint, 512, head.tree)).toEqual(await proveStored(cloud.vault, 20, checkpoint));
    expect(read.filter((name) => name.startsWith('tile/')).sort()).toEqual(['tile/0/000', 'tile/1/000.p/2']);
    expect(read.filter((name) => name.startsWith('batch/'))).toEqual(['batch/0000000000000000']);
    await expect(proveStored(cloud.vault, 531, checkpoint)).rejects.toThrow('are not all in the log');
  });

  it('is made up for where a run ended before it, and never believed where it is another', async () => {
    await writeMany(events, cloud.table, 300);
    const broken = {
      ...cloud.parts,
      vault: {
        ...cloud.vault,
        create: async (name: string, bytes: Uint8Array) =>
          name.startsWith('tile/') ? Promise.reject(new Error('crash')) : cloud.vault.create(name, bytes),
      },
    };
    await expect(seal(broken, always)).rejects.toThrow('crash');
    expect((await cloud.parts.log.head())?.tree.size).toBe(301);
    await seal(cloud.parts, always);
    expect(await cloud.parts.log.tiled()).toBe(256);
    await cloud.parts.log.setTiled(0);
    const tile = {
      ...cloud.parts,
      vault: { ...cloud.vault, read: async (name: string) => (name.startsWith('tile/') ? Buffer.from('x') : cloud.vault.read(name)) },
    };
    await expect(seal(tile, always)).rejects.toThrow(/FOREIGN_TILE: tile\/0\/000/);
    await seal(cloud.parts, always);
    expect(await cloud.parts.log.tiled()).toBe(256);
  });
});

describe('after a crash', () => {
  type Point = { name: string; broken(parts: SealerParts): SealerParts };
  const crash = async () => {
    throw new Error('crash');
  };
  const createThat =
    (when: 'before' | 'after', prefix: string): Point['broken'] =>
    (parts) => ({
      ...parts,
      vault: {
        ...parts.vault,
        async create(name, bytes) {
          if (name.startsWith(prefix) && when === 'before') return crash();
          const created = await parts.vault.create(name, bytes);
          return name.startsWith(prefix) ? crash() : created;
        },
      },
    });
  const points: Point[] = [
    { name: 'a: the head is read', broken: (parts) => ({ ...parts, log: { ...parts.log, beat: crash } }) },
    { name: 'the key manifest is stored', broken: createThat('after', 'keys/') },
    { name: 'the heartbeat is pending', broken: (parts) => ({ ...parts, log: { ...parts.log, pending: crash } }) },
    { name: 'b: the key is chosen', broken: createThat('before', 'batch/') },
    { name: 'd: the batch is stored', broken: createThat('after', 'batch/') },
    { name: 'e: before the signature', broken: (parts) => ({ ...parts, signers: [{ ...parts.signers[0], sign: crash }] }) },
    { name: 'e: before the checkpoint', broken: createThat('before', 'checkpoint/') },
    { name: 'e: the checkpoint is stored', broken: createThat('after', 'checkpoint/') },
    {
      name: 'f: the transaction is done',
      broken: (parts) => ({
        ...parts,
        log: {
          ...parts.log,
          advance: async (...all) => {
            await parts.log.advance(...all);
            return crash();
          },
        },
      }),
    },
  ];

  it.each(points)('at the point "$name" the next run seals every event once', async ({ broken }) => {
    const rows = [await events.write('PR-1'), await events.write('PR-2'), await events.write('PR-1')];
    await expect(seal(broken(cloud.parts), always)).rejects.toThrow('crash');
    rows.push(await events.write('PR-2'));
    await seal(cloud.parts, always);
    const lines = await storedLines(cloud.vault);
    expect(ids(lines).toSorted()).toEqual(
      [...ids(rows.map((row) => row.line)), ids(lines.filter((line) => line.includes('sys:log')))[0]!].toSorted(),
    );
    expect((await checkpointAt(lines.length)).size).toBe(5);
    expect(await pendingRows()).toEqual([]);
    expect((await cloud.parts.log.head())?.tree.size).toBe(5);
  });
});

describe('another key', () => {
  let second: Awaited<ReturnType<LogCloud['addSigner']>>;
  const grow = (count: number) => writeMany(events, cloud.table, count, 1);
  const keyOf = async (size: number) => {
    const checkpoint = await checkpointAt(size);
    const keys = await Promise.all([cloud.parts.signers[0], second].map((signer) => signer.publicKey()));
    return keys.findIndex((key) => checkSignature(checkpoint, key) === 'valid') + 1;
  };
  beforeEach(async () => {
    second = await cloud.addSigner();
  });

  it('is declared by the old one, begins a batch later, is an event of the log, and the log verifies by either', async () => {
    await grow(10);
    await seal(cloud.parts, always);
    const parts: SealerParts = { ...cloud.parts, signers: [cloud.parts.signers[0], second] };
    await grow(3);
    await seal(parts, always);
    expect((await cloud.parts.log.head())?.keyStarts).toEqual([0, 11 + 99]);
    const lines = await storedLines(cloud.vault);
    expect(lines.some((line) => line.includes('"type":"log.key_added"') && line.includes('"fromSize":110'))).toBe(true);
    await grow(150);
    await seal(parts, always);
    const { tree } = (await cloud.parts.log.head())!;
    expect(await keyOf(15)).toBe(1);
    expect(await keyOf(tree.size)).toBe(2);
    for (const signer of [cloud.parts.signers[0], second]) {
      const verdict = await verifyLog(await bucketLog(cloud.s3, BUCKET, ''), { key: await signer.publicKey(), now: cloud.clock.now() });
      expect(verdict).toMatchObject({ valid: true, size: tree.size });
    }
    // Whoever does not know the new key must not seal.
    await grow(1);
    await expect(seal(cloud.parts, always)).rejects.toThrow(/KEY_MISMATCH/);
    await expect(seal({ ...cloud.parts, signers: [cloud.parts.signers[0], cloud.parts.signers[0]] }, always)).rejects.toThrow(
      /HEAD_CORRUPT/,
    );
  });

  it('is begun once by four sealers, beside others that do not know it yet, and every event is sealed once', async () => {
    await grow(200);
    await seal(cloud.parts, () => true);
    await grow(250);
    const parts: SealerParts = { ...cloud.parts, signers: [cloud.parts.signers[0], second] };
    await Promise.allSettled([parts, cloud.parts, parts, cloud.parts].map((some) => seal(some, always)));
    await seal(parts, always);
    const verdict = await verifyLog(await bucketLog(cloud.s3, BUCKET, ''), { key: await second.publicKey(), now: cloud.clock.now() });
    expect(verdict).toMatchObject({ valid: true, size: 452 });
    expect(await pendingRows()).toEqual([]);
  });

  it('is declared again after a crash between the head and the manifest, and never another one', async () => {
    await grow(1);
    await seal(cloud.parts, always);
    const head = (await cloud.parts.log.head())!;
    await cloud.parts.log.addKey(head, 101);
    const parts: SealerParts = { ...cloud.parts, signers: [cloud.parts.signers[0], second] };
    await seal(parts, always);
    expect((await cloud.vault.read('keys/0002'))!.toString()).toContain('"fromSize":101');
    await expect(seal({ ...parts, signers: [cloud.parts.signers[0], await cloud.addSigner()] }, always)).rejects.toThrow(
      /KEY_MISMATCH: keys\/0002/,
    );
  });
});

describe('a log that is not as it was left', () => {
  const plant = (name: string, Body: string) =>
    cloud.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: `${ORIGIN}/${name}`, Body, IfNoneMatch: '*' }));

  it('halts at a batch of lines that nobody recorded, and signs nothing', async () => {
    await events.write('PR-1');
    await plant('batch/0000000000000000', '{"forged":true}\n');
    await expect(seal(cloud.parts, always)).rejects.toThrow(/FOREIGN_BATCH/);
    const { Contents } = await cloud.s3.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: `${ORIGIN}/checkpoint` }));
    expect(Contents).toBeUndefined();
  });

  it('halts with both notes when another checkpoint of the same size is stored', async () => {
    await events.write('PR-1');
    const other = await cloud.parts.signers[0].sign({ origin: ORIGIN, size: 2, root: Buffer.alloc(32) });
    await plant('checkpoint/0000000000000002', other);
    await expect(seal(cloud.parts, always)).rejects.toThrow(/EQUIVOCATION[\s\S]*AAAAAAAA[\s\S]*where this log says/);
    expect(await pendingRows()).toHaveLength(2);
  });

  it.each([
    ['size', { size: 5 }],
    ['frontier', { frontier: ['00'.repeat(32), '11'.repeat(32)] }],
    ['root', { root: '00'.repeat(32) }],
    ['checkpoint', { checkpoint: '' }],
  ])('halts before it signs when the head has another %s', async (_, change) => {
    await events.write('PR-1');
    await events.write('PR-1');
    await seal(cloud.parts, always);
    const row = (await cloud.table.get('LOG#head', 'HEAD'))!;
    await cloud.table.put({ ...row, ...change });
    await expect(seal(cloud.parts, always)).rejects.toThrow(/HEAD_CORRUPT/);
  });

  it('halts when the head was lost, instead of beginning a second log', async () => {
    await events.write('PR-1');
    await seal(cloud.parts, always);
    await cloud.table.remove('LOG#head', 'HEAD');
    await events.write('PR-1');
    await expect(seal(cloud.parts, always)).rejects.toThrow(/FOREIGN_BATCH/);
  });

  it('does not take another head for its own', async () => {
    await events.write('PR-1');
    await seal(cloud.parts, always);
    expect(await cloud.parts.log.advance(undefined, NO_HEAD, [])).toBe(false);
  });
});

it('works with a key whose signatures differ every time: a stored checkpoint of the same content is kept', async () => {
  const p256 = await startLogCloud('ECC_NIST_P256');
  try {
    await new Events(p256.table).write('PR-1');
    const crashing: SealerParts = { ...p256.parts, log: { ...p256.parts.log, advance: async () => Promise.reject(new Error('crash')) } };
    await expect(seal(crashing, always)).rejects.toThrow('crash');
    expect(await seal(p256.parts, always)).toMatchObject({ sealed: 2, size: 2 });
    const stored = (await p256.vault.read('checkpoint/0000000000000002'))!;
    expect((await p256.parts.log.head())?.checkpoint).toBe(stored.toString());
    expect(checkSignature(parseCheckpoint(stored), await p256.parts.signers[0].publicKey())).toBe('valid');
  } finally {
    await p256.dispose();
  }
});
