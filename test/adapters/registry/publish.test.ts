import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { publish } from '../../../adapters/registry/publish.ts';
import { registryReader } from '../../../adapters/registry/registry-reader.ts';
import { REPOSITORY, startRegistry, stopRegistries } from './registries.ts';

const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  await stopRegistries();
});

function folderOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'greenlight-published-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

test('the same files give the same digest whenever and in whatever order they were written', async () => {
  const dev = await startRegistry('dev');
  const [one, two] = [folderOf({ 'b.txt': 'b', 'a/c.txt': 'c' }), folderOf({ 'a/c.txt': 'c', 'b.txt': 'b', '.git/HEAD': 'x' })];
  utimesSync(join(two, 'b.txt'), 1, 1);
  chmodSync(join(two, 'b.txt'), 0o600);
  const at = { origin: dev.origin, repository: REPOSITORY, tag: '1.0.0', labels: { team: 'payments' } };
  const first = await publish({ ...at, folder: one });
  const second = await publish({ ...at, folder: two });
  expect(first).toMatchObject({ existed: false, files: 2 });
  expect(second).toEqual({ ...first, existed: true });
  const { json } = await dev.registry.call('GET', `/v2/${REPOSITORY}/manifests/1.0.0`);
  const layer = await fetch(`${dev.origin}/v2/${REPOSITORY}/blobs/${json.layers[0].digest}`);
  expect(gunzipSync(Buffer.from(await layer.arrayBuffer())).toString()).toContain('a/c.txt');
  const facts = await registryReader().facts(dev.configuration, REPOSITORY, first.digest);
  expect(facts.labels).toMatchObject({ team: 'payments', 'org.opencontainers.image.version': '1.0.0' });
});

test('a version is published once: other files under its tag are refused', async () => {
  const dev = await startRegistry('dev');
  const at = { origin: dev.origin, repository: REPOSITORY, tag: '1.0.0' };
  await publish({ ...at, folder: folderOf({ a: '1' }) });
  await expect(publish({ ...at, folder: folderOf({ a: '2' }) })).rejects.toMatchObject({ code: 'TAG_IMMUTABLE' });
});
