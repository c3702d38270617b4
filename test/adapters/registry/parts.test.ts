import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { forgetAccess } from '../../../adapters/registry/registry-access.ts';
import { realNow, registryWriter } from '../../../adapters/registry/registry-writer.ts';
import type { RegistryConfiguration } from '../../../core/environment/configuration.ts';
import type { CopyProgress, OpenUpload, UploadLedger } from '../../../core/registry/ports.ts';
import { sha256 } from '../../local/registry/open-test-registry.ts';
import {
  configurationOf,
  type EcrPlace,
  operations,
  type Place,
  REPOSITORY,
  startEcr,
  startProxy,
  startRegistry,
  stopRegistries,
} from './registries.ts';

const KIB = 1024;
const PART = 64 * KIB;
const MIB = 1024 * KIB;
const OWNER = 'PR-2026-0001';

let dev: Place;
beforeEach(async () => {
  dev = await startRegistry('dev');
});
afterEach(stopRegistries);

/** What stays when a process ends. */
class Ledger implements UploadLedger {
  readonly uploads = new Map<string, OpenUpload>();
  /** False: the process is killed before it can write. */
  writes = true;
  async find(key: string) {
    return this.uploads.get(key);
  }
  async keep(key: string, upload: OpenUpload) {
    if (this.writes || !this.uploads.has(key)) this.uploads.set(key, upload);
  }
  async forget(key: string) {
    this.uploads.delete(key);
  }
}

/** An image of one layer of `size` random bytes. */
async function publish(size: number) {
  const layer = randomBytes(size);
  const digest = await dev.registry.pushBlob(REPOSITORY, layer);
  const image = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: await dev.registry.pushBlob(REPOSITORY, '{}'), size: 2 },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size }],
  });
  const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' };
  await dev.registry.call('PUT', `/v2/${REPOSITORY}/manifests/1.0.0`, { body: image, headers });
  return { layer, digest, image: sha256(image) };
}

interface Run {
  target: RegistryConfiguration;
  image: string;
  ledger?: Ledger;
  source?: RegistryConfiguration;
  partBytes?: number;
  deadline?: number;
}

/** One pass, as a process of its own makes it: nothing is remembered but the ledger. */
function pass({ target, image, ledger, source = dev.configuration, partBytes = PART, deadline = realNow() + 60_000 }: Run) {
  forgetAccess();
  const writer = registryWriter({ partBytes, ...(ledger && { uploadsOf: () => ledger }) });
  return writer.copy(source, target, REPOSITORY, image, deadline, OWNER);
}

/** Passes that end after their first part, until the copy is done. */
async function shortPasses(run: Run): Promise<CopyProgress[]> {
  const passes: CopyProgress[] = [];
  do passes.push(await pass({ ...run, deadline: 0 }));
  while (!passes.at(-1)!.done && passes.length < 100);
  return passes;
}

const bytesOf = (passes: readonly CopyProgress[]) => passes.reduce((sum, { copiedBytes = 0 }) => sum + copiedBytes, 0);

async function expectSame(origin: string, digest: string, bytes: Buffer) {
  const answer = await fetch(`${origin}/v2/${REPOSITORY}/blobs/${digest}`);
  expect(answer.status).toBe(200);
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
}

describe('a blob larger than a part', () => {
  test('twenty times what one pass sends arrives over many passes, each byte sent once', async () => {
    const prod = await startRegistry('prod');
    const { layer, digest, image } = await publish(20 * PART + 17);
    const ledger = new Ledger();
    const passes = await shortPasses({ target: prod.configuration, image, ledger });
    expect(passes.length).toBeGreaterThanOrEqual(20);
    expect(Math.max(...passes.map(({ copiedBytes = 0 }) => copiedBytes))).toBeLessThanOrEqual(PART + 2);
    expect(bytesOf(passes)).toBe(layer.length + 2);
    expect(operations(prod).filter((operation) => operation === 'PATCH upload')).toHaveLength(21);
    expect(operations(prod).filter((operation) => operation === 'POST upload')).toHaveLength(2);
    expect(ledger.uploads.size).toBe(0);
    await expectSame(prod.origin, digest, layer);
  });

  test('goes to ECR by its layer API, over many passes, in parts of 5 MiB at least', async () => {
    const prod = await startEcr('prod');
    const { layer, digest, image } = await publish(22 * MIB);
    const ledger = new Ledger();
    const passes = await shortPasses({ target: prod.configuration, image, ledger, partBytes: 5 * MIB });
    expect(passes.length).toBeGreaterThanOrEqual(5);
    expect(bytesOf(passes)).toBe(layer.length + 2);
    expect(ledger.uploads.size).toBe(0);
    expect(prod.ecr.context.calls.map(({ operation }) => operation)).not.toContain('PATCH upload');
    await expectSame(prod.origin, digest, layer);
  });

  test('is sent in one go by a copy that has the time, with the hash of the whole', async () => {
    const prod = await startRegistry('prod');
    const { layer, digest, image } = await publish(3 * PART);
    expect(await pass({ target: prod.configuration, image })).toMatchObject({ done: true, copiedBytes: layer.length + 2 });
    expect(operations(prod).filter((operation) => operation === 'GET upload')).toEqual([]);
    await expectSame(prod.origin, digest, layer);
  });
});

