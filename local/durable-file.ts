/** Files that are either wholly there or not there after a crash. */
import { closeSync, fsyncSync, linkSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

let sequence = 0;

/** Replaces `path` by `content`: temporary file, fsync, rename, fsync of the folder. */
export function writeFileDurably(path: string, content: string | Uint8Array, mode = 0o600): void {
  const temporary = writeTemporary(path, content, mode);
  renameSync(temporary, path);
  syncFolder(dirname(path));
}

/** Creates `path`; answers false and changes nothing when it exists. `link` is atomic, where `open(…, 'wx')` leaves torn files after a kill. */
export function createFileDurably(path: string, content: string | Uint8Array, mode = 0o600): boolean {
  const temporary = writeTemporary(path, content, mode);
  try {
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(temporary);
  }
  try {
    syncFolder(dirname(path));
  } catch (error) {
    // Nobody may build on a name of which it is not known that it stays.
    unlinkSync(path);
    throw error;
  }
  return true;
}

/** Makes renames and links inside a folder survive a power loss. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function writeTemporary(path: string, content: string | Uint8Array, mode: number): string {
  const temporary = `${path}.${process.pid}.${sequence++}.tmp`;
  const handle = openSync(temporary, 'w', mode);
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    for (let offset = 0; offset < bytes.length; ) offset += writeSync(handle, bytes, offset);
    fsyncSync(handle);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  } finally {
    closeSync(handle);
  }
  return temporary;
}
