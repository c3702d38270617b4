import { Agent, request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IMAGE, INDEX, imageOf, openTestRegistry, sha256, type TestRegistry } from './open-test-registry.ts';

let registry: TestRegistry;

beforeEach(async () => {
  registry = await openTestRegistry();
});

afterEach(async () => {
  await registry.dispose();
});

const put = (reference: string, body: string | Uint8Array, type: string = IMAGE) =>
  registry.call('PUT', `/v2/app/manifests/${reference}`, { body, headers: { 'content-type': type } });

describe('manifests of a registry', () => {
  it('serves the pushed bytes unchanged, by tag and by digest', async () => {
    const pushed = await registry.pushImage('app', 'v1', 'layer');
    expect([pushed.status, pushed.headers.get('docker-content-digest')]).toEqual([201, pushed.digest]);
    for (const reference of ['v1', pushed.digest]) {
      const got = await registry.call('GET', `/v2/app/manifests/${reference}`);
      expect([got.status, got.text, got.headers.get('content-type')]).toEqual([200, imageOf('layer'), IMAGE]);
      const head = await registry.call('HEAD', `/v2/app/manifests/${reference}`);
      expect([head.status, head.text, head.headers.get('docker-content-digest')]).toEqual([200, '', pushed.digest]);
    }
    expect((await registry.call('GET', '/v2/app/manifests/v2')).json.errors[0].code).toBe('MANIFEST_UNKNOWN');
    expect((await registry.call('GET', '/v2/none/manifests/v2')).json.errors[0].code).toBe('NAME_UNKNOWN');
  });

  it('keeps the connection when a HEAD finds nothing: its answer says how long the body would be', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (reference: string) =>
      new Promise<{ status: number | undefined; isReused: boolean }>((resolve, reject) => {
        const asked = request(`${registry.origin}/v2/app/manifests/${reference}`, { method: 'HEAD', agent }, (answer) => {
          answer.resume().once('close', () => resolve({ status: answer.statusCode, isReused: asked.reusedSocket }));
        });
        asked.once('error', reject).end();
      });
    const head = await registry.call('HEAD', '/v2/app/manifests/v2');
    const got = await registry.call('GET', '/v2/app/manifests/v2');
    expect([head.text, head.headers.get('content-length')]).toEqual(['', String(got.text.length)]);
    expect([await ask('v2'), await ask('v3')]).toEqual([
      { status: 404, isReused: false },
      { status: 404, isReused: true },
    ]);
    agent.destroy();
  });

  it('takes Docker manifests, lists and any artifact type', async () => {
    const docker = 'application/vnd.docker.distribution.manifest.v2+json';
    await registry.pushBlob('app', '{}');
    await registry.pushBlob('app', 'layer');
    const image = imageOf('layer', { mediaType: docker });
    expect((await put('docker', image, docker)).status).toBe(201);
    const list = 'application/vnd.docker.distribution.manifest.list.v2+json';
    const manifests = [{ mediaType: docker, digest: sha256(image), size: image.length }];
    expect((await put('list', JSON.stringify({ schemaVersion: 2, mediaType: list, manifests }), list)).status).toBe(201);
    expect((await put('sbom', imageOf('layer', { artifactType: 'application/x-anything' }))).status).toBe(201);
  });

  it('refuses a manifest whose blobs or children are missing, or whose sizes lie', async () => {
    await registry.pushBlob('app', '{}');
    const missing = await put('v1', imageOf('layer'));
    expect([missing.status, missing.json.errors[0].code]).toEqual([404, 'MANIFEST_BLOB_UNKNOWN']);
    const index = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [{ mediaType: IMAGE, digest: sha256('x'), size: 1 }] });
    expect((await put('v1', index, INDEX)).json.errors[0].code).toBe('MANIFEST_BLOB_UNKNOWN');
    await registry.pushBlob('app', 'layer');
    const lying = imageOf('layer').replace('"size":5', '"size":6');
    expect((await put('v1', lying)).json.errors[0].code).toBe('MANIFEST_INVALID');
    expect((await registry.call('GET', '/v2/app/manifests/v1')).status).toBe(404);
  });

  it.each([
    ['not JSON', 'no', IMAGE, 'MANIFEST_INVALID'],
    ['a list', '[]', IMAGE, 'MANIFEST_INVALID'],
    ['another media type inside', imageOf('layer'), INDEX, 'MANIFEST_INVALID'],
    ['schema 1', '{"schemaVersion":1}', 'application/vnd.docker.distribution.manifest.v1+json', 'MANIFEST_INVALID'],
    ['a digest of no known form', imageOf('layer').replaceAll('sha256:', 'md5:'), IMAGE, 'MANIFEST_INVALID'],
    ['no layers', JSON.stringify({ mediaType: IMAGE, config: { digest: sha256('{}'), size: 2 } }), IMAGE, 'MANIFEST_INVALID'],
  ])('refuses %s', async (_what, body, type, code) => {
    await registry.pushBlob('app', '{}');
    const answer = await put('v1', body, type);
    expect([answer.status, answer.json.errors[0].code]).toEqual([400, code]);
  });

  it('refuses more than 4 MiB, announced or not', async () => {
    const big = Buffer.alloc(4 * 1024 * 1024 + 1, 0x20);
    expect((await put('v1', big)).status).toBe(413);
    const chunked = await fetch(`${registry.origin}/v2/app/manifests/v1`, {
      method: 'PUT',
      headers: { 'content-type': IMAGE },
      body: new Blob([big]).stream(),
      duplex: 'half',
    } as RequestInit);
    expect(chunked.status).toBe(413);
  });

  it('checks the digest of a push by digest, and a bad tag', async () => {
    await registry.pushBlob('app', '{}');
    await registry.pushBlob('app', 'layer');
    expect((await put(sha256('other'), imageOf('layer'))).json.errors[0].code).toBe('DIGEST_INVALID');
    expect((await put(sha256(imageOf('layer')), imageOf('layer'))).status).toBe(201);
    expect((await put('.hidden', imageOf('layer'))).json.errors[0].code).toBe('TAG_INVALID');
    expect((await put('a'.repeat(129), imageOf('layer'))).json.errors[0].code).toBe('TAG_INVALID');
  });

  it('deletes a tag alone, and a manifest with all its tags', async () => {
    const { digest } = await registry.pushImage('app', 'v1', 'layer');
    await put('v2', imageOf('layer'));
    await put('v3', imageOf('layer'));
    expect((await registry.call('DELETE', '/v2/app/manifests/v1')).status).toBe(202);
    expect((await registry.call('GET', '/v2/app/manifests/v1')).status).toBe(404);
    expect((await registry.call('GET', '/v2/app/manifests/v2')).status).toBe(200);
    expect((await registry.call('DELETE', `/v2/app/manifests/${digest}`)).status).toBe(202);
    expect((await registry.call('GET', '/v2/app/tags/list')).json.tags).toEqual([]);
    expect((await registry.call('DELETE', `/v2/app/manifests/${digest}`)).status).toBe(404);
  });

  it('lists tags and repositories in pages', async () => {
    for (const tag of ['c', 'a', 'B', 'd']) await registry.pushImage('app', tag, 'layer');
    await registry.pushImage('zoo', 'v1', 'layer');
    expect((await registry.call('GET', '/v2/app/tags/list')).json).toEqual({ name: 'app', tags: ['B', 'a', 'c', 'd'] });
    const page = await registry.call('GET', '/v2/app/tags/list?n=2');
    expect(page.json.tags).toEqual(['B', 'a']);
    const next = /<(.+)>; rel="next"/.exec(page.headers.get('link')!)![1]!;
    const last = await registry.call('GET', next);
    expect([last.json.tags, last.headers.get('link')]).toEqual([['c', 'd'], null]);
    expect((await registry.call('GET', '/v2/app/tags/list?n=0')).json.tags).toEqual([]);
    expect((await registry.call('GET', '/v2/app/tags/list?n=1&last=a')).json.tags).toEqual(['c']);
    expect((await registry.call('GET', '/v2/_catalog?n=1')).json).toEqual({ repositories: ['app'] });
    expect((await registry.call('GET', '/v2/none/tags/list')).json.errors[0].code).toBe('NAME_UNKNOWN');
  });

  it('answers referrers with their type and annotations, also of a subject that does not exist yet', async () => {
    const { digest } = await registry.pushImage('app', 'v1', 'layer');
    const later = sha256(imageOf('later'));
    const subject = (of: string) => ({ subject: { mediaType: IMAGE, digest: of, size: 1 } });
    const annotations = { 'org.example': 'yes' };
    const sbom = await registry.pushImage('app', 'sbom', 'sbom', {
      artifactType: 'application/spdx+json',
      annotations,
      ...subject(digest),
    });
    expect(sbom.headers.get('oci-subject')).toBe(digest);
    const signature = await registry.pushImage('app', sha256(imageOf('sig', subject(digest))), 'sig', subject(digest));
    await registry.pushImage('app', 'early', 'early', subject(later));

    const all = await registry.call('GET', `/v2/app/referrers/${digest}`);
    expect(all.headers.get('content-type')).toBe(INDEX);
    expect(all.json.manifests.map((entry: { digest: string }) => entry.digest).sort()).toEqual([sbom.digest, signature.digest].sort());
    const filtered = await registry.call('GET', `/v2/app/referrers/${digest}?artifactType=application/spdx%2Bjson`);
    expect(filtered.headers.get('oci-filters-applied')).toBe('artifactType');
    expect(filtered.json.manifests).toEqual([
      { mediaType: IMAGE, digest: sbom.digest, size: expect.any(Number), artifactType: 'application/spdx+json', annotations },
    ]);
    const configType = await registry.call('GET', `/v2/app/referrers/${digest}?artifactType=application/vnd.oci.image.config.v1%2Bjson`);
    expect(configType.json.manifests).toHaveLength(1);
    expect((await registry.call('GET', `/v2/app/referrers/${later}`)).json.manifests).toHaveLength(1);
    expect((await registry.call('GET', `/v2/none/referrers/${later}`)).json.manifests).toEqual([]);
    expect((await registry.call('GET', '/v2/app/referrers/nothing')).status).toBe(400);
    await registry.call('DELETE', `/v2/app/manifests/${sbom.digest}`);
    expect((await registry.call('GET', `/v2/app/referrers/${digest}`)).json.manifests).toHaveLength(1);
  });

  it('answers other methods and addresses with the errors of the specification', async () => {
    const post = await registry.call('POST', '/v2/app/manifests/v1');
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD, PUT, DELETE']);
    expect((await registry.call('GET', '/v3/')).status).toBe(404);
    expect((await registry.call('GET', '/v2/')).status).toBe(200);
  });
});

