import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { forgetAccess } from '../../../adapters/registry/registry-access.ts';
import { registryReader } from '../../../adapters/registry/registry-reader.ts';
import { registryWriter } from '../../../adapters/registry/registry-writer.ts';
import { holderOf } from '../../../core/environment/environment.ts';
import { withPhase } from '../../../core/promotion/change.ts';
import { engineChange } from '../../../core/promotion/engine-change.ts';
import type { RunEvent } from '../../../functions/kit/task.ts';
import { attachSbom, pushImage, signImage } from '../../../local/demo/oci-image.ts';
import {
  configurationOf,
  type Misbehaviour,
  operations,
  type Place,
  startProxy,
  startRegistry,
  stopRegistries,
} from '../../adapters/registry/registries.ts';
import { createRequest, runGates } from '../requests.ts';
import { startWorld, type World } from '../world.ts';

let world: World;
let dev: Place;
let staging: Place;
let dr: Place;
let proxy: Awaited<ReturnType<typeof startProxy>>;
let repository: string;
let digest: string;
let signatureTag: string;
let sbom: string;
let count = 0;
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const DOWN: Misbehaviour = (_message, response) => {
  response.writeHead(403).end();
  return true;
};

beforeAll(async () => {
  [dev, staging, dr] = [await startRegistry('dev'), await startRegistry('staging'), await startRegistry('dr')];
  proxy = await startProxy(dr.origin);
  const allowed = process.env['ALLOWED_ORIGINS'];
  world = await startWorld((configuration) => {
    configuration.registries['dev'] = dev.configuration;
    configuration.registries['staging'] = staging.configuration;
    configuration.registries['harbor'] = configurationOf('harbor', proxy.origin);
    configuration.environments['staging']!.registries = ['staging', 'harbor'];
  });
  process.env['ALLOWED_ORIGINS'] = `${process.env['ALLOWED_ORIGINS']},${allowed}`;
});

beforeEach(async () => {
  repository = `service-${++count}`;
  proxy.misbehave = () => false;
  await demand('all');
  const at = { origin: dev.origin, repository };
  ({ digest } = await pushImage({ ...at, tag: '1.1.0', labels: {} }));
  signatureTag = await signImage({ ...at, digest, privateKeyPem: key });
  sbom = await attachSbom({ ...at, digest, version: '1.1.0' });
  world.registry.tags['1.1.0'] = digest;
});

afterAll(async () => {
  await world.close();
  await stopRegistries();
});

/** In the configuration that the functions have read. */
async function demand(which: 'all' | 'primary'): Promise<void> {
  const { configuration } = await import('../../../functions/kit/state.ts');
  (await configuration()).environments['staging']!.requireRegistries = which;
}

async function begun(more: Parameters<typeof createRequest>[2] = {}): Promise<RunEvent> {
  const requestId = await createRequest(world, 'dev', { target: { name: repository }, ...more });
  await runGates(world, requestId);
  const { promotions, environments } = world.state;
  const open = (await promotions.head(requestId))!;
  const approved = await promotions.commit(
    engineChange(open, withPhase(open, 'approved'), { type: 'approval.closed', action: 'approved' }),
  );
  const fence = ((await environments.get('staging', repository))?.fence ?? 0) + 1;
  await promotions.commit(
    engineChange(
      approved,
      withPhase(approved, 'promoting', { step: 'copying', fence }),
      { type: 'promotion.started', action: 'promoting' },
      { environment: { kind: 'acquire', environment: 'staging', artifact: repository, holder: holderOf(approved.id, 1), fence } },
    ),
  );
  return { task: 'copy', requestId, attempt: 1 };
}

async function tasks() {
  const [{ copy }, { tag }, { finish }] = await Promise.all([
    import('../../../functions/registry/copy.task.ts'),
    import('../../../functions/registry/tag.task.ts'),
    import('../../../functions/registry/finish.task.ts'),
  ]);
  const writer = registryWriter();
  return { copy: copy({ writer, reader: registryReader() }), tag: tag(writer), finish: finish(writer, async () => undefined) };
}

async function run(event: RunEvent): Promise<void> {
  const { copy, tag, finish } = await tasks();
  expect(await copy(event)).toEqual({ next: 'tag' });
  expect(await tag(event)).toEqual({ next: 'finish' });
  expect(await finish(event)).toEqual({ next: 'end' });
}

async function show(id: string) {
  return (await world.call('GET', `/v1/requests/staging/${id}`, { as: 'dev' })).json.status;
}

