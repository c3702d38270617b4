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
import { BUNDLE_TYPE } from '../../../core/gate/signature.ts';
import { isSignedMessage } from '../../../core/gate/webhook-signature.ts';
import { pushImage, signImage } from '../../../local/demo/oci-image.ts';
import { IMAGE, INDEX, sha256 } from '../../local/registry/open-test-registry.ts';
import { allow, type Place, REPOSITORY, startRegistry, stopRegistries } from '../registry/registries.ts';

const [ecr, build, secrets, parameters] = [
  mockClient(ECRClient),
  mockClient(CodeBuildClient),
  mockClient(SecretsManagerClient),
  mockClient(SSMClient),
];
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const privateKeyPem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const publicKeyPem = key.publicKey.export({ type: 'spki', format: 'pem' }).toString();

let dev: Place;
let prod: Place;
let digest: string;
let kept: (GateRun & { alias: string | undefined })[];
let server: Server;
let asked: { headers: IncomingHttpHeaders; body: string }[];
let answer: { status: number; body: string };
let url: string;

beforeEach(async () => {
  [dev, prod] = [await startRegistry('dev'), await startRegistry('prod')];
  ({ digest } = await pushImage({ origin: dev.origin, repository: REPOSITORY, tag: '1.0.0', labels: { team: 'payments' } }));
  for (const mock of [ecr, build, secrets, parameters]) mock.reset();
  parameters.on(GetParameterCommand).resolves({ Parameter: { Value: publicKeyPem } });
  secrets.on(GetSecretValueCommand).resolves({ SecretString: 'hmac secret' });
  kept = [];
  asked = [];
  answer = { status: 200, body: '{"status":"passed"}' };
  server = createServer((message, response) => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('end', () => {
      asked.push({ headers: message.headers, body: Buffer.concat(chunks).toString() });
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
  ).run(gate, full, 'run-1');
}

const signature = { type: 'signature', keys: ['ssm:/key'] };

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

  test('fails with the signature of another image under the tag of this one', async () => {
    const other = await pushImage({ origin: dev.origin, repository: REPOSITORY, tag: 'other', labels: {} });
    const tag = await signImage({ origin: dev.origin, repository: REPOSITORY, digest: other.digest, privateKeyPem });
    const { text } = await dev.registry.call('GET', `/v2/${REPOSITORY}/manifests/${tag}`);
    const planted = `/v2/${REPOSITORY}/manifests/${digest.replace(':', '-')}.sig`;
    await dev.registry.call('PUT', planted, { body: text, headers: { 'content-type': IMAGE } });
    expect(await run(signature)).toMatchObject({ status: 'failed' });
  });

  test('passes with a sigstore bundle among the referrers', async () => {
    const { text } = await dev.registry.call('GET', `/v2/${REPOSITORY}/manifests/${digest}`);
    const bundle = JSON.stringify({
      mediaType: BUNDLE_TYPE,
      messageSignature: { signature: sign('sha256', Buffer.from(text), key.privateKey).toString('base64') },
    });
    await dev.registry.pushBlob(REPOSITORY, '{}');
    await dev.registry.pushBlob(REPOSITORY, bundle);
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: IMAGE,
      artifactType: BUNDLE_TYPE,
      config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: sha256('{}'), size: 2 },
      layers: [{ mediaType: BUNDLE_TYPE, digest: sha256(bundle), size: Buffer.byteLength(bundle) }],
      subject: { mediaType: INDEX, digest, size: Buffer.byteLength(text) },
    });
    const path = `/v2/${REPOSITORY}/manifests/${sha256(manifest)}`;
    expect((await dev.registry.call('PUT', path, { body: manifest, headers: { 'content-type': IMAGE } })).status).toBe(201);
    expect(await run(signature)).toMatchObject({ status: 'passed', message: expect.stringContaining('bundle') });
  });

  test('is errored, not passed, when the trusted key cannot be read', async () => {
    parameters.on(GetParameterCommand).resolves({ Parameter: { Value: 'no key' } });
    expect(await run({ ...signature, keys: ['ssm:/broken'] })).toMatchObject({ status: 'errored' });
  });
});

test('the policy gate reads labels from the image and records claims without judging them', async () => {
  expect(await run({ type: 'policy', rules: { requiredLabels: ['team=payments'] } })).toMatchObject({ status: 'passed' });
  expect(await run({ type: 'policy', rules: { requireClaims: true } })).toMatchObject({ status: 'failed' });
});

test('the cost gate prices what the target lacks', async () => {
  expect(await run({ type: 'cost', maxMonthlyUsd: 0, usdPerGibMonth: 1_000_000 })).toMatchObject({ status: 'failed' });
  expect(await run({ type: 'cost', maxMonthlyUsd: 1, usdPerGibMonth: 0.1 })).toMatchObject({ status: 'passed' });
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

test('the performance gate compares what the service measured', async () => {
  answer.body = '{"baseline":100,"measured":150}';
  expect(await run({ type: 'performance_baseline', url, maxRegressionPercent: 10 })).toMatchObject({ status: 'failed' });
  answer.body = '{"baseline":0,"measured":1}';
  expect(await run({ type: 'performance_baseline', url, maxRegressionPercent: 10 })).toMatchObject({ status: 'errored' });
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
});
