import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CodeBuildClient, StartBuildCommand } from '@aws-sdk/client-codebuild';
import { DescribeImageScanFindingsCommand, ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GateRun, GateRunRows } from '../../../adapters/gate/gate-run-rows.ts';
import { gateRunner } from '../../../adapters/gate/gate-runner.ts';
import type { Configuration } from '../../../core/environment/configuration.ts';
import type { GateDefinition } from '../../../core/gate/definition.ts';
import type { GateSubject } from '../../../core/gate/gate.ts';
import type { LastGood } from '../../../core/gate/performance.ts';
import { BUNDLE_TYPE, ENVELOPE_TYPE } from '../../../core/gate/signature.ts';
import { isSignedMessage } from '../../../core/gate/webhook-signature.ts';
import { pushImage, signImage } from '../../../local/demo/oci-image.ts';
import { IMAGE, INDEX, sha256 } from '../../local/registry/open-test-registry.ts';
import { allow, configurationOf, type Place, REPOSITORY, startProxy, startRegistry, stopRegistries } from '../registry/registries.ts';

const [ecr, build, secrets, parameters] = [
  mockClient(ECRClient),
  mockClient(CodeBuildClient),
  mockClient(SecretsManagerClient),
  mockClient(SSMClient),
];
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const second = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const privateKeyPem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const publicPem = (pair: typeof key) => pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();

let dev: Place;
let prod: Place;
let digest: string;
/** Of the index under `digest`. */
let images: string[];
let kept: (GateRun & { alias: string | undefined })[];
let server: Server;
let asked: { path: string; headers: IncomingHttpHeaders; body: string }[];
/** What runs in the target, and what was recorded of it. */
let lastGood: LastGood | undefined;
let answer: { status: number; body: string };
let url: string;