async function tagAt(place: Place, tag: string): Promise<string | undefined> {
  const answer = await fetch(`${place.origin}/v2/${repository}/manifests/${tag}`, {
    method: 'HEAD',
    headers: { accept: 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json' },
  });
  return answer.headers.get('docker-content-digest') ?? undefined;
}

async function remove(place: Place, reference: string): Promise<void> {
  const answer = await fetch(`${place.origin}/v2/${repository}/manifests/${reference}`, { method: 'DELETE' });
  expect(answer.status).toBe(202);
}

async function report(query = `artifact=${repository}&version=1.1.0`) {
  // The real reader: the one of the world knows no registries.
  const { verifyCopy } = await import('../../../functions/registry/verify-copy.http.ts');
  const handler = verifyCopy({ ...registryReader(), resolve: async () => ({ tag: '1.1.0', releaseVersion: '1.1.0', digest }) });
  const parameters = Object.fromEntries(new URLSearchParams(query)) as { artifact: string; version: string };
  const caller = { membership: { tenants: ['tenant-finance'] } };
  const call = { configuration: world.configuration, caller, params: { env: 'staging' }, query: parameters } as never;
  return (await handler.handle(call, undefined)).body as { complete: boolean; registries: Record<string, unknown>[] };
}

describe('a promotion across registries', () => {
  it('shows for each registry what it got, with equal roots of both sides, and tags both', async () => {
    const event = await begun();
    await run(event);
    const { copy, phase } = await show(event.requestId);
    expect(phase).toBe('succeeded');
    expect(copy).toMatchObject({
      outcome: 'complete',
      registries: [
        { name: 'staging', role: 'primary', required: true, status: 'tagged', closureRoot: copy.sourceRoot },
        { name: 'harbor', role: 'secondary', required: true, status: 'tagged', closureRoot: copy.sourceRoot },
      ],
    });
    expect(copy.registries[0].bytes).toBeGreaterThan(0);
    for (const place of [staging, dr]) {
      expect(await tagAt(place, '1.1.0-staging')).toBe(digest);
      expect(await tagAt(place, 'latest-staging')).toBe(digest);
      expect(await tagAt(place, signatureTag)).toBeDefined();
    }
  });

  it('REG-18: is PARTIAL while the secondary is down, moves no tag, and copies only what is missing when it goes on', async () => {
    const event = await begun();
    const { copy, tag } = await tasks();
    proxy.misbehave = DOWN;
    await expect(copy(event)).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
    const { copy: partial } = await show(event.requestId);
    expect(partial.registries).toMatchObject([
      { name: 'staging', status: 'copied' },
      { name: 'harbor', status: 'failed', failure: { code: 'REGISTRY_REFUSED' } },
    ]);
    expect(await tag(event)).toEqual({ next: 'copy' });
    expect([await tagAt(staging, '1.1.0-staging'), await tagAt(staging, 'latest-staging')]).toEqual([undefined, undefined]);

    proxy.misbehave = () => false;
    const before = operations(staging).length;
    await run(event);
    const again = operations(staging).slice(before);
    expect(again.filter((operation) => /upload/i.test(operation))).toEqual([]);
    expect((await show(event.requestId)).copy.outcome).toBe('complete');
    expect(await tagAt(dr, 'latest-staging')).toBe(digest);
  });

  it('REG-18: goes on without the secondary where only the primary is required, says so, and is repaired later', async () => {
    await demand('primary');
    const event = await begun();
    proxy.misbehave = DOWN;
    await run(event);
    const shown = await show(event.requestId);
    expect(shown.phase).toBe('succeeded');
    expect(shown.copy).toMatchObject({ outcome: 'partial', registries: [{ status: 'tagged' }, { status: 'failed', required: false }] });
    expect((await world.state.environments.get('staging', repository))?.current?.digest).toBe(digest);

    proxy.misbehave = () => false;
    expect((await report()).registries).toMatchObject([{ complete: true }, { name: 'harbor', complete: false }]);
    const before = operations(staging).length;
    const repair = await begun({ kind: 'repair', registries: ['secondary'] });
    await run(repair);
    expect(
      operations(staging)
        .slice(before)
        .filter((operation) => /upload|PUT/i.test(operation)),
    ).toEqual([]);
    expect((await report()).complete).toBe(true);
    expect(await tagAt(dr, '1.1.0-staging')).toBe(digest);
    const environment = await world.state.environments.get('staging', repository);
    expect(environment).toMatchObject({ current: { requestId: event.requestId, digest } });
    expect(environment?.holder).toBeUndefined();
  });

  it('names the registries by place or name, in the order of the environment, and never leaves out the primary', async () => {
    const plan = async (registries: string[]) => {
      const id = await createRequest(world, 'dev', { target: { name: repository }, registries });
      const head = (await world.state.promotions.head(id))!;
      return (await world.state.promotions.plan(id, head.planHash))!.registries.targets;
    };
    expect(await plan(['harbor', 'primary'])).toEqual(['staging', 'harbor']);
    expect(await plan(['staging'])).toEqual(['staging']);
    for (const registries of [['secondary'], ['primary', 'tertiary'], ['nowhere', 'primary'], ['further', 'primary']]) {
      const answer = await world.call('POST', '/v1/requests/staging', {
        as: 'dev',
        body: { ...(await bodyFor()), registries },
      });
      expect([registries, answer.status, answer.json.code]).toEqual([registries, 422, 'VERSION_REFUSED']);
    }
  });
});

async function bodyFor() {
  const { requestBody } = await import('../requests.ts');
  return requestBody({ target: { name: repository } });
}

describe('verify-copy', () => {
  it('names every part that a registry lacks or has differently, and a repair brings exactly those back', async () => {
    await run(await begun());
    expect(await report()).toMatchObject({ complete: true, digest, version: '1.1.0' });
    await remove(dr, sbom);
    await fetch(`${dr.origin}/v2/${repository}/manifests/${signatureTag}`, { method: 'DELETE' });
    const { complete, registries } = await report();
    expect(complete).toBe(false);
    expect(registries[0]).toMatchObject({ name: 'staging', complete: true, missing: [] });
    const missing = registries[1]!['missing'] as { kind: string; digest: string; tag?: string }[];
    expect(missing).toContainEqual(expect.objectContaining({ kind: 'manifest', digest: sbom, reason: 'absent' }));
    expect(missing).toContainEqual(expect.objectContaining({ kind: 'referrer', digest: sbom, subject: digest }));
    expect(missing).toContainEqual(expect.objectContaining({ kind: 'tag', tag: signatureTag, reason: 'absent' }));
    expect(registries[1]!['targetRoot']).not.toBe(registries[1]!['sourceRoot']);
    await run(await begun({ kind: 'repair' }));
    expect((await report()).complete).toBe(true);
  });

  it('reports a registry that cannot be compared, and compares the others', async () => {
    await run(await begun());
    proxy.misbehave = DOWN;
    expect((await report()).registries).toMatchObject([{ complete: true }, { complete: false, failure: { code: 'REGISTRY_REFUSED' } }]);
  });

  it('knows only what the environment holds or held, and only artifacts of the caller', async () => {
    const get = (query: string, as = 'dev', env = 'staging') => world.call('GET', `/v1/environments/${env}/copies?${query}`, { as });
    expect((await get(`artifact=${repository}&version=1.1.0`)).json.code).toBe('NOT_FOUND');
    await run(await begun());
    const foreign = await get(`artifact=${repository}&version=1.1.0`, 'outsider');
    expect([foreign.status, foreign.json.detail]).toEqual([404, 'there is no such artifact']);
    expect((await get(`artifact=${repository}&version=1.1.0`, 'dev', 'nowhere')).status).toBe(404);
    expect((await get(`artifact=${repository}&version=1.1.0`, 'dev', 'dev')).json.code).toBe('VERSION_REFUSED');
    for (const query of ['', 'artifact=..%2Fetc&version=1', `artifact=${repository}&version=a%20b`, `artifact=${repository}&version=1&x=1`])
      expect([query, (await get(query)).status]).toEqual([query, 400]);
  });
});

describe('a repair', () => {
  it('is refused for what never succeeded there, and changes neither what runs nor what is latest', async () => {
    const refused = await world.call('POST', '/v1/requests/staging', { as: 'dev', body: { ...(await bodyFor()), kind: 'repair' } });
    expect([refused.status, refused.json.code]).toEqual([409, 'EVIDENCE_MISMATCH']);
    await run(await begun());
    const first = digest;
    ({ digest } = await pushImage({ origin: dev.origin, repository, tag: '1.2.0', labels: { next: 'yes' } }));
    world.registry.tags['1.2.0'] = digest;
    await run(await begun({ target: { name: repository, version: '1.2.0' } }));
    await remove(dr, sbom);
    const repair = await begun({ kind: 'repair' });
    await run(repair);
    expect(await tagAt(dr, sbom)).toBe(sbom);
    expect(await tagAt(staging, 'latest-staging')).toBe(digest);
    expect(await tagAt(staging, '1.1.0-staging')).toBe(first);
    expect((await world.state.environments.get('staging', repository))?.current?.version).toBe('1.2.0');
    expect((await show(repair.requestId)).history.map(({ action }: { action: string }) => action)).toContain('repaired');
    forgetAccess();
  });
});
