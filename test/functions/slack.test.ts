import { createHmac } from 'node:crypto';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SlackMember, SlackMembers } from '../../core/approval/slack-click.ts';
import type { Configuration } from '../../core/environment/configuration.ts';
import { Fault, Refusal } from '../../core/errors.ts';
import type { HttpCall } from '../../functions/kit/http.ts';
import { expectDescribed } from './described.ts';
import { eventsOf, openApproval, outcome } from './requests.ts';
import { ORIGIN, startWorld, type World } from './world.ts';

const NEWER = 'a'.repeat(32);
const OLDER = 'b'.repeat(32);
const PATH = '/v1/slack/interactions';
const CPI2 = 'U0CPITWO';
const OUTSIDER = 'U0OUTSIDER';

let world: World;
let id: string;
let handle: string;
let keys: typeof import('../../adapters/approval/link-keys.ts');
const secrets = mockClient(SecretsManagerClient);

beforeAll(async () => {
  world = await startWorld((configuration) => {
    configuration.environments['staging']!.approvals = [{ name: 'review', rules: [{ role: 'cpi', min: 2 }] }];
    configuration.people.find(({ subject }) => subject === 'cpi2')!.slack = CPI2;
    configuration.people.find(({ subject }) => subject === 'outsider')!.slack = OUTSIDER;
  });
  // A secret that is being rotated: both count.
  secrets.on(GetSecretValueCommand).resolves({ SecretString: `${NEWER}\n${OLDER}` });
  secrets.on(GetSecretValueCommand, { SecretId: 'greenlight/slack-bot' }).resolves({ SecretString: 'xoxb-1' });
  Object.assign(process.env, { LINK_KEYS: JSON.stringify({ k1: process.env['COOKIE_KEY'] }), LINK_KEY_ID: 'k1' });
  keys = await import('../../adapters/approval/link-keys.ts');
});
afterAll(async () => {
  secrets.restore();
  await world.close();
});

beforeEach(async () => {
  id = await openApproval(world);
  handle = await issue();
});

async function issue(more: { requestId?: string; expiresAt?: number } = {}): Promise<string> {
  const { planHash, expiresAt } = (await world.state.promotions.head(id))!;
  const seconds = { issuedAt: Math.floor(Date.now() / 1000), expiresAt: Math.floor(Date.parse(expiresAt) / 1000) };
  return keys.issueHandle({ audience: ORIGIN, requestId: id, planHash, ...seconds, ...more });
}

interface Options {
  user?: string;
  button?: string;
  value?: string;
  payload?: object;
  secret?: string;
}

function delivery({ user = 'U0CPI', button = 'approve', value = handle, payload = {}, secret = NEWER }: Options = {}) {
  const said = {
    type: 'block_actions',
    api_app_id: 'A0GREENLIGHT',
    team: { id: 'T0GREENLIGHT' },
    user: { id: user, team_id: 'T0GREENLIGHT' },
    actions: [{ type: 'button', action_id: button, value }],
    trigger_id: String(Math.random()),
    // Nobody allows this origin, and nobody listens there.
    response_url: 'http://127.0.0.1:1/actions/x',
    ...payload,
  };
  const body = new URLSearchParams({ payload: JSON.stringify(said) }).toString();
  const timestamp = String(Math.floor(Date.now() / 1000));
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    'x-slack-request-timestamp': timestamp,
    'x-slack-signature': `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex')}`,
  };
  return { body, headers, sourceIp: '10.0.0.1' };
}

const click = (options: Options = {}) => world.call('POST', PATH, delivery(options));
const decided = () => eventsOf(world, id, 'approval.decided');

/** The same by a function whose Slack knows members, or whose configuration is another. */
async function clickKnowing(members: SlackMembers, change: (configuration: Configuration) => void, options: Options = {}) {
  const { decideBySlack } = await import('../../functions/approval/decide-by-slack.http.ts');
  const configuration = structuredClone(world.configuration);
  change(configuration);
  const { body, headers, sourceIp } = delivery(options);
  const call = { body, headers, sourceIp, configuration, rawBody: Buffer.from(body), origin: ORIGIN };
  try {
    return String((await decideBySlack(members)(call as unknown as HttpCall)).status);
  } catch (error) {
    if (error instanceof Refusal || error instanceof Fault) return error.code;
    throw error;
  }
}

