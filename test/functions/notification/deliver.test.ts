import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { GenerateMacCommand, KMSClient } from '@aws-sdk/client-kms';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SESClient, SendEmailCommand, type SendEmailCommandInput } from '@aws-sdk/client-ses';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeToken } from '../../../core/approval/link-token.ts';
import { decodeHandle } from '../../../core/approval/slack-handle.ts';
import type { NoticeType } from '../../../core/promotion/change.ts';
import { engineChange } from '../../../core/promotion/engine-change.ts';
import type { Phase } from '../../../core/promotion/phase.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { decisionBy, keyOf, NOW } from '../../core/promotion/fixture.ts';
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
    configuration.notifications.recipients = { approval_requested: ['platform-team@example.com'] };
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
    expect(await deliver()).toEqual({ delivered: 1, failed: 0 });
    expect(addressed()).toEqual(['lead@example.com', 'security@example.com', 'platform-team@example.com']);
    const claims = mails().map((mail) => {
      const token = tokenOf(mail);
      return token === undefined ? undefined : decodeToken(token).claims;
    });
    expect(claims.map((claim) => claim?.approver)).toEqual([keyOf('lead'), keyOf('security'), undefined]);
    expect(claims[0]).toMatchObject({ requestId: request.id, planHash: request.planHash, audience: 'https://greenlight.example.com' });
    expect(claims[0]!.expiresAt).toBe(Math.floor(Date.parse(request.expiresAt) / 1000));
    expect(claims[0]!.id).not.toBe(claims[1]!.id);
    expect(textOf(mails()[2]!)).toContain(`https://greenlight.example.com/v1/requests/prod/${request.id}`);
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

describe('what fails', () => {
  it('keeps no other waiting, is tried again, and nothing is sent twice', async () => {
    const request = await noticed('approval.requested', 'pending_approval');
    let refused = 'lead@example.com';
    ses.on(SendEmailCommand).callsFake(async (input: SendEmailCommandInput) => {
      if (input.Destination!.ToAddresses!.includes(refused)) throw new Error('MessageRejected: address is not verified');
    });
    expect(await deliver()).toEqual({ delivered: 0, failed: 1 });
    expect(addressed()).toEqual(['lead@example.com', 'security@example.com', 'platform-team@example.com']);
    const failed = await world.state.table.get(`DELIVERY#${request.id}`, 'FAILED');
    expect(failed!['message']).toBe('mail: MessageRejected: address is not verified');
    refused = '';
    ses.resetHistory();
    expect(await deliver()).toEqual({ delivered: 1, failed: 0 });
    expect(addressed()).toEqual(['lead@example.com']);
    expect(toSlack).toHaveLength(1);
    expect(busBodies()).toHaveLength(1);
    // What went out in the end is no failure any more, for `explain` too.
    expect(await world.state.table.get(`DELIVERY#${request.id}`, 'FAILED')).toMatchObject({ repaired: true });
    ses.resetHistory();
    expect(await deliver()).toEqual({ delivered: 0, failed: 0 });
    expect(addressed()).toEqual([]);
  });

  it('on the bus or in Slack keeps no mail waiting', async () => {
    await noticed('approval.requested', 'pending_approval');
    bus.on(PutEventsCommand).resolves({ FailedEntryCount: 1, Entries: [{ ErrorCode: 'InternalFailure' }] });
    slackStatus = 500;
    expect(await deliver()).toEqual({ delivered: 0, failed: 1 });
    expect(addressed()).toHaveLength(3);
    bus.on(PutEventsCommand).resolves({ FailedEntryCount: 0 });
    slackStatus = 200;
    expect(await deliver()).toEqual({ delivered: 1, failed: 0 });
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
    expect(await deliver()).toEqual({ delivered: 0, failed: 1 });
    expect(addressed()).toEqual(['security@example.com', 'platform-team@example.com']);
  });

  it('for a day is given up, and stays in the record of the request', async () => {
    const request = await noticed('promotion.succeeded', 'succeeded');
    ses.on(SendEmailCommand).rejects(new Error('suspended'));
    await deliver();
    world.setTime(new Date(NOW.getTime() + 25 * 3_600_000).toISOString());
    expect(await deliver()).toEqual({ delivered: 0, failed: 1 });
    expect(await deliver()).toEqual({ delivered: 0, failed: 0 });
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
  expect(await deliver()).toEqual({ delivered: 1, failed: 0 });
  expect(await world.state.table.all({ pk: 'NOTICE#0' })).toEqual([]);
});