describe('after a kill in the middle', () => {
  /** Passes with a ledger that knows only the first of the parts that were sent. */
  async function killed(target: RegistryConfiguration, image: string, partBytes: number): Promise<Ledger> {
    const ledger = new Ledger();
    await pass({ target, image, ledger, partBytes, deadline: 0 });
    ledger.writes = false;
    for (let part = 0; part < 2; part++) {
      const before = new Map(ledger.uploads);
      await pass({ target, image, ledger, partBytes, deadline: 0 });
      ledger.uploads.clear();
      for (const [key, upload] of before) ledger.uploads.set(key, upload);
    }
    ledger.writes = true;
    return ledger;
  }

  test('the registry is asked where it ends, and nothing is sent again', async () => {
    const prod = await startRegistry('prod');
    const { layer, digest, image } = await publish(8 * PART);
    const ledger = await killed(prod.configuration, image, PART);
    const before = operations(prod).filter((operation) => operation === 'PATCH upload').length;
    const { copiedBytes = 0 } = await pass({ target: prod.configuration, image, ledger });
    expect(copiedBytes).toBeLessThanOrEqual(layer.length + 2 - before * PART + PART);
    expect(operations(prod)).toContain('GET upload');
    expect(operations(prod).filter((operation) => operation === 'PATCH upload')).toHaveLength(8);
    await expectSame(prod.origin, digest, layer);
  });

  test('ECR says where it ends by refusing one part', async () => {
    const prod = await startEcr('prod');
    const { layer, digest, image } = await publish(26 * MIB);
    const ledger = await killed(prod.configuration, image, 5 * MIB);
    const [kept] = [...ledger.uploads.values()];
    const { copiedBytes = 0 } = await pass({ target: prod.configuration, image, ledger, partBytes: 5 * MIB });
    // Of the parts after the one in the ledger at least one had arrived.
    expect(kept!.offset).toBe(5 * MIB);
    expect(copiedBytes).toBeLessThanOrEqual(layer.length - 10 * MIB + 5 * MIB + 2);
    await expectSame(prod.origin, digest, layer);
  });

  test('an upload that the registry has forgotten begins anew', async () => {
    const prod = await startRegistry('prod');
    const { layer, digest, image } = await publish(4 * PART);
    const ledger = new Ledger();
    await pass({ target: prod.configuration, image, ledger, deadline: 0 });
    const [[key, upload]] = [...ledger.uploads] as [[string, OpenUpload]];
    await prod.registry.call('DELETE', upload.id);
    expect(await pass({ target: prod.configuration, image, ledger })).toMatchObject({ done: true });
    expect(ledger.uploads.has(key)).toBe(false);
    await expectSame(prod.origin, digest, layer);
  });

  test('an ECR upload that is gone begins anew', async () => {
    const prod = await startEcr('prod');
    const { layer, digest, image } = await publish(11 * MIB);
    const ledger = new Ledger();
    await pass({ target: prod.configuration, image, ledger, partBytes: 5 * MIB, deadline: 0 });
    const [[key]] = [...ledger.uploads] as [[string, OpenUpload]];
    ledger.uploads.set(key, { id: '00000000-0000-4000-8000-000000000000', offset: 5 * MIB });
    expect(await pass({ target: prod.configuration, image, ledger, partBytes: 5 * MIB })).toMatchObject({ done: true });
    await expectSame(prod.origin, digest, layer);
  });
});

