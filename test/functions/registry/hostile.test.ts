/** What becomes of a promotion when its registries misbehave: the run as the state machine drives it, over real rows and registries on sockets. */
import { generateKeyPairSync } from 'node:crypto';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { forgetAccess } from '../../../adapters/registry/registry-access.ts';
import { registryReader } from '../../../adapters/registry/registry-reader.ts';
import { registryWriter } from '../../../adapters/registry/registry-writer.ts';
import type { NextStep, RunEvent } from '../../../functions/kit/task.ts';
import { pushImage, signImage } from '../../../local/demo/oci-image.ts';
import { type Misbehaviour, type Place, startProxy, startRegistry, stopRegistries } from '../../adapters/registry/registries.ts';
import { INDEX } from '../../local/registry/open-test-registry.ts';
import { createRequest, requestBody, runGates } from '../requests.ts';
import { startWorld, type World } from '../world.ts';

type Proxy = Awaited<ReturnType<typeof startProxy>>;

const PASSWORD = 'h0stile-echo-canary';
const BASIC = `Basic ${Buffer.from(`copier:${PASSWORD}`).toString('base64')}`;
const HONEST: Misbehaviour = (message) => {
  delete message.headers.authorization;
  return false;
};

let world: World;
let places: Record<'dev' | 'staging', Place>;
let proxies: Record<'dev' | 'staging', Proxy>;
const parameters = mockClient(SSMClient);
let repository: string;
let digest: string;
let count = 0;

beforeAll(async () => {
  places = { dev: await startRegistry('dev'), staging: await startRegistry('staging') };
  proxies = { dev: await startProxy(places.dev.origin), staging: await startProxy(places.staging.origin) };
  const allowed = process.env['ALLOWED_ORIGINS'];
  world = await startWorld((configuration) => {
    for (const name of ['dev', 'staging'] as const)
      configuration.registries[name] = { name, origin: proxies[name].origin, prefix: '', credentials: 'ssm:/registry' };
  });
  process.env['ALLOWED_ORIGINS'] = `${process.env['ALLOWED_ORIGINS']},${allowed}`;
  parameters.on(GetParameterCommand).resolves({ Parameter: { Value: JSON.stringify({ username: 'copier', password: PASSWORD }) } });
});
afterAll(async () => {
  await world.close();
  await stopRegistries();
});
beforeEach(async () => {
  forgetAccess();
  for (const proxy of Object.values(proxies)) proxy.misbehave = HONEST;
  repository = `service-${++count}`;
  digest = await publish('1.1.0', 'a');
});

/** Pushes under a tag, which moves when it is there, and lets requests resolve what it names now. */
async function publish(version: string, content: string): Promise<string> {
  const image = await pushImage({ origin: places.dev.origin, repository, tag: version, labels: { content } });
  world.registry.tags[version] = image.digest;
  return image.digest;
}

/** The state machine's steps, from a request to its end; what a task throws is handed to `fail` as Step Functions does. */
async function drive(id: string, before: (step: string) => Promise<void> = async () => {}): Promise<void> {
  const { taskHandler } = await import('../../../functions/kit/task.ts');
  const [{ begin }, { fail }, { copy }, { tag }, { finish }] = await Promise.all([
    import('../../../functions/promotion/begin.task.ts'),
    import('../../../functions/promotion/fail.task.ts'),
    import('../../../functions/registry/copy.task.ts'),
    import('../../../functions/registry/tag.task.ts'),
    import('../../../functions/registry/finish.task.ts'),
  ]);
  const writer = registryWriter();
  const run = taskHandler({
    begin: begin({ seal: async () => {} } as never),
    copy: copy({ writer, reader: registryReader() }),
    tag: tag(writer),
    finish: finish(writer, async () => undefined),
  });
  await before('gates');
  await runGates(world, id);
  await before('approval');
  await world.call('POST', `/v1/requests/staging/${id}/approve`, { as: 'cpi', body: {} });
  let next: NextStep = { next: 'begin' };
  while (next.next !== 'end') {
    await before(next.next);
    const event: RunEvent = { task: next.next, requestId: id, attempt: 1 };
    try {
      next = await run(event);
    } catch (error) {
      const { name, message } = error as Error;
      const failure = { Error: name, Cause: JSON.stringify({ errorType: name, errorMessage: message }) };
      const step = next.next === 'copy' ? 'copying' : 'tagging';
      next = await fail({ ...event, step, failure });
    }
  }
}

