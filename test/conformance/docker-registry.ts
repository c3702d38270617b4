/** Debian's docker-registry on a free port, as people run it: distribution 2.8, without the referrers API. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const READY_MS = 120_000;
export const IMAGE = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX = 'application/vnd.oci.image.index.v1+json';

export interface DockerRegistry {
  address: string;
  origin: string;
  /** Tag → digest. */
  tags(name: string): Promise<Map<string, string>>;
  /** Bytes by tag or digest; undefined when it is not there. */
  manifest(name: string, reference: string): Promise<Buffer | undefined>;
  blob(name: string, digest: string): Promise<Buffer | undefined>;
  /** Pushes bytes as a blob; answers its descriptor. */
  pushBlob(name: string, bytes: Buffer, mediaType: string): Promise<{ mediaType: string; digest: string; size: number }>;
  /** Pushes a manifest, under its digest unless `tag` is given; answers its digest. */
  pushManifest(name: string, body: { mediaType: string } & Record<string, unknown>, tag?: string): Promise<string>;
  stop(): Promise<void>;
}

export const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export async function startDockerRegistry(): Promise<DockerRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'greenlight-docker-registry-'));
  const address = `127.0.0.1:${await freePort()}`;
  const file = join(folder, 'config.yml');
  const configuration = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'data') } },
    http: { addr: address, secret: 'test' },
  };
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(configuration));
  const child = spawn('docker-registry', ['serve', file], { stdio: 'ignore' });
  const origin = `http://${address}`;
  const stop = async () => {
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  for (const limit = performance.now() + READY_MS; ; await sleep(50)) {
    if (
      await fetch(`${origin}/v2/`)
        .then(({ ok }) => ok)
        .catch(() => false)
    )
      break;
    if (performance.now() < limit && child.exitCode === null) continue;
    await stop();
    throw new Error('docker-registry does not start');
  }
  const get = async (path: string): Promise<Buffer | undefined> => {
    const answer = await fetch(`${origin}/v2/${path}`, { headers: { accept: `${IMAGE}, ${INDEX}` } });
    if (answer.status === 404) return undefined;
    if (!answer.ok) throw new Error(`GET ${path}: ${answer.status}`);
    return Buffer.from(await answer.arrayBuffer());
  };
  const put = async (address: string, bytes: Buffer, type: string) => {
    const answer = await fetch(address, { method: 'PUT', body: new Uint8Array(bytes), headers: { 'content-type': type } });
    if (answer.status !== 201) throw new Error(`PUT ${address}: ${answer.status} ${await answer.text()}`);
  };
  return {
    address,
    origin,
    stop,
    async tags(name) {
      const { tags } = JSON.parse(((await get(`${name}/tags/list`)) ?? Buffer.from('{"tags":[]}')).toString()) as { tags: string[] | null };
      const digests = new Map<string, string>();
      for (const tag of (tags ?? []).sort()) digests.set(tag, digestOf((await get(`${name}/manifests/${tag}`))!));
      return digests;
    },
    manifest: (name, reference) => get(`${name}/manifests/${reference}`),
    blob: (name, digest) => get(`${name}/blobs/${digest}`),
    async pushBlob(name, bytes, mediaType) {
      const digest = digestOf(bytes);
      const begun = await fetch(`${origin}/v2/${name}/blobs/uploads/`, { method: 'POST' });
      const place = new URL(begun.headers.get('location')!, origin);
      place.searchParams.set('digest', digest);
      await put(place.href, bytes, 'application/octet-stream');
      return { mediaType, digest, size: bytes.length };
    },
    async pushManifest(name, body, tag) {
      const bytes = Buffer.from(JSON.stringify(body));
      const digest = digestOf(bytes);
      await put(`${origin}/v2/${name}/manifests/${tag ?? digest}`, bytes, body.mediaType);
      return digest;
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await Promise.race([gone, sleep(5_000)]);
  child.kill('SIGKILL');
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
