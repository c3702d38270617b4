import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { deliveryRows } from '../../../adapters/notification/delivery-rows.ts';
import { subscriptionRows } from '../../../adapters/notification/subscription-rows.ts';
import { isSignedMessage } from '../../../core/gate/webhook-signature.ts';
import { deliveryId } from '../../../core/notification/delivery.ts';
import { type Answer, startWorld, type World } from '../world.ts';

interface Received {
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

let world: World;
let receiver: Server;
let origin: string;
let dispatch: typeof import('../../../functions/notification/dispatch.job.ts')['handler'];
const received: Received[] = [];
/** What the receiver does instead of 204. */
let behave: (request: IncomingMessage, response: ServerResponse) => boolean;

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    received.push({ path: request.url!, headers: request.headers as Record<string, string>, body: Buffer.concat(chunks) });
    if (!behave(request, response)) response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  world = await startWorld();
  process.env['ALLOWED_ORIGINS'] += `,${origin}`;
  ({ handler: dispatch } = await import('../../../functions/notification/dispatch.job.ts'));
});
afterAll(async () => {
  receiver.closeAllConnections();
  receiver.close();
  await world.close();
});
beforeEach(async () => {
  behave = () => false;
  const { table } = world.state;
  for (const { PK, SK } of await table.all({ pk: 'POSTING#0' })) await table.remove(PK as string, SK as string);
  for (const { PK, SK } of await table.all({ pk: 'SUBSCRIPTION#tenant-finance' })) await table.remove(PK as string, SK as string);
  received.length = 0;
  vi.useRealTimers();
});

const subscribe = (body: object = {}, as = 'admin') =>
  world.call('POST', '/v1/subscriptions', { as, body: { url: `${origin}/hook`, ...body } });
const deliveriesOf = async (id: string) =>
  (await world.call('GET', `/v1/subscriptions/${id}/deliveries`, { as: 'admin' })).json.items as {
    id: string;
    status: string;
    nextAt: string | null;
    attempts: { status?: number; error?: string; milliseconds: number }[];
  }[];
const codeOf = ({ status, json }: Answer) => `${status} ${json?.code ?? ''}`.trim();
const auditOf = async (id: string) =>
  (await world.state.table.all({ pk: 'OUTBOX#0' }))
    .filter(({ rid }) => rid === `sys:subscription:${id}`)
    .map(({ line }) => JSON.parse(line as string).type);

/** An event on its way to a subscription, as `deliver` puts it there. */
async function post(subscription: string, eventId = 'PR-1-x', at = new Date()): Promise<string> {
  const createdAt = at.toISOString();
  const id = deliveryId(createdAt, eventId);
  await deliveryRows(world.state.table).add('tenant-finance', {
    id,
    subscription,
    type: 'promotion.failed',
    eventId,
    body: `{"id":"${eventId}"}`,
    createdAt,
  });
  return id;
}

/** As if all waiting were over. */
async function tryAgain(): Promise<void> {
  const { table } = world.state;
  for (const row of await table.all({ pk: 'POSTING#0' })) {
    await table.remove('POSTING#0', row['SK'] as string);
    await table.put({
      ...row,
      SK: `2000-01-01T00:00:00.000Z#${row['subscription']}#${row['delivery']}`,
      dueAt: '2000-01-01T00:00:00.000Z',
    });
  }
  await dispatch();
}

