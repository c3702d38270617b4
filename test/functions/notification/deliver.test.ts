import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { GenerateMacCommand, KMSClient } from '@aws-sdk/client-kms';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SESClient, SendEmailCommand, type SendEmailCommandInput } from '@aws-sdk/client-ses';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { muteRows } from '../../../adapters/notification/mute-rows.ts';
import { noticeRows } from '../../../adapters/notification/notice-rows.ts';
import { subscriptionRows } from '../../../adapters/notification/subscription-rows.ts';
import { systemNotice } from '../../../adapters/notification/system-alerts.ts';
import { MUTES, unreachableKey } from '../../../adapters/state/keys.ts';
import { decodeToken } from '../../../core/approval/link-token.ts';
import { decodeHandle } from '../../../core/approval/slack-handle.ts';
import { alertOf } from '../../../core/approval/suspicion.ts';
import { eventId } from '../../../core/audit/line.ts';
import type { ConfiguredWebhook, NotificationRoute } from '../../../core/environment/configuration.ts';
import { sha256Hex } from '../../../core/promotion/canonical-json.ts';
import type { NoticeType } from '../../../core/promotion/change.ts';
import { engineChange } from '../../../core/promotion/engine-change.ts';
import type { Phase } from '../../../core/promotion/phase.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { acting, decisionBy, keyOf, NOW } from '../../core/promotion/fixture.ts';
import { type RunWorld, startRunWorld } from '../run-world.ts';

let world: RunWorld;
let deliver: typeof import('../../../functions/notification/deliver.event.ts')['handler'];
const ses = mockClient(SESClient);
const bus = mockClient(EventBridgeClient);
const kms = mockClient(KMSClient);
const secrets = mockClient(SecretsManagerClient);
let slack: Server;
const toSlack: string[] = [];
let slackStatus = 200;

