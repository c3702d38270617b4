/** Holds stored tiles against those that the lines make. */
import type { NodeVisitor } from './growing-tree.ts';
import type { LogFiles } from './log-files.ts';
import { endOf, isFull, type TileAt, TileGatherer, tileName } from './tiles.ts';

export class TileCheck {
  /** Full tiles that are not there. */
  missing = 0;
  readonly #files: LogFiles;
  readonly #due: { tile: TileAt; bytes: Buffer }[] = [];
  readonly #gatherer = new TileGatherer((tile, bytes) => this.#due.push({ tile, bytes }));
  readonly visit: NodeVisitor = this.#gatherer.visit;

  constructor(files: LogFiles) {
    this.#files = files;
  }

  /** Reads the tiles that have become due. Answers the first one that says something else than the lines. */
  async settle(): Promise<TileAt | undefined> {
    for (const { tile, bytes } of this.#due.splice(0)) {
      const stored = await this.#files.read(tileName(tile));
      if (!stored) this.missing += isFull(tile) ? 1 : 0;
      else if (!stored.equals(bytes)) return tile;
    }
    return undefined;
  }
}

/** First and last line that a tile speaks of. */
export function linesOfTile(tile: TileAt): { from: number; to: number } {
  const to = endOf(tile);
  return { from: to - endOf({ ...tile, index: 0 }), to: to - 1 };
}