describe('a subscription', () => {
  it('gets a ping, signed with the secret that is shown once', async () => {
    const made = await subscribe({ events: ['promotion.*'], environments: ['prod'] });
    expect(made).toMatchObject({ status: 201, json: { tenant: 'tenant-finance', state: 'active', events: ['promotion.*'] } });
    const { id, secret } = made.json;
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(await dispatch()).toEqual({ delivered: 1, failed: 0 });
    const [{ headers, body }] = received as [Received];
    expect(headers['content-type']).toBe('application/cloudevents+json');
    expect(isSignedMessage(secret, headers, body, new Date())).toBe(true);
    expect(JSON.parse(body.toString())).toMatchObject({ specversion: '1.0', type: 'dev.greenlight.ping', data: { subscription: id } });
    expect(headers['webhook-id']).toBe(JSON.parse(body.toString()).id);
    expect((await deliveriesOf(id)).map(({ status, attempts }) => [status, attempts.map(({ status: answer }) => answer)])).toEqual([
      ['delivered', [204]],
    ]);
    expect(await auditOf(id)).toEqual(['subscription.created']);
    const rows = JSON.stringify([await world.state.table.all({ pk: 'SUBSCRIPTION#tenant-finance' }), world.logged]);
    expect(rows).not.toContain(secret.slice(6));
    expect((await world.call('GET', `/v1/subscriptions/${id}`, { as: 'admin' })).text).not.toContain('whsec_');
  });

  it('is not made twice by a repeated request, which does not show the secret again', async () => {
    const [first, second] = [0, 1].map(() => ({ as: 'admin', body: { url: `${origin}/once` }, headers: { 'idempotency-key': 'once-1' } }));
    const made = await world.call('POST', '/v1/subscriptions', first);
    const again = await world.call('POST', '/v1/subscriptions', second);
    expect(again.json).toEqual({ ...made.json, secret: null });
  });

  it.each([
    'http://127.1/x',
    'http://2130706433/',
    'http://①②⑦.0.0.1/',
    'http://[::ffff:7f00:1]/',
    'http://169.254.169.254./',
    'https://169.254.169.254/latest',
    'http://localhost:9001/2018-06-01/runtime/invocation/next',
    'https://localhost/',
    'file:///etc/passwd',
    'gopher://example.com/',
    'https://user:pass@example.com/',
    'http://example.com/',
    'https://10.0.0.1/',
    'https://intern/',
    'hooks.example.com',
    '',
  ])('HOOK-06: to %j is refused when it is made', async (url) => {
    const answer = await world.call('POST', '/v1/subscriptions', { as: 'admin', body: { url } });
    expect(codeOf(answer)).toBe('400 INVALID_REQUEST');
    expect(await subscriptionRows(world.state.table, world.state.clock).of('tenant-finance')).toEqual([]);
  });

  it('HOOK-06: whose address is not allowed any more gets nothing, and the attempt says so', async () => {
    const { id } = (await subscribe()).json;
    const before = process.env['ALLOWED_ORIGINS'];
    process.env['ALLOWED_ORIGINS'] = 'none';
    try {
      await dispatch();
    } finally {
      process.env['ALLOWED_ORIGINS'] = before;
    }
    expect(received).toEqual([]);
    const [{ status, attempts }] = (await deliveriesOf(id)) as [Awaited<ReturnType<typeof deliveriesOf>>[0]];
    expect([status, attempts[0]!.error]).toEqual(['pending', expect.stringContaining('refused')]);
  });

  it.each<[object, string]>([
    [{ events: ['promotion.exploded'] }, '/events/0'],
    [{ events: [] }, ''],
    [{ environments: ['nowhere'] }, '/environments/0'],
    [{ severity: 'grave' }, ''],
    [{ secret: 'mine' }, ''],
  ])('with %j is refused', async (body, path) => {
    const answer = await subscribe(body);
    expect(answer.status).toBe(400);
    if (path) expect(answer.json.errors[0].path).toBe(path);
  });

  it('is for who runs the tenant, and unknown to everybody else', async () => {
    const { id } = (await subscribe()).json;
    expect(codeOf(await subscribe({}, 'viewer'))).toBe('403 FORBIDDEN');
    expect((await subscribe({}, 'cpi')).status).toBe(201);
    expect(codeOf(await subscribe({ tenant: 'tenant-retail' }, 'cpi'))).toBe('404 NOT_FOUND');
    for (const [method, rest] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/deliveries'],
      ['POST', '/rotate'],
      ['POST', '/redeliver'],
    ] as const) {
      const path = `/v1/subscriptions/${id}${rest}`;
      const body = method === 'POST' ? { body: {} } : {};
      expect(codeOf(await world.call(method, path, { as: 'outsider', ...body }))).toBe('404 NOT_FOUND');
      expect(codeOf(await world.call(method, path, { as: 'viewer', ...body }))).toBe('403 FORBIDDEN');
    }
    expect((await world.call('GET', '/v1/subscriptions', { as: 'outsider' })).json.items).toEqual([]);
    expect((await world.call('DELETE', `/v1/subscriptions/${id}`, { as: 'cpi' })).status).toBe(204);
    expect(codeOf(await world.call('DELETE', `/v1/subscriptions/${id}`, { as: 'cpi' }))).toBe('404 NOT_FOUND');
    expect(await auditOf(id)).toEqual(['subscription.created', 'subscription.removed']);
  });

  it('with a new secret is signed with the old one too, for a day', async () => {
    const { id, secret } = (await subscribe()).json;
    const rotated = (await world.call('POST', `/v1/subscriptions/${id}/rotate`, { as: 'admin', body: {} })).json;
    expect(rotated).toMatchObject({ secretVersion: 2, formerSecretUntil: expect.any(String) });
    await dispatch();
    for (const key of [secret, rotated.secret])
      expect(isSignedMessage(key, received[0]!.headers, received[0]!.body, new Date())).toBe(true);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 25 * 3_600_000 });
    await post(id, 'PR-1-later', new Date());
    await dispatch();
    const [, { headers, body }] = received as [Received, Received];
    expect(isSignedMessage(rotated.secret, headers, body, new Date())).toBe(true);
    expect(isSignedMessage(secret, headers, body, new Date())).toBe(false);
  });
});