beforeAll(async () => {
  slack = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (slackStatus === 200) toSlack.push(body);
    response.writeHead(slackStatus).end('ok');
  });
  await new Promise<void>((resolve) => slack.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(slack.address() as AddressInfo).port}`;
  Object.assign(process.env, {
    ALLOWED_ORIGINS: origin,
    MAIL_CONFIGURATION_SET: 'greenlight',
    EVENT_BUS: 'bus',
    LINK_KEYS: '{"k1":"arn:key"}',
    LINK_KEY_ID: 'k1',
  });
  world = await startRunWorld((configuration) => {
    configuration.notifications.routes = [{ event: 'approval_requested', recipients: ['platform-team@example.com'] }];
  });
  secrets.on(GetSecretValueCommand).resolves({ SecretString: `${origin}/services/T0/B0/hook-secret` });
  ({ handler: deliver } = await import('../../../functions/notification/deliver.event.ts'));
});
afterAll(async () => {
  for (const stub of [ses, bus, kms, secrets]) stub.restore();
  slack.close();
  await world.close();
});

beforeEach(async () => {
  world.setTime(NOW.toISOString());
  for (const row of await world.state.table.all({ pk: 'NOTICE#0' })) await world.state.table.remove('NOTICE#0', row['SK'] as string);
  const { table } = world.state;
  for (const { PK, SK } of [
    ...(await table.all({ pk: unreachableKey(sha256Hex('lead@example.com')) })),
    ...(await table.all({ pk: MUTES })),
  ])
    await table.remove(PK as string, SK as string);
  for (const stub of [ses, bus, kms]) stub.reset();
  ses.on(SendEmailCommand).resolves({});
  bus.on(PutEventsCommand).resolves({ FailedEntryCount: 0 });
  kms.on(GenerateMacCommand).resolves({ Mac: Buffer.alloc(32, 9) });
  toSlack.length = 0;
  slackStatus = 200;
});

/** A request in a phase, with one notice of it and nothing else. */
async function noticed(type: NoticeType, phase: Phase, data = {}, decided: string[] = [], to = 'prod'): Promise<Promotion> {
  const created = await world.create({}, {}, to);
  const promotion = await world.put(
    created,
    { phase },
    decided.map((subject) => decisionBy(subject, created)),
  );
  for (const row of await world.state.table.all({ pk: 'NOTICE#0' })) await world.state.table.remove('NOTICE#0', row['SK'] as string);
  await world.state.promotions.commit(
    engineChange(promotion, promotion, { type: 'promotion.waiting', action: 'x' }, { notices: [{ type, data }] }),
  );
  return world.head(promotion);
}
const mails = () => ses.commandCalls(SendEmailCommand).map(({ args }) => args[0].input as SendEmailCommandInput);
const addressed = () => mails().map(({ Destination }) => Destination!.ToAddresses!.join());
const textOf = (mail: SendEmailCommandInput) => mail.Message!.Body!.Text!.Data!;
const tokenOf = (mail: SendEmailCommandInput) => /link\?t=(\S+)/.exec(textOf(mail))?.[1];
const busBodies = () => bus.commandCalls(PutEventsCommand).map(({ args }) => JSON.stringify(args[0].input));

describe('asking for approval', () => {
  it('sends each approver a link of their own, and the list the page only', async () => {
    const request = await noticed('approval.requested', 'pending_approval');
    expect(await deliver()).toEqual({ delivered: 1 });
    expect(addressed()).toEqual(['lead@example.com', 'security@example.com', 'platform-team@example.com']);
    const claims = mails().map((mail) => {
      const token = tokenOf(mail);
      return token === undefined ? undefined : decodeToken(token).claims;
    });
    expect(claims.map((claim) => claim?.approver)).toEqual([keyOf('lead'), keyOf('security'), undefined]);
    expect(claims[0]).toMatchObject({ requestId: request.id, planHash: request.planHash, audience: 'https://greenlight.example.com' });
    expect(claims[0]!.expiresAt).toBe(Math.floor(Date.parse(request.expiresAt) / 1000));
    expect(claims[0]!.id).not.toBe(claims[1]!.id);
    expect(textOf(mails()[2]!)).toContain(`https://greenlight.example.com/console/requests/prod/${request.id}`);
    const row = await world.state.table.get(`LINK#${claims[0]!.id}`, 'LINK');
    expect(row).toMatchObject({ state: 'issued', approver: keyOf('lead'), expiresAt: request.expiresAt });
    expect(JSON.stringify(row)).not.toContain(tokenOf(mails()[0]!)!);
  });

  it('puts no token of any kind into the bus, Slack or the log', async () => {
    const request = await noticed('approval.requested', 'pending_approval');
    await world.state.wakes.keepToken(request.id, 1, 'approval', 'the-task-token');
    await deliver();
    const tokens = mails().flatMap((mail) => tokenOf(mail) ?? []);
    expect(tokens).toHaveLength(2);
    expect(toSlack).toHaveLength(1);
    expect(busBodies()).toHaveLength(1);
    const outside = [...toSlack, ...busBodies(), ...world.logged].join('\n');
    for (const secret of [...tokens, 'the-task-token', 'link?t=', 'hook-secret']) expect(outside).not.toContain(secret);
    expect(mails().map(textOf).join()).not.toContain('the-task-token');
  });

  it('that comes late, after the decision, asks nobody', async () => {
    await noticed('approval.requested', 'cancelled');
    await deliver();
    expect(addressed()).toEqual(['platform-team@example.com']);
    expect(mails().some((mail) => tokenOf(mail) !== undefined)).toBe(false);
  });

  it('of many requests goes on from page to page, stops before its time is up, and is finished by the next run', async () => {
    const request = await noticed('gate.finished', 'validating');
    const rows = Array.from({ length: 119 }, (_, index) => ({ seq: index }));
    for (const { seq } of rows)
      await noticeRows(world.state.table).add({ type: 'gate.finished', data: {} }, { ...request, seq }, world.state.clock.now());
    const clock = vi.spyOn(performance, 'now');
    bus.on(PutEventsCommand).callsFake(async () => {
      if (bus.commandCalls(PutEventsCommand).length === 70) clock.mockReturnValue(Number.POSITIVE_INFINITY);
      return { FailedEntryCount: 0 };
    });
    expect(await deliver()).toEqual({ delivered: 70 });
    clock.mockRestore();
    expect(await world.state.table.all({ pk: 'NOTICE#0' })).toHaveLength(50);
    expect(await deliver()).toEqual({ delivered: 50 });
    expect(bus.commandCalls(PutEventsCommand)).toHaveLength(120);
    expect(await world.state.table.all({ pk: 'NOTICE#0' })).toEqual([]);
  });

  it('again after an approval goes to who is still missing', async () => {
    await noticed('approval.decided', 'pending_approval', { decision: 'approve' }, ['lead']);
    await deliver();
    expect(addressed()).toEqual(['security@example.com', 'dev@example.com']);
    expect(mails().map((mail) => tokenOf(mail) !== undefined)).toEqual([true, false]);
  });
});

