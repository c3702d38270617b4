import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GrowingTree, leafHashesOf } from '../../../core/audit/growing-tree.ts';
import { batchBytes } from '../../../core/audit/layout.ts';
import { append, EMPTY_TREE, leafHash, rootOf, rootOfLeaves, type Tree } from '../../../core/audit/merkle.ts';
import { provesConsistency } from '../../../core/audit/merkle-proof.ts';
import { consistencySpans, inclusionSpans, type NodeHashes, nodesOf, proofOf } from '../../../core/audit/proof-path.ts';
import { endOf, nodesFromTiles, readTileName, storedTilesBetween, type TileAt, TileGatherer, tileName } from '../../../core/audit/tiles.ts';
import { consistencyProof, inclusionProof } from './reference-proofs.ts';

const MOST = 700;
const lines = Array.from({ length: MOST }, (_, index) => Buffer.from(`line ${index}`));
const leaves = lines.map(leafHash);
const size = fc.integer({ min: 1, max: MOST });

/** Nodes by the definition: the root over their leaves. */
const byLeaves: NodeHashes = async ({ level, index }) => rootOfLeaves(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));

describe('a growing tree', () => {
  it('has the roots of the tree that is appended to leaf by leaf', () => {
    const growing = new GrowingTree();
    let tree: Tree = EMPTY_TREE;
    const batch = batchBytes(lines.map((line) => line.toString()));
    for (const leaf of leafHashesOf(batch)) {
      growing.add(leaf);
      tree = append(tree, Buffer.from(leaf, 'latin1'));
      expect(growing.snapshot()).toEqual(tree);
    }
    expect(growing.size).toBe(MOST);
    expect(rootOf(tree)).toEqual(rootOfLeaves(leaves));
    expect(batch).toEqual(batchBytes(lines.map((line) => line.toString())));
  });

  it('takes lines that have ended only, and leaves the batch as it was', () => {
    for (const text of ['', 'no end', '\n', 'one\n', 'one\nno end', '\n\n']) {
      const batch = Buffer.from(text);
      const ended = text.split('\n').slice(0, -1);
      expect(leafHashesOf(batch)).toEqual(ended.map((line) => leafHash(Buffer.from(line)).toString('latin1')));
      expect(batch.toString()).toBe(text);
    }
  });
});

describe('proofs from spans', () => {
  it('are those of the recursive definition, for every place and size', async () => {
    await fc.assert(
      fc.asyncProperty(size, fc.nat(), async (count, some) => {
        const index = some % count;
        expect(await proofOf(inclusionSpans(index, count), byLeaves)).toEqual(inclusionProof(leaves.slice(0, count), index));
        const earlier = some % (count + 1);
        expect(await proofOf(consistencySpans(earlier, count), byLeaves)).toEqual(consistencyProof(leaves.slice(0, count), earlier));
      }),
      { numRuns: 60 },
    );
  });

  it('of a million lines take twenty hashes, of at most 53 whatever the size', () => {
    expect(inclusionSpans(123_456, 1_000_000)).toHaveLength(20);
    expect(inclusionSpans(0, Number.MAX_SAFE_INTEGER).length).toBeLessThanOrEqual(53);
    expect(consistencySpans(999_999, 1_000_000).length).toBeLessThanOrEqual(21);
    expect(consistencySpans(0, 5)).toEqual([]);
  });

  it.each([
    [3, 3],
    [-1, 3],
    [0, 0],
    [0.5, 3],
    [0, Number.NaN],
  ])('AUD-12: there is no line %d in a log of %d', (index, count) => {
    expect(() => inclusionSpans(index, count)).toThrow(RangeError);
  });

  it.each([
    [4, 3],
    [-1, 3],
    [0.5, 3],
    [0, Number.POSITIVE_INFINITY],
  ])('there is no log of %d lines within %d', (earlier, count) => {
    expect(() => consistencySpans(earlier, count)).toThrow(RangeError);
  });

  it('cut a span where the tree is cut', () => {
    expect(nodesOf({ start: 4, end: 7 })).toEqual([
      { level: 1, index: 2 },
      { level: 0, index: 6 },
    ]);
  });
});