beforeEach(async () => {
  [dev, prod] = [await startRegistry('dev'), await startRegistry('prod')];
  ({ digest, manifests: images } = await pushImage({
    origin: dev.origin,
    repository: REPOSITORY,
    tag: '1.0.0',
    labels: { team: 'payments' },
  }));
  for (const mock of [ecr, build, secrets, parameters]) mock.reset();
  parameters.on(GetParameterCommand).callsFake(({ Name }: { Name: string }) => ({
    Parameter: { Value: publicPem(Name === '/second' ? second : key) },
  }));
  secrets.on(GetSecretValueCommand).resolves({ SecretString: 'hmac secret' });
  kept = [];
  asked = [];
  lastGood = undefined;
  answer = { status: 200, body: '{"status":"passed"}' };
  server = createServer((message, response) => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('end', () => {
      asked.push({ path: message.url!, headers: message.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(answer.status, { location: `${dev.origin}/` }).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  allow(origin);
  url = `${origin}/gate`;
});

afterEach(async () => {
  await stopRegistries();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const rows: GateRunRows = {
  keep: async (run, _now, alias) => void kept.push({ ...run, alias }),
  find: async () => undefined,
};

function run(
  definition: Record<string, unknown>,
  subject: Partial<GateSubject> = {},
  change: (configuration: Configuration) => void = () => {},
) {
  const configuration = {
    environments: { dev: { registries: ['dev'], claims: 'asserted' }, prod: { registries: ['prod'], claims: 'asserted' } },
    registries: { dev: dev.configuration, prod: prod.configuration },
    artifacts: {},
  } as unknown as Configuration;
  change(configuration);
  const full: GateSubject = {
    requestId: 'PR-2026-0001',
    attempt: 2,
    tenant: 'tenant-finance',
    artifact: REPOSITORY,
    digest,
    version: '1.0.0',
    from: 'dev',
    to: 'prod',
    planHash: `sha256:${'1'.repeat(64)}`,
    requester: 'dev@example.com',
    claims: { stagingTestsPassed: false },
    ...subject,
  };
  const gate = { name: 'gate', timeoutSeconds: 5, ...definition } as GateDefinition;
  return gateRunner(
    async () => configuration,
    () => rows,
    async () => lastGood,
  ).run(gate, full, 'run-1');
}

const signature = { type: 'signature', keys: ['ssm:/key'] };

async function messageSignature(about: string, signer = key.privateKey): Promise<string> {
  const { text } = await dev.registry.call('GET', `/v2/${REPOSITORY}/manifests/${about}`);
  return sign('sha256', Buffer.from(text), signer).toString('base64');
}

/** A sigstore bundle as a referrer of `about`; answers the digest of its manifest. */
async function attachBundle(about: string, members: object): Promise<string> {
  const { text } = await dev.registry.call('GET', `/v2/${REPOSITORY}/manifests/${about}`);
  const bundle = JSON.stringify({ mediaType: BUNDLE_TYPE, ...members });
  await dev.registry.pushBlob(REPOSITORY, '{}');
  await dev.registry.pushBlob(REPOSITORY, bundle);
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: IMAGE,
    artifactType: BUNDLE_TYPE,
    config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: sha256('{}'), size: 2 },
    layers: [{ mediaType: BUNDLE_TYPE, digest: sha256(bundle), size: Buffer.byteLength(bundle) }],
    subject: { mediaType: INDEX, digest: about, size: Buffer.byteLength(text) },
  });
  const path = `/v2/${REPOSITORY}/manifests/${sha256(manifest)}`;
  expect((await dev.registry.call('PUT', path, { body: manifest, headers: { 'content-type': IMAGE } })).status).toBe(201);
  return sha256(manifest);
}

describe('the signature gate', () => {
  test('fails without a signature and says how to sign', async () => {
    const outcome = await run(signature);
    expect(outcome).toMatchObject({ status: 'failed', message: expect.stringContaining('no signature') });
    expect(outcome.resolution).toContain(`cosign sign --key … ${new URL(dev.origin).host}/${REPOSITORY}@${digest}`);
  });

  test('passes with a cosign signature by the trusted key', async () => {
    await signImage({ origin: dev.origin, repository: REPOSITORY, digest, privateKeyPem });
    expect(await run(signature)).toMatchObject({ status: 'passed' });
  });

  test('fails with a signature by another key', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    await signImage({ origin: dev.origin, repository: REPOSITORY, digest, privateKeyPem: other });
    expect(await run(signature)).toMatchObject({ status: 'failed', message: expect.stringContaining('none of them valid') });
  });

  test('REG-16 fails with the signature of another image under the tag of this one', async () => {
    const other = await pushImage({ origin: dev.origin, repository: REPOSITORY, tag: 'other', labels: {} });
    const tag = await signImage({ origin: dev.origin, repository: REPOSITORY, digest: other.digest, privateKeyPem });
    const { text } = await dev.registry.call('GET', `/v2/${REPOSITORY}/manifests/${tag}`);
    const planted = `/v2/${REPOSITORY}/manifests/${digest.replace(':', '-')}.sig`;
    await dev.registry.call('PUT', planted, { body: text, headers: { 'content-type': IMAGE } });
    expect(await run(signature)).toMatchObject({ status: 'failed' });
  });

  test('passes with a sigstore bundle among the referrers', async () => {
    await attachBundle(digest, { messageSignature: { signature: await messageSignature(digest) } });
    expect(await run(signature)).toMatchObject({ status: 'passed', message: expect.stringContaining('trusted key') });
  });

  test('REG-16 fails, and ends, when the list of referrers does not', async () => {
    const source = await startProxy(dev.origin);
    let asked = 0;
    source.misbehave = (message, response) => {
      if (!message.url!.includes('/referrers/')) return false;
      response.setHeader('link', `</v2/${REPOSITORY}/referrers/${digest}?last=${++asked}>; rel="next"`);
      response.end(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [] }));
      return true;
    };
    const outcome = await run(signature, {}, (configuration) => {
      configuration.registries['dev'] = configurationOf('dev', source.origin);
    });
    expect(outcome).toMatchObject({ status: 'failed', message: expect.stringContaining('pages') });
    expect(asked).toBeLessThanOrEqual(20);
  });

  test('REG-16 asks nobody to believe the list: a bundle that names another subject is none', async () => {
    const other = await pushImage({ origin: dev.origin, repository: REPOSITORY, tag: 'other', labels: {} });
    const members = { messageSignature: { signature: await messageSignature(digest) } };
    const bundle = await attachBundle(other.digest, members);
    const index = {
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: [{ mediaType: IMAGE, digest: bundle, size: 1, artifactType: BUNDLE_TYPE }],
    };
    const source = await startProxy(dev.origin);
    source.misbehave = (message, response) => {
      if (!message.url!.includes(`/referrers/${digest}`)) return false;
      response.end(JSON.stringify(index));
      return true;
    };
    const outcome = await run(signature, {}, (configuration) => {
      configuration.registries['dev'] = configurationOf('dev', source.origin);
    });
    expect(outcome).toMatchObject({ status: 'failed', message: expect.stringContaining('no signature') });
  });

  test('passes for an index whose images have no signature of their own', async () => {
    await signImage({ origin: dev.origin, repository: REPOSITORY, digest, privateKeyPem });
    expect((await run(signature)).status).toBe('passed');
  });

  test('fails for an index of which only the images are signed', async () => {
    for (const image of images) await signImage({ origin: dev.origin, repository: REPOSITORY, digest: image, privateKeyPem });
    expect(await run(signature)).toMatchObject({ status: 'failed', message: `${digest} has no signature` });
  });

  test('stops trusting a key that is taken out of its list', async () => {
    await signImage({ origin: dev.origin, repository: REPOSITORY, digest, privateKeyPem });
    expect((await run({ ...signature, keys: ['ssm:/second'] })).status).toBe('failed');
    expect((await run({ ...signature, keys: ['ssm:/second', 'ssm:/key'] })).status).toBe('passed');
  });

  test('counts different keys where two parties must have signed', async () => {
    const both = { ...signature, keys: ['ssm:/key', 'ssm:/same', 'ssm:/second'], min: 2 };
    await signImage({ origin: dev.origin, repository: REPOSITORY, digest, privateKeyPem });
    // The same key under two names, and twice the same signature, are one party.
    await attachBundle(digest, { messageSignature: { signature: await messageSignature(digest) } });
    expect(await run(both)).toMatchObject({ status: 'failed', message: expect.stringContaining('1 of the 2 different trusted keys') });
    await attachBundle(digest, { messageSignature: { signature: await messageSignature(digest, second.privateKey) } });
    expect(await run(both)).toMatchObject({ status: 'passed', message: 'signed by 2 trusted keys' });
  });
});

describe('an attestation that the signature gate requires', () => {
  const SPDX = 'https://spdx.dev/Document';
  const sbom = { ...signature, require: ['sbom'] };

  function envelope(about: string, predicateType: string, signer = key.privateKey) {
    const type = 'application/vnd.in-toto+json';
    const subject = [{ name: REPOSITORY, digest: { sha256: about.slice('sha256:'.length) } }];
    const payload = Buffer.from(JSON.stringify({ _type: 'https://in-toto.io/Statement/v1', predicateType, subject, predicate: {} }));
    const message = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
    return {
      payloadType: type,
      payload: payload.toString('base64'),
      signatures: [{ sig: sign('sha256', message, signer).toString('base64') }],
    };
  }

  /** As `cosign attest` writes it: one layer per envelope under the tag `sha256-<hex>.att`. */
  async function attest(about: string, ...envelopes: object[]) {
    const layers = [];
    for (const each of envelopes) {
      const bytes = JSON.stringify(each);
      await dev.registry.pushBlob(REPOSITORY, bytes);
      layers.push({ mediaType: ENVELOPE_TYPE, digest: sha256(bytes), size: Buffer.byteLength(bytes), annotations: { predicateType: 'x' } });
    }
    await dev.registry.pushBlob(REPOSITORY, '{}');
    const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha256('{}'), size: 2 };
    const body = JSON.stringify({ schemaVersion: 2, mediaType: IMAGE, config, layers });
    const path = `/v2/${REPOSITORY}/manifests/${about.replace(':', '-')}.att`;
    expect((await dev.registry.call('PUT', path, { body, headers: { 'content-type': IMAGE } })).status).toBe(201);
  }

  test('is found under the tag of cosign', async () => {
    expect(await run(sbom)).toMatchObject({ status: 'failed', message: `${digest} has no attestation "sbom" by a trusted key` });
    await attest(digest, envelope(digest, 'https://slsa.dev/provenance/v1'), envelope(digest, SPDX));
    expect(await run(sbom)).toMatchObject({ status: 'passed', message: 'attested by a trusted key: sbom' });
  });

  test('is found in a bundle', async () => {
    await attachBundle(digest, { dsseEnvelope: envelope(digest, SPDX) });
    expect((await run(sbom)).status).toBe('passed');
  });

  test('is found at each image of an index, and must be at each', async () => {
    await attest(images[0]!, envelope(images[0]!, SPDX));
    expect((await run(sbom)).status).toBe('failed');
    await attest(images[1]!, envelope(images[1]!, SPDX));
    expect((await run(sbom)).status).toBe('passed');
  });

  test.each<[string, () => object]>([
    ['is unsigned by those we trust', () => envelope(digest, SPDX, second.privateKey)],
    ['speaks of something else', () => envelope(images[0]!, SPDX)],
    ['is of another kind, whatever its annotation says', () => envelope(digest, 'https://example.com/other/v1')],
  ])('does not count when it %s', async (_name, made) => {
    await attest(digest, made());
    expect((await run(sbom)).status).toBe('failed');
  });

  test('is no signature, nor a signature an attestation: each is required for itself', async () => {
    const both = { ...signature, require: ['signature', 'https://example.com/reviewed/v1'] };
    await attest(digest, envelope(digest, 'https://example.com/reviewed/v1'));
    expect(await run(both)).toMatchObject({ status: 'failed', message: `${digest} has no signature` });
    await signImage({ origin: dev.origin, repository: REPOSITORY, digest, privateKeyPem });
    expect((await run(both)).status).toBe('passed');
    const outcome = await run({ ...both, require: ['signature', 'provenance'] });
    expect(outcome).toMatchObject({ status: 'failed', message: expect.stringContaining('"provenance"') });
    expect(outcome.resolution).toContain('cosign attest --key');
  });
});