describe('asking in Slack', () => {
  const posted = () =>
    JSON.parse(toSlack[0]!) as { text: string; blocks: { type: string; elements?: { action_id: string; value?: string }[] }[] };
  const buttons = () => posted().blocks.flatMap(({ elements }) => elements ?? []);

  it('gives whoever may decide the same buttons, bound to the plan', async () => {
    const request = await noticed('approval.requested', 'pending_approval', {}, [], 'staging');
    await deliver();
    expect(buttons().map(({ action_id }) => action_id)).toEqual(['approve', 'reject', 'open']);
    const [approve, reject] = buttons();
    expect(approve!.value).toBe(reject!.value);
    expect(decodeHandle(approve!.value!).handle).toEqual({
      kid: 'k1',
      audience: 'https://greenlight.example.com',
      requestId: request.id,
      planHash: request.planHash,
      issuedAt: Math.floor(NOW.getTime() / 1000),
      expiresAt: Math.floor(Date.parse(request.expiresAt) / 1000),
    });
    // It is no link, and it names nobody; nor does it stand anywhere else.
    expect([...busBodies(), ...mails().map(textOf), ...world.logged].join()).not.toContain(approve!.value!);
  });

  it('leads to the page where Slack does not decide', async () => {
    await noticed('approval.requested', 'pending_approval');
    await deliver();
    expect(buttons().map(({ action_id }) => action_id)).toEqual(['open']);
    expect(JSON.stringify(posted())).toContain('Asked\\nLee Lead, Sam Security');
  });

  it('again says why', async () => {
    await noticed('approval.requested', 'pending_approval', { reason: 'an approval was withdrawn' }, [], 'staging');
    await deliver();
    expect(JSON.stringify(posted())).toContain('Reason: an approval was withdrawn');
  });

  it.each<[NoticeType, Phase]>([
    ['approval.requested', 'cancelled'],
    ['approval.decided', 'pending_approval'],
    ['promotion.requested', 'requested'],
    ['promotion.succeeded', 'succeeded'],
  ])('stops at %s of a request that is %s: no buttons', async (type, phase) => {
    await noticed(type, phase, {}, [], 'staging');
    await deliver();
    expect(buttons().map(({ action_id }) => action_id)).toEqual(['open']);
  });
});

/** A request on which lead has decided by the mailed link, with the notices that this makes and no others. */
async function decidedByLink(
  phase: Phase,
  more: { auth?: 'session' | 'email-link'; decision?: 'approve' | 'reject' } = {},
): Promise<Promotion> {
  const { auth = 'session', decision = 'approve' } = more;
  const created = await world.create();
  const promotion = await world.put(created, { phase }, [
    decisionBy('lead', created, { channel: 'link', auth, decision, comment: 'as\r\nagreed <b>' }),
  ]);
  for (const row of await world.state.table.all({ pk: 'NOTICE#0' })) await world.state.table.remove('NOTICE#0', row['SK'] as string);
  return world.state.promotions.commit({
    before: promotion,
    after: promotion,
    event: {
      type: 'approval.decided',
      ...acting('lead'),
      auth,
      channel: 'link',
      data: {},
      history: { action: decision === 'approve' ? 'approved' : 'rejected' },
    },
    notices: [{ type: 'approval.decided', data: { decision, channel: 'link' } }],
  });
}

