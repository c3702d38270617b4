import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestRegistry, sha256, type TestRegistry } from './open-test-registry.ts';

let registry: TestRegistry;

beforeEach(async () => {
  registry = await openTestRegistry();
});

afterEach(async () => {
  await registry.dispose();
});

async function begin(query = ''): Promise<string> {
  const answer = await registry.call('POST', `/v2/team/app/blobs/uploads/${query}`);
  expect(answer.status).toBe(202);
  expect(answer.headers.get('range')).toBe('0-0');
  return answer.headers.get('location')!;
}

describe('uploads to a registry', () => {
  it('takes a whole blob in one POST and serves it by digest', async () => {
    const digest = await registry.pushBlob('team/app', 'hello');
    const got = await registry.call('GET', `/v2/team/app/blobs/${digest}`);
    expect([got.status, got.text, got.headers.get('docker-content-digest')]).toEqual([200, 'hello', digest]);
    const head = await registry.call('HEAD', `/v2/team/app/blobs/${digest}`);
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '5']);
    expect(got.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
  });

  it('takes POST and PUT with the body in the PUT', async () => {
    const location = await begin();
    const put = await registry.call('PUT', `${location}?digest=${sha256('hello')}`, { body: 'hello' });
    expect(put.status).toBe(201);
    expect(put.headers.get('location')).toBe(`${registry.origin}/v2/team/app/blobs/${sha256('hello')}`);
  });

  it('takes chunks in order and refuses any other with 416 and the place to go on', async () => {
    const location = await begin();
    const first = await registry.call('PATCH', location, { body: 'hel', headers: { 'content-range': '0-2' } });
    expect([first.status, first.headers.get('range')]).toEqual([202, '0-2']);
    for (const range of ['0-2', '4-5', '9-3', 'x']) {
      const refused = await registry.call('PATCH', location, { body: 'hel', headers: { 'content-range': range } });
      expect([range, refused.status, refused.headers.get('range')]).toEqual([range, 416, '0-2']);
    }
    const wrongLength = await registry.call('PATCH', location, { body: 'lo', headers: { 'content-range': '3-9' } });
    expect(wrongLength.status).toBe(416);
    const status = await registry.call('GET', location);
    expect([status.status, status.headers.get('range')]).toEqual([204, '0-2']);
    expect((await registry.call('PATCH', location, { body: 'l', headers: { 'content-range': '3-3' } })).status).toBe(202);
    const put = await registry.call('PUT', `${location}?digest=${sha256('hello')}`, { body: 'o', headers: { 'content-range': '4-4' } });
    expect(put.status).toBe(201);
    expect((await registry.call('GET', `/v2/team/app/blobs/${sha256('hello')}`)).text).toBe('hello');
    expect((await registry.call('GET', location)).status).toBe(404);
  });

  it('refuses a wrong digest, keeps nothing, and ends the upload', async () => {
    const location = await begin();
    const put = await registry.call('PUT', `${location}?digest=${sha256('other')}`, { body: 'hello' });
    expect([put.status, put.json.errors[0].code]).toEqual([400, 'DIGEST_INVALID']);
    expect((await registry.call('HEAD', `/v2/team/app/blobs/${sha256('hello')}`)).status).toBe(404);
    expect((await registry.call('GET', location)).json.errors[0].code).toBe('BLOB_UPLOAD_UNKNOWN');
    expect(readdirSync(join(registry.folder, 'uploads'))).toEqual([]);
  });

  it('accepts sha512, announced or not', async () => {
    const digest = `sha512:${createHash('sha512').update('hello').digest('hex')}`;
    const announced = await begin('?digest-algorithm=sha512');
    expect((await registry.call('PUT', `${announced}?digest=${digest}`, { body: 'hello' })).status).toBe(201);
    const plain = await begin();
    expect((await registry.call('PATCH', plain, { body: 'hello' })).status).toBe(202);
    expect((await registry.call('PUT', `${plain}?digest=${digest}`)).status).toBe(201);
    expect((await registry.call('GET', `/v2/team/app/blobs/${digest}`)).text).toBe('hello');
  });

  it('cancels an upload', async () => {
    const location = await begin();
    await registry.call('PATCH', location, { body: 'hello' });
    expect((await registry.call('DELETE', location)).status).toBe(204);
    expect((await registry.call('GET', location)).status).toBe(404);
    expect(readdirSync(join(registry.folder, 'uploads'))).toEqual([]);
  });

  it('keeps none of a chunk that breaks off', async () => {
    const location = await begin();
    await registry.call('PATCH', location, { body: 'hel' });
    await new Promise<void>((resolve) => {
      const sent = request(location, { method: 'PATCH', headers: { 'content-length': '1000' } });
      sent.on('error', () => resolve());
      sent.write('garbage', () => sent.destroy(new Error('broken off')));
    });
    let finished = await registry.call('PATCH', location, { body: 'lo', headers: { 'content-range': '3-4' } });
    // The server may not have noticed the end of the connection yet, and then still holds the upload.
    for (let attempt = 0; finished.status === 416 && attempt < 100; attempt++) {
      finished = await registry.call('PATCH', location, { body: 'lo', headers: { 'content-range': '3-4' } });
    }
    expect(finished.status).toBe(202);
    expect((await registry.call('PUT', `${location}?digest=${sha256('hello')}`)).status).toBe(201);
    expect((await registry.call('GET', `/v2/team/app/blobs/${sha256('hello')}`)).text).toBe('hello');
  });

  it('mounts a blob from a named repository, from any, and falls back to an upload', async () => {
    const digest = await registry.pushBlob('team/app', 'hello');
    const mounted = await registry.call('POST', `/v2/team/other/blobs/uploads/?mount=${digest}&from=team/app`);
    expect([mounted.status, mounted.headers.get('docker-content-digest')]).toEqual([201, digest]);
    expect((await registry.call('GET', `/v2/team/other/blobs/${digest}`)).text).toBe('hello');
    expect((await registry.call('POST', `/v2/team/third/blobs/uploads/?mount=${digest}`)).status).toBe(201);
    const missing = await registry.call('POST', `/v2/team/third/blobs/uploads/?mount=${sha256('none')}&from=team/app`);
    expect(missing.status).toBe(202);
    expect(missing.headers.get('location')).toContain('/v2/team/third/blobs/uploads/');
  });

  it('hides a blob from repositories that did not push it, and keeps it until the last one deletes it', async () => {
    const digest = await registry.pushBlob('team/app', 'hello');
    await registry.pushBlob('team/other', 'something');
    expect((await registry.call('GET', `/v2/team/other/blobs/${digest}`)).json.errors[0].code).toBe('BLOB_UNKNOWN');
    await registry.call('POST', `/v2/team/other/blobs/uploads/?mount=${digest}&from=team/app`);
    expect((await registry.call('DELETE', `/v2/team/app/blobs/${digest}`)).status).toBe(202);
    expect((await registry.call('GET', `/v2/team/app/blobs/${digest}`)).status).toBe(404);
    expect((await registry.call('GET', `/v2/team/other/blobs/${digest}`)).text).toBe('hello');
  });

  it('serves ranges', async () => {
    const digest = await registry.pushBlob('team/app', 'hello world');
    const range = (header: string) => registry.call('GET', `/v2/team/app/blobs/${digest}`, { headers: { range: header } });
    const middle = await range('bytes=2-4');
    expect([middle.status, middle.text, middle.headers.get('content-range')]).toEqual([206, 'llo', 'bytes 2-4/11']);
    expect((await range('bytes=6-')).text).toBe('world');
    expect((await range('bytes=-5')).text).toBe('world');
    expect((await range('bytes=6-100')).headers.get('content-range')).toBe('bytes 6-10/11');
    const outside = await range('bytes=11-');
    expect([outside.status, outside.headers.get('content-range')]).toEqual([416, 'bytes */11']);
    expect((await range('lines=1-2')).status).toBe(200);
  });

  it('stores an empty blob', async () => {
    const digest = await registry.pushBlob('team/app', '');
    const got = await registry.call('GET', `/v2/team/app/blobs/${digest}`);
    expect([got.status, got.text]).toEqual([200, '']);
  });

  it.each([
    ['/v2/Team/app/blobs/uploads/', 'NAME_INVALID'],
    ['/v2/team/../app/blobs/uploads/', 'NAME_INVALID'],
    ['/v2/team%2F..%2Fapp/blobs/uploads/', 'NAME_INVALID'],
    ['/v2/team//app/blobs/uploads/', 'NAME_INVALID'],
    ['/v2/-team/blobs/uploads/', 'NAME_INVALID'],
    [`/v2/${'a'.repeat(257)}/blobs/uploads/`, 'NAME_INVALID'],
    ['/v2/team/app/blobs/uploads/?digest=sha256:abc', 'DIGEST_INVALID'],
    ['/v2/team/app/blobs/uploads/?digest=md5:d41d8cd98f00b204e9800998ecf8427e', 'DIGEST_INVALID'],
    ['/v2/team/app/blobs/uploads/?mount=nothing', 'DIGEST_INVALID'],
  ])('refuses POST %s with %s', async (path, code) => {
    const answer = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
      // Not fetch, which would fold `..` away.
      const { hostname, port } = new URL(registry.origin);
      const sent = request({ hostname, port, method: 'POST', path }, async (response) => {
        let body = '';
        for await (const chunk of response) body += chunk;
        resolve({ status: response.statusCode, body });
      });
      sent.on('error', reject);
      sent.end();
    });
    expect([answer.status, JSON.parse(answer.body).errors[0].code]).toEqual([400, code]);
  });
});
