import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { App, CfnOutput, CfnParameter, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { type CfnKey, Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StartedCloud, startCloud } from '../../../local/cloud.ts';
import { demoWorld } from '../../../local/demo/demo-world.ts';
import { KubernetesAdmin } from '../../../local/demo/kubernetes-admin.ts';

let folder: string;
let cloud: StartedCloud | undefined;

function open(): void {
  folder = mkdtempSync(join(tmpdir(), 'demo-world-'));
  synthesize('export const handler = async () => ({});');
}

async function close(): Promise<void> {
  await stop();
  rmSync(folder, { recursive: true, force: true });
}

/** What the seed needs of the stacks, and nothing else. */
function synthesize(adopt: string): void {
  // CDK remembers assets by their path: other code needs another folder.
  const source = mkdtempSync(join(folder, 'adopt-'));
  writeFileSync(join(source, 'index.mjs'), adopt);
  const app = new App({ outdir: join(folder, 'cdk.out'), analyticsReporting: false });
  const stack = new Stack(app, 'Greenlight');
  const key = new Key(stack, 'Key', {
    keySpec: KeySpec.ECC_NIST_P256,
    keyUsage: KeyUsage.SIGN_VERIFY,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  (key.node.defaultChild as CfnKey).addPropertyOverride('KeySpec', 'ECC_NIST_EDWARDS25519');
  for (const name of ['slack-webhook', 'smoke-test-token', 'gate-hmac', 'slack-signing-secret'])
    new Secret(stack, name, { secretName: `greenlight/${name}` });
  for (const name of ['OidcIssuer', 'AllowedOrigins', 'TrustedSigningKeyPem', 'HttpGateAddress']) {
    new CfnOutput(stack, `${name}Given`, { value: new CfnParameter(stack, name).valueAsString });
  }
  const code = Code.fromAsset(source);
  const handler = new LambdaFunction(stack, 'Adopt', { runtime: Runtime.NODEJS_24_X, handler: 'index.handler', code });
  new CfnOutput(stack, 'AdoptFunction', { value: handler.functionName });
  app.synth();
}

interface Deployment {
  metadata: { annotations: Record<string, string> };
  spec: { replicas: number };
}

interface Told {
  given: Record<string, string>;
}

async function start(): Promise<StartedCloud & Told> {
  const world = demoWorld([{ subject: 'dev', email: 'dev@example.com', name: 'Dana' }]);
  let given: Record<string, string> = {};
  cloud = await startCloud({
    assembly: join(folder, 'cdk.out'),
    dataFolder: join(folder, 'data'),
    timeScale: 0.05,
    log: () => {},
    world: { ...world, parameters: async (surroundings) => (given = await world.parameters(surroundings)) },
  });
  return { ...cloud, given };
}

const text = (value: unknown): string => String(value);

async function stop(): Promise<void> {
  await cloud?.close();
  cloud = undefined;
}

describe('a fresh world', () => {
  let started: StartedCloud & Told;
  beforeAll(async () => {
    open();
    started = await start();
  });
  afterAll(close);

  it('runs payment-api 1.0.0 in three environments, from three registries that hold the same signed digest', async () => {
    const { endpoints, given } = started;
    const registries = endpoints.registries as Record<string, string>;
    const cluster = new KubernetesAdmin(text(endpoints.kubeconfig));
    const digests = new Set<string>();
    for (const environment of ['dev', 'staging', 'prod']) {
      const app = (endpoints.apps as Record<string, string>)[`${environment}/payment-api`]!;
      const { digest, version } = (await (await fetch(`${app}/version`)).json()) as { digest: string; version: string };
      expect(version).toBe('1.0.0');
      digests.add(digest);
      for (const tag of [`1.0.0-${environment}`, `latest-${environment}`, `${digest.replace(':', '-')}.sig`]) {
        const head = await fetch(`http://${registries[environment]}/v2/payment-api/manifests/${tag}`, { method: 'HEAD' });
        expect(head.status, `${environment} ${tag}`).toBe(200);
      }
      const stable = await cluster.get<Deployment>('apps/v1', 'Deployment', environment, 'payment-api-stable');
      expect(stable!.metadata.annotations['greenlight.dev/version']).toBe('1.0.0');
      const canary = await cluster.get<Deployment>('apps/v1', 'Deployment', environment, 'payment-api-canary');
      expect(canary!.spec.replicas).toBe(0);
      expect(given['AllowedOrigins']!.split(',')).toContain(app);
    }
    expect(digests.size).toBe(1);
    expect((await fetch(`http://${registries['prod']}/v2/payment-api/blobs/uploads/`, { method: 'POST' })).status).toBe(401);
  });

  it('gives the stacks the key that signs, and the files that verify', async () => {
    const { endpoints, given } = started;
    const { privateKey, publicKey } = endpoints.signing as { privateKey: string; publicKey: string };
    const signature = sign('sha256', Buffer.from('x'), createPrivateKey(readFileSync(privateKey)));
    expect(verify('sha256', Buffer.from('x'), createPublicKey(readFileSync(publicKey)), signature)).toBe(true);
    expect(given['TrustedSigningKeyPem']).toBe(readFileSync(publicKey, 'utf8'));
    expect(createPublicKey(readFileSync(text(endpoints.auditPublicKey))).asymmetricKeyType).toBe('ed25519');
    expect(given['OidcIssuer']).toBe(endpoints.issuer);
  });

  it('hands the Slack webhook over as a secret, and shows what was posted there', async () => {
    const { endpoints } = started;
    const { accessKeyId, secretAccessKey } = endpoints.awsAdmin as { accessKeyId: string; secretAccessKey: string };
    const settings = { endpoint: text(endpoints.aws), region: 'eu-central-1', credentials: { accessKeyId, secretAccessKey } };
    const client = new SecretsManagerClient(settings);
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: 'greenlight/slack-webhook' }));
    expect((await fetch(SecretString!, { method: 'POST', body: JSON.stringify({ text: 'hello' }) })).status).toBe(200);
    expect(await (await fetch(`${endpoints.slack}/messages`)).json()).toContainEqual({ text: 'hello' });
  });

  it('takes answers to clicks where Slack would, and nothing anywhere else', async () => {
    const { slack } = started.endpoints;
    const post = async (path: string, body: string) => (await fetch(`${slack}${path}`, { method: 'POST', body })).status;
    expect(await post('/actions/T000/1/x', JSON.stringify({ text: 'answered' }))).toBe(200);
    expect(await (await fetch(`${slack}/responses`)).json()).toEqual([{ path: '/actions/T000/1/x', body: { text: 'answered' } }]);
    expect(await post('/actions/T000/1/x', 'no JSON')).toBe(400);
    for (const path of ['/actions/', '/actions', '/responses', '/services/other']) expect(await post(path, '{}'), path).toBe(404);
  });

  it('does not let versions pass that are labelled so', async () => {
    const { given } = started;
    const ask = async (version: string) => {
      const answer = await fetch(given['HttpGateAddress']!, { method: 'POST', body: JSON.stringify({ artifact: { version } }) });
      return ((await answer.json()) as { status: string }).status;
    };
    expect([await ask('1.1.0'), await ask('1.1.0-gate-fails')]).toEqual(['passed', 'failed']);
  });
});

describe('a world that is started again', () => {
  beforeEach(open);
  afterEach(close);

  it('keeps ports and keys over a restart, and does not seed twice', async () => {
    const first = (await start()).endpoints;
    const key = readFileSync((first.signing as { privateKey: string }).privateKey, 'utf8');
    await stop();
    synthesize('export const handler = async () => { throw new Error("adopted twice"); };');
    const second = await start();
    expect({ ...second.endpoints, pid: 0 }).toEqual({ ...first, pid: 0 });
    expect(readFileSync((second.endpoints.signing as { privateKey: string }).privateKey, 'utf8')).toBe(key);
  });

  it('does not become ready while the engine cannot adopt, and goes on from there at the next start', async () => {
    synthesize('export const handler = async () => { throw new Error("no table"); };');
    await expect(start()).rejects.toThrow('no table');
    synthesize('export const handler = async () => ({});');
    const { endpoints } = await start();
    expect((endpoints.apps as Record<string, string>)['prod/payment-api']).toMatch(/^http/);
  });
});