describe('a decision by mailed link', () => {
  it('is confirmed to the approver, with the receipt and a link that takes it back and decides nothing', async () => {
    const request = await decidedByLink('pending_approval');
    expect(await deliver()).toEqual({ delivered: 1 });
    const receipt = mails().find(({ Message }) => Message!.Subject!.Data!.includes('Your approval is recorded'))!;
    expect(receipt.Destination).toEqual({ ToAddresses: ['lead@example.com'] });
    const text = textOf(receipt);
    for (const part of [
      request.id,
      request.planHash,
      request.digest,
      'approved',
      NOW.toISOString(),
      eventId(request.id, request.seq),
      'signed in as you',
    ]) {
      expect(text).toContain(part);
    }
    expect(text).not.toContain('/v1/approvals/link?t=');
    const token = /https:\/\/greenlight\.example\.com\/v1\/approvals\/link\/revoke\?t=(\S+)/.exec(text)![1]!;
    const { claims } = decodeToken(token);
    expect(claims).toMatchObject({ approver: keyOf('lead'), requestId: request.id, planHash: request.planHash });
    expect(await world.state.table.get(`LINK#${claims.id}`, 'LINK')).toMatchObject({ state: 'used', decision: 'approve' });
    expect(receipt.Message!.Body!.Html!.Data).not.toContain('<b>');
    // Everything that leaves for many eyes knows nothing of it.
    for (const outside of [...toSlack, ...busBodies(), ...world.logged]) expect(outside).not.toContain('revoke?t=');
  });

  it('says so when nobody was signed in', async () => {
    await decidedByLink('approved', { auth: 'email-link', decision: 'reject' });
    await deliver();
    const receipt = mails().find(({ Message }) => Message!.Subject!.Data!.includes('Your rejection is recorded'))!;
    expect(textOf(receipt)).toContain('nobody was signed in');
  });

  it('is told to who could have decided as well, by name, and confirmed once however often it is tried', async () => {
    await decidedByLink('pending_approval');
    bus.on(PutEventsCommand).rejects(new Error('the bus is away'));
    await expect(deliver()).rejects.toThrow('1 notices');
    const first = addressed();
    expect([...first].sort()).toEqual(['dev@example.com', 'lead@example.com', 'security@example.com']);
    const told = mails().find(({ Destination }) => Destination!.ToAddresses![0] === 'dev@example.com')!;
    expect(textOf(told)).toContain('Decided by: lead@example.com, with the link that was mailed to them');
    bus.on(PutEventsCommand).resolves({ FailedEntryCount: 0 });
    await deliver();
    expect(addressed()).toEqual(first);
  });

  it('over another channel is not confirmed by mail', async () => {
    await noticed('approval.decided', 'approved', { decision: 'approve', channel: 'rest' }, ['lead']);
    await deliver();
    expect(addressed()).toEqual(['dev@example.com']);
  });

  it('that was somebody else’s makes an alert that says what became of it', async () => {
    const request = await decidedByLink('promoting');
    for (const row of await world.state.table.all({ pk: 'NOTICE#0' })) await world.state.table.remove('NOTICE#0', row['SK'] as string);
    await world.state.promotions.commit({
      before: request,
      after: request,
      event: { type: 'link.revoked', ...acting('lead'), data: {}, history: { action: 'link_revoked' } },
      notices: [alertOf('decision_revoked', { decision: 'approve', outcome: 'begun' })],
    });
    await deliver();
    expect(addressed().sort()).toEqual(['admin@example.com', 'lead@example.com', 'security@example.com']);
    const text = textOf(mails()[0]!);
    expect(text).toContain('lead@example.com says that the approval which was recorded in their name by a mailed link was not theirs');
    expect(text).toContain('abort it now');
    expect(JSON.parse(toSlack[0]!).text).toContain('rotating_light');
  });
});