describe('a receiver that', () => {
  it('HOOK-08: redirects is not followed, and it is a failure', async () => {
    behave = (_request, response) => response.writeHead(307, { location: `${origin}/elsewhere` }).end() !== undefined;
    const { id } = (await subscribe()).json;
    await dispatch();
    expect(received.map(({ path }) => path)).toEqual(['/hook']);
    expect(await deliveriesOf(id)).toMatchObject([{ status: 'pending', attempts: [{ status: 307 }], nextAt: expect.any(String) }]);
  });

  it('HOOK-09: answers without end is cut off, and is tried again', async () => {
    behave = (_request, response) => response.writeHead(200).end(Buffer.alloc(1024 * 1024)) !== undefined;
    const { id } = (await subscribe()).json;
    await dispatch();
    expect(await deliveriesOf(id)).toMatchObject([
      { status: 'pending', attempts: [{ error: expect.stringContaining('longer than 65536') }] },
    ]);
  });

  it('HOOK-09: fails ten times gets it no more by itself, and once more by hand under the same id', async () => {
    behave = (_request, response) => response.writeHead(500).end() !== undefined;
    const { id } = (await subscribe()).json;
    await dispatch();
    for (let attempt = 2; attempt <= 10; attempt++) await tryAgain();
    const [given] = await deliveriesOf(id);
    expect([given!.status, given!.attempts.length, given!.nextAt]).toEqual(['failed', 10, null]);
    expect(await world.state.table.all({ pk: 'POSTING#0' })).toEqual([]);
    behave = () => false;
    const again = await world.call('POST', `/v1/subscriptions/${id}/redeliver`, { as: 'admin', body: {} });
    expect(again).toMatchObject({ status: 202, json: { items: [{ id: given!.id }] } });
    await dispatch();
    expect((await deliveriesOf(id))[0]).toMatchObject({ status: 'delivered' });
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(await auditOf(id)).toEqual(['subscription.created', 'subscription.redelivered']);
  });

  it('HOOK-09: is gone is switched off, its people are told, and it can be switched on again', async () => {
    behave = (_request, response) => response.writeHead(410).end() !== undefined;
    const { id } = (await subscribe()).json;
    await dispatch();
    expect((await world.call('GET', `/v1/subscriptions/${id}`, { as: 'admin' })).json).toMatchObject({
      state: 'disabled',
      disabledBecause: expect.stringContaining('410'),
    });
    const notices = (await world.state.table.all({ pk: 'NOTICE#0' })).map(({ body }) => body as { type: string; data: object });
    expect(notices.at(-1)).toMatchObject({ type: 'subscription.disabled', data: { tenant: 'tenant-finance', subscription: id } });
    expect(await auditOf(id)).toEqual(['subscription.created', 'subscription.disabled']);
    await post(id);
    behave = () => false;
    await dispatch();
    expect(received).toHaveLength(1);
    expect(codeOf(await world.call('POST', `/v1/subscriptions/${id}/redeliver`, { as: 'admin', body: {} }))).toBe('409 STATE_CONFLICT');
    expect((await world.call('POST', `/v1/subscriptions/${id}/enable`, { as: 'admin', body: {} })).json.state).toBe('active');
    await dispatch();
    expect(received).toHaveLength(2);
  });

  it('has taken nothing for five days is switched off, and not sooner', async () => {
    behave = (_request, response) => response.writeHead(503).end() !== undefined;
    const { id } = (await subscribe()).json;
    await dispatch();
    const state = async () => (await world.call('GET', `/v1/subscriptions/${id}`, { as: 'admin' })).json.state as string;
    const start = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now: start + 4.9 * 86_400_000 });
    await post(id, 'PR-1-a');
    await tryAgain();
    vi.useRealTimers();
    expect(await state()).toBe('active');
    vi.useFakeTimers({ toFake: ['Date'], now: start + 5.1 * 86_400_000 });
    await tryAgain();
    vi.useRealTimers();
    expect(await state()).toBe('disabled');
  });

  it('fails gets one event in a run, and keeps no other receiver waiting', async () => {
    behave = (request, response) => request.url === '/broken' && response.writeHead(500).end() !== undefined;
    const [broken, good] = [(await subscribe({ url: `${origin}/broken` })).json.id, (await subscribe()).json.id];
    for (const event of ['PR-1-a', 'PR-1-b', 'PR-1-c']) for (const id of [broken, good]) await post(id, event);
    expect(await dispatch()).toEqual({ delivered: 4, failed: 1 });
    expect(received.filter(({ path }) => path === '/broken')).toHaveLength(1);
  });

  it('RACE-12: is due in two runs at once, or put there twice, gets an event with the same id and it is settled once', async () => {
    const { id } = (await subscribe()).json;
    await dispatch();
    received.length = 0;
    const at = new Date();
    await Promise.all([post(id, 'PR-1-same', at), post(id, 'PR-1-same', at)]);
    await Promise.all([dispatch(), dispatch()]);
    await dispatch();
    expect(new Set(received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set(['PR-1-same']));
    const [delivery] = await deliveriesOf(id);
    expect([delivery!.status, delivery!.attempts.length]).toEqual(['delivered', 1]);
    expect(await world.state.table.all({ pk: 'POSTING#0' })).toEqual([]);
  });
});

