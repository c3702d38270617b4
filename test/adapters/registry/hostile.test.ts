import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { realNow, registryWriter } from '../../../adapters/registry/registry-writer.ts';
import { attachSbom, pushImage } from '../../../local/demo/oci-image.ts';
import { IMAGE, INDEX, imageOf, sha256 } from '../../local/registry/open-test-registry.ts';
import { configurationOf, type Misbehaviour, type Place, REPOSITORY, startProxy, startRegistry, stopRegistries } from './registries.ts';

const writer = registryWriter();

let dev: Place;
let prod: Place;
let digest: string;
/** Stands for the attacker's host: nothing may ever arrive here. */
let elsewhere: Server;
let arrived: string[];
let elsewhereOrigin: string;

beforeEach(async () => {
  [dev, prod] = [await startRegistry('dev'), await startRegistry('prod')];
  const image = await pushImage({ origin: dev.origin, repository: REPOSITORY, tag: '1.0.0', labels: {}, platforms: ['linux/amd64'] });
  digest = image.digest;
  arrived = [];
  elsewhere = createServer((message, response) => {
    arrived.push(`${message.method} ${message.url} ${message.headers.authorization ?? 'without credentials'}`);
    response.end('{}');
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  elsewhereOrigin = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await stopRegistries();
  await new Promise((resolve) => elsewhere.close(resolve));
});

/** Copies with a misbehaving source. */
async function copyFrom(misbehave: Misbehaviour, what = digest) {
  const source = await startProxy(dev.origin);
  source.misbehave = misbehave;
  return writer.copy(configurationOf('dev', source.origin), prod.configuration, REPOSITORY, what, realNow() + 60_000);
}

/** Copies to a misbehaving target. */
async function copyTo(misbehave: Misbehaviour) {
  const target = await startProxy(prod.origin);
  target.misbehave = misbehave;
  return writer.copy(dev.configuration, configurationOf('prod', target.origin), REPOSITORY, digest, realNow() + 60_000);
}

const isBlobRead: (message: { method?: string | undefined; url?: string | undefined }) => boolean = ({ method, url }) =>
  method === 'GET' && /\/blobs\/sha256:/.test(url ?? '');

async function pushManifest(body: string, type: string): Promise<string> {
  const answer = await dev.registry.call('PUT', `/v2/${REPOSITORY}/manifests/${sha256(body)}`, { body, headers: { 'content-type': type } });
  expect(answer.status).toBe(201);
  return sha256(body);
}

async function nothingIsTagged() {
  const { json } = await prod.registry.call('GET', `/v2/${REPOSITORY}/tags/list`);
  expect(json?.tags ?? []).toEqual([]);
}

describe('a source that lies', () => {
  test.each([
    ['another byte', (bytes: Buffer) => Buffer.from(bytes.map((byte, index) => (index === 0 ? byte ^ 1 : byte)))],
    ['fewer bytes', (bytes: Buffer) => bytes.subarray(1)],
    ['more bytes', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('x')])],
  ])('about a blob (%s) ends in DIGEST_MISMATCH, and the blob never completes at the target', async (_name, change) => {
    const { json: index } = await dev.registry.call('GET', `/v2/${REPOSITORY}/manifests/${digest}`);
    const { json: image } = await dev.registry.call('GET', `/v2/${REPOSITORY}/manifests/${index.manifests[0].digest}`);
    const layer = image.layers[0];
    const original = Buffer.from(await (await fetch(`${dev.origin}/v2/${REPOSITORY}/blobs/${layer.digest}`)).arrayBuffer());
    const copying = copyFrom((message, response) => {
      if (!isBlobRead(message) || !message.url!.includes(layer.digest)) return false;
      response.end(change(original));
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect((await prod.registry.call('HEAD', `/v2/${REPOSITORY}/blobs/${layer.digest}`)).status).toBe(404);
    await nothingIsTagged();
  });

  test('about the length of a blob by an endless body is stopped at the declared size', async () => {
    const copying = copyFrom((message, response) => {
      if (!isBlobRead(message)) return false;
      const pump = () => {
        while (response.write(Buffer.alloc(65_536)));
        response.once('drain', pump);
      };
      pump();
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  test('about a manifest ends in DIGEST_MISMATCH whatever its header claims', async () => {
    const copying = copyFrom((message, response) => {
      if (!message.url!.includes(`/manifests/${digest}`)) return false;
      response.writeHead(200, { 'content-type': INDEX, 'docker-content-digest': digest });
      response.end('{"schemaVersion":2,"manifests":[]}');
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  test('about the kind of a manifest is refused: its body names another media type', async () => {
    const copying = copyFrom((message, response) => {
      if (message.method !== 'GET' || !message.url!.includes(`/manifests/${digest}`)) return false;
      void dev.registry.call('GET', message.url!).then(({ text }) => {
        response.writeHead(200, { 'content-type': IMAGE });
        response.end(text);
      });
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'AMBIGUOUS_MANIFEST' });
  });

  test('never gets a foreign layer fetched', async () => {
    const foreign = {
      mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
      digest: sha256('foreign'),
      size: 7,
      urls: [`${elsewhereOrigin}/layer`],
    };
    await dev.registry.pushBlob(REPOSITORY, '{}');
    const body = JSON.stringify({ ...JSON.parse(imageOf('x')), layers: [foreign] });
    const what = await pushManifest(body, IMAGE);
    await expect(copyFrom(() => false, what)).rejects.toMatchObject({
      code: 'REGISTRY_REFUSED',
      message: expect.stringContaining('foreign'),
    });
    expect(arrived).toEqual([]);
  });

  test('cannot make an index travel without one of its images', async () => {
    const { json: index } = await dev.registry.call('GET', `/v2/${REPOSITORY}/manifests/${digest}`);
    const copying = copyFrom((message, response) => {
      if (!message.url!.endsWith(index.manifests[0].digest)) return false;
      response.writeHead(404).end('{}');
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
  });

  test('has its referrers believed only when they name the subject themselves', async () => {
    const stranger = await dev.registry.pushImage(REPOSITORY, 'stranger', 'a stranger');
    await copyFrom((message, response) => {
      if (!message.url!.includes(`/referrers/${digest}`)) return false;
      const manifests = [{ mediaType: IMAGE, digest: stranger.digest, size: 1, artifactType: 'application/x' }];
      response.end(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }));
      return true;
    });
    expect((await prod.registry.call('GET', `/v2/${REPOSITORY}/manifests/${stranger.digest}`)).status).toBe(404);
  });
});

describe('limits', () => {
  test('a manifest over 4 MiB is refused', async () => {
    const copying = copyFrom((message, response) => {
      if (!message.url!.includes(`/manifests/${digest}`)) return false;
      response.writeHead(200, { 'content-type': INDEX }).end(Buffer.alloc(4 * 1024 * 1024 + 1, ' '));
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'LIMIT' });
  });

  test('10,000 layers are refused', async () => {
    const [layer] = JSON.parse(imageOf('x')).layers;
    const body = JSON.stringify({ ...JSON.parse(imageOf('x')), layers: Array(10_000).fill(layer) });
    const copying = copyFrom((message, response) => {
      if (!message.url!.includes(`/manifests/${sha256(body)}`)) return false;
      response.writeHead(200, { 'content-type': IMAGE }).end(body);
      return true;
    }, sha256(body));
    await expect(copying).rejects.toMatchObject({ code: 'LIMIT' });
  });

  test('an index nested ten deep is refused', async () => {
    let inner = digest;
    for (let depth = 0; depth < 10; depth++) {
      const { text } = await dev.registry.call('GET', `/v2/${REPOSITORY}/manifests/${inner}`);
      const manifests = [{ mediaType: INDEX, digest: inner, size: Buffer.byteLength(text) }];
      inner = await pushManifest(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }), INDEX);
    }
    await expect(copyFrom(() => false, inner)).rejects.toMatchObject({ code: 'LIMIT' });
  });

  test('a list of referrers that never ends is refused', async () => {
    const copying = copyFrom((message, response) => {
      if (!message.url!.includes('/referrers/')) return false;
      response.setHeader('link', `</v2/${REPOSITORY}/referrers/${digest}?n=1&last=${Math.random()}>; rel="next"`);
      response.end(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [] }));
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'LIMIT' });
  });
});

describe('a registry that wants our bytes or credentials elsewhere', () => {
  test.each(['Bearer realm="{elsewhere}/token",service="x"', 'Bearer realm="http://169.254.169.254/token",service="x"'])(
    'by the realm %s is refused',
    async (challenge) => {
      const copying = copyFrom((_message, response) => {
        response.writeHead(401, { 'www-authenticate': challenge.replace('{elsewhere}', elsewhereOrigin) }).end();
        return true;
      });
      await expect(copying).rejects.toMatchObject({ code: 'FOREIGN_REALM' });
      expect(arrived).toEqual([]);
    },
  );

  test.each(['{elsewhere}/v2/upload', '//evil.example/v2/upload', '/v2/../admin/upload', '/admin/upload', ''])(
    'by the upload address "%s" is refused',
    async (location) => {
      const copying = copyTo((message, response) => {
        if (message.method !== 'POST') return false;
        response.writeHead(202, { location: location.replace('{elsewhere}', elsewhereOrigin) }).end();
        return true;
      });
      await expect(copying).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
      expect(arrived).toEqual([]);
    },
  );

  test('by redirecting a blob to an address that is not allowed is refused', async () => {
    const copying = copyFrom((message, response) => {
      if (!isBlobRead(message)) return false;
      response.writeHead(307, { location: `${elsewhereOrigin}/blob` }).end();
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'EGRESS_REFUSED' });
    expect(arrived).toEqual([]);
  });

  test('has its error text kept out of ours', async () => {
    const copying = copyTo((message, response) => {
      if (message.method !== 'POST') return false;
      const errors = [{ code: 'DENIED', message: 'Authorization: Basic c2VjcmV0 \u001b[31m<script>' }];
      response.writeHead(403).end(JSON.stringify({ errors }));
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'REGISTRY_REFUSED', message: expect.not.stringMatching(/c2VjcmV0|script|\[31m/) });
    await expect(copying).rejects.toMatchObject({ message: expect.stringContaining('403 DENIED') });
  });
});

describe('a target that lies', () => {
  test('about having stored a manifest is found out by reading it back', async () => {
    let pushed = false;
    const copying = copyTo((message, response) => {
      if (message.method === 'PUT' && message.url!.includes('/manifests/')) {
        pushed = true;
        message.resume();
        response.writeHead(201).end();
        return true;
      }
      return false;
    });
    await expect(copying).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(pushed).toBe(true);
    await nothingIsTagged();
  });

  test('about the bytes of a manifest is found out', async () => {
    const stored = new Set<string>();
    const copying = copyTo((message, response) => {
      if (message.method === 'PUT') stored.add(message.url!);
      if (message.method !== 'GET' || !stored.has(message.url!)) return false;
      response.writeHead(200, { 'content-type': INDEX, 'docker-content-digest': digest }).end('{"schemaVersion":2,"manifests":[]}');
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  test('about having stored a blob is found out', async () => {
    const copying = copyTo((message, response) => {
      if (message.method === 'PUT' && message.url!.includes('/uploads/')) {
        message.resume();
        message.on('end', () => response.writeHead(201).end());
        return true;
      }
      if (message.method === 'PUT') {
        message.resume();
        message.on('end', () => response.writeHead(201).end());
        return true;
      }
      return false;
    });
    await expect(copying).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });
});

describe('trouble that passes', () => {
  test('is retried: 503, 429 with Retry-After, and a connection that breaks in the middle of a blob', async () => {
    let reads = 0;
    let uploads = 0;
    const source = await startProxy(dev.origin);
    source.misbehave = (message, response) => {
      if (!isBlobRead(message) || ++reads > 1) return false;
      void fetch(`${dev.origin}${message.url}`).then(async (answer) => {
        const bytes = Buffer.from(await answer.arrayBuffer());
        response.writeHead(200, { 'content-length': bytes.length });
        response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
      });
      return true;
    };
    const target = await startProxy(prod.origin);
    target.misbehave = (message, response) => {
      if (message.method !== 'POST' || ++uploads > 2) return false;
      if (uploads === 1) response.writeHead(503).end();
      else response.writeHead(429, { 'retry-after': '0' }).end();
      return true;
    };
    const progress = await writer.copy(
      configurationOf('dev', source.origin),
      configurationOf('prod', target.origin),
      REPOSITORY,
      digest,
      realNow() + 60_000,
    );
    expect(progress.done).toBe(true);
  });

  test('that stays ends as UNAVAILABLE after five tries', async () => {
    let tries = 0;
    const copying = copyTo((message, response) => {
      if (message.method !== 'POST') return false;
      tries++;
      response.writeHead(503).end();
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    // One blob at least, and those that were under way beside it.
    expect(tries).toBeGreaterThanOrEqual(5);
    expect(tries).toBeLessThanOrEqual(4 * 5);
  });

  test('in copying the SBOM fails the copy; the next one finishes it without sending the image again', async () => {
    const sbom = await attachSbom({ origin: dev.origin, repository: REPOSITORY, digest, version: '1.0.0' });
    const refusing = copyTo((message, response) => {
      if (message.method !== 'PUT' || !message.url!.endsWith(sbom)) return false;
      message.resume();
      response.writeHead(400).end();
      return true;
    });
    await expect(refusing).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
    await nothingIsTagged();
    const progress = await writer.copy(dev.configuration, prod.configuration, REPOSITORY, digest, realNow() + 60_000);
    expect(progress).toMatchObject({ done: true, copiedBytes: 0 });
    expect((await prod.registry.call('GET', `/v2/${REPOSITORY}/manifests/${sbom}`)).status).toBe(200);
  });
});
