import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataFolder } from '../../local/data-folder.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'data-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const SCRIPT = `
const { openDataFolder } = await import(${JSON.stringify(new URL('../../local/data-folder.ts', import.meta.url).href)});
try {
  openDataFolder(process.argv[1]);
} catch (error) {
  console.log(error.code, error.exitCode);
  process.exit(error.exitCode);
}
console.log('open');
setInterval(() => {}, 1000);
`;
const args = ['--import', 'tsx', '--input-type=module', '-e', SCRIPT, '--'];

async function holder(path: string) {
  const child = spawn(process.execPath, [...args, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child;
}

describe('the data folder', () => {
  it('is private', () => {
    const data = openDataFolder(join(folder, 'new'));
    expect(statSync(data.path).mode & 0o777).toBe(0o700);
    expect(statSync(data.folder('part')).mode & 0o777).toBe(0o700);
    data.release();
  });

  it('is refused to a second process with LOCKED and exit code 6', async () => {
    const child = await holder(folder);
    try {
      expect(() => openDataFolder(folder)).toThrow(expect.objectContaining({ code: 'LOCKED', exitCode: 6 }));
      const second = spawnSync(process.execPath, [...args, folder], { encoding: 'utf8' });
      expect([second.stdout.trim(), second.status]).toEqual(['LOCKED 6', 6]);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('is taken over from a process that was killed', async () => {
    const child = await holder(folder);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    const data = openDataFolder(folder);
    expect(existsSync(data.file('lock'))).toBe(true);
    data.release();
    expect(existsSync(data.file('lock'))).toBe(false);
  });

  it('is taken over when the pid belongs to another process by now', () => {
    openDataFolder(folder).release();
    writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: process.ppid, started: '1' }));
    openDataFolder(folder).release();
  });

  it('is emptied by fresh', () => {
    const first = openDataFolder(folder);
    writeFileSync(first.file('clock.json'), '{}');
    first.folder('s3');
    first.release();
    const second = openDataFolder(folder, { fresh: true });
    expect(readdirSync(folder).sort()).toEqual(['local-cloud.json', 'lock']);
    second.release();
  });

  it('is never a folder of something else', () => {
    writeFileSync(join(folder, 'thesis.txt'), 'years of work');
    expect(() => openDataFolder(folder, { fresh: true })).toThrow(expect.objectContaining({ code: 'NOT_A_DATA_FOLDER', exitCode: 2 }));
    expect(existsSync(join(folder, 'thesis.txt'))).toBe(true);
  });
});