describe('LINK-20 whom no mail reaches', () => {
  const returned = (requestId: string, messageId: string, detail: object) => ({
    source: 'aws.ses',
    'detail-type': 'Email Bounced',
    detail: { mail: { messageId, destination: ['lead@example.com'], tags: { 'greenlight-request': [requestId] } }, ...detail },
  });
  const bounce = { bounce: { bounceType: 'Permanent', bouncedRecipients: [{ emailAddress: 'lead@example.com' }] } };

  it('is told to those who can do something about it, once for each mail, and stays in the record of the request', async () => {
    const request = await noticed('approval.requested', 'pending_approval');
    await deliver();
    expect(mails().map(({ Tags }) => Tags)).toEqual(mails().map(() => [{ Name: 'greenlight-request', Value: request.id }]));
    ses.resetHistory();
    expect(await deliver(returned(request.id, 'm1', bounce))).toEqual({ delivered: 1 });
    // Whose mail came back gets none.
    expect([...addressed()].sort()).toEqual(['admin@example.com', 'dev@example.com', 'security@example.com']);
    expect(textOf(mails()[0]!)).toContain('mail to lead@example.com did not arrive: the address does not take mail (Permanent)');
    // The mail about it must not make another one when it comes back too.
    expect(mails().map(({ Tags }) => Tags)).toEqual(mails().map(() => [{ Name: 'greenlight-request', Value: 'none' }]));
    expect(await noticeRows(world.state.table).hasFailed(request.id)).toBe(true);
    ses.resetHistory();
    expect(await deliver(returned(request.id, 'm1', bounce))).toEqual({ delivered: 0 });
    expect(addressed()).toEqual([]);
    expect(
      await deliver(returned(request.id, 'm2', { complaint: { complainedRecipients: [{ emailAddress: 'lead@example.com' }] } })),
    ).toEqual({ delivered: 1 });
    expect(textOf(mails()[0]!)).toContain('unwanted');
  });

  it('is asked for nothing by mail any more for a week, and `explain` says so', async () => {
    const before = await noticed('promotion.succeeded', 'succeeded');
    await deliver(returned(before.id, 'm3', bounce));
    ses.resetHistory();
    const request = await noticed('approval.requested', 'pending_approval');
    expect(await deliver()).toEqual({ delivered: 1 });
    expect(addressed()).toEqual(['security@example.com', 'platform-team@example.com']);
    expect(await noticeRows(world.state.table).hasFailed(request.id)).toBe(true);
    world.setTime(new Date(NOW.getTime() + 8 * 86_400_000).toISOString());
    ses.resetHistory();
    await noticed('approval.requested', 'pending_approval');
    await deliver();
    expect(addressed()).toContain('lead@example.com');
  });

  it('because one mail did not arrive, gets the next', async () => {
    const request = await noticed('approval.requested', 'pending_approval');
    const transient = { bounce: { bounceType: 'Transient', bouncedRecipients: [{ emailAddress: 'lead@example.com' }] } };
    await deliver(returned(request.id, 'm4', transient));
    ses.resetHistory();
    await noticed('approval.requested', 'pending_approval');
    await deliver();
    expect(addressed()).toContain('lead@example.com');
  });

  it.each([
    ['of a request that there is not', returned('PR-2026-9999', 'm9', bounce)],
    ['of another sender', { source: 'aws.ses', detail: { mail: { messageId: 'm', tags: {} } } }],
    ['that is none', { source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} }],
    ['of a stream', { Records: [] }],
  ])('makes nothing of an event %s', async (_what, event) => {
    expect(await deliver(event)).toEqual({ delivered: 0 });
    expect(addressed()).toEqual([]);
  });

  it('and that there is nobody to ask, is a failure that is tried again', async () => {
    const request = await noticed('approval.requested', 'pending_approval', {}, ['lead', 'security']);
    const plan = (await world.state.promotions.plan(request.id, request.planHash))!;
    const wanting = { ...plan, approvals: [{ name: 'approval', rules: [{ team: 'platform-leads', min: 2 }] }] };
    await world.state.table.put({ PK: `REQ#${request.id}`, SK: `PLAN#${request.planHash}`, body: wanting });
    await expect(deliver()).rejects.toThrow('1 notices');
    expect(await world.state.table.get(`DELIVERY#${request.id}`, 'FAILED')).toMatchObject({ message: 'mail: there is nobody left to ask' });
    await world.state.table.put({ PK: `REQ#${request.id}`, SK: `PLAN#${request.planHash}`, body: plan });
    await world.put(request, { phase: 'approved' });
    expect(await deliver()).toEqual({ delivered: 1 });
    expect(await noticeRows(world.state.table).hasFailed(request.id)).toBe(false);
  });
});

