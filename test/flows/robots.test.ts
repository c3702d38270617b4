import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSignedMessage } from '../../core/gate/webhook-signature.ts';
import { greenlight } from '../cli/command-line.ts';
import { synthesize } from './assembly.ts';
import { readSealedLog } from './audit-log.ts';
import { FlowCloud } from './cloud.ts';
import { expectDescribed } from './described.ts';
import { approve, bodyOf, expectProblem, idOf, push, reach } from './requests.ts';

/** An artifact without a workload: copied and tagged, no rollout. */
const name = 'ledger';
const VERSION = '1.0.0';

let cloud: FlowCloud;
/** Value of the token that `dev` has made for a program, and all that were made. */
let value: string;
const values: string[] = [];
let tokenId: string;
let path: string;

beforeAll(async () => {
  cloud = await FlowCloud.start(await synthesize());
  await push(cloud, VERSION, 'true', { name });
});
afterAll(() => cloud?.stop());

/** What the program that was subscribed has got. */
async function received(): Promise<{ path: string; headers: Record<string, string>; body: string }[]> {
  return (await (await fetch(`${cloud.endpoints.webhooks}/received`)).json()) as never;
}
/** Its id and its secret. */
let subscription: { id: string; secret: string };

const by = (method: string, address: string, body?: unknown) =>
  cloud.api(method, address, { headers: { authorization: `Bearer ${value}` }, ...(body === undefined ? {} : { body }) });
const command = (words: string[], env: NodeJS.ProcessEnv = {}) =>
  greenlight([...words, ...(env['GREENLIGHT_TOKEN'] ? [] : ['--data', cloud.data, '--as', 'dev@example.com'])], { env, cwd: cloud.folder });

describe('a program that is subscribed', () => {
  it('is so on the command line, which prints the secret alone, and gets a ping', async () => {
    const operate = (...words: string[]) =>
      greenlight(['subscription', ...words, '--data', cloud.data, '--as', 'admin@example.com'], { cwd: cloud.folder });
    const url = `${cloud.endpoints.webhooks}/hooks/ledger`;
    const made = await operate(
      'add',
      url,
      '--events',
      'promotion.*,gate.finished,approval.*',
      '--environment',
      'staging',
      '--artifact',
      name,
    );
    expect(made.exitCode, made.stderr).toBe(0);
    expect(made.stdout).toMatch(/^whsec_[A-Za-z0-9+/]{43}=\n$/);
    subscription = { id: /sub-[0-9a-f]{16}/.exec(made.stderr)![0], secret: made.stdout.trim() };
    await cloud.until('the ping', async () => ((await received()).length > 0 ? true : undefined));
    const shown = await operate('deliveries', subscription.id);
    expect([shown.exitCode, shown.stdout]).toEqual([0, expect.stringMatching(/ping {2}(delivered|pending)/)]);
    expect((await operate('add', 'http://169.254.169.254/latest/meta-data')).exitCode).toBe(2);
  });
});