describe('the trusted keys', () => {
  test('make the gate errored, not passed, when one of them cannot be read', async () => {
    parameters.on(GetParameterCommand).resolves({ Parameter: { Value: 'no key' } });
    expect(await run({ ...signature, keys: ['ssm:/broken'] })).toMatchObject({ status: 'errored' });
  });
});

test('the policy gate reads labels from the image and records claims without judging them', async () => {
  expect(await run({ type: 'policy', rules: { requiredLabels: ['team=payments'] } })).toMatchObject({ status: 'passed' });
  expect(await run({ type: 'policy', rules: { requireClaims: true } })).toMatchObject({ status: 'failed' });
});

test('the cost gate prices what the target lacks', async () => {
  const rest = { usdPerGibTransfer: 0, usdPerReplicaMonth: 0 };
  expect(await run({ type: 'cost', maxMonthlyUsd: 0, usdPerGibMonth: 1_000_000, ...rest })).toMatchObject({ status: 'failed' });
  expect(await run({ type: 'cost', maxMonthlyUsd: 1, usdPerGibMonth: 0.1, ...rest })).toMatchObject({ status: 'passed' });
});

describe('the http gate', () => {
  const gate = () => ({ type: 'http', mode: 'synchronous', url });

  test('tells the service what is to be promoted, and nothing of the people', async () => {
    expect(await run(gate())).toMatchObject({ status: 'passed' });
    expect(JSON.parse(asked[0]!.body)).toMatchObject({
      runId: 'run-1',
      artifact: REPOSITORY,
      digest,
      version: '1.0.0',
      from: 'dev',
      to: 'prod',
    });
    expect(asked[0]!.body).not.toContain('dev@example.com');
  });

  test.each([
    [200, '{"status":"failed","message":"no","resolution":"wait"}', 'failed'],
    [200, '{"status":"successful"}', 'errored'],
    [200, '{"status":"Passed"}', 'errored'],
    [200, '{}', 'errored'],
    [200, 'passed', 'errored'],
    [201, '{"status":"passed"}', 'errored'],
    [302, '{"status":"passed"}', 'errored'],
    [404, '{"status":"passed"}', 'errored'],
  ])('takes %i %s as %s', async (status, body, expected) => {
    answer = { status, body };
    expect((await run(gate())).status).toBe(expected);
  });

  test('tries again when the service stumbles, and gives up as errored', async () => {
    answer = { status: 503, body: '' };
    expect((await run(gate())).status).toBe('errored');
    expect(asked).toHaveLength(3);
  });

  test('does not go to an address that is not allowed', async () => {
    expect(await run({ ...gate(), url: 'http://169.254.169.254/latest' })).toMatchObject({ status: 'errored' });
    expect(asked).toEqual([]);
  });

  test('in callback mode keeps the run first, signs the question and waits', async () => {
    const outcome = await run({ ...gate(), mode: 'callback', secret: 'secret:gate' });
    expect(outcome.status).toBe('running');
    expect(kept).toEqual([{ runId: 'run-1', requestId: 'PR-2026-0001', attempt: 2, gate: 'gate', alias: undefined }]);
    const [{ headers, body }] = asked as [(typeof asked)[number]];
    expect(isSignedMessage('hmac secret', headers as Record<string, string>, Buffer.from(body), new Date())).toBe(true);
  });
});