describe('a mute', () => {
  const mute = (body: object, as = 'lead') => world.call('POST', '/v1/mutes', { as, body });

  it('is made, listed and removed by who it is for', async () => {
    const made = await mute({ event: 'promotion_succeeded', environment: 'staging', until: '2036-12-31T08:00:00Z' });
    expect(made).toMatchObject({ status: 201, json: { event: 'promotion_succeeded', team: null, environment: 'staging' } });
    const listed = (as: string) =>
      world.call('GET', '/v1/mutes', { as }).then(({ json }) => json.items.map(({ id }: { id: string }) => id));
    expect(await listed('lead')).toEqual([made.json.id]);
    expect(await listed('dev')).toEqual([]);
    expect(codeOf(await world.call('DELETE', `/v1/mutes/${made.json.id}`, { as: 'dev' }))).toBe('404 NOT_FOUND');
    expect((await world.call('DELETE', `/v1/mutes/${made.json.id}`, { as: 'lead' })).status).toBe(204);
    expect(await listed('lead')).toEqual([]);
  });

  it('of a team is for its members and administrators', async () => {
    const made = await mute({ event: 'rollout.*', team: '@platform-leads' });
    expect(made).toMatchObject({ status: 201, json: { team: 'platform-leads' } });
    expect(codeOf(await mute({ event: 'rollout.*', team: 'platform-leads' }, 'dev'))).toBe('403 FORBIDDEN');
    expect(codeOf(await mute({ event: 'rollout.*', team: 'nobodys' }))).toBe('404 NOT_FOUND');
    expect((await world.call('DELETE', `/v1/mutes/${made.json.id}`, { as: 'admin' })).status).toBe(204);
  });

  it.each<[object, string]>([
    [{ event: 'security.alert' }, '422 POLICY_FLOOR'],
    [{ event: 'promotion.failed' }, '422 POLICY_FLOOR'],
    [{ event: 'approval.escalated' }, '422 POLICY_FLOOR'],
    [{ event: 'promotion.exploded' }, '400 INVALID_REQUEST'],
    [{ event: 'promotion.started', environment: 'nowhere' }, '400 INVALID_REQUEST'],
    [{ event: 'promotion.started', until: '2020-01-01T00:00:00Z' }, '400 INVALID_DATE'],
    [{}, '400 INVALID_REQUEST'],
  ])('HOOK-15: %j is %s', async (body, expected) => {
    expect(codeOf(await mute(body))).toBe(expected);
  });
});
