/** EKS tokens, access entries and RBAC. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { matchesRole } from '../../../local/kubernetes/api/authenticate.ts';
import { DEPLOYMENTS, deployment, NAMESPACE, startCluster, type TestCluster } from './test-cluster.ts';

const RBAC = 'rbac.authorization.k8s.io';
const MANIFESTS = [
  NAMESPACE,
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'Role',
    metadata: { name: 'rollout', namespace: 'prod' },
    rules: [
      { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'list', 'watch', 'patch'] },
      { apiGroups: ['apps'], resources: ['deployments/scale'], resourceNames: ['stable'], verbs: ['patch'] },
      { apiGroups: [RBAC], resources: ['roles'], verbs: ['create'] },
    ],
  },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata: { name: 'rollout', namespace: 'prod' },
    roleRef: { apiGroup: RBAC, kind: 'Role', name: 'rollout' },
    subjects: [{ apiGroup: RBAC, kind: 'Group', name: 'rollout' }],
  },
  deployment('stable', '127.0.0.1:1/app:1', 0),
];
const SCALE = { spec: { replicas: 0 } };
const MERGE = 'application/merge-patch+json';

let cluster: TestCluster;
let sts: Server;
let origin: string;
const seen: { url: string; cluster: string | undefined; accept: string | undefined }[] = [];

beforeAll(async () => {
  // Answers as the STS stand-in does; which role called is read from the credential, and the signed cluster name must be the cluster's.
  sts = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const header = request.headers['x-k8s-aws-id'];
    seen.push({ url: url.search, cluster: header as string, accept: request.headers.accept });
    const role = url.searchParams.get('X-Amz-Credential')?.split('/')[0];
    if (url.searchParams.get('X-Amz-Signature') !== `good-${header}`) return void response.writeHead(403).end('{}');
    const Arn = `arn:aws:sts::000000000000:assumed-role/${role}/rollout-function`;
    response.end(JSON.stringify({ GetCallerIdentityResponse: { GetCallerIdentityResult: { Account: '000000000000', Arn, UserId: 'X' } } }));
  });
  await new Promise<void>((resolve) => sts.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(sts.address() as AddressInfo).port}`;
  const accessEntries = [{ rolePattern: 'arn:aws:iam::000000000000:role/Greenlight-Rollout*', groups: ['rollout'] }];
  cluster = await startCluster({ clusters: [{ name: 'demo', accessEntries, manifests: MANIFESTS }], stsOrigin: () => origin });
});
afterAll(async () => {
  await cluster.dispose();
  sts.close();
});

interface TokenParts {
  role?: string;
  signature?: string;
  signedHeaders?: string;
  origin?: string;
  path?: string;
  more?: string;
  expires?: number;
}

function token(parts: TokenParts = {}): string {
  const { role = 'Greenlight-Rollout-1', signature = 'good-demo', signedHeaders = 'host;x-k8s-aws-id', expires = 60 } = parts;
  const query = new URLSearchParams({
    Action: 'GetCallerIdentity',
    Version: '2011-06-15',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${role}/20260101/eu-central-1/sts/aws4_request`,
    'X-Amz-Date': '20260101T000000Z',
    'X-Amz-Expires': String(expires),
    'X-Amz-SignedHeaders': signedHeaders,
    'X-Amz-Signature': signature,
  });
  const url = `${parts.origin ?? origin}${parts.path ?? '/'}?${query}${parts.more ?? ''}`;
  return `k8s-aws-v1.${Buffer.from(url).toString('base64url')}`;
}

const get = (with_: string) => cluster.call('GET', `${DEPLOYMENTS}/stable`, undefined, { token: with_ });

describe('an EKS token', () => {
  it('is checked by calling STS with the cluster name, and gives the groups of the access entry', async () => {
    const { status, body } = await get(token());
    expect([status, body.metadata.name]).toEqual([200, 'stable']);
    expect(seen.at(-1)).toMatchObject({ cluster: 'demo', accept: 'application/json' });
    expect(cluster.context.calls.at(-1)).toMatchObject({ function: 'rollout-function', operation: 'get deployments', decision: 'allowed' });
  });

  it.each<[string, TokenParts]>([
    ['of a role without an access entry', { role: 'Somebody' }],
    ['that was signed for another cluster', { signature: 'good-other' }],
    ['that does not sign the cluster header', { signedHeaders: 'host' }],
    ['that names another path', { path: '/other' }],
    ['with a further parameter', { more: '&RoleArn=x' }],
    ['with a parameter twice', { more: '&Action=AssumeRole' }],
    ['that lives longer than 15 minutes', { expires: 3600 }],
  ])('%s is refused', async (_what, parts) => {
    const { status, body } = await get(token(parts));
    expect([status, body.message]).toEqual([401, 'Unauthorized']);
  });

  it('never makes the cluster call another origin', async () => {
    let called = false;
    const other = createServer((_request, response) => {
      called = true;
      response.end('{}');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    expect((await get(token({ origin: `http://127.0.0.1:${(other.address() as AddressInfo).port}` }))).status).toBe(401);
    expect(called).toBe(false);
    other.close();
  });

  it('fits ARNs and plain names with wildcards', () => {
    expect(matchesRole('arn:aws:iam::1:role/A*', 'arn:aws:iam::1:role/Ab')).toBe(true);
    expect(matchesRole('A.c*', 'arn:aws:iam::1:role/Abcd')).toBe(false);
    expect(matchesRole('*-rollout', 'arn:aws:iam::1:role/x-rollout')).toBe(true);
  });
});

describe('RBAC', () => {
  it('allows what the role says, by verb, subresource and name, and nothing else', async () => {
    const as = { token: token(), contentType: MERGE };
    expect((await cluster.call('PATCH', `${DEPLOYMENTS}/stable/scale`, SCALE, as)).status).toBe(200);
    const other = await cluster.call('PATCH', `${DEPLOYMENTS}/other/scale`, SCALE, as);
    expect(other.body.message).toBe(
      'deployments.apps "other" is forbidden: User "arn:aws:sts::000000000000:assumed-role/Greenlight-Rollout-1/rollout-function" cannot patch resource "deployments/scale" in API group "apps" in the namespace "prod"',
    );
    expect(cluster.context.calls.at(-1)).toMatchObject({ operation: 'patch deployments/scale', decision: 'implicitDeny' });
    const all = await cluster.call('GET', '/apis/apps/v1/deployments', undefined, as);
    expect(all.body.message).toContain('at the cluster scope');
    expect((await cluster.call('DELETE', `${DEPLOYMENTS}/stable`, undefined, as)).status).toBe(403);
  });

  it('answers access reviews', async () => {
    const review = async (verb: string, with_: string) => {
      const spec = { resourceAttributes: { verb, group: 'apps', resource: 'deployments', namespace: 'prod' } };
      return (await cluster.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { spec }, { token: with_ })).body.status
        .allowed;
    };
    expect(await review('patch', token())).toBe(true);
    expect(await review('delete', token())).toBe(false);
    expect(await review('delete', cluster.eks.adminToken)).toBe(true);
  });

  it('does not let anyone give more than he has', async () => {
    const role = { metadata: { name: 'more' }, rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] };
    const path = `/apis/${RBAC}/v1/namespaces/prod/roles`;
    const refused = await cluster.call('POST', path, role, { token: token() });
    expect(refused.body.message).toContain('is attempting to grant RBAC permissions not currently held');
    const less = { metadata: { name: 'less' }, rules: [{ apiGroups: ['apps'], resources: ['deployments'], verbs: ['get'] }] };
    expect((await cluster.call('POST', path, less, { token: token() })).status).toBe(201);
  });
});

it('passes injected faults on before anything else', async () => {
  const faulty = cluster.context as { fault: typeof cluster.context.fault };
  const asked: string[] = [];
  faulty.fault = async (service, operation) => {
    asked.push(`${service} ${operation}`);
    return { status: 503, code: 'ServiceUnavailable', message: 'injected' };
  };
  const { status, body } = await get('wrong');
  faulty.fault = async () => undefined;
  expect([status, body.reason, body.message, asked]).toEqual([503, 'ServiceUnavailable', 'injected', ['kubernetes get deployments']]);
});
