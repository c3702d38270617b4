/** A copy of the log in a folder, as `aws s3 sync` or a USB stick brings it: with or without the origin's folders above it. */
import { constants } from 'node:fs';
import { lstat, open, opendir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ListedObject, type LogFiles, NotPlainObject } from '../../core/audit/log-files.ts';

const FOLDERS = ['batch', 'checkpoint', 'keys', 'tile'];
/** An origin has two parts; more than these above the log are not searched. */
const DEEPEST_ORIGIN = 8;
/** `tile/0/x001/x234/x567/x890/067.p/5`: folders that a tile can lie in. */
const DEEPEST_TILE = 8;

/** Log below the folder. Errors of the file system when the folder cannot be read. */
export async function folderLog(folder: string): Promise<LogFiles> {
  const root = await findRoot(folder);
  return {
    isLive: false,
    async read(name) {
      // Neither the object nor its folder may be a link that leads out of what was copied.
      const parent = await kindOf(join(root, name, '..'));
      if (parent !== undefined && parent !== 'directory') throw new NotPlainObject(`the folder of ${name} is no folder`);
      const kind = await kindOf(join(root, name));
      if (kind === undefined) return undefined;
      if (kind !== 'file') throw new NotPlainObject(`${name} is no plain file`);
      const file = await open(join(root, name), constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        return await file.readFile();
      } finally {
        await file.close();
      }
    },
    list: () => listFolder(root),
  };
}

/** Where `batch/` and the others lie: here, or below single folders. */
async function findRoot(folder: string): Promise<string> {
  let root = folder;
  for (let depth = 0; depth < DEEPEST_ORIGIN; depth++) {
    const entries = await readdir(root, { withFileTypes: true });
    const [only] = entries;
    if (entries.length !== 1 || !only?.isDirectory() || FOLDERS.includes(only.name)) return root;
    root = join(root, only.name);
  }
  return root;
}

async function* listFolder(root: string): AsyncIterable<ListedObject> {
  for await (const entry of await opendir(root)) {
    if (!entry.isDirectory()) yield { name: entry.isFile() ? entry.name : `${entry.name} (no plain file)` };
    else if (!FOLDERS.includes(entry.name)) yield { name: `${entry.name}/` };
    else yield* listBelow(root, entry.name, entry.name === 'tile' ? DEEPEST_TILE : 1);
  }
}

/** Objects below a folder; folders deeper than the log has any are told as what they are. */
async function* listBelow(root: string, folder: string, depth: number): AsyncIterable<ListedObject> {
  for await (const object of await opendir(join(root, folder))) {
    const name = `${folder}/${object.name}`;
    if (object.isDirectory() && depth > 1) yield* listBelow(root, name, depth - 1);
    else yield { name: object.isFile() ? name : `${name} (no plain file)` };
  }
}

async function kindOf(path: string): Promise<'file' | 'directory' | 'other' | undefined> {
  try {
    const found = await lstat(path);
    return found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
    throw error;
  }
}
