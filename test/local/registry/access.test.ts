import { afterEach, describe, expect, it } from 'vitest';
import { COPIER, IMAGE, imageOf, openTestRegistry, sha256, type TestRegistry } from './open-test-registry.ts';

let registry: TestRegistry;

afterEach(async () => {
  await registry.dispose();
});

const basic = (password: string) => ({ authorization: `Basic ${Buffer.from(`AWS:${password}`).toString('base64')}` });

describe('access to a registry', () => {
  it('lets anonymous callers only read where they may only read', async () => {
    registry = await openTestRegistry({ anonymous: 'read' });
    const headers = basic(registry.tokens.issue(COPIER).password);
    const pushed = await registry.call('POST', `/v2/app/blobs/uploads/?digest=${sha256('hello')}`, { body: 'hello', headers });
    expect(pushed.status).toBe(201);
    expect((await registry.call('GET', `/v2/app/blobs/${sha256('hello')}`)).text).toBe('hello');
    const refused = await registry.call('POST', '/v2/app/blobs/uploads/');
    expect([refused.status, refused.json.errors[0].code]).toEqual([401, 'UNAUTHORIZED']);
    expect(refused.headers.get('www-authenticate')).toContain('Basic realm=');
    const deleted = await registry.call('DELETE', `/v2/app/blobs/${sha256('hello')}`);
    expect(deleted.status).toBe(401);
  });

  it('takes an empty Basic pair and the anonymous Bearer token for nobody', async () => {
    registry = await openTestRegistry({ anonymous: 'read' });
    const { token } = (await registry.call('GET', '/token?service=x&scope=repository:app:pull')).json;
    for (const authorization of [`Basic ${Buffer.from(':').toString('base64')}`, `Bearer ${token}`]) {
      expect((await registry.call('GET', '/v2/app/tags/list', { headers: { authorization } })).json.errors[0].code).toBe('NAME_UNKNOWN');
      expect((await registry.call('POST', '/v2/app/blobs/uploads/', { headers: { authorization } })).status).toBe(401);
    }
  });

  it('asks for credentials as ECR does where anonymous callers may nothing', async () => {
    registry = await openTestRegistry({ anonymous: 'none' });
    const refused = await registry.call('GET', '/v2/');
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toBe(`Basic realm="${registry.origin}/",service="ecr.amazonaws.com"`);
    expect((await registry.call('GET', '/token')).status).toBe(401);
    const headers = basic(registry.tokens.issue(COPIER).password);
    expect((await registry.call('GET', '/v2/', { headers })).status).toBe(200);
    const bearer = (await registry.call('GET', '/token', { headers })).json.token;
    expect((await registry.call('GET', '/v2/', { headers: { authorization: `Bearer ${bearer}` } })).status).toBe(200);
  });

  it('refuses forged and expired passwords', async () => {
    registry = await openTestRegistry({ anonymous: 'read-write' });
    const { password } = registry.tokens.issue(COPIER);
    const [claims, signature] = password.split('.') as [string, string];
    const foreign = Buffer.from(JSON.stringify({ caller: { ...COPIER, kind: 'admin' }, expires: 9e15 })).toString('base64url');
    for (const forged of [`${foreign}.${signature}`, `${claims}.`, claims, 'x', '']) {
      expect((await registry.call('GET', '/v2/', { headers: basic(forged) })).status).toBe(401);
    }
    expect((await registry.call('GET', '/v2/', { headers: { authorization: 'Negotiate x' } })).status).toBe(401);
    await registry.context.clock.advance(12 * 3_600_000 + 1);
    const expired = await registry.call('GET', '/v2/', { headers: basic(password) });
    expect([expired.status, expired.json.errors[0].code]).toEqual([403, 'DENIED']);
  });

  it('asks IAM for the documented action of each request and names what is missing', async () => {
    const asked: string[] = [];
    let denied = '';
    registry = await openTestRegistry({
      anonymous: 'read',
      context: {
        allowed: async (_caller, { action, resource }) => {
          asked.push(`${action} ${resource}`);
          return action !== denied;
        },
      },
    });
    const headers = basic(registry.tokens.issue(COPIER).password);
    const actions = async (method: string, path: string, body?: string, type = 'application/octet-stream') => {
      asked.length = 0;
      await registry.call(method, path, { headers: { ...headers, 'content-type': type }, ...(body !== undefined && { body }) });
      return asked.map((entry) => entry.replace(' arn:aws:ecr:eu-central-1:111111111111:repository/app', ''));
    };
    const hello = sha256('hello');
    const put = `/v2/app/blobs/uploads/?digest=${hello}`;
    expect(await actions('POST', '/v2/app/blobs/uploads/')).toEqual(['ecr:InitiateLayerUpload']);
    expect(await actions('POST', put, 'hello')).toEqual(['ecr:InitiateLayerUpload', 'ecr:UploadLayerPart', 'ecr:CompleteLayerUpload']);
    await actions('POST', `/v2/app/blobs/uploads/?digest=${sha256('{}')}`, '{}');
    expect(await actions('PUT', '/v2/app/manifests/v1', imageOf('hello'), IMAGE)).toEqual(['ecr:PutImage']);
    expect(await actions('GET', '/v2/app/manifests/v1')).toEqual(['ecr:BatchGetImage']);
    expect(await actions('GET', `/v2/app/blobs/${hello}`)).toEqual(['ecr:GetDownloadUrlForLayer']);
    expect(await actions('HEAD', `/v2/app/blobs/${hello}`)).toEqual(['ecr:BatchCheckLayerAvailability']);
    expect(await actions('GET', '/v2/app/tags/list')).toEqual(['ecr:ListImages']);
    expect(await actions('DELETE', '/v2/app/manifests/v1')).toEqual(['ecr:BatchDeleteImage']);
    expect(await actions('POST', `/v2/app/blobs/uploads/?mount=${hello}&from=app`)).toEqual([
      'ecr:InitiateLayerUpload',
      'ecr:GetDownloadUrlForLayer',
    ]);

    denied = 'ecr:PutImage';
    const refused = await registry.call('PUT', '/v2/app/manifests/v2', {
      body: imageOf('hello'),
      headers: { ...headers, 'content-type': IMAGE },
    });
    expect([refused.status, refused.json.errors[0]]).toEqual([
      403,
      {
        code: 'DENIED',
        message:
          'User: arn:aws:iam::000000000000:role/copier is not authorized to perform: ecr:PutImage on resource: arn:aws:ecr:eu-central-1:111111111111:repository/app',
      },
    ]);
    expect(registry.context.calls.at(-1)).toMatchObject({
      service: 'registry',
      operation: 'PUT manifest',
      function: 'copy',
      decision: 'denied',
    });
    denied = 'ecr:GetDownloadUrlForLayer';
    const unmounted = await registry.call('POST', `/v2/other/blobs/uploads/?mount=${hello}&from=app`, { headers });
    expect(unmounted.status).toBe(202);
  });

  it('records every request with its holder, and serves injected faults', async () => {
    registry = await openTestRegistry();
    await registry.pushBlob('app', 'hello');
    expect(registry.context.calls.at(-1)).toMatchObject({
      service: 'registry',
      operation: 'POST upload',
      function: 'anonymous',
      decision: 'allowed',
      resource: `arn:aws:ecr:eu-central-1:111111111111:repository/app@${sha256('hello')}`,
    });
    registry.context.fault = async (service, operation) =>
      service === 'registry' && operation === 'HEAD blob' ? { status: 503, code: 'UNAVAILABLE', message: 'injected' } : undefined;
    expect((await registry.call('HEAD', `/v2/app/blobs/${sha256('hello')}`)).status).toBe(503);
    expect((await registry.call('GET', `/v2/app/blobs/${sha256('hello')}`)).status).toBe(200);
  });
});

