/** The connection test against an API server that a test scripts: what is said of each way in which a connection can be wrong. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { probeAt, probeCluster } from '../../../adapters/rollout/cluster-probe.ts';
import type { Configuration } from '../../../core/environment/configuration.ts';
import { Fault } from '../../../core/errors.ts';
import type { ConnectionReport } from '../../../core/rollout/connection-test.ts';
import { ROLLOUT_ANSWERS } from '../../../functions/rollout/answers.ts';
import { type ConnectionTestWorld, testConnection } from '../../../functions/rollout/test-connection.task.ts';
import { openCertificateAuthority } from '../../../local/certificate-authority.ts';

const secret = vi.hoisted(() => ({ text: '' }));
vi.mock('../../../adapters/references.ts', () => ({ resolveReference: async () => secret.text }));

const TOKEN = 'k8s-aws-v1.c2VjcmV0LXRva2VuLW9mLXRoZS10ZXN0';
const REVIEWS = 'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

type Answer = { status: number; body?: unknown } | 'silence';
type Attributes = { verb: string; resource: string; name?: string };

let folder: string;
let server: Server;
let origin: string;
let ca: string;
let otherCa: string;
let seen: string[];
let answerOf: (call: string, asked: Attributes) => Answer | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'connection-test-'));
  const authority = await openCertificateAuthority(join(folder, 'ca'));
  ca = authority.certificate;
  otherCa = (await openCertificateAuthority(join(folder, 'other'))).certificate;
  server = createServer(await authority.issue('api'), (request, response) => {
    let text = '';
    request.on('data', (part) => (text += part));
    request.on('end', () => {
      const call = `${request.method} ${request.url}`;
      const asked = text === '' ? {} : JSON.parse(text).spec.resourceAttributes;
      seen.push(call);
      const answer = answerOf(call, asked) ?? healthy(call);
      if (answer !== 'silence')
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body ?? {}));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  seen = [];
  answerOf = () => undefined;
});

function healthy(call: string): Answer {
  if (call === 'GET /version') return { status: 200, body: { gitVersion: 'v1.32.9-eks-113cf36' } };
  if (call === REVIEWS) return { status: 201, body: { status: { allowed: true } } };
  if (call.includes('/httproutes/')) return { status: 200, body: { spec: { parentRefs: [{ name: 'front', namespace: 'ingress' }] } } };
  return { status: 200, body: { spec: { template: { spec: { containers: [{ name: 'app' }] } } } } };
}

const workload = { name: 'shop', container: 'app', replicas: 2, smoke: [{ name: 'health', path: '/', status: 200 }] };
const canary = { strategy: 'canary', weights: [100], bakeSeconds: 0, smoke: true };

interface Setting {
  kind?: 'platform_managed' | 'external_managed';
  rollout?: object;
  authority?: string;
  at?: string;
  probe?: ConnectionTestWorld['probe'];
  budgetMs?: number;
  environment?: string;
}

function ask({
  kind = 'platform_managed',
  rollout = canary,
  authority = ca,
  at = origin,
  ...setting
}: Setting = {}): Promise<ConnectionReport> {
  const configuration = {
    clusters: { main: { name: 'main', kind } },
    environments: {
      prod: { name: 'prod', cluster: 'main', namespace: 'prod', rollout, rollback: { rollout } },
      files: { name: 'files', namespace: 'files', rollout, rollback: { rollout } },
    },
    artifacts: {
      shop: { name: 'shop', tenant: 'a', workload },
      other: { name: 'other', tenant: 'b', workload: { ...workload, name: 'other' } },
    },
  } as unknown as Configuration;
  const probe = setting.probe ?? (async () => probeAt({ server: at, ca: authority, token: () => TOKEN }));
  const { budgetMs, environment = 'prod' } = setting;
  const world = { configuration: async () => configuration, probe, ...(budgetMs === undefined ? {} : { budgetMs }) };
  return testConnection(world)({ task: 'test-connection', environment, artifacts: ['shop'] });
}

const shown = ({ checks }: ConnectionReport) => checks.map(({ name, status }) => `${status} ${name}`);
const wrong = ({ checks }: ConnectionReport) => checks.filter(({ status }) => status !== 'passed');

describe('a connection test', () => {
  it('asks for what the role of the manifests gives, and for nothing of other tenants', async () => {
    const report = await ask();
    expect(report).toMatchObject({ cluster: 'main', namespace: 'prod', server: origin, version: 'v1.32.9-eks-113cf36', outcome: 'passed' });
    expect(shown(report)).toEqual([
      'passed address',
      'passed certificate',
      'passed token',
      'passed list pods prod/*',
      'passed get deployments.apps prod/shop-stable',
      'passed patch deployments.apps prod/shop-stable',
      'passed Deployment prod/shop-stable',
      'passed get deployments.apps prod/shop-canary',
      'passed patch deployments.apps prod/shop-canary',
      'passed Deployment prod/shop-canary',
      'passed get services prod/shop',
      'passed Service prod/shop',
    ]);
    expect(ROLLOUT_ANSWERS.ConnectionReport.safeParse(report).error).toBeUndefined();
  });

  it('changes nothing: it reads, and asks for reviews, which are not kept', async () => {
    await ask({ rollout: { ...canary, provider: 'gateway' } });
    expect(seen.filter((call) => !call.startsWith('GET ') && call !== REVIEWS)).toEqual([]);
  });

  it('looks at route and Gateway where they split the traffic', async () => {
    expect(shown(await ask({ rollout: { ...canary, provider: 'gateway' } })).slice(-5)).toEqual([
      'passed get httproutes.gateway.networking.k8s.io prod/shop',
      'passed patch httproutes.gateway.networking.k8s.io prod/shop',
      'passed HTTPRoute prod/shop',
      'passed get gateways.gateway.networking.k8s.io ingress/front',
      'passed Gateway ingress/front',
    ]);
  });

  it.each([
    ['an environment without a cluster', { environment: 'files' }, 'none', 0],
    ['rollouts that are made by a job', { rollout: { ...canary, strategy: 'job' } }, 'passed', 3],
  ] as const)('needs little of %s', async (_what, setting, outcome, lines) => {
    const report = await ask(setting);
    expect(report.outcome).toBe(outcome);
    expect(report.checks).toHaveLength(lines);
  });

  it.each([
    ['a token that is not accepted', 401, 'failed', 'failed token', 'access entry'],
    ['something that is no API server', 404, 'failed', 'unknown token', 'no API server'],
  ] as const)('stops at %s', async (_what, status, outcome, last, hint) => {
    answerOf = (call) => (call === 'GET /version' ? { status } : undefined);
    const report = await ask();
    expect(report.outcome).toBe(outcome);
    expect(shown(report)).toEqual(['passed address', 'passed certificate', last]);
    expect(report.checks.at(-1)!.hint).toContain(hint);
  });

  it('tells a token that may do nothing from one that is not accepted', async () => {
    answerOf = () => ({ status: 403 });
    const report = await ask({ kind: 'external_managed' });
    expect(shown(report).slice(0, 3)).toEqual(['passed address', 'passed certificate', 'passed token']);
    expect(report).toMatchObject({ outcome: 'failed', version: null });
    expect(wrong(report).every(({ status, hint }) => status === 'unknown' && hint !== null)).toBe(true);
  });

  it('says which permission is missing, which object, and which container, with what to do', async () => {
    answerOf = (call, { verb, name }) => {
      if (verb === 'patch' && name === 'shop-canary') return { status: 201, body: { status: { allowed: false, reason: TOKEN } } };
      if (call.endsWith('/services/shop')) return { status: 404 };
      return call.endsWith('/shop-stable')
        ? { status: 200, body: { spec: { template: { spec: { containers: [{ name: 'x' }] } } } } }
        : undefined;
    };
    const report = await ask();
    expect(report.outcome).toBe('failed');
    expect(wrong(report)).toEqual([
      expect.objectContaining({
        name: 'Deployment prod/shop-stable',
        detail: 'it has no container app',
        hint: expect.stringContaining('workload.container'),
      }),
      expect.objectContaining({
        name: 'patch deployments.apps prod/shop-canary',
        status: 'failed',
        hint: expect.stringContaining('access-role.yaml'),
      }),
      expect.objectContaining({ name: 'Service prod/shop', detail: 'it does not exist', hint: expect.stringContaining('service.yaml') }),
    ]);
  });

  it('does not trust an authority that is not pinned, nor one that is none', async () => {
    for (const authority of [otherCa, '-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----']) {
      const report = await ask({ authority, kind: 'external_managed' });
      expect(shown(report)).toEqual(['passed address', 'failed certificate']);
      expect(report).toMatchObject({ outcome: 'failed', checks: [{}, { hint: expect.stringContaining('certificate-authority-data') }] });
    }
    expect(seen).toEqual([]);
  });

  it('says that nobody answers, and ends in time when somebody is silent', async () => {
    const refused = await ask({ at: 'https://127.0.0.1:1' });
    expect(refused).toMatchObject({
      outcome: 'unreachable',
      checks: [{ name: 'address', status: 'failed', detail: 'no answer (ECONNREFUSED)' }],
    });
    answerOf = () => 'silence';
    expect(await ask({ budgetMs: 500 })).toMatchObject({ outcome: 'unreachable', checks: [{ detail: 'no answer (no time was left)' }] });
    answerOf = (call) => (call === 'GET /version' ? undefined : 'silence');
    // Time enough for the first answer, on a machine with other things to do.
    const late = await ask({ budgetMs: 5_000 });
    expect(late.outcome).toBe('failed');
    expect(wrong(late).map(({ detail }) => detail)).toEqual(Array.from({ length: 9 }, () => 'no time was left'));
  });

  it.each([
    ['EKS does not know the name', new Fault('CLUSTER_REFUSED', 'EKS cluster x: ResourceNotFoundException'), 'platform_managed', 'failed'],
    ['EKS does not answer', new Fault('UNAVAILABLE', 'EKS does not describe x'), 'platform_managed', 'unreachable'],
    ['the secret is empty', new Fault('UNAVAILABLE', 'secret:greenlight/x is empty'), 'external_managed', 'failed'],
    ['the kubeconfig runs a program', new Fault('CLUSTER_REFUSED', 'its user runs a program'), 'external_managed', 'failed'],
  ] as const)('says that %s', async (_what, fault, kind, outcome) => {
    const report = await ask({ kind, probe: () => Promise.reject(fault) });
    expect(report).toMatchObject({ outcome, server: null, checks: [{ area: 'connection', status: 'failed', detail: fault.message }] });
    expect(report.checks[0]!.hint).not.toBeNull();
  });

  it.each([200, 201, 401, 403, 404, 503])('repeats nothing that a cluster says with %i, which knows our token', async (status) => {
    const said = { message: TOKEN, reason: TOKEN, gitVersion: `v1.2.3-${TOKEN}`, status: { allowed: TOKEN, reason: TOKEN } };
    answerOf = () => ({ status, body: said });
    const report = await ask({ budgetMs: 3_000 });
    expect(JSON.stringify(report)).not.toContain(TOKEN.slice(11));
    expect(report.version).toBeNull();
  });
});

describe('a cluster whose kubeconfig is kept in a secret', () => {
  const fields = () => ({
    cluster: { server: origin, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
    user: { token: TOKEN } as object,
  });
  const askWith = ({ cluster, user }: { cluster: object; user: object }) => {
    secret.text = JSON.stringify({
      ...{ 'current-context': 'c', contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }] },
      ...{ clusters: [{ name: 'c', cluster }], users: [{ name: 'u', user }] },
    });
    const probe = () => probeCluster({ name: 'main', kind: 'external_managed', kubeconfig: 'secret:greenlight/kubeconfig' });
    return ask({ kind: 'external_managed', probe });
  };

  it('is reached by what stands there, if the deployment allows its private address', async () => {
    process.env['ALLOWED_ORIGINS'] = origin;
    expect(await askWith(fields())).toMatchObject({ outcome: 'passed', server: origin });
    process.env['ALLOWED_ORIGINS'] = 'none';
    seen = [];
    const refused = await askWith(fields());
    expect(refused).toMatchObject({ outcome: 'failed', checks: [{ name: 'address', hint: expect.stringContaining('ALLOWED_ORIGINS') }] });
    expect(seen).toEqual([]);
  });

  it.each([
    ['runs a program', () => ({ ...fields(), user: { exec: { command: TOKEN } } })],
    ['skips checks', () => ({ ...fields(), cluster: { ...fields().cluster, 'insecure-skip-tls-verify': true } })],
    ['has no credential', () => ({ ...fields(), user: {} })],
    ['holds a password in its address', () => ({ ...fields(), cluster: { ...fields().cluster, server: `https://u:${TOKEN}@127.0.0.1` } })],
  ])('is not used when it %s, and nothing of it is said', async (_what, broken) => {
    const report = await askWith(broken());
    expect(report).toMatchObject({ outcome: 'failed', server: null, checks: [{ status: 'failed' }] });
    expect(JSON.stringify(report)).not.toMatch(/k8s-aws-v1|127\.0\.0\.1|CERTIFICATE/);
    expect(seen).toEqual([]);
  });
});

describe('the route', () => {
  const invokeNow = vi.fn();
  vi.doMock('../../../adapters/promotion/function-calls.ts', () => ({ invokeNow }));
  const configuration = {
    artifacts: {
      shop: { name: 'shop', tenant: 'a', workload },
      other: { name: 'other', tenant: 'b', workload },
      data: { name: 'data', tenant: 'a' },
    },
  };
  const call = (body: object) => ({
    body,
    configuration,
    params: { env: 'prod' },
    caller: { membership: { tenants: ['a'], teams: [], grants: [] } },
  });
  const load = async () => (await import('../../../functions/rollout/connection-test.http.ts')).runConnectionTest;

  it('asks the function of rollouts for the workloads of the caller alone', async () => {
    process.env['ROLLOUT_FUNCTION'] = 'rollout';
    invokeNow.mockResolvedValue({ outcome: 'passed' });
    const { find, handle } = await load();
    const found = await find(call({}) as never);
    expect(await handle(call({}) as never, found)).toEqual({ status: 200, body: { outcome: 'passed' } });
    expect(invokeNow.mock.calls[0]!.slice(0, 2)).toEqual([
      'rollout',
      { task: 'test-connection', environment: 'prod', artifacts: ['shop'] },
    ]);
    expect(await find(call({ artifact: 'data' }) as never)).toEqual(['data']);
  });

  it('does not know artifacts of other tenants', async () => {
    const { find } = await load();
    for (const artifact of ['other', 'nothing'])
      await expect(find(call({ artifact }) as never)).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'there is no such artifact' });
  });

  it('says that the function does not answer, and not what it threw', async () => {
    invokeNow.mockRejectedValue(new Error(TOKEN));
    const { handle } = await load();
    await expect(handle(call({}) as never, [])).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.not.stringContaining(TOKEN) });
  });
});
