import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compareRegistries } from '../../../adapters/registry/compare-copy.ts';
import { registryReader } from '../../../adapters/registry/registry-reader.ts';
import { realNow, registryWriter } from '../../../adapters/registry/registry-writer.ts';
import type { RegistryConfiguration } from '../../../core/environment/configuration.ts';
import { attachSbom, pushImage, signImage } from '../../../local/demo/oci-image.ts';
import { IMAGE, INDEX, imageOf, sha256 } from '../../local/registry/open-test-registry.ts';
import {
  allow,
  configurationOf,
  type Misbehaviour,
  type Place,
  REPOSITORY,
  startProxy,
  startRegistry,
  stopRegistries,
} from './registries.ts';

const writer = registryWriter();
const [ecr, secrets] = [mockClient(ECRClient), mockClient(SSMClient)];
/** Of the registries that ask for some. */
const CREDENTIALS = { credentials: 'ssm:/registry' };
const BASIC = `Basic ${Buffer.from('copier:a secret of ours').toString('base64')}`;

/** Three, so that one can be missing. */
const PLATFORMS = ['linux/amd64', 'linux/arm64', 'linux/arm/v7'];

let dev: Place;
let prod: Place;
let digest: string;
/** Stands for the attacker's host: nothing may ever arrive here. */
let elsewhere: Server;
let arrived: string[];
let elsewhereOrigin: string;

