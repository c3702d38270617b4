/** The whole way of an EKS token: made by `aws eks get-token`, checked by the cluster through the gateway and STS, judged by the access entry. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCertificateAuthority } from '../../../local/certificate-authority.ts';
import { type DataFolder, openDataFolder } from '../../../local/data-folder.ts';
import { runSampleApp } from '../../../local/demo/sample-app.ts';
import { createEks, type Eks } from '../../../local/eks/eks.ts';
import { Kernel } from '../../../local/kernel.ts';
import { createSts } from '../../../local/sts/sts.ts';

const installed = (() => {
  try {
    execFileSync('aws', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    console.warn('the AWS CLI is not installed: the test of its EKS tokens is skipped');
    return false;
  }
})();

describe.skipIf(!installed)('a token of the AWS CLI', () => {
  const roleArn = 'arn:aws:iam::000000000000:role/rollout';
  let path: string;
  let data: DataFolder;
  let kernel: Kernel;
  let eks: Eks;
  let origin: string;
  let ca: string;

  beforeAll(async () => {
    path = mkdtempSync(join(tmpdir(), 'get-token-'));
    data = openDataFolder(path);
    kernel = new Kernel({ data, place: { region: 'us-east-1', account: '000000000000', partition: 'aws' }, timeScale: 1, log: () => {} });
    const authority = await openCertificateAuthority(join(path, 'ca'));
    ca = authority.certificate;
    const certificate = await authority.issue('demo');
    eks = await createEks(kernel.context('eks'), {
      clusters: [{ name: 'demo', accessEntries: [{ rolePattern: 'rollout', groups: ['system:masters'] }] }],
      tls: () => certificate,
      certificate: ca,
      stsOrigin: () => origin,
      runContainer: runSampleApp,
    });
    kernel.mount([eks, await createSts(kernel.context('sts'))]);
    origin = (await kernel.listeners.listen('aws', kernel.gateway.listener)).origin;
    await eks.start?.();
  });
  afterAll(async () => {
    await eks.close?.();
    await kernel.listeners.close();
    kernel.clock.close();
    data.release();
    rmSync(path, { recursive: true });
  });

  async function tokenOf(role: string, cluster: string): Promise<string> {
    const credentials = kernel.context('test').credentialsFor(role, 'rollout-function');
    const env = {
      PATH: process.env.PATH,
      HOME: path,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_SESSION_TOKEN: credentials.sessionToken,
      AWS_ENDPOINT_URL: origin,
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const { stdout } = await promisify(execFile)(
      'aws',
      ['eks', 'get-token', '--cluster-name', cluster, '--region', 'us-east-1', '--output', 'json'],
      { env },
    );
    return JSON.parse(stdout).status.token;
  }

  function statusWith(token: string): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const url = `${eks.kubernetesOrigin}/api/v1/namespaces`;
      const request = httpsRequest(url, { ca, headers: { authorization: `Bearer ${token}` }, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject);
      request.end();
    });
  }

  it('lets its role in, and neither another role nor a token for another cluster', async () => {
    expect(await statusWith(await tokenOf(roleArn, 'demo'))).toBe(200);
    expect(await statusWith(await tokenOf('arn:aws:iam::000000000000:role/other', 'demo'))).toBe(401);
    expect(await statusWith(await tokenOf(roleArn, 'other'))).toBe(401);
  });
});