describe('the performance gate', () => {
  const gate = () => ({ type: 'performance_baseline', url, maxRegressionPercent: 10, minSamples: 0 });

  test('compares what the service measured with what it compares with itself', async () => {
    answer.body = '{"baseline":100,"measured":150}';
    expect(await run(gate())).toMatchObject({ status: 'failed' });
    answer.body = '{"baseline":0,"measured":1}';
    expect(await run(gate())).toMatchObject({ status: 'errored' });
  });

  test('says what was recorded of the last good version, and compares with that', async () => {
    lastGood = { version: '1.0.0', figures: { p95_ms: 100 } };
    answer.body = '{"figures":{"p95_ms":111,"errors":0},"samples":5000}';
    const worse = await run({ ...gate(), minSamples: 100 });
    expect(worse).toMatchObject({ status: 'failed', figures: { p95_ms: 111, errors: 0 } });
    expect(worse.message).toContain('recorded of 1.0.0');
    expect(JSON.parse(asked.at(-1)!.body)).toMatchObject({ version: '1.0.0', lastGood: { version: '1.0.0', figures: { p95_ms: 100 } } });
    answer.body = '{"figures":{"p95_ms":104},"samples":99}';
    expect(await run({ ...gate(), minSamples: 100 })).toMatchObject({
      status: 'inconclusive',
      message: expect.stringContaining('99 samples'),
    });
  });

  test('asks Prometheus for the version, and takes nothing unclear for good', async () => {
    const { origin } = new URL(url);
    const measured = {
      type: 'performance_baseline',
      prometheus: origin,
      metrics: { p95_ms: 'p95{version="{{version}}"}' },
      maxRegressionPercent: 10,
      minSamples: 0,
    };
    lastGood = { version: '1.0.0', figures: { p95_ms: 0.2 } };
    answer.body = '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0.21"]}]}}';
    expect(await run(measured)).toMatchObject({ status: 'passed', figures: { p95_ms: 0.21 } });
    expect(decodeURIComponent(asked.at(-1)!.path!)).toContain('p95{version="1.0.0"}');
    answer.body = '{"status":"success","data":{"resultType":"vector","result":[]}}';
    expect(await run(measured)).toMatchObject({ status: 'inconclusive', message: expect.stringContaining('found nothing') });
  });
});