describe('a signing secret that is rotated', () => {
  it('is believed with its new and its old value, and with no other', async () => {
    expect(outcome(await click({ secret: OLDER }))).toBe('200');
    expect(outcome(await click({ secret: NEWER, user: CPI2 }))).toBe('200');
    expect(outcome(await click({ secret: `${NEWER}\n${OLDER}` }))).toBe('401 BAD_SIGNATURE');
    expect(await decided()).toBe(2);
    expect((await world.state.promotions.head(id))!.phase).toBe('approved');
  });
});

describe('a bot token', () => {
  const withToken = (configuration: Configuration) => {
    configuration.notifications.slack!.botToken = 'secret:greenlight/slack-bot';
  };
  const asked: string[] = [];
  const knows = (member: SlackMember | undefined): SlackMembers => ({
    find: async (token, userId) => {
      asked.push(`${token} ${userId}`);
      return member;
    },
  });

  it('lets Slack say that who clicks is a full member', async () => {
    const member = { teamId: 'T0GREENLIGHT', isRestricted: false };
    expect(await clickKnowing(knows(member), withToken)).toBe('200');
    expect(asked).toEqual(['xoxb-1 U0CPI']);
    expect(await decided()).toBe(1);
    // Without one the configuration is the only authority.
    expect(await clickKnowing(knows(undefined), () => {}, { user: CPI2 })).toBe('200');
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['a guest or a bot', { teamId: 'T0GREENLIGHT', isRestricted: true }],
    ['of another workspace', { teamId: 'T0EVIL', isRestricted: false }],
    ['nobody', undefined],
  ])('refuses who is %s', async (_what, member) => {
    expect(await clickKnowing(knows(member), withToken)).toBe('UNKNOWN_SLACK_USER');
    expect(await decided()).toBe(0);
  });

  it('decides nothing while Slack does not answer', async () => {
    const silent: SlackMembers = { find: () => Promise.reject(new Fault('UNAVAILABLE', 'Slack is away')) };
    expect(await clickKnowing(silent, withToken)).toBe('UNAVAILABLE');
    const broken: SlackMembers = { find: () => Promise.reject(new TypeError('a bug')) };
    await expect(clickKnowing(broken, withToken)).rejects.toThrow('a bug');
    expect(await decided()).toBe(0);
  });

  it('is not used for who is unknown anyway', async () => {
    asked.length = 0;
    expect(await clickKnowing(knows(undefined), withToken, { user: 'U0NOBODY' })).toBe('UNKNOWN_SLACK_USER');
    expect(asked).toEqual([]);
  });
});