describe('what fails', () => {
  it('keeps no other waiting, is tried again, and nothing is sent twice', async () => {
    const request = await noticed('approval.requested', 'pending_approval');
    let refused = 'lead@example.com';
    ses.on(SendEmailCommand).callsFake(async (input: SendEmailCommandInput) => {
      if (input.Destination!.ToAddresses!.includes(refused)) throw new Error('MessageRejected: address is not verified');
    });
    await expect(deliver()).rejects.toThrow('1 notices could not be delivered');
    expect(addressed()).toEqual(['lead@example.com', 'security@example.com', 'platform-team@example.com']);
    const failed = await world.state.table.get(`DELIVERY#${request.id}`, 'FAILED');
    expect(failed!['message']).toBe('mail: MessageRejected: address is not verified');
    refused = '';
    ses.resetHistory();
    expect(await deliver()).toEqual({ delivered: 1 });
    expect(addressed()).toEqual(['lead@example.com']);
    expect(toSlack).toHaveLength(1);
    expect(busBodies()).toHaveLength(1);
    // What went out in the end is no failure any more, for `explain` too.
    expect(await world.state.table.get(`DELIVERY#${request.id}`, 'FAILED')).toMatchObject({ repaired: true });
    ses.resetHistory();
    expect(await deliver()).toEqual({ delivered: 0 });
    expect(addressed()).toEqual([]);
  });

  it('on the bus or in Slack keeps no mail waiting', async () => {
    await noticed('approval.requested', 'pending_approval');
    bus.on(PutEventsCommand).resolves({ FailedEntryCount: 1, Entries: [{ ErrorCode: 'InternalFailure' }] });
    slackStatus = 500;
    await expect(deliver()).rejects.toThrow('1 notices could not be delivered');
    expect(addressed()).toHaveLength(3);
    bus.on(PutEventsCommand).resolves({ FailedEntryCount: 0 });
    slackStatus = 200;
    expect(await deliver()).toEqual({ delivered: 1 });
    expect(addressed()).toHaveLength(3);
    const ids = bus.commandCalls(PutEventsCommand).map(({ args }) => {
      const { Entries } = args[0].input as { Entries: { Detail: string }[] };
      return (JSON.parse(Entries[0]!.Detail) as { id: string }).id;
    });
    expect(ids[0]).toBe(ids[1]);
  });

  it('with the link of one approver keeps the other approvers not waiting', async () => {
    await noticed('approval.requested', 'pending_approval');
    let calls = 0;
    kms.on(GenerateMacCommand).callsFake(async () => {
      if (++calls === 1) throw new Error('KMS is away');
      return { Mac: Buffer.alloc(32, 9) };
    });
    await expect(deliver()).rejects.toThrow('1 notices could not be delivered');
    expect(addressed()).toEqual(['security@example.com', 'platform-team@example.com']);
  });

  it('for a day is given up, and stays in the record of the request', async () => {
    const request = await noticed('promotion.succeeded', 'succeeded');
    ses.on(SendEmailCommand).rejects(new Error('suspended'));
    await expect(deliver()).rejects.toThrow('1 notices');
    world.setTime(new Date(NOW.getTime() + 25 * 3_600_000).toISOString());
    await expect(deliver()).rejects.toThrow('1 notices could not be delivered');
    expect(await deliver()).toEqual({ delivered: 0 });
    expect(await world.state.table.get(`DELIVERY#${request.id}`, 'FAILED')).toBeDefined();
  });
});

describe('who hears of what', () => {
  it('steps and single gates go to the bus alone', async () => {
    await noticed('rollout.step', 'promoting', { step: 'canary:10' });
    await deliver();
    expect([mails().length, toSlack.length, busBodies().length]).toEqual([0, 0, 1]);
    expect(busBodies()[0]).toContain('canary:10');
  });

  it('the end goes to the requester and to who decided', async () => {
    await noticed('promotion.succeeded', 'succeeded', { version: '1.1.0' }, ['lead', 'security']);
    await deliver();
    expect(addressed().sort()).toEqual(['dev@example.com', 'lead@example.com', 'security@example.com']);
    expect(mails().some((mail) => tokenOf(mail) !== undefined)).toBe(false);
  });

  it('foreign text is text in Slack', async () => {
    const request = await noticed('approval.requested', 'pending_approval');
    const texts = (await world.state.table.get(`REQ#${request.id}`, 'TEXTS'))!;
    const body = structuredClone(texts['body']) as { spec: { request: { justification: string } } };
    body.spec.request.justification = '<!channel> <https://evil|click> *bold*';
    await world.state.table.put({ ...texts, body });
    await deliver();
    const { blocks } = JSON.parse(toSlack[0]!) as { blocks: { type: string; text?: { type: string; text: string } }[] };
    const block = blocks.find(({ text }) => text?.text.includes('<!channel>'));
    expect(block!.text!.type).toBe('plain_text');
    expect((JSON.parse(toSlack[0]!) as { text: string }).text).not.toContain('<');
  });
});

it('a notice of a request that is gone is done', async () => {
  const body = { type: 'promotion.started', data: {}, requestId: 'PR-2026-9999', seq: 1, attempt: 1, planHash: 'x' };
  await world.state.table.put({ PK: 'NOTICE#0', SK: '0', at: NOW.toISOString(), body });
  expect(await deliver()).toEqual({ delivered: 1 });
  expect(await world.state.table.all({ pk: 'NOTICE#0' })).toEqual([]);
});

