import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { append, EMPTY_TREE, isWellFormed, leafHash, nodeHash, rootOf, rootOfLeaves, type Tree } from '../../../core/audit/merkle.ts';
import { provesConsistency, provesInclusion } from '../../../core/audit/merkle-proof.ts';
import { consistencyProof, inclusionProof } from './reference-proofs.ts';

/** Leaves and roots of Certificate Transparency's reference tests. */
const INPUTS = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const leaves = (count: number) => Array.from({ length: count }, (_, index) => leafHash(Buffer.from(`line ${index}`)));
const grow = (count: number) => leaves(count).reduce<Tree>(append, EMPTY_TREE);

/** The definition of RFC 6962 2.1, word by word. */
function naiveRoot(hashes: readonly Buffer[]): Buffer {
  if (hashes.length === 0) return createHash('sha256').digest();
  if (hashes.length === 1) return hashes[0]!;
  const cut = 2 ** Math.floor(Math.log2(hashes.length - 1));
  return nodeHash(naiveRoot(hashes.slice(0, cut)), naiveRoot(hashes.slice(cut)));
}

describe('the tree', () => {
  it('has the published roots for the published leaves', () => {
    const roots = INPUTS.map((_, index) => rootOfLeaves(INPUTS.slice(0, index + 1).map((text) => leafHash(Buffer.from(text, 'hex')))));
    expect(roots.map((root) => root.toString('hex'))).toEqual(ROOTS);
  });

  it('is the hash of nothing when it is empty', () => {
    expect(rootOf(EMPTY_TREE).toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it('has the same root from its frontier as from its definition, and never more hashes than its size has bits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 600 }), (count) => {
        const tree = grow(count);
        expect(rootOf(tree)).toEqual(naiveRoot(leaves(count)));
        expect(isWellFormed(tree)).toBe(true);
        expect(isWellFormed({ ...tree, size: count + 1 })).toBe(isWellFormed({ size: count + 1, frontier: tree.frontier }));
        expect(tree.frontier.length).toBe(count.toString(2).replaceAll('0', '').length);
      }),
      { numRuns: 60 },
    );
  });
});

describe('proofs', () => {
  it('of inclusion hold for their own leaf, place and tree, and for nothing else', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(), fc.nat(), (count, some, other) => {
        const index = some % count;
        const all = leaves(count);
        const root = naiveRoot(all);
        const proof = inclusionProof(all, index);
        expect(proof.length).toBeLessThanOrEqual(Math.ceil(Math.log2(count)));
        expect(provesInclusion(all[index]!, index, count, proof, root)).toBe(true);
        expect(provesInclusion(leafHash(Buffer.from('x')), index, count, proof, root)).toBe(false);
        expect(provesInclusion(all[index]!, count, count, proof, root)).toBe(false);
        expect(provesInclusion(all[index]!, index, count, [...proof, root], root)).toBe(false);
        if (proof.length > 0) {
          const at = other % proof.length;
          expect(provesInclusion(all[index]!, index, count, proof.with(at, Buffer.alloc(32)), root)).toBe(false);
          expect(provesInclusion(all[index]!, index, count, proof.slice(1), root)).toBe(false);
          expect(provesInclusion(all[index]!, (index + 1) % count, count, proof, root)).toBe(false);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('of consistency hold between the sizes that they were made for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 150 }), fc.nat(), (count, some) => {
        const earlier = (some % count) + 1;
        const all = leaves(count);
        const before = naiveRoot(all.slice(0, earlier));
        const proof = consistencyProof(all, earlier);
        expect(provesConsistency(earlier, count, proof, before, naiveRoot(all))).toBe(true);
        expect(provesConsistency(earlier, count, proof, Buffer.alloc(32), naiveRoot(all))).toBe(false);
        expect(provesConsistency(earlier, count, proof, before, Buffer.alloc(32))).toBe(false);
        expect(provesConsistency(earlier, count, [...proof, before], before, naiveRoot(all))).toBe(false);
        expect(provesConsistency(count + 1, count, proof, before, naiveRoot(all))).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it('are refused for what is not there', () => {
    expect(() => inclusionProof(leaves(3), 3)).toThrow(RangeError);
    expect(() => consistencyProof(leaves(3), 4)).toThrow(RangeError);
    expect(consistencyProof(leaves(3), 0)).toEqual([]);
  });
});
