import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildImage, type Image, INDEX_TYPE, MANIFEST_TYPE } from '../../local/demo/image-content.ts';
import { attachSbom, signImage } from '../../local/demo/push-image.ts';
import { greenlight } from '../cli/command-line.ts';
import { approveByLink, call, mailedLink, phase, requestBody } from './api.ts';
import { installed, type Started, start } from './started.ts';

const has = {
  skopeo: installed('skopeo', '--version'),
  aws: installed('aws', '--version'),
  kubectl: installed('kubectl', 'version', '--client'),
  openssl: installed('openssl', 'version'),
};

let world: Started;
beforeAll(async () => {
  world = await start();
});
afterAll(() => world?.stop());

/** An OCI layout folder, as build tools write it. */
function layoutOf(image: Image, folder: string): string {
  mkdirSync(join(folder, 'blobs', 'sha256'), { recursive: true });
  for (const { bytes, descriptor } of [...image.blobs, ...image.manifests, image.index]) {
    writeFileSync(join(folder, 'blobs', 'sha256', descriptor.digest.slice('sha256:'.length)), bytes);
  }
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [image.index.descriptor] }));
  return folder;
}

/** Lines are sealed once a minute. */
async function sealed(): Promise<void> {
  const moved = await fetch(`${world.endpoints.aws}/_local/clock`, { method: 'POST', body: JSON.stringify({ advance: 'PT2M' }) });
  expect(moved.status, await moved.text()).toBe(200);
}

async function manifest(registry: string, name: string, reference: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`http://${world.endpoints.registries[registry]}/v2/${name}/manifests/${reference}`, {
    headers: { accept: `${INDEX_TYPE}, ${MANIFEST_TYPE}` },
  });
  return { status: answer.status, text: await answer.text() };
}

