import { BatchDeleteImageCommand, ECRClient } from '@aws-sdk/client-ecr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { synthesize } from './assembly.ts';
import { FlowCloud } from './cloud.ts';
import { expectDescribed } from './described.ts';
import { approve, bodyOf, idOf, type PushedImage, push, reach, unwatched } from './requests.ts';

const name = 'ledger';
let cloud: FlowCloud;
let image: PushedImage;
let path: string;

beforeAll(async () => {
  const assembly = await synthesize((yaml) => yaml.replace('    registry: staging\n', '    registries: [staging, prod]\n'));
  cloud = await FlowCloud.start(assembly);
  image = await push(cloud, '2.0.0', 'true', { name });
});
afterAll(() => cloud?.stop());

const at = (registry: 'staging' | 'prod', reference: string) =>
  fetch(`http://${cloud.endpoints.registries[registry]}/v2/${name}/manifests/${reference}`, {
    headers: { accept: 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json' },
  });

async function promote(more: object = {}): Promise<string> {
  const created = await cloud.api('POST', '/v1/requests/staging', { as: 'dev', body: { ...bodyOf('2.0.0', { name }), ...more } });
  expect(created.status, created.text).toBe(201);
  const made = `/v1/requests/staging/${created.body.metadata.id}`;
  await reach(cloud, made, 'pending_approval');
  await approve(cloud, made, 'cpi');
  await reach(cloud, made, 'succeeded');
  return made;
}

const copies = () => cloud.api('GET', `/v1/environments/staging/copies?artifact=${name}&version=2.0.0`, { as: 'dev' });

describe('an environment with a second registry', () => {
  it('shows in the preview what each registry lacks', async () => {
    const { body } = await cloud.api('POST', '/v1/requests/staging/preview', { as: 'dev', body: bodyOf('2.0.0', { name }) });
    const { missingBytes, registries } = body.copy;
    expect(registries).toMatchObject([
      { name: 'staging', role: 'primary', required: true },
      { name: 'prod', role: 'secondary', required: true },
    ]);
    expect(missingBytes).toBe(registries[0].missingBytes + registries[1].missingBytes);
  });

  it('gets the same bytes, signature and SBOM in both, with equal roots in the status and in the history', async () => {
    path = await promote();
    const { copy, history } = (await cloud.api('GET', path, { as: 'dev' })).body.status;
    expect(copy.outcome).toBe('complete');
    for (const registry of copy.registries) expect(registry).toMatchObject({ status: 'tagged', closureRoot: copy.sourceRoot });
    expect(history.map(({ action }: { action: string }) => action)).toEqual(
      expect.arrayContaining(['copied', 'copy_verified', 'tagged', 'deployed']),
    );
    for (const registry of ['staging', 'prod'] as const) {
      for (const reference of ['2.0.0-staging', 'latest-staging', image.digest]) {
        expect(Buffer.from(await (await at(registry, reference)).arrayBuffer()).equals(image.image.index.bytes), reference).toBe(true);
      }
      for (const reference of [image.signatureTag!, image.sbom]) expect((await at(registry, reference)).status, reference).toBe(200);
    }
    expect((await copies()).body).toMatchObject({ complete: true, digest: image.digest });
  });

  it('says what its second registry has lost, and gets it back by a repair that changes nothing else', async () => {
    const client = new ECRClient({
      endpoint: cloud.endpoints.aws,
      region: 'us-east-1',
      credentials: cloud.endpoints.awsAdmin,
    });
    const lost = { registryId: '222222222222', repositoryName: name, imageIds: [{ imageDigest: image.sbom }] };
    expect((await client.send(new BatchDeleteImageCommand(lost))).failures).toEqual([]);
    const { body } = await copies();
    expect(body.complete).toBe(false);
    expect(body.registries[0].complete).toBe(true);
    expect(body.registries[1].missing).toContainEqual(expect.objectContaining({ kind: 'manifest', digest: image.sbom, reason: 'absent' }));

    const environment = async () => unwatched((await cloud.api('GET', '/v1/environments/staging', { as: 'dev' })).body);
    const before = await environment();
    const repair = await promote({ kind: 'repair', registries: ['secondary'] });
    expect(idOf(repair)).not.toBe(idOf(path));
    expect((await at('prod', image.sbom)).status).toBe(200);
    expect((await copies()).body.complete).toBe(true);
    expect(await environment()).toEqual(before);
  });
});

it('answered nothing that its OpenAPI document does not describe', () => expectDescribed(cloud));
