/**
 * Tiles (C2SP tlog-tiles): 256 hashes of one level of the tree in one object, so that a proof in a log of a million lines needs three of them. Derived
 * from the lines: they prove nothing by themselves, and can be made again at any time.
 */
import type { NodeVisitor } from './growing-tree.ts';
import { nodeHash } from './merkle.ts';
import type { NodeAt, NodeHashes } from './proof-path.ts';

export const TILE_WIDTH = 256;
/** Levels of the tree that one level of tiles spans. */
const TILE_HEIGHT = 8;
const HASH_BYTES = 32;
/** 256^7 is above every safe integer. */
const LEVELS = 7;

/** A tile: hashes `256 * index ...` of the tree's level `8 * level`; 256 of them, or the first `width` while there are no more. */
export interface TileAt {
  level: number;
  index: number;
  width: number;
}

/** `tile/1/x001/x234/067`, and `.p/5` behind it for a partial one of five hashes. */
export function tileName({ level, index, width }: TileAt): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/\d{3}/g)!;
  const path = groups.map((group, place) => (place < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

/** Reads a name (attacker-controlled); undefined when it is no name of a tile. */
export function readTileName(name: string): TileAt | undefined {
  const [, level, path, partial] = /^tile\/([0-6])\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(name) ?? [];
  if (level === undefined || path === undefined) return undefined;
  const tile = { level: Number(level), index: Number(path.replace(/[x/]/g, '')), width: Number(partial ?? TILE_WIDTH) };
  // One spelling per tile: no leading groups of zeros, no partial tile of full width.
  return tile.width <= TILE_WIDTH && tileName(tile) === name ? tile : undefined;
}

export const isFull = ({ width }: TileAt): boolean => width === TILE_WIDTH;

/** Lines that a tile speaks of end here. */
export function endOf({ level, index, width }: TileAt): number {
  return (index * TILE_WIDTH + width) * TILE_WIDTH ** level;
}

/**
 * The tiles that are stored: full ones, and of the levels above the lines also what there is of the last one, because a proof would otherwise have to read
 * up to 255 tiles below it. Lines of the last, unfinished tile of level 0 are read from their batches.
 */
export function storedTilesBetween(from: number, to: number): TileAt[] {
  const tiles: TileAt[] = [];
  for (let level = 0; level < LEVELS && to >= TILE_WIDTH ** (level + (level === 0 ? 1 : 0)); level++) {
    const [before, after] = [hashesAt(level, from), hashesAt(level, to)];
    for (let index = Math.floor(before / TILE_WIDTH); (index + 1) * TILE_WIDTH <= after; index++)
      tiles.push({ level, index, width: TILE_WIDTH });
    const width = after % TILE_WIDTH;
    if (level > 0 && width > 0 && after > before) tiles.push({ level, index: Math.floor(after / TILE_WIDTH), width });
  }
  return tiles;
}

/** Hashes that the tree's level `8 * level` has. */
function hashesAt(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** Gathers the nodes of a growing tree into tiles and hands each over when it has another hash that tiles are stored with. */
export class TileGatherer {
  readonly #levels: string[][] = [];
  readonly #take: (tile: TileAt, bytes: Buffer) => void;

  constructor(take: (tile: TileAt, bytes: Buffer) => void) {
    this.#take = take;
  }

  readonly visit: NodeVisitor = (level, index, hash) => {
    if (level % TILE_HEIGHT !== 0) return;
    const tileLevel = level / TILE_HEIGHT;
    const hashes = this.#levels[tileLevel] ?? [];
    this.#levels[tileLevel] = hashes;
    hashes.push(hash);
    const width = hashes.length;
    if (tileLevel > 0 || width === TILE_WIDTH) {
      this.#take({ level: tileLevel, index: Math.floor(index / TILE_WIDTH), width }, Buffer.from(hashes.join(''), 'latin1'));
    }
    if (width === TILE_WIDTH) this.#levels[tileLevel] = [];
  };
}

export interface TileSource {
  /** Lines that stored tiles cover. */
  size: number;
  /** Bytes of a tile; undefined when there is none. */
  tile(at: TileAt): Promise<Buffer | undefined>;
  /** Leaf hashes of lines `start` to before `end`, of at most one tile. */
  leaves(start: number, end: number): Promise<readonly Buffer[]>;
}

/** Hashes of nodes out of tiles; where one is missing or torn, out of what lies below it. A wrong tile makes a proof that does not verify, nothing worse. */
export function nodesFromTiles({ size, tile, leaves }: TileSource): NodeHashes {
  const read = new Map<string, Promise<Buffer | undefined>>();
  const readOnce = (at: TileAt) => {
    const name = tileName(at);
    const known = read.get(name) ?? tile(at);
    read.set(name, known);
    return known;
  };
  const hash: NodeHashes = async ({ level, index }: NodeAt) => {
    const tileLevel = Math.floor(level / TILE_HEIGHT);
    const count = 2 ** (level % TILE_HEIGHT);
    const first = index * count;
    const at = { level: tileLevel, index: Math.floor(first / TILE_WIDTH) };
    const width = Math.min(TILE_WIDTH, hashesAt(tileLevel, size) - at.index * TILE_WIDTH);
    const offset = first % TILE_WIDTH;
    if (offset + count <= width && (tileLevel > 0 || width === TILE_WIDTH)) {
      const bytes = await readOnce({ ...at, width });
      if (bytes?.length === width * HASH_BYTES) return fold(hashesOf(bytes).slice(offset, offset + count));
    }
    if (tileLevel === 0) return fold(await leaves(first, first + count));
    const [left, right] = await Promise.all([
      hash({ level: level - 1, index: index * 2 }),
      hash({ level: level - 1, index: index * 2 + 1 }),
    ]);
    return nodeHash(left, right);
  };
  return hash;
}

function hashesOf(tile: Buffer): Buffer[] {
  return Array.from({ length: tile.length / HASH_BYTES }, (_, place) => tile.subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES));
}

/** Root of a perfect subtree by its leaves: a power of two of them. */
function fold(hashes: readonly Buffer[]): Buffer {
  let row = hashes;
  while (row.length > 1) row = Array.from({ length: row.length / 2 }, (_, place) => nodeHash(row[2 * place]!, row[2 * place + 1]!));
  return row[0]!;
}
