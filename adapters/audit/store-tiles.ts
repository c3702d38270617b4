/** Stores the tiles that have become due since the last time. They are derived: a crash here costs nothing, the next run goes on where this one ended. */
import { storedTilesBetween, TILE_WIDTH, type TileAt, tileName } from '../../core/audit/tiles.ts';
import type { AuditVault } from './audit-vault.ts';
import type { LogState } from './log-head.ts';
import { SealerHalted } from './sealer-halted.ts';
import { storedNodes } from './stored-lines.ts';

/** Lines that one step takes: a log from before there were tiles is caught up step by step. */
const STEP = 16 * TILE_WIDTH;
/** Levels of the tree that one level of tiles spans. */
const TILE_HEIGHT = 8;

/** Stores tiles for a log of `size` lines until all are there, or `inTime` answers false. */
export async function storeTiles({ log, vault }: { log: LogState; vault: AuditVault }, size: number, inTime: () => boolean): Promise<void> {
  if (size < TILE_WIDTH) return;
  const target = size - (size % TILE_WIDTH);
  for (let tiled = await log.tiled(); tiled < target && inTime(); ) {
    const next = Math.min(tiled + STEP, target);
    const hashes = storedNodes(vault, tiled, next);
    for (const tile of storedTilesBetween(tiled, next)) await store(vault, tile, Buffer.concat(await hashesOf(tile, hashes)));
    await log.setTiled(next);
    tiled = next;
  }
}

function hashesOf({ level, index, width }: TileAt, hashes: ReturnType<typeof storedNodes>): Promise<Buffer[]> {
  return Promise.all(
    Array.from({ length: width }, (_, place) => hashes({ level: level * TILE_HEIGHT, index: index * TILE_WIDTH + place })),
  );
}

async function store(vault: AuditVault, tile: TileAt, bytes: Buffer): Promise<void> {
  const name = tileName(tile);
  if (await vault.create(name, bytes)) return;
  if (!(await vault.read(name))?.equals(bytes)) throw new SealerHalted('FOREIGN_TILE', `${name} is not made of the lines of the log`);
}