beforeEach(async () => {
  ecr.reset();
  secrets.reset();
  secrets.on(GetParameterCommand).resolves({ Parameter: { Value: JSON.stringify({ username: 'copier', password: 'a secret of ours' }) } });
  [dev, prod] = [await startRegistry('dev'), await startRegistry('prod')];
  const image = await pushImage({ origin: dev.origin, repository: REPOSITORY, tag: '1.0.0', labels: {}, platforms: PLATFORMS });
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
async function copyFrom(misbehave: Misbehaviour, what = digest, more: Partial<RegistryConfiguration> = {}) {
  const source = await startProxy(dev.origin);
  source.misbehave = misbehave;
  return writer.copy({ ...configurationOf('dev', source.origin), ...more }, prod.configuration, REPOSITORY, what, realNow() + 600_000);
}

/** Copies to a misbehaving target. */
async function copyTo(misbehave: Misbehaviour) {
  const target = await startProxy(prod.origin);
  target.misbehave = misbehave;
  return writer.copy(dev.configuration, configurationOf('prod', target.origin), REPOSITORY, digest, realNow() + 600_000);
}

/** Copies to a misbehaving target, as if all were well, and reads back what is there. */
async function compareAfter(misbehave: Misbehaviour) {
  const target = await startProxy(prod.origin);
  target.misbehave = misbehave;
  const configuration = configurationOf('prod', target.origin);
  await writer.copy(dev.configuration, configuration, REPOSITORY, digest, realNow() + 600_000);
  return compareRegistries(dev.configuration, configuration, REPOSITORY, digest);
}

const isBlobRead: (message: { method?: string | undefined; url?: string | undefined }) => boolean = ({ method, url }) =>
  method === 'GET' && /\/blobs\/sha256:/.test(url ?? '');

/** Goes on to the registry behind the proxy, which knows nothing of the credentials. */
function isOpenBehind(message: IncomingMessage): false {
  delete message.headers.authorization;
  return false;
}

async function pushManifest(body: string, type: string): Promise<string> {
  const answer = await dev.registry.call('PUT', `/v2/${REPOSITORY}/manifests/${sha256(body)}`, { body, headers: { 'content-type': type } });
  expect(answer.status).toBe(201);
  return sha256(body);
}

async function nothingIsTagged() {
  const { json } = await prod.registry.call('GET', `/v2/${REPOSITORY}/tags/list`);
  expect(json?.tags ?? []).toEqual([]);
}

const CHANGES: [string, (bytes: Buffer) => Buffer][] = [
  ['another byte', (bytes) => Buffer.from(bytes.map((byte, index) => (index === 0 ? byte ^ 1 : byte)))],
  ['fewer bytes', (bytes) => bytes.subarray(0, -1)],
  ['more bytes', (bytes) => Buffer.concat([bytes, Buffer.from(' ')])],
];

/** What the registry behind the proxy answers. */
async function original(path: string): Promise<Buffer> {
  const answer = await fetch(`${dev.origin}${path}`, { headers: { accept: `${INDEX}, ${IMAGE}` } });
  return Buffer.from(await answer.arrayBuffer());
}

describe('a source that lies', () => {
  test.each(CHANGES)(
    'REG-01 about a blob (%s) ends in DIGEST_MISMATCH, and the blob never completes at the target',
    async (_name, change) => {
      const { json: index } = await dev.registry.call('GET', `/v2/${REPOSITORY}/manifests/${digest}`);
      const { json: image } = await dev.registry.call('GET', `/v2/${REPOSITORY}/manifests/${index.manifests[0].digest}`);
      const layer = image.layers[0];
      const bytes = await original(`/v2/${REPOSITORY}/blobs/${layer.digest}`);
      const copying = copyFrom((message, response) => {
        if (!isBlobRead(message) || !message.url!.includes(layer.digest)) return false;
        response.end(change(bytes));
        return true;
      });
      await expect(copying).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
      expect((await prod.registry.call('HEAD', `/v2/${REPOSITORY}/blobs/${layer.digest}`)).status).toBe(404);
      await nothingIsTagged();
    },
  );

  test.each(CHANGES)('REG-01 about a blob whose length it does not say (%s) ends in DIGEST_MISMATCH', async (_name, change) => {
    const copying = copyFrom((message, response) => {
      if (!isBlobRead(message)) return false;
      void original(message.url!).then((bytes) => {
        // In pieces, so that no length is declared.
        response.write(change(bytes).subarray(0, 1));
        response.end(change(bytes).subarray(1));
      });
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await nothingIsTagged();
  });

  test.each(CHANGES)('REG-01 about a manifest (%s) ends in DIGEST_MISMATCH, whatever its header claims', async (_name, change) => {
    const copying = copyFrom((message, response) => {
      if (message.method !== 'GET' || !message.url!.includes(`/manifests/${digest}`)) return false;
      void original(message.url!).then((bytes) => {
        response.writeHead(200, { 'content-type': INDEX, 'docker-content-digest': digest }).end(change(bytes));
      });
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await nothingIsTagged();
  });

  test('REG-11 about the length of a blob by an endless body is stopped at the declared size', async () => {
    let written = 0;
    const copying = copyFrom((message, response) => {
      if (!isBlobRead(message)) return false;
      const pump = () => {
        do written += 65_536;
        while (response.write(Buffer.alloc(65_536)));
        response.once('drain', pump);
      };
      pump();
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    // What sockets and streams hold between the two, for the few blobs that are under way; not the 10 GB that would come.
    expect(written).toBeLessThan(64 * 1024 * 1024);
  });

  test.each([true, false])('REG-11 about the length of a blob, 10 GB declared and 10 bytes sent, with a length: %s', async (hasLength) => {
    const size = 10 * 1024 ** 3;
    const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: sha256('ten bytes!'), size };
    const body = JSON.stringify({ ...JSON.parse(imageOf('x')), layers: [layer] });
    await dev.registry.pushBlob(REPOSITORY, '{}');
    const copying = copyFrom((message, response) => {
      if (message.url!.includes(`/manifests/${sha256(body)}`)) response.writeHead(200, { 'content-type': IMAGE }).end(body);
      else if (isBlobRead(message) && message.url!.endsWith(layer.digest)) {
        if (!hasLength) response.write('ten');
        response.end(hasLength ? 'ten bytes!' : ' bytes!');
      } else return false;
      return true;
    }, sha256(body));
    await expect(copying).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect((await prod.registry.call('HEAD', `/v2/${REPOSITORY}/blobs/${layer.digest}`)).status).toBe(404);
  });

  test('REG-01 about a manifest by another document ends in DIGEST_MISMATCH', async () => {
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

  test('REG-05 never gets a foreign layer fetched', async () => {
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

  // Sparse indexes are not offered: what the digest names is moved whole, or not at all.
  test('REG-17 cannot make an index travel without one of its images', async () => {
    const { json: index } = await dev.registry.call('GET', `/v2/${REPOSITORY}/manifests/${digest}`);
    const copying = copyFrom((message, response) => {
      if (!message.url!.endsWith(index.manifests[0].digest)) return false;
      response.writeHead(404).end('{}');
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'REGISTRY_REFUSED', message: expect.stringContaining(index.manifests[0].digest) });
    expect((await prod.registry.call('GET', `/v2/${REPOSITORY}/manifests/${digest}`)).status).toBe(404);
    await nothingIsTagged();
  });

  test('REG-16 has its referrers believed only when they name the subject themselves', async () => {
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

/** Milliseconds of the processor, which others cannot make more, and the bytes by which the process was larger meanwhile than before. */
async function measured(act: () => Promise<unknown>): Promise<{ ms: number; bytes: number }> {
  const before = process.memoryUsage.rss();
  let most = before;
  const look = () => {
    most = Math.max(most, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 2);
  const began = process.cpuUsage();
  await act();
  look();
  clearInterval(timer);
  const { user, system } = process.cpuUsage(began);
  return { ms: (user + system) / 1000, bytes: most - before };
}

/** Refused, within two seconds of the processor and 64 MB. */
async function quicklyRefused(copying: () => Promise<unknown>, code: string): Promise<void> {
  const { ms, bytes } = await measured(async () => {
    await expect(copying()).rejects.toMatchObject({ code });
  });
  expect(ms).toBeLessThan(2_000);
  expect(bytes).toBeLessThan(64 * 1024 * 1024);
  await nothingIsTagged();
}

describe('limits', () => {
  test('REG-10 a manifest over 4 MiB is refused', async () => {
    const large = Buffer.alloc(4 * 1024 * 1024 + 1, ' ');
    const copying = () =>
      copyFrom((message, response) => {
        if (!message.url!.includes(`/manifests/${digest}`)) return false;
        response.writeHead(200, { 'content-type': INDEX }).end(large);
        return true;
      });
    await quicklyRefused(copying, 'LIMIT');
  });

  test('REG-10 10,000 layers are refused', async () => {
    const [layer] = JSON.parse(imageOf('x')).layers;
    const body = JSON.stringify({ ...JSON.parse(imageOf('x')), layers: Array(10_000).fill(layer) });
    const copying = () =>
      copyFrom((message, response) => {
        if (!message.url!.includes(`/manifests/${sha256(body)}`)) return false;
        response.writeHead(200, { 'content-type': IMAGE }).end(body);
        return true;
      }, sha256(body));
    await quicklyRefused(copying, 'LIMIT');
  });

  test('REG-10 an index nested ten deep is refused', async () => {
    let inner = digest;
    for (let depth = 0; depth < 10; depth++) {
      const { text } = await dev.registry.call('GET', `/v2/${REPOSITORY}/manifests/${inner}`);
      const manifests = [{ mediaType: INDEX, digest: inner, size: Buffer.byteLength(text) }];
      inner = await pushManifest(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }), INDEX);
    }
    await quicklyRefused(() => copyFrom(() => false, inner), 'LIMIT');
  });

  test('REG-10 an index that contains itself cannot be: its own digest is not that of its bytes', async () => {
    const manifests = [{ mediaType: INDEX, digest, size: 400 }];
    const copying = () =>
      copyFrom((message, response) => {
        if (!message.url!.includes(`/manifests/${digest}`)) return false;
        response.writeHead(200, { 'content-type': INDEX }).end(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }));
        return true;
      });
    await quicklyRefused(copying, 'DIGEST_MISMATCH');
  });

  test('REG-10 a circle of tags, an image as the signature of its own index, is walked once', async () => {
    const { text } = await dev.registry.call('GET', `/v2/${REPOSITORY}/manifests/${digest}`);
    const tag = `${digest.replace(':', '-')}.sig`;
    await dev.registry.call('PUT', `/v2/${REPOSITORY}/manifests/${tag}`, { body: text, headers: { 'content-type': INDEX } });
    const { ms } = await measured(async () => expect(await copyFrom(() => false)).toMatchObject({ done: true, manifests: 4 }));
    expect(ms).toBeLessThan(2_000);
  });

  test('REG-16 a list of referrers that never ends is refused', async () => {
    let asked = 0;
    const copying = copyFrom((message, response) => {
      if (!message.url!.includes('/referrers/')) return false;
      asked++;
      response.setHeader('link', `</v2/${REPOSITORY}/referrers/${digest}?n=1&last=${Math.random()}>; rel="next"`);
      response.end(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [] }));
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'LIMIT' });
    // 20 pages for each of the manifests that are read at once.
    expect(asked).toBeLessThanOrEqual(20 * (1 + PLATFORMS.length));
  });

  test.each([
    ['in one answer', 100_000],
    ['in pages of a thousand', 1_000],
  ])('REG-16 100,000 referrers %s are refused', async (_name, perPage) => {
    const entry = { mediaType: IMAGE, digest: sha256('nothing'), size: 1, artifactType: 'application/x' };
    const page = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: Array(perPage).fill(entry) });
    const copying = copyFrom((message, response) => {
      if (!message.url!.includes('/referrers/')) return false;
      const last = Number(new URL(message.url!, dev.origin).searchParams.get('last') ?? 0) + perPage;
      if (last < 100_000) response.setHeader('link', `</v2/${REPOSITORY}/referrers/${digest}?last=${last}>; rel="next"`);
      response.end(page);
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'LIMIT' });
  });
});

describe('C21 what is read of a registry is bounded', () => {
  test('in the answer of its token service', async () => {
    const copying = copyFrom((message, response) => {
      if (message.url!.startsWith('/token')) response.end(JSON.stringify({ token: 'x'.repeat(1024 * 1024) }));
      else response.writeHead(401, { 'www-authenticate': 'Bearer realm="/token",service="x"' }).end();
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: 'LIMIT' });
  });

  test('in the config of an image', async () => {
    const source = await startProxy(dev.origin);
    source.misbehave = (message, response) => {
      if (!isBlobRead(message)) return false;
      response.end(Buffer.alloc(4 * 1024 * 1024 + 1));
      return true;
    };
    const reading = registryReader().facts(configurationOf('dev', source.origin), REPOSITORY, digest);
    await expect(reading).rejects.toMatchObject({ code: 'LIMIT' });
  });

  test('in an error', async () => {
    let written = 0;
    const copying = copyTo((message, response) => {
      if (message.method !== 'POST') return false;
      message.resume();
      response.writeHead(403);
      const pump = () => {
        do written += 65_536;
        while (response.write(Buffer.alloc(65_536)));
        response.once('drain', pump);
      };
      pump();
      return true;
    });
    await expect(copying).rejects.toMatchObject({ code: expect.stringMatching(/^(?:LIMIT|REGISTRY_REFUSED)$/) });
    expect(written).toBeLessThan(32 * 1024 * 1024);
  });

  test('and its credentials go to its own origin only, by scheme, host and port', async () => {
    allow(elsewhereOrigin);
    const copying = copyFrom(
      (message, response) => {
        if (message.headers.authorization !== BASIC) {
          response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
          return true;
        }
        if (message.url!.includes('/referrers/')) {
          response.setHeader('link', `<${elsewhereOrigin}/v2/${REPOSITORY}/referrers/next>; rel="next"`);
          response.end(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [] }));
          return true;
        }
        return isOpenBehind(message);
      },
      digest,
      CREDENTIALS,
    );
    await expect(copying).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
    expect(arrived).toEqual([]);
  });
});

describe('a registry that wants our bytes or credentials elsewhere', () => {
  test.each([
    ['on another host', 'https://auth.example.com/token'],
    ['over http:', 'http://auth.example.com/token'],
    ['on an internal address', 'http://169.254.169.254/token'],
    ['on another port of the same machine', '{elsewhere}/token'],
    ['that hides another host', 'https://user@auth.example.com/token'],
  ])('REG-06 by a realm %s is refused, and no credential is sent', async (_name, realm) => {
    const copying = copyFrom(
      (_message, response) => {
        const challenge = `Bearer realm="${realm.replace('{elsewhere}', elsewhereOrigin)}",service="x"`;
        response.writeHead(401, { 'www-authenticate': challenge }).end();
        return true;
      },
      digest,
      CREDENTIALS,
    );
    await expect(copying).rejects.toMatchObject({ code: 'FOREIGN_REALM', hint: expect.stringContaining('ALLOWED_ORIGINS') });
    expect(arrived).toEqual([]);
  });

  test('REG-06 by its own realm gets its credentials, and nobody else does', async () => {
    let asked = 0;
    const copying = copyFrom(
      (message, response) => {
        if (message.url!.startsWith('/token')) {
          expect(message.headers.authorization).toBe(BASIC);
          asked++;
          response.end('{"token":"t1"}');
          return true;
        }
        if (message.headers.authorization === 'Bearer t1') return isOpenBehind(message);
        response.writeHead(401, { 'www-authenticate': 'Bearer realm="/token",service="x"' }).end();
        return true;
      },
      digest,
      CREDENTIALS,
    );
    expect(await copying).toMatchObject({ done: true });
    expect(asked).toBe(1);
  });

  test.each(['{elsewhere}/v2/upload', '//evil.example/v2/upload', '/v2/../admin/upload', '/admin/upload', ''])(
    'REG-09 by the upload address "%s" is refused',
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

  test('REG-09 names an upload address without its origin: then it is its own', async () => {
    const target = await startProxy(prod.origin);
    target.misbehave = (message, response) => {
      if (message.method !== 'POST') return false;
      void fetch(`${prod.origin}${message.url}`, { method: 'POST' }).then(({ headers }) => {
        const { pathname, search } = new URL(headers.get('location')!, prod.origin);
        response.writeHead(202, { location: `${pathname}${search}` }).end();
      });
      return true;
    };
    const copying = writer.copy(dev.configuration, configurationOf('prod', target.origin), REPOSITORY, digest, realNow() + 600_000);
    expect(await copying).toMatchObject({ done: true });
  });

  test.each(['{elsewhere}/blob', 'http://169.254.169.254/latest/meta-data', 'http://127.0.0.1:9001/2018-06-01/runtime/invocation/next'])(
    'REG-08 by redirecting a blob to %s, which is not allowed, is refused',
    async (location) => {
      const copying = copyFrom((message, response) => {
        if (!isBlobRead(message)) return false;
        response.writeHead(307, { location: location.replace('{elsewhere}', elsewhereOrigin) }).end();
        return true;
      });
      await expect(copying).rejects.toMatchObject({ code: 'EGRESS_REFUSED' });
      expect(arrived).toEqual([]);
    },
  );

  test('REG-08 by redirecting a blob to a storage service that is allowed is followed, without the credentials', async () => {
    allow(elsewhereOrigin);
    elsewhere.removeAllListeners('request').on('request', (message, response) => {
      arrived.push(message.headers.authorization ?? 'without credentials');
      void original(message.url!).then((bytes) => response.end(bytes));
    });
    const copying = copyFrom(
      (message, response) => {
        if (message.headers.authorization !== BASIC) {
          response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
          return true;
        }
        if (!isBlobRead(message)) return isOpenBehind(message);
        response.writeHead(307, { location: `${elsewhereOrigin}${message.url}` }).end();
        return true;
      },
      digest,
      CREDENTIALS,
    );
    expect(await copying).toMatchObject({ done: true });
    expect(arrived.length).toBeGreaterThan(0);
    expect(new Set(arrived)).toEqual(new Set(['without credentials']));
  });

  test('REG-19 has its error text kept out of ours', async () => {
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
  test('REG-14 about having stored a manifest is found out by reading it back', async () => {
    let pushed = false;
    const comparison = await compareAfter((message, response) => {
      if (message.method === 'PUT' && message.url!.includes('/manifests/')) {
        pushed = true;
        message.resume();
        response.writeHead(201).end();
        return true;
      }
      return false;
    });
    expect(comparison.complete).toBe(false);
    expect(pushed).toBe(true);
    await nothingIsTagged();
  });

  test('REG-14 about the bytes of a manifest is found out', async () => {
    const stored = new Set<string>();
    const comparison = await compareAfter((message, response) => {
      if (message.method === 'PUT') stored.add(message.url!);
      if (message.method !== 'GET' || !stored.has(message.url!)) return false;
      response.writeHead(200, { 'content-type': INDEX, 'docker-content-digest': digest }).end('{"schemaVersion":2,"manifests":[]}');
      return true;
    });
    expect(comparison.complete).toBe(false);
  });

  test('REG-14 about having stored a blob is found out', async () => {
    const comparison = await compareAfter((message, response) => {
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
    expect(comparison.complete).toBe(false);
  });
});

describe('trouble that passes', () => {
  test('REG-12 is retried: 503, 429 with Retry-After, and a connection that breaks in the middle of a blob', async () => {
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
      realNow() + 600_000,
    );
    expect(progress.done).toBe(true);
  });

  test('REG-12 that stays ends as UNAVAILABLE after five tries', async () => {
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

  test('REG-15 in copying the SBOM fails the copy; the next one finishes it without sending the image again', async () => {
    const sbom = await attachSbom({ origin: dev.origin, repository: REPOSITORY, digest, version: '1.0.0' });
    const refusing = copyTo((message, response) => {
      if (message.method !== 'PUT' || !message.url!.endsWith(sbom)) return false;
      message.resume();
      response.writeHead(400).end();
      return true;
    });
    await expect(refusing).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
    await nothingIsTagged();
    const progress = await writer.copy(dev.configuration, prod.configuration, REPOSITORY, digest, realNow() + 600_000);
    expect(progress).toMatchObject({ done: true, copiedBytes: 0 });
    expect((await prod.registry.call('GET', `/v2/${REPOSITORY}/manifests/${sbom}`)).status).toBe(200);
  });

  test('REG-15 in copying the signature fails the copy; the next one finishes it', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const tag = await signImage({ origin: dev.origin, repository: REPOSITORY, digest, privateKeyPem });
    const signature = (await dev.registry.call('HEAD', `/v2/${REPOSITORY}/manifests/${tag}`)).headers.get('docker-content-digest')!;
    const refusing = copyTo((message, response) => {
      if (message.method !== 'PUT' || !(message.url!.endsWith(signature) || message.url!.endsWith(tag))) return false;
      message.resume();
      response.writeHead(403).end();
      return true;
    });
    await expect(refusing).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
    await nothingIsTagged();
    const progress = await writer.copy(dev.configuration, prod.configuration, REPOSITORY, digest, realNow() + 600_000);
    expect(progress).toMatchObject({ done: true, copiedBytes: 0 });
    expect((await prod.registry.call('GET', `/v2/${REPOSITORY}/manifests/${tag}`)).status).toBe(200);
  });
});

/** An image of one blob. Blobs of 50 MB are what the catalogue asks for. */
async function pushBig(bytes: Buffer): Promise<{ what: string; blob: string }> {
  const { manifests } = await pushImage({
    origin: dev.origin,
    repository: REPOSITORY,
    tag: 'big',
    labels: {},
    platforms: ['linux/amd64'],
    layers: [bytes],
  });
  const { json } = await dev.registry.call('GET', `/v2/${REPOSITORY}/manifests/${manifests[0]}`);
  return { what: manifests[0]!, blob: json.layers[0].digest };
}

describe('REG-12 a connection that drops', () => {
  const big = randomBytes(50_000_000);
  const AT_MOST = 5;

  test('at any tenth of a blob of 50 MB: the blob arrives whole, within five tries', async () => {
    const { what, blob } = await pushBig(big);
    for (let tenth = 1; tenth <= 9; tenth++) {
      const source = await startProxy(dev.origin);
      let tries = 0;
      source.misbehave = (message, response) => {
        if (!isBlobRead(message) || !message.url!.includes(blob) || ++tries > 1) return false;
        void original(message.url!).then((bytes) => {
          response.writeHead(200, { 'content-length': bytes.length });
          response.write(bytes.subarray(0, Math.floor((bytes.length * tenth) / 10)), () => response.destroy());
        });
        return true;
      };
      // A repository for each, so that nothing is there yet.
      const target = configurationOf('prod', prod.origin, `at-${tenth}`);
      const progress = await writer.copy(configurationOf('dev', source.origin), target, REPOSITORY, what, realNow() + 600_000);
      expect(progress.done).toBe(true);
      expect(tries).toBeGreaterThan(1);
      expect(tries).toBeLessThanOrEqual(AT_MOST);
      const { headers } = await fetch(`${prod.origin}/v2/at-${tenth}/${REPOSITORY}/blobs/${blob}`, { method: 'HEAD' });
      expect(Number(headers.get('content-length'))).toBeGreaterThan(big.length);
    }
    const copied = await fetch(`${prod.origin}/v2/at-9/${REPOSITORY}/blobs/${blob}`);
    expect(sha256(Buffer.from(await copied.arrayBuffer()))).toBe(blob);
  });

  test('and goes on at another place than was asked for: no wrong byte is ever stored', async () => {
    const { what, blob } = await pushBig(big.subarray(0, 12_000_000));
    const source = await startProxy(dev.origin);
    let tries = 0;
    source.misbehave = (message, response) => {
      if (!isBlobRead(message) || !message.url!.includes(blob) || ++tries > 2) return false;
      void original(message.url!).then((bytes) => {
        const half = bytes.length / 2;
        if (message.headers.range === undefined) {
          response.writeHead(200, { 'content-length': bytes.length });
          response.write(bytes.subarray(0, half), () => response.destroy());
          return;
        }
        // Whatever was asked for, it begins 100 bytes later, and says the opposite.
        const from = Number(/bytes=(\d+)-/.exec(message.headers.range)![1]);
        const wrong = Buffer.concat([bytes.subarray(from + 100), bytes.subarray(0, 100)]);
        response.writeHead(206, { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`, 'content-length': wrong.length });
        response.end(wrong);
      });
      return true;
    };
    const copy = () => writer.copy(configurationOf('dev', source.origin), prod.configuration, REPOSITORY, what, realNow() + 600_000);
    const first = await copy().catch((error: Error) => error);
    if (first instanceof Error) {
      // Found out by the digest: nothing is there, and the next try is as good as the first.
      expect(first).toMatchObject({ code: 'DIGEST_MISMATCH' });
      expect((await prod.registry.call('HEAD', `/v2/${REPOSITORY}/blobs/${blob}`)).status).toBe(404);
      expect(await copy()).toMatchObject({ done: true });
    } else expect(first).toMatchObject({ done: true });
    const copied = await fetch(`${prod.origin}/v2/${REPOSITORY}/blobs/${blob}`);
    expect(sha256(Buffer.from(await copied.arrayBuffer()))).toBe(blob);
  });
});

describe('REG-20 a token that ends in the middle of a copy', () => {
  const layers = Array.from({ length: 8 }, (_, index) => randomBytes(20_000 + index));
  const tokenOf = (name: string) => Buffer.from(`AWS:${name}`).toString('base64');

  /** A target that takes the first token for so many requests, then only a later one. */
  async function copyToEcr(requests: number, valid = 'two', failure?: Error): Promise<{ tokens: number; done: boolean }> {
    const image = await pushImage({ origin: dev.origin, repository: REPOSITORY, tag: 'layers', labels: {}, layers });
    const target = await startProxy(prod.origin);
    let seen = 0;
    target.misbehave = (message, response) => {
      const name = ++seen <= requests ? 'one' : valid;
      if (message.headers.authorization === `Basic ${tokenOf(name)}`) {
        return isOpenBehind(message);
      }
      message.resume();
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      return true;
    };
    const answer = (name: string) => ({
      authorizationData: [{ authorizationToken: tokenOf(name), proxyEndpoint: target.origin, expiresAt: new Date('2099-01-01') }],
    });
    const first = ecr.on(GetAuthorizationTokenCommand).resolvesOnce(answer('one'));
    (failure ? first.rejectsOnce(failure) : first).resolves(answer('two'));
    const registry: RegistryConfiguration = { name: 'prod', account: '222222222222', prefix: '' };
    const { done } = await writer.copy(dev.configuration, registry, REPOSITORY, image.digest, realNow() + 600_000);
    return { tokens: ecr.commandCalls(GetAuthorizationTokenCommand).length, done };
  }

  test.each([1, 5, 20, 30])(
    'after %i requests is renewed once, for all transfers that are under way, and the copy goes on',
    async (requests) => {
      expect(await copyToEcr(requests)).toEqual({ tokens: 2, done: true });
    },
  );

  test('is not renewed for ever where the permission is missing', async () => {
    await expect(copyToEcr(5, 'nobody has this one')).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
    expect(ecr.commandCalls(GetAuthorizationTokenCommand).length).toBe(2);
  });

  test('is asked for again when that fails at first, as with credentials of the function that have just ended', async () => {
    const message = 'The security token included in the request is expired';
    const expired = Object.assign(new Error(message), { name: 'ExpiredTokenException' });
    expect(await copyToEcr(5, 'two', expired)).toEqual({ tokens: 3, done: true });
  });

  test('of a token service is renewed too, one for reading and one for writing', async () => {
    const target = await startProxy(prod.origin);
    let issued = 0;
    let ended: number | undefined;
    target.misbehave = (message, response) => {
      if (message.url!.startsWith('/token')) {
        response.end(JSON.stringify({ token: `t${++issued}`, expires_in: 300 }));
        return true;
      }
      // With the first upload all end that were issued before, whatever was said of them.
      if (message.method === 'PUT' || message.method === 'PATCH') ended ??= issued;
      const number = Number(/^Bearer t(\d)$/.exec(message.headers.authorization ?? '')?.[1] ?? 0);
      if (number > (ended ?? 0)) return isOpenBehind(message);
      message.resume();
      response.writeHead(401, { 'www-authenticate': 'Bearer realm="/token",service="x"' }).end();
      return true;
    };
    const image = await pushImage({ origin: dev.origin, repository: REPOSITORY, tag: 'layers', labels: {}, layers: layers.slice(0, 2) });
    const copying = writer.copy(dev.configuration, configurationOf('prod', target.origin), REPOSITORY, image.digest, realNow() + 600_000);
    expect(await copying).toMatchObject({ done: true });
    expect(ended).toBe(2);
    // Reading back comes after the copy, with the token for reading, which has ended too.
    const behind = configurationOf('prod', target.origin);
    expect(await compareRegistries(dev.configuration, behind, REPOSITORY, image.digest)).toMatchObject({ complete: true });
    expect(issued).toBe(4);
  });
});
