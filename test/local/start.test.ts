import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataFolder } from '../../local/data-folder.ts';

const root = join(import.meta.dirname, '../..');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'start-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function start(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'local/start.ts', ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('npm start', () => {
  it.each([
    [['--port', 'http'], '--port http'],
    [['--port', '70000'], '--port 70000'],
    [['--time-scale', '0'], '--time-scale 0'],
    [['--frsh'], '--frsh'],
    [['extra'], 'extra'],
  ])('refuses %j with exit code 2 and the usage', (args, named) => {
    const { status, stdout, stderr } = start('--data', join(folder, 'data'), ...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(named);
    expect(stderr).toContain('usage: npm start');
  });

  it('ends with exit code 6 while another process uses the data folder', () => {
    const data = openDataFolder(join(folder, 'data'));
    const { status, stderr } = start('--data', data.path);
    expect(status).toBe(6);
    expect(stderr).toContain('LOCKED');
    data.release();
  });
});