describe('a token that a person makes for a program', () => {
  it('is made and listed on the command line', async () => {
    const made = await command([
      'token',
      'create',
      'nightly',
      '--days',
      '7',
      '--verb',
      'read',
      '--verb',
      'request',
      '--environment',
      'staging',
    ]);
    expect(made.exitCode, made.stderr).toBe(0);
    expect(made.stdout).toMatch(/^glt_[A-Za-z0-9_-]{43}\n$/);
    value = made.stdout.trim();
    values.push(value);
    const listed = await command(['token', 'list', '--json']);
    const [token] = JSON.parse(listed.stdout).items;
    expect(token).toMatchObject({ name: 'nightly', prefix: value.slice(0, 8), scope: { environments: ['staging'] } });
    tokenId = token.id;
  });

  it('asks for a promotion in the place of its owner', async () => {
    const answer = await by('POST', '/v1/requests/staging', bodyOf(VERSION, { name }));
    expect(answer.status, answer.text).toBe(201);
    expect(answer.body.metadata).toMatchObject({ createdBy: 'token:nightly', onBehalfOf: 'dev@example.com' });
    path = `/v1/requests/staging/${answer.body.metadata.id}`;
    await reach(cloud, path, 'pending_approval');
    const seen = await command(['approval', 'status', idOf(path)], { GREENLIGHT_API: cloud.endpoints.api, GREENLIGHT_TOKEN: value });
    expect([seen.exitCode, seen.stdout], seen.stderr).toEqual([0, expect.stringContaining('Status: pending')]);
  });

  it('AUTH-12 does not decide, and reaches no further than its scope', async () => {
    expectProblem(await by('POST', `${path}/approve`, {}), 403, 'HUMAN_REQUIRED');
    expectProblem(await by('POST', '/v1/tokens', { name: 'child' }), 403, 'HUMAN_REQUIRED');
    expectProblem(await by('POST', '/v1/requests/prod', bodyOf(VERSION, { name })), 403, 'FORBIDDEN');
    const refused = await command(['approve', idOf(path)], { GREENLIGHT_API: cloud.endpoints.api, GREENLIGHT_TOKEN: value });
    expect([refused.exitCode, refused.stdout]).toEqual([3, '']);
    expect(refused.stderr).toContain('HUMAN_REQUIRED');
    expect(refused.stderr).not.toContain(value);
    expectProblem(await cloud.api('POST', `${path}/approve`, { as: 'dev', body: {} }), 403, 'SELF_APPROVAL');
  });

  it('is told of by mail to its owner, and named beside him or her where people decide', async () => {
    await approve(cloud, path, 'cpi');
    await reach(cloud, path, 'succeeded');
    const mails = await cloud.until('the mail to the owner', async () => {
      const found = (await cloud.mails()).filter(({ subject }) => subject.includes(idOf(path)));
      return found.some(({ to, subject }) => to.includes('dev@example.com') && subject.includes('Promotion succeeded')) ? found : undefined;
    });
    expect(mails.flatMap(({ to }) => to).every((address) => /^[a-z0-9]+@example\.com$/.test(address))).toBe(true);
    expect(mails.find(({ to }) => to.includes('cpi@example.com'))!.text).toContain('Requested by: token:nightly for dev@example.com');
  });

  it('is revoked at once', async () => {
    expect((await by('GET', '/v1/requests/staging')).status).toBe(200);
    expect((await command(['token', 'revoke', tokenId])).exitCode).toBe(0);
    expectProblem(await by('GET', '/v1/requests/staging'), 401, 'UNAUTHENTICATED');
  });

  it('ends by itself when its days are over', async () => {
    const { stdout } = await command(['token', 'create', 'short', '--days', '1']);
    value = stdout.trim();
    values.push(value);
    expect((await by('GET', '/v1/requests/staging')).status).toBe(200);
    await cloud.advance('P1DT1M');
    expectProblem(await by('GET', '/v1/requests/staging'), 401, 'UNAUTHENTICATED');
  });
});

it('told the program of each step, signed, in ids and facts only', async () => {
  const id = idOf(path);
  const events = await cloud.until('the end of the promotion', async () => {
    const mine = (await received()).filter(({ body }) => JSON.parse(body).subject === id);
    return mine.some(({ body }) => JSON.parse(body).type.endsWith('promotion.succeeded')) ? mine : undefined;
  });
  const types = events.map(({ body }) => JSON.parse(body).type.replace('dev.greenlight.', '') as string);
  for (const type of [
    'promotion.requested',
    'gate.finished',
    'approval.requested',
    'approval.decided',
    'approval.closed',
    'promotion.started',
  ])
    expect(types).toContain(type);
  for (const { headers, body } of events)
    expect(isSignedMessage(subscription.secret, headers, Buffer.from(body), new Date(Number(headers['webhook-timestamp']) * 1000))).toBe(
      true,
    );
  expect(new Set(events.map(({ headers }) => headers['webhook-id'])).size).toBe(events.length);
  const closed = JSON.parse(events[types.indexOf('approval.closed')]!.body);
  expect(closed.data).toMatchObject({
    artifact: name,
    to: 'staging',
    tenant: 'tenant-finance',
    aliases: ['request-approved', 'promotion-approved'],
  });
  expect(events.map(({ body }) => body).join()).not.toMatch(/@example\.com|glt_|whsec_|New PCI/);
});