describe('tiles', () => {
  it.each([
    [{ level: 0, index: 0, width: 256 }, 'tile/0/000'],
    [{ level: 1, index: 67, width: 5 }, 'tile/1/067.p/5'],
    [{ level: 0, index: 1_234_067, width: 256 }, 'tile/0/x001/x234/067'],
  ])('%j is called %s', (tile, name) => {
    expect(tileName(tile)).toBe(name);
    expect(readTileName(name)).toEqual(tile);
  });

  it.each([
    'tile/0/0',
    'tile/7/000',
    'tile/0/x000/001',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/999',
    'tile/0/001/000',
    'tile/0/',
  ])('%s is the name of none', (name) => {
    expect(readTileName(name)).toBeUndefined();
  });

  it('of every name are read as they are written', () => {
    fc.assert(
      fc.property(fc.nat(6), fc.nat(10 ** 9), fc.integer({ min: 1, max: 256 }), (level, index, width) => {
        expect(readTileName(tileName({ level, index, width }))).toEqual({ level, index, width });
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => readTileName(`tile/${text}`) === undefined || readTileName(`tile/${text}`) !== null));
  });

  it('that become due between two sizes are stored once, whatever the steps', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(70_000), { minLength: 1, maxLength: 8 }), (steps) => {
        const sizes = steps.toSorted((left, right) => left - right);
        const end = sizes.at(-1)!;
        const names = sizes.flatMap((to, place) => storedTilesBetween(sizes[place - 1] ?? 0, to).map(tileName));
        expect(new Set(names).size).toBe(names.length);
        const full = names.filter((name) => !name.includes('.p/'));
        expect(full).toHaveLength(Math.floor(end / 256) + Math.floor(end / 65_536));
        for (const name of names) expect(endOf(readTileName(name)!)).toBeLessThanOrEqual(end);
      }),
    );
  });

  it('give the same proofs as the lines, from three objects, also when some of them are missing or torn', async () => {
    const stored = new Map<string, Buffer>();
    const gatherer = new TileGatherer((tile, bytes) => stored.set(tileName(tile), bytes));
    const tree = new GrowingTree(gatherer.visit);
    for (const leaf of leaves) tree.add(leaf.toString('latin1'));
    expect([...stored.keys()]).toEqual(['tile/0/000', 'tile/1/000.p/1', 'tile/0/001', 'tile/1/000.p/2']);
    await fc.assert(
      fc.asyncProperty(size, fc.nat(), fc.subarray([...stored.keys()]), fc.boolean(), async (count, some, gone, isTorn) => {
        const read: TileAt[] = [];
        const hashes = nodesFromTiles({
          size: MOST,
          tile: async (at) => {
            read.push(at);
            const bytes = stored.get(tileName(at));
            return gone.includes(tileName(at)) ? (isTorn ? bytes?.subarray(1) : undefined) : bytes;
          },
          leaves: async (start, end) => leaves.slice(start, end),
        });
        const index = some % count;
        expect(await proofOf(inclusionSpans(index, count), hashes)).toEqual(inclusionProof(leaves.slice(0, count), index));
        expect(new Set(read.map(tileName)).size).toBe(read.length);
        expect(read.length).toBeLessThanOrEqual(3);
      }),
      { numRuns: 60 },
    );
  });
});

it('a consistency proof from tiles leads from an older checkpoint to a newer one', async () => {
  const proof = await proofOf(consistencySpans(99, 300), byLeaves);
  const rootAt = (count: number) => rootOfLeaves(leaves.slice(0, count));
  expect(provesConsistency(99, 300, proof, rootAt(99), rootAt(300))).toBe(true);
  expect(provesConsistency(99, 300, proof, rootAt(98), rootAt(300))).toBe(false);
});
