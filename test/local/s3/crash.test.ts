import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const data = mkdtempSync(join(tmpdir(), 'greenlight-s3-crash-'));
let child: ChildProcess | undefined;

afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(data, { recursive: true, force: true });
});

async function serve(): Promise<string> {
  child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('./serve-s3.ts', import.meta.url)), data], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [origin] = (await once(child.stdout!, 'data')) as [Buffer];
  return origin.toString().trim();
}

const md5 = (body: string) => createHash('md5').update(body).digest('hex');

test('a kill in the middle of puts loses nothing acknowledged and shows nothing torn', async () => {
  const origin = await serve();
  await fetch(`${origin}/log`, { method: 'PUT', headers: { 'x-amz-bucket-object-lock-enabled': 'true' } });
  const acknowledged = new Map<string, string>();
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    for (let round = 0; ; round++) {
      const key = `${writer}/${round}`;
      const body = `${key} `.repeat(5_000);
      const response = await fetch(`${origin}/log/${key}`, { method: 'PUT', body, headers: { 'if-none-match': '*' } }).catch(
        () => undefined,
      );
      if (!response) return;
      if (response.ok) acknowledged.set(key, md5(body));
      // The server dies while the other writers are between their steps.
      if (acknowledged.size === 60) child!.kill('SIGKILL');
    }
  });
  await Promise.all(writers);

  const again = await serve();
  const listed = await (await fetch(`${again}/log?list-type=2`)).text();
  const keys = [...listed.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key!);
  for (const key of keys) {
    const response = await fetch(`${again}/log/${key}`);
    expect(response.headers.get('etag')).toBe(`"${md5(await response.text())}"`);
  }
  expect([...acknowledged.keys()].filter((key) => !keys.includes(key))).toEqual([]);
  expect(acknowledged.size).toBeGreaterThanOrEqual(60);
});
