import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IMAGE, imageOf, openTestRegistry, sha256 } from './open-test-registry.ts';

const PROGRAM = new URL('./registry-process.ts', import.meta.url).pathname;
let data: string;
let child: ChildProcess | undefined;

beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'registry-kill-'));
});

afterEach(async () => {
  await kill();
  rmSync(data, { recursive: true });
});

async function start(): Promise<string> {
  child = spawn(process.execPath, ['--import', 'tsx', PROGRAM], {
    env: { ...process.env, DATA: data },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout!, 'data');
  return String(line).trim();
}

async function kill(): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(folder, name)).isFile());
}

describe('a registry that is killed', () => {
  it('resumes an upload at the last acknowledged byte and never shows a torn blob', async () => {
    const bytes = randomBytes(3_000_000);
    const digest = sha256(bytes);
    let origin = await start();
    const begun = await fetch(`${origin}/v2/app/blobs/uploads/`, { method: 'POST' });
    const path = new URL(begun.headers.get('location')!).pathname;
    const first = await fetch(`${origin}${path}`, { method: 'PATCH', body: bytes.subarray(0, 1_000_000) });
    expect(first.headers.get('range')).toBe('0-999999');
    // A second chunk is on its way, and partly on disk, when the kill comes.
    const broken = request(`${origin}${path}`, { method: 'PATCH', headers: { 'content-length': '2000000' } });
    broken.on('error', () => undefined);
    await new Promise((resolve) => broken.write(randomBytes(1_500_000), resolve));
    await kill();

    origin = await start();
    expect((await fetch(`${origin}/v2/app/blobs/${digest}`)).status).toBe(404);
    const status = await fetch(`${origin}${path}`);
    expect([status.status, status.headers.get('range')]).toEqual([204, '0-999999']);
    const put = await fetch(`${origin}${path}?digest=${digest}`, {
      method: 'PUT',
      body: bytes.subarray(1_000_000),
      headers: { 'content-range': '1000000-2999999' },
    });
    expect(put.status).toBe(201);
    await kill();

    origin = await start();
    const got = Buffer.from(await (await fetch(`${origin}/v2/app/blobs/${digest}`)).arrayBuffer());
    expect(got.equals(bytes)).toBe(true);
  });

  it('keeps every acknowledged push, and every file under blobs is what its name says', async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round++) {
      const origin = await start();
      for (const tag of acknowledged) expect((await fetch(`${origin}/v2/app/manifests/${tag}`)).status).toBe(200);
      const pushes = Array.from({ length: 8 }, async (_, lane) => {
        for (let index = 0; ; index++) {
          const tag = `r${round}-${lane}-${index}`;
          const layer = tag.repeat(20_000);
          for (const blob of ['{}', layer]) {
            await fetch(`${origin}/v2/app/blobs/uploads/?digest=${sha256(blob)}`, { method: 'POST', body: blob });
          }
          const headers = { 'content-type': IMAGE };
          const answer = await fetch(`${origin}/v2/app/manifests/${tag}`, { method: 'PUT', body: imageOf(layer), headers });
          if (answer.status === 201) acknowledged.push(tag);
          if (acknowledged.length > (round + 1) * 12) return kill();
        }
      });
      await Promise.allSettled(pushes);
    }
    const blobs = join(data, 'ecr', 'dev', 'blobs');
    for (const name of files(blobs)) {
      expect(
        createHash('sha256')
          .update(readFileSync(join(blobs, name)))
          .digest('hex'),
      ).toBe(name.split('/').at(-1));
    }
    const origin = await start();
    const { tags } = (await (await fetch(`${origin}/v2/app/tags/list`)).json()) as { tags: string[] };
    for (const tag of acknowledged) expect(tags).toContain(tag);
  });

  it('cuts off a torn record and sweeps what no repository names', async () => {
    let registry = await openTestRegistry({ context: { data } });
    await registry.pushImage('app', 'v1', 'layer');
    await registry.stop();
    appendFileSync(join(registry.folder, 'journal.jsonl'), '{"op":"drop-repository","na');
    registry = await openTestRegistry({ context: { data } });
    expect((await registry.call('GET', '/v2/app/manifests/v1')).status).toBe(200);
    await registry.pushImage('app', 'v2', 'other');
    expect((await registry.call('DELETE', `/v2/app/blobs/${sha256('other')}`)).status).toBe(202);
    await registry.stop();
    registry = await openTestRegistry({ context: { data } });
    expect((await registry.call('GET', '/v2/app/tags/list')).json.tags).toEqual(['v1', 'v2']);
    expect(files(join(registry.folder, 'blobs')).some((name) => name.endsWith(sha256('other').slice(7)))).toBe(false);
    await registry.stop();
  });
});