describe('REQ-339 where an event goes', () => {
  const { routes, webhooks } = { routes: [] as NotificationRoute[], webhooks: [] as ConfiguredWebhook[] };
  beforeAll(async () => {
    const configuration = await world.state.configuration();
    routes.push(...configuration.notifications.routes);
    webhooks.push(...configuration.notifications.webhooks);
  });
  const configured = async (change: { routes?: NotificationRoute[]; webhooks?: ConfiguredWebhook[]; mail?: false }) =>
    Object.assign((await world.state.configuration()).notifications, { routes, webhooks, mail: undefined }, change);
  afterEach(() => configured({}));

  it('is said for each environment: recipients, teams, weight, and who is named in Slack', async () => {
    await configured({
      routes: [
        {
          event: 'promotion_succeeded',
          environments: ['prod'],
          recipients: ['ops@example.com', '@qa', '@incident-commander'],
          severity: 'warning',
        },
        { event: 'promotion.*', environments: ['staging'], recipients: ['staging@example.com'] },
      ],
    });
    await noticed('promotion.succeeded', 'succeeded', { version: '1.1.0' });
    await deliver();
    expect(addressed().sort()).toEqual(['dev', 'lead', 'ops', 'qa', 'security'].map((name) => `${name}@example.com`));
    const message = JSON.parse(toSlack[0]!) as { text: string; blocks: { type: string; elements: { text: string }[] }[] };
    expect(message.text).toMatch(/^:warning:/);
    expect(message.blocks.find(({ type }) => type === 'context')!.elements[0]!.text).toBe('For @incident-commander');
    expect(JSON.parse(busBodies()[0]!).Entries[0].Detail).toContain('"severity":"warning"');
  });

  it('closes channels, but never to a task or to what is critical', async () => {
    await configured({ routes: [{ event: '*', channels: ['slack'], recipients: ['ops@example.com'] }] });
    await noticed('promotion.started', 'promoting');
    await deliver();
    expect(addressed()).toEqual([]);
    await noticed('approval.requested', 'pending_approval');
    await deliver();
    expect(addressed()).toEqual(['lead@example.com', 'security@example.com']);
    ses.resetHistory();
    await configured({ mail: false });
    await noticed('promotion.failed', 'failed', { code: 'ROLLBACK_FAILED' });
    await deliver();
    expect(addressed()).toContain('dev@example.com');
    toSlack.length = 0;
    await configured({ routes: [{ event: '*', channels: ['email'], recipients: [] }] });
    await noticed('promotion.started', 'promoting');
    await deliver();
    expect(toSlack).toEqual([]);
  });

  const acting = { actor: { id: 'p', key: 'k', kind: 'person', email: 'x@example.com' }, auth: 'oidc', channel: 'rest' } as never;
  const mute = (of: object) => muteRows(world.state.table, world.state.clock).add({ createdBy: 'x', event: '*', ...of }, acting);
  const personOf = (subject: string) => ({ person: { key: keyOf(subject), email: `${subject}@example.com` } });

  it('spares who has muted it, and a team only as that team', async () => {
    await configured({ routes: [{ event: 'promotion.started', recipients: ['@qa', '@security'] }] });
    await mute({ ...personOf('dev'), event: 'deployment-started' });
    await mute({ team: 'qa', event: 'promotion.*' });
    await mute({ team: 'security', event: 'promotion.started', environment: 'staging' });
    await mute({ ...personOf('lead'), event: 'promotion.succeeded' });
    await noticed('promotion.started', 'promoting', {}, ['lead', 'security']);
    await deliver();
    expect(addressed().sort()).toEqual(['lead@example.com', 'security@example.com']);
  });

  it('HOOK-15: spares nobody a task, what is critical, or what concerns security', async () => {
    for (const subject of ['dev', 'lead', 'security', 'admin']) await mute(personOf(subject));
    await noticed('approval.requested', 'pending_approval');
    await deliver();
    expect(addressed()).toEqual(['lead@example.com', 'security@example.com', 'platform-team@example.com']);
    ses.resetHistory();
    await noticed('promotion.failed', 'failed', { code: 'DIGEST_MISMATCH' });
    await noticed('security.alert', 'promoting', { signal: 'x' });
    await deliver();
    expect(addressed()).toContain('admin@example.com');
    ses.resetHistory();
    await noticed('promotion.succeeded', 'succeeded', { version: '1.1.0' });
    await deliver();
    expect(addressed()).toEqual([]);
  });

  it('HOOK-15: with every channel down is a failure that the alarm counts and `explain` shows, and the promotion goes on', async () => {
    ses.on(SendEmailCommand).rejects(new Error('sending is paused'));
    bus.on(PutEventsCommand).rejects(new Error('no bus'));
    slackStatus = 500;
    const request = await noticed('promotion.failed', 'failed', { code: 'X' });
    await expect(deliver()).rejects.toThrow('1 notices could not be delivered');
    const failed = await world.state.table.get(`DELIVERY#${request.id}`, 'FAILED');
    for (const channel of ['bus:', 'slack:', 'mail:']) expect(failed!['message']).toContain(channel);
    expect((await world.head(request)).version).toBe(request.version);
    expect(await world.state.table.all({ pk: 'NOTICE#0' })).toHaveLength(1);
  });

  it('is handed to subscribers of the tenant and of the configuration, once, whatever repeats it', async () => {
    const { table, clock } = world.state;
    const made = {
      tenant: 'tenant-finance',
      url: 'https://x.example.com/',
      secretVersion: 1,
      createdAt: NOW.toISOString(),
      createdBy: 'x',
    };
    const subscriptions = subscriptionRows(table, clock);
    for (const [id, more] of Object.entries({
      'sub-all': { events: ['*'] },
      'sub-alias': { events: ['deployment-succeeded'], environments: ['prod'] },
      'sub-other': { events: ['*'], environments: ['staging'] },
      'sub-grave': { events: ['*'], severity: 'critical' as const },
      'sub-artifact': { events: ['*'], artifacts: ['retail-web'] },
      'sub-off': { events: ['*'], disabled: { at: NOW.toISOString(), because: 'gone' } },
      'sub-retail': { events: ['*'], tenant: 'tenant-retail' },
    }))
      await subscriptions.add({ id, ...made, ...more }, acting, []);
    await configured({
      webhooks: [{ name: 'config', url: 'https://y.example.com', secret: 'secret:greenlight/x', events: ['promotion.*'] }],
    });
    const request = await noticed('promotion.succeeded', 'succeeded', { version: '1.1.0' });
    ses.on(SendEmailCommand).rejectsOnce(new Error('not now')).resolves({});
    await expect(deliver()).rejects.toThrow('1 notices');
    await deliver();
    const waiting = (await table.all({ pk: 'POSTING#0' })).map(({ subscription }) => subscription);
    expect(waiting.sort()).toEqual(['config', 'sub-alias', 'sub-all']);
    const [row] = await table.all({ pk: 'POSTED#sub-all' });
    const event = JSON.parse((row!['body'] as { body: string }).body);
    expect(event).toMatchObject({
      type: 'dev.greenlight.promotion.succeeded',
      subject: request.id,
      data: {
        tenant: 'tenant-finance',
        severity: 'info',
        aliases: ['deployment-succeeded', 'promotion-succeeded'],
      },
    });
    expect(JSON.stringify(event)).not.toMatch(/@example\.com|Dana/);
  });

  it('of no request goes to the bus, to subscribers of its tenant, to who is named, and to administrators where they must act', async () => {
    const { table } = world.state;
    for (const { PK, SK } of await table.all({ pk: 'POSTING#0' })) await table.remove(PK as string, SK as string);
    const data = {
      tenant: 'tenant-finance',
      artifact: 'payment-api',
      version: '1.0.0',
      status: 'eol',
      reason: 'payment-api 1.0.0 is at its end',
    };
    await table.transact([systemNotice('sys:lifecycle:x', { type: 'lifecycle.changed', data, to: ['owner@example.com'] }, NOW)]);
    expect(await deliver()).toEqual({ delivered: 1 });
    expect(addressed()).toEqual(['owner@example.com']);
    expect(mails()[0]!.Message!.Subject!.Data).toBe('Lifecycle of a version changed: payment-api 1.0.0 is at its end');
    expect(busBodies()[0]).toContain('lifecycle.changed');
    expect((await table.all({ pk: 'POSTING#0' })).map(({ subscription }) => subscription)).toEqual(['sub-all']);
    ses.resetHistory();
    await table.transact([
      systemNotice('sys:subscription:x', { type: 'subscription.disabled', data: { tenant: 'tenant-retail', reason: 'gone' } }, NOW),
    ]);
    await deliver();
    expect(addressed()).toEqual(['admin@example.com']);
  });
});
