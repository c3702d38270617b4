/** The folder that holds all state of one local cloud: private to its user, and used by one process at a time. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createFileDurably, writeFileDurably } from './durable-file.ts';
import { StartFailure } from './start-failure.ts';

/** Marks a folder as ours: nothing is ever deleted from a folder without it. */
const MARKER = 'local-cloud.json';
const LOCK = 'lock';

export interface DataFolder {
  path: string;
  /** Absolute path of something inside. */
  file(name: string): string;
  /** A folder inside, 0700, made if missing. */
  folder(name: string): string;
  /** Gives the folder free for another process. */
  release(): void;
}

export interface OpenOptions {
  /** Deletes what an earlier start left. */
  fresh?: boolean;
}

/**
 * Opens or creates a data folder. Throws `StartFailure`: `LOCKED` (exit 6) while another process uses it, `NOT_A_DATA_FOLDER` (exit 2) when it holds
 * files of something else, which `fresh` would destroy. The lock of a process that no longer runs is taken over.
 */
export function openDataFolder(folder: string, options: OpenOptions = {}): DataFolder {
  const path = resolve(folder);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const entries = readdirSync(path);
  if (entries.length > 0 && !entries.includes(MARKER) && !entries.every((name) => name === LOCK || name.endsWith('.tmp'))) {
    throw new StartFailure('NOT_A_DATA_FOLDER', 2, `${path} holds files that are not a data folder's: give an empty or new folder`);
  }
  chmodSync(path, 0o700);
  const lock = acquire(path);
  if (options.fresh) {
    for (const name of readdirSync(path)) if (name !== LOCK && name !== MARKER) rmSync(join(path, name), { recursive: true, force: true });
  }
  writeFileDurably(join(path, MARKER), `${JSON.stringify({ format: 1 })}\n`);
  return {
    path,
    file: (name) => join(path, name),
    folder: (name) => {
      mkdirSync(join(path, name), { recursive: true, mode: 0o700 });
      return join(path, name);
    },
    release: () => {
      if (readText(join(path, LOCK)) === lock) unlinkSync(join(path, LOCK));
    },
  };
}

/** Content of the lock that this process now holds. */
function acquire(path: string): string {
  const file = join(path, LOCK);
  const own = JSON.stringify({ pid: process.pid, started: startOf(process.pid) });
  for (let attempt = 0; attempt < 5; attempt++) {
    if (createFileDurably(file, own)) return own;
    const held = readText(file);
    if (held === undefined) continue;
    const { pid, started } = readLock(held);
    if (isRunning(pid, started)) {
      throw new StartFailure('LOCKED', 6, `LOCKED: process ${pid} uses ${path}: stop it, or give another --data folder`);
    }
    takeAway(file, held);
  }
  throw new StartFailure('LOCKED', 6, `LOCKED: another process is just starting on ${path}`);
}

/** Removes a dead process's lock. Two processes may try at once: who moved a lock that is not the dead one puts it back. */
function takeAway(file: string, dead: string): void {
  const moved = `${file}.${process.pid}.tmp`;
  try {
    renameSync(file, moved);
  } catch {
    return;
  }
  const content = readText(moved);
  if (content !== undefined && content !== dead) createFileDurably(file, content);
  unlinkSync(moved);
}

function readLock(text: string): { pid: number; started: string | undefined } {
  try {
    return JSON.parse(text) as { pid: number; started: string | undefined };
  } catch {
    return { pid: -1, started: undefined };
  }
}

function isRunning(pid: number, started: string | undefined): boolean {
  if (!(pid > 0) || pid === process.pid) return pid === process.pid && started === startOf(process.pid);
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = startOf(pid);
  // A pid is used again after a restart of the machine or, in a container, at once: the start time tells the two processes apart.
  return now === undefined || started === undefined || now === started;
}

/** When a process started, in ticks since boot; undefined where `/proc` does not exist. */
function startOf(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  // The command in parentheses may hold spaces; the start time is the 20th field after it.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