test('the command gate starts the argv as data, once per run, and keeps the build', async () => {
  process.env['BUILD_PROJECT'] = 'gates';
  build.on(StartBuildCommand).resolves({ build: { id: 'gates:1', arn: 'arn:build:1' } });
  const argv = ['node', 'check.mjs', '<artifact>', '$(rm -rf /)'];
  expect(await run({ type: 'command', argv })).toMatchObject({ status: 'running' });
  const { input } = build.commandCalls(StartBuildCommand)[0]!.args[0];
  const sent = JSON.parse(input.environmentVariablesOverride![0]!.value!) as string[];
  expect(sent).toEqual(['node', 'check.mjs', `${new URL(dev.origin).host}/${REPOSITORY}@${digest}`, '$(rm -rf /)']);
  expect(input).toMatchObject({ projectName: 'gates', idempotencyToken: 'run-1' });
  expect(kept).toMatchObject([{ gate: 'gate', alias: 'arn:build:1' }]);
});

describe('the vulnerability gate', () => {
  const gate = { type: 'vulnerability', allowed: { CRITICAL: 0 } };
  const inEcr = (configuration: Configuration) => {
    configuration.registries['dev'] = { name: 'dev', account: '000000000000', prefix: '' };
    const authorizationToken = Buffer.from(`AWS:${dev.registry.tokens.issue({ kind: 'admin', accessKeyId: 'x' }).password}`).toString(
      'base64',
    );
    ecr.on(GetAuthorizationTokenCommand).resolves({
      authorizationData: [{ authorizationToken, proxyEndpoint: dev.origin, expiresAt: new Date('2099-01-01') }],
    });
  };

  test('adds up the findings of every image of an index', async () => {
    ecr.on(DescribeImageScanFindingsCommand).resolves({
      imageScanStatus: { status: 'COMPLETE' },
      imageScanFindings: { findingSeverityCounts: { CRITICAL: 1 } },
    });
    expect(await run(gate, {}, inEcr)).toMatchObject({ status: 'failed', message: expect.stringContaining('2 CRITICAL') });
  });

  test.each([
    ['ScanNotFoundException', 'errored'],
    ['IN_PROGRESS', 'inconclusive'],
    ['FAILED', 'errored'],
  ])('takes %s for %s, never for clean', async (status, expected) => {
    if (status === 'ScanNotFoundException') ecr.on(DescribeImageScanFindingsCommand).rejects({ name: status });
    else ecr.on(DescribeImageScanFindingsCommand).resolves({ imageScanStatus: { status: status as 'FAILED' } });
    expect((await run(gate, {}, inEcr)).status).toBe(expected);
  });

  const answer = (findings: object[], more: object = {}) => ({
    imageScanStatus: { status: 'COMPLETE' as const },
    imageScanFindings: { findings: findings as [], findingSeverityCounts: { CRITICAL: 2 } },
    ...more,
  });
  const finding = (name: string, value: string) => ({ name, severity: 'CRITICAL', attributes: [{ key: 'package_name', value }] });
  const excused = (id: string) => ({ id, reason: 'Not reachable in this image', until: '2099-01-01T00:00:00.000Z' });

  test('reads every page of the findings, so that the last one is excused and counted like the first', async () => {
    ecr
      .on(DescribeImageScanFindingsCommand)
      .resolves(answer([finding('CVE-2026-0001', 'openssl')], { nextToken: 'two' }))
      .on(DescribeImageScanFindingsCommand, { nextToken: 'two' })
      .resolves(answer([finding('CVE-2026-0002', 'zlib')]));
    expect(await run({ ...gate, exceptions: [excused('CVE-2026-0001')] }, {}, inEcr)).toMatchObject({
      status: 'failed',
      message: expect.stringContaining('CVE-2026-0002 in zlib'),
    });
    const outcome = await run({ ...gate, exceptions: ['CVE-2026-0001', 'CVE-2026-0002'].map(excused) }, {}, inEcr);
    expect(outcome).toMatchObject({ status: 'passed', message: expect.stringContaining('excused: CVE-2026-0001') });
  });

  test('knows the findings of Inspector by vulnerability and packages', async () => {
    const enhancedFindings = [
      {
        severity: 'CRITICAL',
        title: 'CVE-2026-0001 - openssl, libssl',
        packageVulnerabilityDetails: { vulnerabilityId: 'CVE-2026-0001', vulnerablePackages: [{ name: 'openssl' }, { name: 'libssl' }] },
      },
    ];
    const imageScanFindings = { enhancedFindings, findingSeverityCounts: { CRITICAL: 1 } };
    ecr.on(DescribeImageScanFindingsCommand).resolves({ imageScanStatus: { status: 'ACTIVE' }, imageScanFindings });
    const one = { ...excused('CVE-2026-0001'), package: 'openssl' };
    expect((await run({ ...gate, exceptions: [one] }, {}, inEcr)).status).toBe('failed');
    expect((await run({ ...gate, exceptions: [one, { ...one, package: 'libssl' }] }, {}, inEcr)).status).toBe('passed');
  });

  test('gives up on a list that does not end', async () => {
    ecr.on(DescribeImageScanFindingsCommand).resolves(answer([finding('CVE-2026-0001', 'openssl')], { nextToken: 'more' }));
    expect(await run(gate, {}, inEcr)).toMatchObject({ status: 'failed', message: expect.stringContaining('more than 20000 findings') });
    expect(ecr.commandCalls(DescribeImageScanFindingsCommand)).toHaveLength(20);
  });

  test('asks for the age of the scan where it is bounded', async () => {
    const at = (imageScanCompletedAt: Date) => ({
      imageScanStatus: { status: 'COMPLETE' as const },
      imageScanFindings: { imageScanCompletedAt },
    });
    ecr.on(DescribeImageScanFindingsCommand).resolves(at(new Date('2026-01-01')));
    expect((await run({ ...gate, maxScanAgeSeconds: 86_400 }, {}, inEcr)).status).toBe('inconclusive');
    ecr.on(DescribeImageScanFindingsCommand).resolves(at(new Date()));
    expect((await run({ ...gate, maxScanAgeSeconds: 86_400 }, {}, inEcr)).status).toBe('passed');
  });
});
