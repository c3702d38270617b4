import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EarlyListeners } from '../../local/early-listeners.ts';

it('binds a port at once, and serves only between serve and drain', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'early-'));
  const listeners = new EarlyListeners(folder);
  const status = async (origin: string) => (await fetch(origin)).status;
  try {
    const { origin } = await listeners.open('api');
    expect(await status(origin)).toBe(503);
    const again = await listeners.listen('api', (_request, response) => response.end('hello'));
    expect(again.origin).toBe(origin);
    expect(await status(origin)).toBe(503);
    listeners.serve('api');
    expect(await status(origin)).toBe(200);
    listeners.drain('api');
    expect(await status(origin)).toBe(503);
  } finally {
    await listeners.close();
    rmSync(folder, { recursive: true });
  }
});