describe.skipIf(!has.skopeo)('an image of two platforms that skopeo pushes to dev', () => {
  let image: Image;
  let signature: string;
  let sbom: string;

  beforeAll(async () => {
    image = await buildImage({ labels: { 'greenlight.demo.healthy': 'true' }, layersOf: (platform) => [`outside ${platform}`] });
    const dev = world.endpoints.registries['dev']!;
    const layout = layoutOf(image, join(world.folder, 'layout'));
    await world.run(
      'skopeo',
      'copy',
      '--all',
      '--preserve-digests',
      '--dest-tls-verify=false',
      `oci:${layout}`,
      `docker://${dev}/payment-api:2.1.0`,
    );
    const repository = { address: dev, name: 'payment-api' };
    signature = await signImage(repository, image.digest, readFileSync(world.endpoints.signing.privateKey, 'utf8'));
    sbom = await attachSbom(repository, image, 'payment-api', '2.1.0');
  });

  it('reaches staging by curl and the mailed link, and prod by two people of two teams', async () => {
    const { endpoints } = world;
    const [dev, lead, security] = await Promise.all(
      ['dev@example.com', 'lead@example.com', 'security@example.com'].map((name) => world.token(name)),
    );

    const staging = await call(endpoints, dev!, 'POST', '/v1/requests/staging', requestBody('payment-api', '2.1.0'));
    expect(staging.status, JSON.stringify(staging.body)).toBe(201);
    const toStaging = `/v1/requests/staging/${staging.body.metadata.id}`;
    await phase(endpoints, dev!, toStaging, 'pending_approval');
    const cpi = await world.token('cpi@example.com');
    expect(await approveByLink(endpoints, await mailedLink(endpoints, 'cpi@example.com', staging.body.metadata.id), cpi)).toBe(200);
    await phase(endpoints, dev!, toStaging, 'succeeded');

    const prod = await call(endpoints, dev!, 'POST', '/v1/requests/prod', requestBody('payment-api', '2.1.0'));
    expect(prod.status, JSON.stringify(prod.body)).toBe(201);
    const toProd = `/v1/requests/prod/${prod.body.metadata.id}`;
    await phase(endpoints, dev!, toProd, 'pending_approval');
    expect((await call(endpoints, dev!, 'POST', `${toProd}/approve`, {})).status).toBe(403);
    expect(await approveByLink(endpoints, await mailedLink(endpoints, 'lead@example.com', prod.body.metadata.id), lead!)).toBe(200);
    expect((await call(endpoints, security!, 'POST', `${toProd}/approve`, {})).status).toBe(200);
    const done = await phase(endpoints, dev!, toProd, 'succeeded');
    expect(done.status.digest).toBe(image.digest);
  });

  it('is in prod byte by byte, with its signature and its SBOM', async () => {
    for (const reference of [image.digest, '2.1.0-prod', 'latest-prod']) {
      expect((await manifest('prod', 'payment-api', reference)).text).toBe(image.index.bytes.toString());
    }
    for (const each of image.manifests)
      expect((await manifest('prod', 'payment-api', each.descriptor.digest)).text).toBe(each.bytes.toString());
    for (const reference of [signature, sbom]) {
      expect(await manifest('prod', 'payment-api', reference)).toEqual(await manifest('dev', 'payment-api', reference));
    }
    const referrers = await fetch(`http://${world.endpoints.registries['prod']}/v2/payment-api/referrers/${image.digest}`);
    expect(((await referrers.json()) as { manifests: { digest: string }[] }).manifests.map(({ digest }) => digest)).toContain(sbom);
  });

  it.skipIf(!has.openssl)('is signed so that openssl confirms it at the target', async () => {
    const { text } = await manifest('prod', 'payment-api', signature);
    const [layer] = (JSON.parse(text) as { layers: { digest: string; annotations: Record<string, string> }[] }).layers;
    const blob = await fetch(`http://${world.endpoints.registries['prod']}/v2/payment-api/blobs/${layer!.digest}`);
    const payload = join(world.folder, 'payload');
    writeFileSync(payload, Buffer.from(await blob.arrayBuffer()));
    writeFileSync(`${payload}.sig`, Buffer.from(layer!.annotations['dev.cosignproject.cosign/signature']!, 'base64'));
    const verdict = await world.run(
      'openssl',
      'dgst',
      '-sha256',
      '-verify',
      world.endpoints.signing.publicKey,
      '-signature',
      `${payload}.sig`,
      payload,
    );
    expect(verdict).toContain('Verified OK');
  });

  it.skipIf(!has.kubectl)('runs in the cluster by its digest, as kubectl sees it', async () => {
    const get = JSON.parse(await world.run('kubectl', 'get', 'deploy', 'payment-api-stable', '-n', 'prod', '-o', 'json'));
    expect(get.spec.template.spec.containers[0].image).toContain(image.digest);
    expect(await world.run('kubectl', 'rollout', 'status', 'deployment/payment-api-stable', '-n', 'prod', '--timeout=240s')).toContain(
      'successfully rolled out',
    );
    expect(await world.run('kubectl', 'get', 'deploy,pods', '-A')).toMatch(/prod\s+pod\/payment-api-stable-/);
  });

  it.skipIf(!has.aws)('left a line in a locked object for each of its transitions', async () => {
    await sealed();
    const { Buckets } = JSON.parse(await world.aws('s3api', 'list-buckets'));
    const bucket = Buckets.map(({ Name }: { Name: string }) => Name).find((name: string) => /log/i.test(name))!;
    expect(
      JSON.parse(await world.aws('s3api', 'get-object-lock-configuration', '--bucket', bucket)).ObjectLockConfiguration.ObjectLockEnabled,
    ).toBe('Enabled');
    const { Versions } = JSON.parse(await world.aws('s3api', 'list-object-versions', '--bucket', bucket));
    let lines = '';
    const batches = (Versions as { Key: string; VersionId: string }[]).filter(({ Key }) => Key.includes('/batch/'));
    for (const { Key } of batches) {
      const target = join(world.folder, 'object');
      await world.aws('s3api', 'get-object', '--bucket', bucket, '--key', Key, target);
      lines += readFileSync(target, 'utf8');
    }
    // Each call starts Python: one object stands for those that were written alike.
    const [{ Key, VersionId }] = batches as [{ Key: string; VersionId: string }];
    const retention = JSON.parse(await world.aws('s3api', 'get-object-retention', '--bucket', bucket, '--key', Key));
    expect(Date.parse(retention.Retention.RetainUntilDate)).toBeGreaterThan(Date.now() + 700 * 86_400_000);
    const deletion = world.aws('s3api', 'delete-object', '--bucket', bucket, '--key', Key, '--version-id', VersionId);
    await expect(deletion).rejects.toThrow(/AccessDenied/);
    for (const type of [
      'promotion.requested',
      'approval.decided',
      'promotion.started',
      'copy.finished',
      'copy.verified',
      'tag.written',
      'rollout.step',
      'promotion.succeeded',
    ]) {
      expect(lines, type).toContain(`"${type}"`);
    }
  });

  it.skipIf(!has.aws)('AUD-10 leaves a log that the AWS CLI copies, and that verifies in its folder without the cloud', async () => {
    const { endpoints, folder } = world;
    await sealed();
    const { Buckets } = JSON.parse(await world.aws('s3api', 'list-buckets'));
    const bucket = Buckets.map(({ Name }: { Name: string }) => Name).find((name: string) => /audit.*log/i.test(name))!;
    const copy = join(folder, 'log-copy');
    await world.aws('s3', 'sync', `s3://${bucket}`, copy);
    const key = join(folder, 'audit.pub');
    writeFileSync(key, readFileSync(endpoints.auditPublicKey));
    const verdict = await greenlight(['audit', 'verify', copy, '--key', key, '--json']);
    expect(JSON.parse(verdict.stdout), verdict.stdout).toMatchObject({ valid: true });
    const [origin] = readdirSync(copy);
    const said = await world.run('python3', 'docs/verify_log.py', join(copy, origin!, 'audit'), key);
    expect(said).toContain(`valid: complete up to ${JSON.parse(verdict.stdout).size}`);
  });

  it('is blocked on its way to prod when it is not signed', async () => {
    const { endpoints } = world;
    const unsigned = await buildImage({ labels: { 'greenlight.demo.healthy': 'true' }, layersOf: () => ['nobody signed this'] });
    const layout = layoutOf(unsigned, join(world.folder, 'unsigned'));
    const target = `docker://${endpoints.registries['dev']}/payment-api:2.2.0`;
    await world.run('skopeo', 'copy', '--all', '--preserve-digests', '--dest-tls-verify=false', `oci:${layout}`, target);
    const [dev, cpi] = await Promise.all(['dev@example.com', 'cpi@example.com'].map((name) => world.token(name)));
    const staging = await call(endpoints, dev!, 'POST', '/v1/requests/staging', requestBody('payment-api', '2.2.0'));
    const toStaging = `/v1/requests/staging/${staging.body.metadata.id}`;
    await phase(endpoints, dev!, toStaging, 'pending_approval');
    expect((await call(endpoints, cpi!, 'POST', `${toStaging}/approve`, {})).status).toBe(200);
    await phase(endpoints, dev!, toStaging, 'succeeded');
    const prod = await call(endpoints, dev!, 'POST', '/v1/requests/prod', requestBody('payment-api', '2.2.0'));
    const blocked = await phase(endpoints, dev!, `/v1/requests/prod/${prod.body.metadata.id}`, 'blocked');
    const gate = blocked.status.gates.find(({ type }: { type: string }) => type === 'signature');
    expect(gate.status).toBe('failed');
    expect(gate.resolution).not.toBe('');
  });

  it('may be inspected, copied and deleted by skopeo in dev', async () => {
    const dev = world.endpoints.registries['dev']!;
    const inspected = JSON.parse(await world.run('skopeo', 'inspect', '--tls-verify=false', `docker://${dev}/payment-api:2.1.0`));
    expect(inspected.Digest).toBe(image.digest);
    const copy = `docker://${dev}/payment-copy:1`;
    await world.run(
      'skopeo',
      'copy',
      '--all',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      `docker://${dev}/payment-api:2.1.0`,
      copy,
    );
    await world.run('skopeo', 'delete', '--tls-verify=false', copy);
    expect((await manifest('dev', 'payment-copy', '1')).status).toBe(404);
  });
});