describe('REG-12', () => {
  test('a connection that drops at every tenth of a blob is taken up at the byte that is missing', async () => {
    const prod = await startRegistry('prod');
    const { layer, digest, image } = await publish(10 * PART);
    const source = await startProxy(dev.origin);
    const ranges: string[] = [];
    let served = 0;
    source.misbehave = (message, response) => {
      if (message.method !== 'GET' || !message.url!.endsWith(digest)) return false;
      const { range = 'bytes=0-' } = message.headers;
      ranges.push(range);
      const from = Number(/\d+/.exec(range)![0]);
      const piece = layer.subarray(from, from + layer.length / 10);
      served += piece.length;
      const length = { 'content-length': layer.length - from };
      if (from === 0) response.writeHead(200, length);
      else response.writeHead(206, { ...length, 'content-range': `bytes ${from}-${layer.length - 1}/${layer.length}` });
      response.write(piece, () => (from + piece.length === layer.length ? response.end() : setImmediate(() => response.destroy())));
      return true;
    };
    // Twice: the whole in one request to the target, and in parts.
    for (const partBytes of [layer.length, PART * 3]) {
      const target = configurationOf('prod', prod.origin, `by-${partBytes}`);
      const copied = await pass({ target, image, source: configurationOf('dev', source.origin), partBytes });
      expect(copied).toMatchObject({ done: true, copiedBytes: layer.length + 2 });
      const answer = await fetch(`${prod.origin}/v2/by-${partBytes}/${REPOSITORY}/blobs/${digest}`);
      expect(sha256(Buffer.from(await answer.arrayBuffer()))).toBe(digest);
    }
    expect(ranges.length).toBeGreaterThanOrEqual(20);
    // What was on its way when the connection broke may come twice, the rest not.
    expect(served).toBeLessThanOrEqual(2 * 2 * layer.length);
  });

  test('a source that ignores ranges is read from its beginning, and only what is missing is sent', async () => {
    const prod = await startRegistry('prod');
    const { layer, digest, image } = await publish(6 * PART);
    const source = await startProxy(dev.origin);
    let whole = 0;
    source.misbehave = (message, response) => {
      if (message.method !== 'GET' || !message.url!.endsWith(digest)) return false;
      whole++;
      response.writeHead(200, { 'content-length': layer.length }).end(layer);
      return true;
    };
    const passes = await shortPasses({
      target: prod.configuration,
      image,
      ledger: new Ledger(),
      source: configurationOf('dev', source.origin),
    });
    expect(whole).toBeGreaterThan(1);
    expect(bytesOf(passes)).toBe(layer.length + 2);
    await expectSame(prod.origin, digest, layer);
  });

  test.each([
    ['another beginning', (from: number, size: number) => `bytes ${from + 1}-${size - 1}/${size}`],
    ['another size', (from: number, size: number) => `bytes ${from}-${size - 1}/${size + 1}`],
    ['nothing', () => undefined],
  ])('REG-12 a source that answers a range with %s is read from its beginning instead', async (_what, contentRange) => {
    const prod = await startRegistry('prod');
    const { layer, digest, image } = await publish(4 * PART);
    const source = await startProxy(dev.origin);
    source.misbehave = (message, response) => {
      const { range } = message.headers;
      if (message.method !== 'GET' || !message.url!.endsWith(digest) || range === undefined) return false;
      const from = Number(/\d+/.exec(range)![0]);
      const header = contentRange(from, layer.length);
      response.writeHead(206, { 'content-length': layer.length - from, ...(header && { 'content-range': header }) });
      response.end(layer.subarray(from));
      return true;
    };
    const passes = shortPasses({ target: prod.configuration, image, ledger: new Ledger(), source: configurationOf('dev', source.origin) });
    const done = await passes;
    expect(bytesOf(done)).toBe(layer.length + 2);
    await expectSame(prod.origin, digest, layer);
  });

  test('a source that answers a part although the whole was asked for is refused', async () => {
    const prod = await startRegistry('prod');
    const { layer, digest, image } = await publish(2 * PART);
    const source = await startProxy(dev.origin);
    source.misbehave = (message, response) => {
      if (message.method !== 'GET' || !message.url!.endsWith(digest)) return false;
      response.writeHead(206, { 'content-range': `bytes 0-99/${layer.length}`, 'content-length': 100 }).end(layer.subarray(0, 100));
      return true;
    };
    const passes = shortPasses({ target: prod.configuration, image, ledger: new Ledger(), source: configurationOf('dev', source.origin) });
    await expect(passes).rejects.toMatchObject({ code: 'REGISTRY_REFUSED', message: expect.stringContaining('not asked for') });
    expect((await prod.registry.call('HEAD', `/v2/${REPOSITORY}/blobs/${digest}`)).status).toBe(404);
  });

  test('a target that wants another part than the next is asked which', async () => {
    const prod = await startRegistry('prod');
    const { layer, digest, image } = await publish(5 * PART);
    const target = await startProxy(prod.origin);
    let refused = 0;
    target.misbehave = (message, response) => {
      if (message.method !== 'PATCH' || ++refused > 2) return false;
      message.resume();
      message.on('end', () => response.writeHead(416).end());
      return true;
    };
    const copied = await pass({ target: configurationOf('prod', target.origin), image });
    expect(copied).toMatchObject({ done: true });
    expect(refused).toBeGreaterThan(2);
    await expectSame(prod.origin, digest, layer);
  });

  test('a target that loses parts without a word is refused', async () => {
    const prod = await startRegistry('prod', { ecrUploads: true });
    const { digest, image } = await publish(3 * PART);
    await expect(pass({ target: prod.configuration, image })).rejects.toMatchObject({
      code: 'REGISTRY_REFUSED',
      hint: expect.stringContaining('account'),
    });
    expect((await prod.registry.call('HEAD', `/v2/${REPOSITORY}/blobs/${digest}`)).status).toBe(404);
  });
});

