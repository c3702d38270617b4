/** What the real cosign signs and attests, judged by the signature gate: in its tags, and in bundles where the version at hand can write them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gateRunner } from '../../adapters/gate/gate-runner.ts';
import type { Configuration } from '../../core/environment/configuration.ts';
import type { GateDefinition } from '../../core/gate/definition.ts';
import { pushImage } from '../../local/demo/oci-image.ts';
import { type Place, REPOSITORY, startRegistry, stopRegistries } from '../adapters/registry/registries.ts';
import { installed } from './started.ts';

const isInstalled = installed('cosign', 'version');

let folder: string;
let dev: Place;
let major: number;

function cosign(...args: string[]): string {
  const env = { PATH: process.env['PATH'], HOME: folder, COSIGN_PASSWORD: '', COSIGN_YES: 'true' };
  return execFileSync('cosign', args, { cwd: folder, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** No log, no signing service: nothing but the key and the registry. */
const offline = (bundle: boolean): string[] => [
  '--key',
  'ours.key',
  '--tlog-upload=false',
  ...(major >= 3 ? ['--use-signing-config=false'] : []),
  ...(bundle ? ['--new-bundle-format=true'] : major >= 3 ? ['--new-bundle-format=false'] : []),
];

async function image(tag: string): Promise<{ digest: string; reference: string }> {
  const { digest } = await pushImage({ origin: dev.origin, repository: REPOSITORY, tag, labels: {} });
  return { digest, reference: `${new URL(dev.origin).host}/${REPOSITORY}@${digest}` };
}

function judge(digest: string, require: string[] = ['signature']) {
  const registries = { dev: dev.configuration };
  const environments = { dev: { registries: ['dev'] }, prod: { registries: ['dev'] } };
  const gate: GateDefinition = { name: 'signature', type: 'signature', timeoutSeconds: 60, keys: ['ssm:/ours'], require };
  const subject = {
    tenant: 't',
    artifact: REPOSITORY,
    digest,
    version: '1',
    from: 'dev',
    to: 'prod',
    planHash: '',
    requester: '',
    claims: {},
  };
  return gateRunner(async () => ({ registries, environments }) as unknown as Configuration).run(gate, subject, 'run');
}

describe.skipIf(!isInstalled)('an image that cosign', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'greenlight-cosign-'));
    dev = await startRegistry('dev');
    major = Number(/v(\d+)\./.exec(cosign('version'))?.[1] ?? 2);
    cosign('generate-key-pair', '--output-key-prefix', 'ours');
    const Value = readFileSync(join(folder, 'ours.pub'), 'utf8');
    mockClient(SSMClient).on(GetParameterCommand).resolves({ Parameter: { Value } });
    writeFileSync(join(folder, 'sbom.json'), JSON.stringify({ spdxVersion: 'SPDX-2.3', name: 'x', SPDXID: 'SPDXRef-DOCUMENT' }));
  });
  afterAll(async () => {
    await stopRegistries();
    rmSync(folder, { recursive: true, force: true });
  });

  it('has not signed does not pass', async () => {
    const { digest } = await image('unsigned');
    expect((await judge(digest)).status).toBe('failed');
  });

  it('signs passes', async () => {
    const { digest, reference } = await image('signed');
    cosign('sign', ...offline(false), reference);
    expect(await judge(digest)).toMatchObject({ status: 'passed' });
    const other = await image('other');
    expect((await judge(other.digest)).status).toBe('failed');
  });

  it('attests passes for that attestation, and for nothing else', async () => {
    const { digest, reference } = await image('attested');
    cosign('attest', ...offline(false), '--type', 'spdxjson', '--predicate', 'sbom.json', reference);
    expect(await judge(digest, ['sbom'])).toMatchObject({ status: 'passed' });
    expect((await judge(digest)).status).toBe('failed');
    expect((await judge(digest, ['provenance'])).status).toBe('failed');
  });

  it('signs and attests by bundles passes, where this version writes them', async (context) => {
    if (major < 3) context.skip(true, 'this cosign writes no bundles into registries');
    const { digest, reference } = await image('bundled');
    cosign('sign', ...offline(true), reference);
    expect(await judge(digest)).toMatchObject({ status: 'passed' });
    cosign('attest', ...offline(true), '--type', 'spdxjson', '--predicate', 'sbom.json', reference);
    expect(await judge(digest, ['signature', 'sbom'])).toMatchObject({ status: 'passed' });
  });
});
