import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realNow, registryWriter } from '../../adapters/registry/registry-writer.ts';
import type { OpenUpload } from '../../core/registry/ports.ts';
import { type DockerRegistry, digestOf, IMAGE, INDEX, startDockerRegistry } from './docker-registry.ts';
import { installed } from './started.ts';

const has = { registry: installed('docker-registry', '--version'), skopeo: installed('skopeo', '--version') };
const NAME = 'team/app';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const EMPTY = 'application/vnd.oci.empty.v1+json';
const SPDX = 'application/spdx+json';
/** What is promoted: everything else in the repository belongs to one of them. */
const RELEASES = ['1.0.0', '1.1.0-index', '1.2.0-uncompressed'];

/** How a target differs from the source, a sentence for each thing. */
async function lossesAt(source: DockerRegistry, target: DockerRegistry): Promise<string[]> {
  const losses: string[] = [];
  const [wanted, found] = [await source.tags(NAME), await target.tags(NAME)];
  const digests = new Set<string>();
  for (const [tag, digest] of wanted) {
    const there = found.get(tag);
    if (there === undefined) losses.push(`${kindOf(tag)} ${tag} is missing`);
    else if (there !== digest) losses.push(`${kindOf(tag)} ${tag} has another digest: ${there} instead of ${digest}`);
    digests.add(digest);
  }
  for (const tag of found.keys()) if (!wanted.has(tag)) losses.push(`tag ${tag} was made up`);
  for (const digest of digests) {
    const bytes = (await source.manifest(NAME, digest))!;
    const { config, layers = [], manifests = [] } = JSON.parse(bytes.toString()) as Parts;
    for (const child of manifests) digests.add(child.digest);
    const there = await target.manifest(NAME, digest);
    if (!there) losses.push(`manifest ${digest} is missing`);
    else if (!there.equals(bytes)) losses.push(`manifest ${digest} has other bytes`);
    for (const blob of [...(config ? [config] : []), ...layers]) {
      const [original, copied] = [await source.blob(NAME, blob.digest), await target.blob(NAME, blob.digest)];
      if (!copied) losses.push(`blob ${blob.digest} is missing`);
      else if (!copied.equals(original!)) losses.push(`blob ${blob.digest} has other bytes`);
    }
  }
  return losses;
}

interface Parts {
  config?: { digest: string };
  layers?: { digest: string }[];
  manifests?: { digest: string }[];
}

function kindOf(tag: string): string {
  if (/^sha256-[a-f0-9]{64}$/.test(tag)) return 'list of referrers';
  const suffix = /^sha256-[a-f0-9]{64}\.(\w+)$/.exec(tag)?.[1];
  return suffix === undefined ? 'release' : { sig: 'signature', att: 'attestation', sbom: 'SBOM' }[suffix]!;
}

/** Fills the source: an image, an index, an uncompressed image; signatures, attestation and SBOM by tag; referrers, one of a referrer. */
async function publish(registry: DockerRegistry): Promise<void> {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const image = async (layers: readonly Buffer[], type: string, tag?: string) => {
    const config = await registry.pushBlob(
      NAME,
      Buffer.from(JSON.stringify({ os: 'linux', nonce: randomBytes(4).toString('hex') })),
      CONFIG,
    );
    const pushed = [];
    for (const layer of layers) pushed.push(await registry.pushBlob(NAME, layer, type));
    return registry.pushManifest(NAME, { schemaVersion: 2, mediaType: IMAGE, config, layers: pushed }, tag);
  };
  const random = (size: number) => randomBytes(size);
  const compressed = () => [gzipSync(random(300_000)), gzipSync(random(10))];
  const one = await image(compressed(), `${LAYER}+gzip`, RELEASES[0]);
  const platforms = [await image(compressed(), `${LAYER}+gzip`), await image([random(70_000)], LAYER)];
  const manifests = [];
  for (const [index, digest] of platforms.entries()) {
    const size = (await registry.manifest(NAME, digest))!.length;
    manifests.push({ mediaType: IMAGE, digest, size, platform: { os: 'linux', architecture: index === 0 ? 'amd64' : 'arm64' } });
  }
  const index = await registry.pushManifest(NAME, { schemaVersion: 2, mediaType: INDEX, manifests }, RELEASES[1]);
  const raw = await image([random(200_000), random(5)], LAYER, RELEASES[2]);

  const signed = async (digest: string, suffix: string) => {
    const payload = Buffer.from(JSON.stringify({ critical: { image: { 'docker-manifest-digest': digest } }, optional: null }));
    const signature = sign('sha256', payload, key).toString('base64');
    const layer = await registry.pushBlob(NAME, payload, 'application/vnd.dev.cosign.simplesigning.v1+json');
    const config = await registry.pushBlob(NAME, Buffer.from(JSON.stringify({ suffix, digest })), CONFIG);
    const layers = [{ ...layer, annotations: { 'dev.cosignproject.cosign/signature': signature } }];
    return registry.pushManifest(NAME, { schemaVersion: 2, mediaType: IMAGE, config, layers }, `${digest.replace(':', '-')}.${suffix}`);
  };
  const attached = async (subject: string, mediaType: string, count: number) => {
    const size = (await registry.manifest(NAME, subject))!.length;
    const listed = [];
    for (let number = 0; number < count; number++) {
      const layers = [await registry.pushBlob(NAME, Buffer.from(JSON.stringify({ name: subject, number })), SPDX)];
      const config = await registry.pushBlob(NAME, Buffer.from('{}'), EMPTY);
      const body = {
        schemaVersion: 2,
        mediaType: IMAGE,
        artifactType: SPDX,
        config,
        layers,
        subject: { mediaType, digest: subject, size },
      };
      const digest = await registry.pushManifest(NAME, body);
      listed.push({ mediaType: IMAGE, digest, size: (await registry.manifest(NAME, digest))!.length, artifactType: SPDX });
    }
    // Blanks, and an annotation: bytes that nobody else would write.
    const bytes = { schemaVersion: 2, mediaType: INDEX, annotations: { by: 'another tool' }, manifests: listed };
    await registry.pushManifest(NAME, bytes, subject.replace(':', '-'));
    return listed.map(({ digest }) => digest);
  };
  await signed(one, 'sig');
  await signed(one, 'att');
  await signed(index, 'sig');
  await signed(platforms[0]!, 'sbom');
  await signed(raw, 'sig');
  const [sbom] = await attached(index, INDEX, 2);
  await attached(raw, IMAGE, 1);
  await attached(sbom!, IMAGE, 1);
  await signed(sbom!, 'sig');
}