describe('the deviations of ECR', () => {
  it('loses every chunk after the first, has no status, and mounts only what a manifest names', async () => {
    registry = await openTestRegistry({ ecrUploads: true });
    const begun = await registry.call('POST', '/v2/app/blobs/uploads/');
    const location = begun.headers.get('location')!;
    expect((await registry.call('PATCH', location, { body: 'hel' })).status).toBe(201);
    const second = await registry.call('PATCH', location, { body: 'lo' });
    expect([second.status, second.headers.get('range')]).toEqual([201, '0-2']);
    expect((await registry.call('GET', location)).status).toBe(404);
    expect((await registry.call('PUT', `${location}?digest=${sha256('hello')}`)).json.errors[0].code).toBe('DIGEST_INVALID');

    const digest = await registry.pushBlob('app', 'layer');
    expect((await registry.call('POST', `/v2/other/blobs/uploads/?mount=${digest}&from=app`)).status).toBe(202);
    const image = await registry.pushImage('app', 'v1', 'layer');
    expect(image.headers.get('location')).toBe(null);
    expect((await registry.call('POST', `/v2/other/blobs/uploads/?mount=${digest}&from=app`)).status).toBe(201);
  });

  it('can be without the referrers API', async () => {
    registry = await openTestRegistry({ referrers: false });
    const subject = { subject: { mediaType: IMAGE, digest: sha256('x'), size: 1 } };
    const pushed = await registry.pushImage('app', 'v1', 'layer', subject);
    expect([pushed.status, pushed.headers.get('oci-subject')]).toEqual([201, null]);
    expect((await registry.call('GET', `/v2/app/referrers/${sha256('x')}`)).status).toBe(404);
  });
});