describe.skipIf(!has.aws)('the AWS command line', () => {
  it.each([
    ['stepfunctions list-state-machines', 'stateMachines'],
    ['dynamodb list-tables', 'TableNames'],
    ['ecr describe-repositories', 'repositories'],
    ['ecr describe-images --repository-name payment-api', 'imageDetails'],
    ['kms list-keys', 'Keys'],
    ['events list-rules', 'Rules'],
    ['codebuild list-projects', 'projects'],
    ['eks list-clusters', 'clusters'],
  ])('reads %s', async (command, member) => {
    expect(JSON.parse(await world.aws(...command.split(' ')))[member].length).toBeGreaterThan(0);
  });

  it('follows an execution, describes table and cluster, reads keys, signs in to a registry, and sends mail', async () => {
    const { stateMachines } = JSON.parse(await world.aws('stepfunctions', 'list-state-machines'));
    const { executions } = JSON.parse(
      await world.aws('stepfunctions', 'list-executions', '--state-machine-arn', stateMachines[0].stateMachineArn),
    );
    if (has.skopeo) {
      const history = JSON.parse(await world.aws('stepfunctions', 'get-execution-history', '--execution-arn', executions[0].executionArn));
      expect(history.events[0].type).toBe('ExecutionStarted');
    }
    const { TableNames } = JSON.parse(await world.aws('dynamodb', 'list-tables'));
    expect(JSON.parse(await world.aws('dynamodb', 'describe-table', '--table-name', TableNames[0])).Table.TableStatus).toBe('ACTIVE');
    const { clusters } = JSON.parse(await world.aws('eks', 'list-clusters'));
    expect(JSON.parse(await world.aws('eks', 'describe-cluster', '--name', clusters[0])).cluster.status).toBe('ACTIVE');
    expect((await world.run('aws', 'ecr', 'get-login-password')).trim().length).toBeGreaterThan(20);
    const specs: string[] = [];
    for (const { KeyId } of JSON.parse(await world.aws('kms', 'list-keys')).Keys) {
      const { KeyMetadata } = JSON.parse(await world.aws('kms', 'describe-key', '--key-id', KeyId));
      specs.push(KeyMetadata.KeySpec);
      if (KeyMetadata.KeyUsage === 'SIGN_VERIFY')
        expect(JSON.parse(await world.aws('kms', 'get-public-key', '--key-id', KeyId)).PublicKey).not.toBe('');
    }
    expect(specs).toContain('HMAC_256');
    const mail = [
      '--from',
      'greenlight@example.com',
      '--to',
      'someone@example.com',
      '--subject',
      'Hello',
      '--text',
      'from the AWS command line',
    ];
    expect(JSON.parse(await world.aws('ses', 'send-email', ...mail)).MessageId).not.toBe('');
    const inbox = (await (await fetch(`${world.endpoints.mail}/inbox`)).json()) as { subject: string }[];
    expect(inbox.map(({ subject }) => subject)).toContain('Hello');
  });
});