const show = async (id: string) => (await world.call('GET', `/v1/requests/staging/${id}`, { as: 'dev' })).json;
const tagged = async (tag: string) =>
  (await fetch(`${places.staging.origin}/v2/${repository}/manifests/${tag}`, { method: 'HEAD' })).headers.get('docker-content-digest');

/** Failed for this reason in the status that everybody reads, and nothing in the environment or among the tags has changed. */
async function expectFailed(id: string, code: string, step: string): Promise<void> {
  const { status } = await show(id);
  expect(status).toMatchObject({ state: 'failed', phase: 'failed', failure: { code, step, message: expect.any(String) } });
  expect(await tagged('latest-staging')).toBeNull();
  const environment = await world.state.environments.get('staging', repository);
  expect(environment?.current).toBeUndefined();
  expect(environment?.holder).toBeUndefined();
}

describe('REG-01 a source that answers other bytes than the approved digest names', () => {
  it('fails the promotion with DIGEST_MISMATCH, and nothing is tagged', async () => {
    const id = await createRequest(world, 'dev', { target: { name: repository } });
    proxies.dev.misbehave = (message, response) => {
      if (message.method !== 'GET' || !message.url!.includes('/blobs/')) return HONEST(message, response);
      response.end('other bytes');
      return true;
    };
    await drive(id);
    await expectFailed(id, 'DIGEST_MISMATCH', 'copying');
    expect(await tagged('1.1.0-staging')).toBeNull();
  });
});

describe('REG-03 a tag that moves', () => {
  it.each(['gates', 'approval', 'begin', 'copy', 'tag', 'finish'])(
    'before the step "%s" changes nothing: what was asked for and approved is promoted',
    async (gap) => {
      const id = await createRequest(world, 'dev', { target: { name: repository } });
      let other = '';
      await drive(id, async (step) => {
        if (step === gap && other === '') other = await publish('1.1.0', 'b');
      });
      expect(other).not.toBe('');
      expect((await show(id)).status).toMatchObject({ phase: 'succeeded', digest });
      expect([await tagged('1.1.0-staging'), await tagged('latest-staging')]).toEqual([digest, digest]);
      expect(await tagged(other)).toBeNull();
    },
  );

  it('after the preview is told to who requests with it: PREVIEW_MISMATCH', async () => {
    const body = requestBody({ target: { name: repository } });
    const { json } = await world.call('POST', '/v1/requests/staging/preview', { as: 'dev', body });
    await publish('1.1.0', 'b');
    const answer = await world.call('POST', '/v1/requests/staging', { as: 'dev', body: { ...body, previewRef: json.previewRef } });
    expect(answer).toMatchObject({ status: 409, json: { code: 'PREVIEW_MISMATCH' } });
  });
});

describe('REG-13 a release tag that names something else already', () => {
  const occupy = async () => (await pushImage({ origin: places.staging.origin, repository, tag: '1.1.0-staging', labels: {} })).digest;

  it('fails the promotion with TAG_IMMUTABLE when it was written meanwhile, and stays what it is', async () => {
    const id = await createRequest(world, 'dev', { target: { name: repository } });
    const taken = await occupy();
    await drive(id);
    await expectFailed(id, 'TAG_IMMUTABLE', 'tagging');
    expect(await tagged('1.1.0-staging')).toBe(taken);
  });

  it.each(['/v1/requests/staging', '/v1/requests/staging/preview'])('is refused at once with 409 TAG_IMMUTABLE by %s', async (path) => {
    const taken = await occupy();
    const reader = registryReader();
    world.registry.tags['1.1.0-staging'] = (await reader.digestOf(places.staging.configuration, repository, '1.1.0-staging'))!;
    const answer = await world.call('POST', path, { as: 'dev', body: requestBody({ target: { name: repository } }) });
    delete world.registry.tags['1.1.0-staging'];
    expect(answer).toMatchObject({ status: 409, json: { code: 'TAG_IMMUTABLE', hint: expect.stringContaining('new version') } });
    expect(answer.json.detail).toContain(taken);
  });
});