describe.skipIf(!has.registry)('between two Debian registries', () => {
  const running: DockerRegistry[] = [];
  const registry = async () => {
    const started = await startDockerRegistry();
    running.push(started);
    process.env['ALLOWED_ORIGINS'] = running.map(({ origin }) => origin).join(',');
    return started;
  };
  const configuration = ({ origin }: DockerRegistry) => ({ name: origin, origin, prefix: '' });
  let source: DockerRegistry;
  beforeAll(async () => {
    source = await registry();
    await publish(source);
  });
  afterAll(async () => {
    for (const each of running) await each.stop();
    delete process.env['ALLOWED_ORIGINS'];
  });

  it('every manifest, tag, signature and referrer is the same bytes after our copy', async () => {
    const target = await registry();
    const writer = registryWriter();
    for (const release of RELEASES) {
      const digest = digestOf((await source.manifest(NAME, release))!);
      const progress = await writer.copy(configuration(source), configuration(target), NAME, digest, realNow() + 60_000);
      expect(progress.done).toBe(true);
      await writer.tagOnce(configuration(target), NAME, release, digest);
    }
    expect(await lossesAt(source, target)).toEqual([]);
    expect((await target.tags(NAME)).size).toBe(12);
  });

  it.skipIf(!has.skopeo)('this is what skopeo loses or changes, told to copy signatures too', async () => {
    const target = await registry();
    const folder = mkdtempSync(join(tmpdir(), 'greenlight-skopeo-'));
    try {
      mkdirSync(join(folder, 'registries.d'));
      writeFileSync(join(folder, 'registries.d', 'default.yaml'), 'default-docker:\n  use-sigstore-attachments: true\n');
      for (const release of RELEASES) {
        const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false'];
        const at = ({ address }: DockerRegistry) => `docker://${address}/${NAME}:${release}`;
        const words = ['--registries.d', join(folder, 'registries.d'), 'copy', '-q', '--all', ...insecure, at(source), at(target)];
        const environment = { ...process.env, HOME: folder, XDG_DATA_HOME: folder };
        const failed = await promisify(execFile)('skopeo', words, { env: environment }).then(
          () => undefined,
          (error: { stderr: string }) => error.stderr,
        );
        if (failed !== undefined) console.log(`[conformance] skopeo does not copy ${release}: ${failed.trim().slice(-300)}`);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const losses = await lossesAt(source, target);
    const content = losses.filter((loss) => /^(manifest|blob) /.test(loss));
    const named = losses.filter((loss) => !content.includes(loss));
    console.log(`[conformance] skopeo loses or changes:\n${named.map((loss) => `  ${loss}`).join('\n')}`);
    console.log(`[conformance] and ${content.length} manifests and blobs behind them`);
    // What every version of it copies as it is: the comparison finds losses, not everything.
    expect(losses.filter((loss) => loss.startsWith(`release ${RELEASES[0]} `))).toEqual([]);
    const kept = digestOf((await source.manifest(NAME, RELEASES[0]!))!);
    expect(content.filter((loss) => loss.includes(kept))).toEqual([]);
  });

  it('a large blob arrives in parts over many passes, each begun by another process', async () => {
    const target = await registry();
    const size = 2_000_000;
    const part = 300_000;
    const layer = randomBytes(size);
    const layers = [await source.pushBlob('team/large', layer, LAYER)];
    const config = await source.pushBlob('team/large', Buffer.from('{}'), CONFIG);
    const digest = await source.pushManifest('team/large', { schemaVersion: 2, mediaType: IMAGE, config, layers }, 'v1');
    const uploads = new Map<string, OpenUpload>();
    const ledger = {
      find: async (key: string) => uploads.get(key),
      keep: async (key: string, upload: OpenUpload) => void uploads.set(key, upload),
      forget: async (key: string) => void uploads.delete(key),
    };
    let passes = 0;
    let sent = 0;
    for (let done = false; !done; passes++) {
      const writer = registryWriter({ partBytes: part, uploadsOf: () => ledger });
      const progress = await writer.copy(configuration(source), configuration(target), 'team/large', digest, 0, 'PR-2026-0001');
      sent += progress.copiedBytes ?? 0;
      done = progress.done;
    }
    expect(passes).toBeGreaterThanOrEqual(Math.ceil(size / part));
    expect(sent).toBe(size + 2);
    expect((await target.blob('team/large', layers[0]!.digest))!.equals(layer)).toBe(true);
  });
});