it('left both events of the token in the log, and its value nowhere at all', async () => {
  const log = await readSealedLog(cloud);
  expect(log.exitCode, log.said).toBe(0);
  const events = log.lines.filter(({ rid }) => rid === `sys:token:${tokenId}`);
  expect(events.map(({ type }) => type)).toEqual(['token.created', 'token.revoked']);
  const requested = log.lines.find(({ type, rid }) => type === 'promotion.requested' && rid === idOf(path))!;
  expect(requested.actor).toMatchObject({ auth: 'token', id: events[0]!.data['robot'] });
  expect(log.text).not.toMatch(/nightly|dev@example\.com/);
  expect(values).toHaveLength(2);
  for (const file of readdirSync(cloud.data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()))
    for (const secret of [...values, subscription.secret.slice('whsec_'.length)])
      expect(readFileSync(join(file.parentPath, file.name)).includes(secret), file.name).toBe(false);
  expect(cloud.printed.join('\n')).not.toMatch(/glt_[\w-]{20}|whsec_/);
  expect((await cloud.mails()).map(({ raw }) => raw).join()).not.toMatch(/glt_/);
});

it('needed no permission that was missing, and was answered as described', async () => {
  expect((await cloud.calls()).filter(({ decision }) => decision !== 'allowed')).toEqual([]);
  expect((await cloud.calls()).some(({ service, resource }) => service === 'dynamodb' && /:table\//.test(resource))).toBe(true);
  await expectDescribed(cloud);
});

describe('a policy of promotion', () => {
  const operate = (as: string, ...words: string[]) =>
    greenlight([...words, '--data', cloud.data, '--as', `${as}@example.com`], { cwd: cloud.folder });

  it('is brought into force by two people without a deployment, asks in its own name, and is replayed', async () => {
    const file = join(cloud.folder, 'next.yaml');
    const present = readFileSync('greenlight.yaml', 'utf8');
    const policy =
      '[{ name: to-staging, enabled: true, from_env: dev, to_env: staging, artifacts: [ledger], conditions: [{ soak: 1h }, { no_regressions: true }], approval: required }]';
    writeFileSync(file, present.replace('promotion:\n', `promotion:\n  policies: ${policy}\n`));
    const proposed = await operate('admin', 'config', 'propose', file, '--reason', 'faster feedback', '--json');
    expect(proposed.exitCode, proposed.stderr).toBe(0);
    const { version, needsReview } = JSON.parse(proposed.stdout);
    expect(needsReview).toBe(true);
    expect((await operate('admin', 'config', 'approve', version)).exitCode).toBe(3);
    expect((await operate('policy', 'config', 'approve', version)).exitCode).toBe(0);
    expect((await operate('viewer', 'config', 'show')).stdout).toContain(`In force: ${version}`);
    await push(cloud, '2.0.0', 'true', { name });
    await cloud.advance('PT20M');
    const listed = await operate('viewer', 'policy', 'list');
    expect(listed.stdout).toMatch(/to-staging {2}dev → staging\n {2}ledger 2\.0\.0 waits: it has to be in dev/);
    await cloud.advance('PT50M');
    const found = await cloud.until('what the policy asks for', async () => {
      const { items } = (await cloud.api('GET', '/v1/requests/staging?artifact=ledger&state=pending', { as: 'cpi' })).body;
      return items.find((item: { metadata: { createdBy: string } }) => item.metadata.createdBy.startsWith('policy:to-staging@'));
    });
    const own = `/v1/requests/staging/${found.metadata.id}`;
    // Whoever sees only what is their own does not see it: it is nobody's.
    expectProblem(await cloud.api('GET', own, { as: 'dev' }), 403, 'FORBIDDEN');
    const phase = (wanted: string) =>
      cloud.until(wanted, async () => (await cloud.api('GET', own, { as: 'cpi' })).body.status.phase === wanted || undefined);
    await phase('pending_approval');
    await approve(cloud, own, 'cpi');
    await phase('succeeded');
    const replayed = await operate('viewer', 'policy', 'replay', 'to-staging');
    expect(replayed.stdout).toContain('Decisions that it made and makes again: 1 of 1');
    expect(replayed.stdout).toMatch(/ledger 2\.0\.0 {2}promote/);
  });
});