describe('REG-14 a target that reports success', () => {
  it.each<[string, Misbehaviour]>([
    [
      'and has nothing',
      (message, response) => {
        if (message.method !== 'PUT') return HONEST(message, response);
        message.resume();
        message.on('end', () => response.writeHead(201).end());
        return true;
      },
    ],
    [
      'and has other bytes',
      (message, response) => {
        if (message.method !== 'GET' || !message.url!.endsWith(digest)) return HONEST(message, response);
        response.writeHead(200, { 'content-type': INDEX }).end('{"schemaVersion":2,"manifests":[]}');
        return true;
      },
    ],
  ])('%s fails the promotion with DIGEST_MISMATCH, and the environment is what it was', async (_name, misbehave) => {
    const id = await createRequest(world, 'dev', { target: { name: repository } });
    proxies.staging.misbehave = misbehave;
    await drive(id);
    await expectFailed(id, 'DIGEST_MISMATCH', 'copying');
    expect(await tagged('1.1.0-staging')).toBeNull();
  });
});

describe('REG-15 a target that takes the image and not its signature', () => {
  it('fails the promotion without a tag; the next request finishes it', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const signature = await signImage({ origin: places.dev.origin, repository, digest, privateKeyPem });
    const { headers } = await fetch(`${places.dev.origin}/v2/${repository}/manifests/${signature}`, { method: 'HEAD' });
    const named = headers.get('docker-content-digest')!;
    const id = await createRequest(world, 'dev', { target: { name: repository } });
    proxies.staging.misbehave = (message, response) => {
      if (message.method !== 'PUT' || !(message.url!.endsWith(signature) || message.url!.endsWith(named))) return HONEST(message, response);
      message.resume();
      response.writeHead(403).end();
      return true;
    };
    await drive(id);
    await expectFailed(id, 'REGISTRY_REFUSED', 'copying');
    expect(await tagged('1.1.0-staging')).toBeNull();

    proxies.staging.misbehave = HONEST;
    const again = await createRequest(world, 'dev', { target: { name: repository } });
    await drive(again);
    expect((await show(again)).status.phase).toBe('succeeded');
    expect(await tagged(signature)).toBe(named);
    expect(await tagged('1.1.0-staging')).toBe(digest);
  });
});

describe('REG-17 a source that lacks one of the images of an index', () => {
  it('fails the promotion: an index is moved whole or not at all', async () => {
    const index = await (await fetch(`${places.dev.origin}/v2/${repository}/manifests/${digest}`, { headers: { accept: INDEX } })).json();
    const missing = (index as { manifests: { digest: string }[] }).manifests[1]!.digest;
    const id = await createRequest(world, 'dev', { target: { name: repository } });
    proxies.dev.misbehave = (message, response) => {
      if (!message.url!.endsWith(missing)) return HONEST(message, response);
      response.writeHead(404).end('{}');
      return true;
    };
    await drive(id);
    await expectFailed(id, 'REGISTRY_REFUSED', 'copying');
    expect(await tagged(digest)).toBeNull();
  });
});