describe('a blob that nobody has hashed as a whole', () => {
  test.each(['a registry', 'ECR'])(
    'is checked by %s when it is complete; wrong bytes never are, and the next try is right',
    async (kind) => {
      const isEcr = kind === 'ECR';
      const prod: Place | EcrPlace = isEcr ? await startEcr('prod') : await startRegistry('prod');
      const partBytes = isEcr ? 5 * MIB : PART;
      const { layer, digest, image } = await publish(4 * partBytes);
      const source = await startProxy(dev.origin);
      let lies = true;
      source.misbehave = (message, response) => {
        const { range } = message.headers;
        if (message.method !== 'GET' || !message.url!.endsWith(digest) || range === undefined || !lies) return false;
        const from = Number(/\d+/.exec(range)![0]);
        const size = layer.length;
        response.writeHead(206, { 'content-length': size - from, 'content-range': `bytes ${from}-${size - 1}/${size}` });
        response.end(Buffer.concat([Buffer.of(layer[from]! ^ 1), layer.subarray(from + 1)]));
        return true;
      };
      const ledger = new Ledger();
      const run = { target: prod.configuration, image, ledger, source: configurationOf('dev', source.origin), partBytes };
      await pass({ ...run, deadline: 0 });
      // Begins with a range, which lies; the whole is then read again without one, and hashed.
      const copied = await pass(run);
      expect(copied).toMatchObject({ done: true });
      expect(copied.copiedBytes).toBeGreaterThan(layer.length);
      lies = false;
      await expectSame(prod.origin, digest, layer);
    },
  );

  test('and whose source lies throughout ends in DIGEST_MISMATCH', async () => {
    const prod = await startRegistry('prod');
    const { layer, digest, image } = await publish(4 * PART);
    const source = await startProxy(dev.origin);
    source.misbehave = (message, response) => {
      if (message.method !== 'GET' || !message.url!.endsWith(digest)) return false;
      response.writeHead(200, { 'content-length': layer.length }).end(Buffer.concat([layer.subarray(1), Buffer.of(0)]));
      return true;
    };
    const ledger = new Ledger();
    const passes = shortPasses({ target: prod.configuration, image, ledger, source: configurationOf('dev', source.origin) });
    await expect(passes).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(ledger.uploads.size).toBe(0);
    expect((await prod.registry.call('HEAD', `/v2/${REPOSITORY}/blobs/${digest}`)).status).toBe(404);
  });
});

test('REG-20 a token that ends in the middle of a copy is renewed, and the part that met it is sent again', async () => {
  const prod = await startRegistry('prod');
  const { layer, digest, image } = await publish(5 * PART);
  const target = await startProxy(prod.origin);
  let tokens = 0;
  const refused: string[] = [];
  target.misbehave = (message, response) => {
    if (message.url!.startsWith('/token')) {
      response.end(JSON.stringify({ token: `token-${++tokens}`, expires_in: 300 }));
      return true;
    }
    const isOld = message.headers.authorization !== 'Bearer token-2';
    if (message.method !== 'PATCH' || !isOld) {
      delete message.headers.authorization;
      return false;
    }
    refused.push(message.headers.authorization ?? 'none');
    message.resume();
    const challenge = `Bearer realm="${target.origin}/token",service="prod"`;
    message.on('end', () => response.writeHead(401, { 'www-authenticate': challenge }).end());
    return true;
  };
  const copied = await pass({ target: configurationOf('prod', target.origin), image });
  expect(copied).toMatchObject({ done: true });
  expect(refused).toEqual(['none', 'Bearer token-1']);
  expect(copied.copiedBytes).toBe(layer.length + 2);
  await expectSame(prod.origin, digest, layer);
});
