import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COPIER, INDEX, imageOf, openTestRegistry, sha256, type TestRegistry } from './open-test-registry.ts';

const run = promisify(execFile);
const installed = spawnSync('skopeo', ['--version']).status === 0;
let dev: TestRegistry;
let prod: TestRegistry;
let folder: string;

beforeEach(async () => {
  dev = await openTestRegistry();
  prod = await openTestRegistry({ anonymous: 'read' });
  folder = mkdtempSync(join(tmpdir(), 'layout-'));
});

afterEach(async () => {
  await dev.dispose();
  await prod.dispose();
  rmSync(folder, { recursive: true });
});

/** An OCI layout with an index of two platforms, tagged v1. */
function writeLayout(): void {
  const blobs = join(folder, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const store = (content: string) => {
    writeFileSync(join(blobs, createHash('sha256').update(content).digest('hex')), content);
    return { digest: sha256(content), size: Buffer.byteLength(content) };
  };
  const manifests = ['amd64', 'arm64'].map((architecture) => {
    const layer = store(`layer of ${architecture}`);
    const config = store(JSON.stringify({ architecture, os: 'linux', rootfs: { type: 'layers', diff_ids: [layer.digest] }, config: {} }));
    const manifest = imageOf(`layer of ${architecture}`, { config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config } });
    return { mediaType: 'application/vnd.oci.image.manifest.v1+json', ...store(manifest), platform: { architecture, os: 'linux' } };
  });
  const index = store(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }));
  const entry = { mediaType: INDEX, ...index, annotations: { 'org.opencontainers.image.ref.name': 'v1' } };
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
}

describe.skipIf(!installed)('skopeo', () => {
  it('pushes, inspects, copies, syncs and deletes', async () => {
    writeLayout();
    const [from, to] = [dev.origin.slice('http://'.length), prod.origin.slice('http://'.length)];
    const credentials = ['--dest-creds', `AWS:${prod.tokens.issue(COPIER).password}`];
    const plain = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    await run('skopeo', ['copy', '--all', '--dest-tls-verify=false', `oci:${folder}:v1`, `docker://${from}/team/app:v1`]);
    const inspected = JSON.parse((await run('skopeo', ['inspect', '--tls-verify=false', `docker://${from}/team/app:v1`])).stdout);
    expect(inspected).toMatchObject({ Architecture: 'amd64', RepoTags: ['v1'] });
    // Not the digest of the layout: skopeo writes an index anew.
    const digest: string = inspected.Digest;

    const copy = ['copy', '--all', ...plain, `docker://${from}/team/app:v1`, `docker://${to}/team/app:v1`];
    await expect(run('skopeo', copy)).rejects.toThrow(/unauthorized|authentication required/i);
    await run('skopeo', [...copy, ...credentials]);
    expect((await prod.call('HEAD', '/v2/team/app/manifests/v1')).headers.get('docker-content-digest')).toBe(digest);
    expect(prod.context.calls.filter((call) => call.function === 'copy' && call.operation === 'PUT manifest')).toHaveLength(3);

    await run('skopeo', ['copy', '--all', '--dest-tls-verify=false', `oci:${folder}:v1`, `docker://${from}/team/app:v2`]);
    await run('skopeo', [
      'sync',
      '--all',
      ...plain,
      ...credentials,
      '--src',
      'docker',
      '--dest',
      'docker',
      `${from}/team/app`,
      `${to}/synced`,
    ]);
    expect((await prod.call('GET', '/v2/synced/app/tags/list')).json.tags).toEqual(['v1', 'v2']);

    await run('skopeo', ['delete', '--tls-verify=false', `docker://${from}/team/app:v1`]);
    expect((await dev.call('HEAD', `/v2/team/app/manifests/${digest}`)).status).toBe(404);
  });
});