describe('REG-19 a registry that repeats what it was sent', () => {
  /** Everything that a registry may write into an answer: our own header, a page, terminal sequences. */
  const nasty = (authorization: string | undefined) =>
    `<script>alert(1)</script> \u001b[31mAuthorization: ${authorization} ${PASSWORD}\u001b[0m`;
  const FOREIGN = /h0stile-echo-canary|Y29waWVyOm|<script|\[31m/;

  const demandingBasic =
    (misbehave: Misbehaviour): Misbehaviour =>
    (message, response) => {
      if (message.headers.authorization === BASIC) return misbehave(message, response);
      message.resume();
      response.writeHead(401, { 'www-authenticate': 'Basic realm="registry"' }).end(nasty(message.headers.authorization));
      return true;
    };

  it.each<[string, Misbehaviour, string]>([
    [
      'in an error as JSON',
      (message, response) => {
        const echo = nasty(message.headers.authorization);
        if (message.method !== 'POST') return HONEST(message, response);
        message.resume();
        response
          .writeHead(403, { 'content-type': 'application/json' })
          .end(JSON.stringify({ errors: [{ code: echo, message: echo, detail: echo }] }));
        return true;
      },
      'REGISTRY_REFUSED',
    ],
    [
      'in a page',
      (message, response) => {
        const echo = nasty(message.headers.authorization);
        if (message.method !== 'PUT') return HONEST(message, response);
        message.resume();
        message.on('end', () => response.writeHead(400, { 'content-type': 'text/html' }).end(`<html>${echo}</html>`));
        return true;
      },
      'REGISTRY_REFUSED',
    ],
    [
      'in the address of an upload, which then fails',
      (message, response) => {
        const echo = encodeURIComponent(PASSWORD);
        if (message.method === 'POST') {
          message.resume();
          response.writeHead(202, { location: `/v2/${repository}/blobs/uploads/${echo}/manifests/${echo}?s=${echo}` }).end();
        } else if (message.url!.includes(echo)) {
          message.resume();
          message.on('end', () => response.writeHead(404).end());
        } else return HONEST(message, response);
        return true;
      },
      'REGISTRY_REFUSED',
    ],
    [
      'in a manifest',
      (message, response) => {
        const echo = nasty(message.headers.authorization);
        if (message.method !== 'GET' || !message.url!.endsWith(digest)) return HONEST(message, response);
        response.writeHead(200, { 'content-type': echo.replace(/[^\x20-\x7e]/g, '') }).end(echo);
        return true;
      },
      'DIGEST_MISMATCH',
    ],
    [
      'in a challenge',
      (message, response) => {
        const { authorization } = message.headers;
        message.resume();
        response
          .writeHead(401, { 'www-authenticate': `Bearer realm="https://evil.example/${encodeURIComponent(authorization!)}",service="x"` })
          .end();
        return true;
      },
      // The credentials were taken before: what comes then is a refusal, and leads nowhere.
      'REGISTRY_REFUSED',
    ],
  ])('%s is quoted in no message, history, audit event or log', async (_name, misbehave, code) => {
    const id = await createRequest(world, 'dev', { target: { name: repository } });
    world.logged.length = 0;
    proxies.staging.misbehave = demandingBasic(misbehave);
    await drive(id);
    await expectFailed(id, code, 'copying');
    expect(world.logged.some((line) => line.includes('task failed'))).toBe(true);
    const rows = await Promise.all([`REQ#${id}`, 'OUTBOX#0', 'NOTICE#0', 'WAKE#0'].map((pk) => world.state.table.all({ pk })));
    const seen = [JSON.stringify(await show(id)), JSON.stringify(rows), ...world.logged];
    for (const text of seen) expect(text).not.toMatch(FOREIGN);
  });

  it('by its token service is quoted nowhere either', async () => {
    const id = await createRequest(world, 'dev', { target: { name: repository } });
    world.logged.length = 0;
    proxies.staging.misbehave = (message, response) => {
      message.resume();
      if (message.url!.startsWith('/token')) response.end(nasty(message.headers.authorization));
      else response.writeHead(401, { 'www-authenticate': 'Bearer realm="/token",service="x"' }).end();
      return true;
    };
    await drive(id);
    await expectFailed(id, 'REGISTRY_REFUSED', 'copying');
    for (const text of [JSON.stringify(await show(id)), ...world.logged]) expect(text).not.toMatch(FOREIGN);
  });
});