describe('tag immutability', () => {
  it('keeps a tag from moving, except where a filter excludes it', async () => {
    await registry.dispose();
    registry = await openTestRegistry({
      newRepository: () => ({
        createdAt: 0,
        mutability: 'IMMUTABLE_WITH_EXCLUSION',
        exclusions: [{ filterType: 'WILDCARD', filter: 'latest*' }],
      }),
    });
    const first = await registry.pushImage('app', 'v1', 'one');
    expect((await registry.pushImage('app', 'v1', 'one')).status).toBe(201);
    const moved = await registry.pushImage('app', 'v1', 'two');
    expect([moved.status, moved.json.errors[0].code, moved.json.errors[0].message]).toEqual([
      400,
      'TAG_INVALID',
      "The image tag 'v1' already exists in the 'app' repository and cannot be overwritten because the tag is immutable.",
    ]);
    expect((await registry.call('HEAD', '/v2/app/manifests/v1')).headers.get('docker-content-digest')).toBe(first.digest);
    expect((await registry.pushImage('app', 'latest-prod', 'one')).status).toBe(201);
    expect((await registry.pushImage('app', 'latest-prod', 'two')).status).toBe(201);
    expect((await registry.pushImage('app', 'not-latest', 'one')).status).toBe(201);
    expect((await registry.pushImage('app', 'not-latest', 'two')).status).toBe(400);
  });

  it('lets one of two racing pushes of a new tag win', async () => {
    await registry.dispose();
    registry = await openTestRegistry({ newRepository: () => ({ createdAt: 0, mutability: 'IMMUTABLE', exclusions: [] }) });
    await registry.pushBlob('app', '{}');
    const contents = Array.from({ length: 10 }, (_, index) => `layer ${index}`);
    for (const content of contents) await registry.pushBlob('app', content);
    const answers = await Promise.all(contents.map((content) => put('v1', imageOf(content))));
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, ...Array(9).fill(400)]);
  });
});
