/** Journal of one execution: one JSON line per group of changes, on disk before anything acts on it. */
import { closeSync, fdatasyncSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../durable-file.ts';
import type { JournalLine } from './execution-record.ts';

/** Appends one line and waits for the disk. `create`: the file is new, and so must its name be on disk. */
export async function appendLine(file: string, line: JournalLine, create: boolean): Promise<void> {
  // Opened for each line: thousands of executions wait for people, and a process may hold about a thousand open files.
  const handle = await open(file, create ? 'w' : 'a', 0o600);
  try {
    await handle.appendFile(`${JSON.stringify(line)}\n`);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  if (create) syncFolder(dirname(file));
}

/** Reads a journal. A last line that a crash tore was never acknowledged: `repair` cuts it off, so that the next line starts a line. */
export function readJournal(file: string, repair: boolean): JournalLine[] {
  const bytes = readFileSync(file);
  const end = bytes.lastIndexOf(0x0a) + 1;
  if (repair && end < bytes.length) truncate(file, end);
  return bytes
    .subarray(0, end)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JournalLine);
}

function truncate(file: string, length: number): void {
  const handle = openSync(file, 'r+');
  try {
    ftruncateSync(handle, length);
    fdatasyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