describe('a button', () => {
  it('decides nothing where Slack is switched off, or the environment is gone', async () => {
    const nobody: SlackMembers = { find: async () => undefined };
    const off = (configuration: Configuration) => {
      delete configuration.notifications.slack;
      for (const environment of Object.values(configuration.environments)) environment.slackMayDecide = false;
    };
    expect(await clickKnowing(nobody, off)).toBe('FORBIDDEN');
    expect(await clickKnowing(nobody, (configuration) => delete configuration.environments['staging'])).toBe('FORBIDDEN');
    expect(await decided()).toBe(0);
  });

  it('of a request that is not there is none', async () => {
    expect(outcome(await click({ value: await issue({ requestId: 'PR-2026-9999' }) }))).toBe('401 BAD_LINK');
    expect(outcome(await click({ value: handle.slice(0, -1) }))).toBe('401 BAD_LINK');
  });

  it('of another tenant’s request is as unknown as one that never was', async () => {
    expect(outcome(await click({ user: OUTSIDER }))).toBe('404 NOT_FOUND');
  });

  it('SLK-10: of a request that is over says so', async () => {
    expect(outcome(await world.call('POST', `/v1/requests/staging/${id}/cancel`, { as: 'dev', body: {} }))).toBe('200');
    expect(outcome(await click())).toBe('409 STATE_CONFLICT');
  });

  it('is not believed while its MAC cannot be checked, and who clicks is told to try again', async () => {
    const { KMSClient, VerifyMacCommand } = await import('@aws-sdk/client-kms');
    const kms = mockClient(KMSClient);
    try {
      kms.on(VerifyMacCommand).rejects(Object.assign(new Error('slow down'), { name: 'ThrottlingException' }));
      expect(outcome(await click())).toBe('503 UNAVAILABLE');
    } finally {
      kms.restore();
    }
    expect(await decided()).toBe(0);
  });

  it('SLK-10: has its own end, and who it is comes before that', async () => {
    const value = await issue({ expiresAt: Math.floor(Date.now() / 1000) - 1 });
    expect(outcome(await click({ value }))).toBe('410 EXPIRED');
    expect(outcome(await click({ value, button: 'reject' }))).toBe('400 INVALID_REQUEST');
    expect(outcome(await click({ value, user: 'U0DEV' }))).toBe('403 SELF_APPROVAL');
    expect(await decided()).toBe(0);
  });

  it('SELF-01: of who requested it leaves one event for each click, by this channel', async () => {
    expect(outcome(await click({ user: 'U0DEV' }))).toBe('403 SELF_APPROVAL');
    expect(outcome(await click({ user: 'U0DEV', button: 'reject' }))).toBe('403 SELF_APPROVAL');
    expect(await eventsOf(world, id, 'approval.refused')).toBe(2);
    const lines = (await world.state.table.all({ pk: 'OUTBOX#0' })).filter(({ rid }) => rid === id).map(({ line }) => String(line));
    expect(lines.filter((line) => /"type":"approval.refused".*"auth":"slack","channel":"slack"/.test(line))).toHaveLength(2);
  });

  it('keeps the words that were typed, where a decision is made and where it is not', async () => {
    const typed = (value: string) => ({ state: { values: { reason: { reason: { value } } } } });
    expect(outcome(await click({ payload: typed('Approved after review') }))).toBe('200');
    expect(outcome(await click({ user: CPI2, button: 'reject', payload: typed('The rollback plan is thin') }))).toBe('200');
    expect(outcome(await click({ user: CPI2 }))).toBe('409 ALREADY_DECIDED');
    const { json } = await world.call('GET', `/v1/requests/staging/${id}`, { as: 'cpi' });
    expect(json.status).toMatchObject({ phase: 'rejected', rejectionReason: 'The rollback plan is thin' });
    expect(json.status.history).toContainEqual(expect.objectContaining({ by: 'cpi@example.com', comment: 'Approved after review' }));
    expect(outcome(await click({ payload: typed('x'.repeat(4_001)) }))).toBe('400 INVALID_REQUEST');
    expect(outcome(await click({ payload: typed('turned \u202e round, and long enough') }))).toBe('400 INVALID_REQUEST');
  });

  it('of a plan that has changed says so', async () => {
    const edit = { request: { impactAssessment: 'high' } };
    expect(outcome(await world.call('PATCH', `/v1/requests/staging/${id}`, { as: 'dev', body: edit }))).toBe('200');
    const answer = await click();
    expect(outcome(answer)).toBe('409 PLAN_CHANGED');
    expect(answer.json.hint).toContain('a new message');
    expect(await decided()).toBe(0);
  });

  it('that only leads to the page is acknowledged, from our app alone', async () => {
    expect(outcome(await click({ button: 'open', value: '' }))).toBe('200');
    expect(outcome(await click({ button: 'open', value: '', payload: { team: { id: 'T0EVIL' } } }))).toBe('401 BAD_SIGNATURE');
  });

  it('SLK-08: delivered twice at once is decided once, and both deliveries are answered', async () => {
    const twice = delivery();
    const answers = await Promise.all([1, 2, 3, 4].map(() => world.call('POST', PATH, twice)));
    for (const answer of answers)
      expect(answer).toMatchObject({ status: 200, json: { text: `Approved by Chris Cpi; ${id} is pending_approval` } });
    expect(await decided()).toBe(1);
  });

  it('decides although Slack cannot be told', async () => {
    expect(outcome(await click())).toBe('200');
    expect(outcome(await click({ user: CPI2, payload: { response_url: null } }))).toBe('200');
    expect(await decided()).toBe(2);
    // Afterwards as well: the request is over.
    expect(outcome(await click({ user: 'U0SECURITY' }))).toBe('403 NOT_AN_APPROVER');
    expect(world.logged.some((line) => line.includes('Slack message not updated'))).toBe(true);
  });
});

it('answers as the API describes it, and logs no signature, no value and no address', async () => {
  const { body, headers } = delivery();
  await world.call('POST', PATH, { body, headers });
  await click({ payload: { response_url: 'https://hooks.slack.com.evil.invalid/actions/T/1/unguessable' } });
  await expectDescribed(world);
  const logged = world.logged.join('\n');
  for (const secret of [headers['x-slack-signature'], handle, NEWER, 'unguessable']) expect(logged).not.toContain(secret);
});
