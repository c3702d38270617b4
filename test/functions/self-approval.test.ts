import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Actor } from '../../core/access/identity.ts';
import type { Configuration, PersonConfiguration } from '../../core/environment/configuration.ts';
import { readConfiguration } from '../../core/environment/configuration-file.ts';
import { signMessage } from '../../core/gate/webhook-signature.ts';
import { messageOf } from '../../core/notification/message.ts';
import { expectDescribed } from './described.ts';
import { mailLink, openForm, sendForm } from './mailed-links.ts';
import { createRequest, eventsOf, openApproval, outcome, runGates } from './requests.ts';
import { type Answer, startWorld, type World } from './world.ts';

/** The catalogue's group SELF over HTTP: nobody approves what is theirs, whatever the channel, the spelling or the account. Slack's clicks: slack.test.ts. */
let world: World;
/** The configuration in force, which a test may change; it is as it was for the next one. */
let live: Configuration;
let original: Configuration;

const REVIEW = [{ name: 'review', rules: [{ role: 'cpi', min: 2 }] }];
const robot: PersonConfiguration = {
  ...{
    subject: 'robot',
    email: 'robot@example.com',
    name: 'Robot',
    tenants: ['tenant-finance'],
    roles: ['cpi'],
    teams: [],
    disabled: false,
  },
  owner: 'cpi3',
};

beforeAll(async () => {
  world = await startWorld((configuration) => {
    const cpi = configuration.people.find(({ subject }) => subject === 'cpi')!;
    configuration.people.push({ ...cpi, subject: 'cpi3', email: 'cpi3@example.com' }, robot);
    configuration.people.push({ ...cpi, subject: 'second', email: 'c.p.i+second@example.com' });
    Object.assign(configuration.environments['staging']!, { approvals: REVIEW, gates: ['policy', 'http'] });
  });
  live = await world.state.configuration();
  original = structuredClone(live);
});
beforeEach(() => void Object.assign(live, structuredClone(original)));
afterAll(() => world.close());

const path = (id: string, verb = '') => `/v1/requests/staging/${id}${verb && `/${verb}`}`;
const approve = (id: string, as: string, body: object = {}, headers = {}) => world.call('POST', path(id, 'approve'), { as, body, headers });
const reject = (id: string, as: string) => world.call('POST', path(id, 'reject'), { as, body: { reason: 'The rollback plan is thin' } });
const statusOf = async (id: string) => (await world.call('GET', path(id), { as: 'admin' })).json.status;
const given = async (id: string): Promise<string[]> => (await statusOf(id)).approvals.stages[0].rules[0].given;
const person = (subject: string) => live.people.find((candidate) => candidate.subject === subject)!;

/** A token of the issuer for a subject of one's choice, as if the account there were named and addressed so. */
async function tokenOf(sub: string, email: string): Promise<string> {
  const { access_token: token } = await world.token('cpi');
  const claims = JSON.parse(Buffer.from(token!.split('.')[1]!, 'base64url').toString()) as object;
  return `Bearer ${await world.sign({ ...claims, sub, email })}`;
}

describe('SELF-01: who requested it approves on no channel, and each attempt is one audit event of that channel', () => {
  let id: string;
  beforeEach(async () => {
    id = await openApproval(world, 'cpi');
  });
  async function expectRefused(answer: Answer, channel: string, auth: string): Promise<void> {
    expect(outcome(answer)).toBe('403 SELF_APPROVAL');
    expect(await given(id)).toEqual([]);
    const rows = (await world.state.table.all({ pk: 'OUTBOX#0' }))
      .filter(({ rid }) => rid === id)
      .map(({ line }) => JSON.parse(String(line)));
    const refused = rows.filter(({ type }) => type === 'approval.refused');
    expect(refused.map(({ actor, data }) => [actor.channel, actor.auth, data.code])).toEqual([[channel, auth, 'SELF_APPROVAL']]);
  }

  async function isAskedBy(requester: Actor): Promise<void> {
    const row = (await world.state.table.get(`REQ#${id}`, 'HEAD'))!;
    await world.state.table.put({ ...row, body: { ...(row['body'] as object), requester } });
  }

  it('REST', async () => expectRefused(await approve(id, 'cpi'), 'rest', 'oidc'));

  it('the command line', async () => expectRefused(await approve(id, 'cpi', {}, { 'x-greenlight-client': 'cli' }), 'cli', 'oidc'));

  it('a link of their own, that somebody made for them', async () => {
    const link = await mailLink(world, id, 'cpi');
    const { page, csrf } = await openForm(world, link);
    expect([page.status, csrf]).toEqual([403, '']);
    // A form from before: it was somebody else's request when the page was opened.
    const { requester } = (await world.state.promotions.head(id))!;
    await isAskedBy({ ...requester, key: 'another', email: 'another@example.com' });
    const form = await openForm(world, await mailLink(world, id, 'cpi'));
    await isAskedBy(requester);
    await expectRefused(await sendForm(world, form), 'link', 'email-link');
  });

  it('the link of somebody else, opened by who is signed in as the requester', async () => {
    const form = await openForm(world, await mailLink(world, id, 'cpi2'));
    const { access_token: token } = await world.token('cpi');
    const answer = await sendForm(world, form, { headers: { authorization: `Bearer ${token}` } });
    await expectRefused(answer, 'link', 'oidc');
  });

  it('a webhook: it speaks for a service that the plan names, and for no person', async () => {
    live.automatedApprovers['advisor'] = { name: 'advisor', url: 'https://advisor.example.com', secret: 'env:none' };
    const { planHash } = await statusOf(id);
    const send = (body: object) => {
      const text = JSON.stringify(body);
      const headers = { ...signMessage('guessed', 'message-1', new Date(), Buffer.from(text)), 'content-type': 'application/json' };
      return world.call('POST', `/v1/hooks/approvals/${id}/cpi`, { body: text, headers });
    };
    expect(outcome(await send({ decision: 'approve', planHash }))).toBe('401 BAD_SIGNATURE');
    expect(outcome(await send({ decision: 'approve', planHash, actor: 'cpi' }))).toBe('401 BAD_SIGNATURE');
    expect(await given(id)).toEqual([]);
  });

  it('the robot of theirs: who owns it counts as who asked', async () => {
    const asked = await openApproval(world, 'robot');
    expect(outcome(await approve(asked, 'cpi3'))).toBe('403 SELF_APPROVAL');
    expect(outcome(await approve(asked, 'robot'))).toBe('403 HUMAN_REQUIRED');
    expect(outcome(await approve(asked, 'cpi'))).toBe('200');
  });

  it('a rejection neither, which would end what others are to decide', async () => expectRefused(await reject(id, 'cpi'), 'rest', 'oidc'));
});

describe('SELF-02: the person is the subject, not the spelling of the address', () => {
  it.each([
    'C.P.I@example.com',
    'cpi+approve@example.com',
    'cpi@EXAMPLE.COM',
    'ｃpi@example.com',
    'cpi@example.com.',
    'other@example.com',
    '',
  ])('the same subject with the address "%s"', async (email) => {
    const id = await openApproval(world, 'cpi');
    expect(outcome(await approve(id, await tokenOf('cpi', email)))).toBe('403 SELF_APPROVAL');
    expect(await given(id)).toEqual([]);
  });

  it('another account with another spelling of the address: the second net', async () => {
    const id = await openApproval(world, 'cpi');
    expect(outcome(await approve(id, 'c.p.i+second@example.com'))).toBe('403 SELF_APPROVAL');
  });

  it('and two accounts of one approver are one approval', async () => {
    const id = await openApproval(world);
    expect(outcome(await approve(id, 'cpi'))).toBe('200');
    expect(outcome(await approve(id, 'c.p.i+second@example.com'))).toBe('200');
    expect(await statusOf(id)).toMatchObject({ phase: 'pending_approval' });
    expect(await given(id)).toEqual(['cpi@example.com']);
  });
});

describe('SELF-05: who edits counts as who asks', () => {
  it('on every channel, for good, and not only for the edit that stands', async () => {
    const id = await openApproval(world);
    for (const [as, impactAssessment] of [
      ['cpi', 'high'],
      ['dev', 'low'],
    ] as const) {
      expect(outcome(await world.call('PATCH', path(id), { as, body: { request: { impactAssessment } } }))).toBe('200');
      await runGates(world, id);
    }
    const { planHash } = await statusOf(id);
    expect(outcome(await approve(id, 'cpi', { planHash }))).toBe('403 SELF_APPROVAL');
    const { page, csrf } = await openForm(world, await mailLink(world, id, 'cpi'));
    expect([page.status, csrf]).toEqual([403, '']);
    expect(outcome(await approve(id, 'cpi2', { planHash }))).toBe('200');
  });
});

describe('SELF-07: one person is one decision, whatever the channel', () => {
  it('by link, then REST, then the command line', async () => {
    const id = await openApproval(world);
    expect(outcome(await sendForm(world, await openForm(world, await mailLink(world, id, 'cpi'))))).toBe('200');
    expect(outcome(await approve(id, 'cpi'))).toBe('200');
    expect(outcome(await approve(id, 'cpi', {}, { 'x-greenlight-client': 'cli' }))).toBe('200');
    expect(await given(id)).toEqual(['cpi@example.com']);
    expect(await eventsOf(world, id, 'approval.decided')).toBe(1);
  });
});

describe('SELF-08: an account made anew inherits nothing', () => {
  it('not by the address: neither what was requested, nor the role, nor the tenant', async () => {
    const mine = await createRequest(world, 'cpi');
    const theirs = await openApproval(world);
    await approve(theirs, 'cpi');
    Object.assign(person('cpi'), { disabled: true });
    const anew = await tokenOf('cpi-2027', 'cpi@example.com');
    for (const [method, at, body] of [
      ['GET', path(mine), undefined],
      ['GET', path(theirs), undefined],
      ['POST', path(mine, 'cancel'), {}],
      ['POST', path(theirs, 'approve'), {}],
      ['POST', path(theirs, 'withdraw'), {}],
    ] as const)
      expect(outcome(await world.call(method, at, { as: anew, body })), at).toBe('404 NOT_FOUND');
    expect(outcome(await world.call('GET', '/v1/requests/staging', { as: anew }))).toBe('403 FORBIDDEN');
    // The account that is gone cannot use what it still holds either, and its approval counts no more.
    expect(outcome(await approve(theirs, 'cpi'))).toBe('404 NOT_FOUND');
    expect(await given(theirs)).toEqual([]);
  });

  it('also not once the configuration knows it: it is another person, who is still taken for the old one where that would help', async () => {
    const mine = await openApproval(world, 'cpi');
    live.people.push({ ...person('cpi'), subject: 'cpi-2027' });
    Object.assign(person('cpi'), { disabled: true });
    const anew = await tokenOf('cpi-2027', 'cpi@example.com');
    expect(outcome(await approve(mine, anew))).toBe('403 SELF_APPROVAL');
    expect(outcome(await world.call('POST', path(mine, 'withdraw'), { as: anew }))).toBe('409 STATE_CONFLICT');
  });
});

describe('SELF-09: a rejection wins', () => {
  it.each([
    ['after an approval', 'approve', 'reject'],
    ['before one', 'reject', 'approve'],
  ] as const)('%s', async (_name, first, second) => {
    const id = await openApproval(world);
    const say = (verb: 'approve' | 'reject', as: string) => (verb === 'approve' ? approve(id, as) : reject(id, as));
    expect(outcome(await say(first, 'cpi'))).toBe('200');
    const late = outcome(await say(second, 'cpi2'));
    expect(late).toBe(second === 'reject' ? '200' : '409 STATE_CONFLICT');
    expect(await statusOf(id)).toMatchObject({ phase: 'rejected', state: 'rejected' });
    expect(outcome(await approve(id, 'cpi3'))).toBe('409 STATE_CONFLICT');
  });

  it('at the same time', async () => {
    for (let round = 0; round < 10; round++) {
      const id = await openApproval(world);
      const answers = (await Promise.all([approve(id, 'cpi'), reject(id, 'cpi2')])).map(outcome);
      expect(answers[1]).toBe('200');
      expect(['200', '409 STATE_CONFLICT']).toContain(answers[0]);
      expect((await statusOf(id)).phase).toBe('rejected');
      expect(outcome(await approve(id, 'cpi3'))).toBe('409 STATE_CONFLICT');
      expect(await eventsOf(world, id, 'approval.decided')).toBe(answers[0] === '200' ? 2 : 1);
    }
  });
});

describe('SELF-10: an approval that is taken back', () => {
  it('is not counted before the quorum, and cannot be taken back after it', async () => {
    const id = await openApproval(world);
    await approve(id, 'cpi');
    expect(outcome(await world.call('POST', path(id, 'withdraw'), { as: 'cpi' }))).toBe('200');
    expect(await given(id)).toEqual([]);
    await approve(id, 'cpi2');
    expect((await statusOf(id)).phase).toBe('pending_approval');
    await approve(id, 'cpi');
    expect((await statusOf(id)).phase).toBe('approved');
    for (const as of ['cpi', 'cpi2']) expect(outcome(await world.call('POST', path(id, 'withdraw'), { as }))).toBe('409 STATE_CONFLICT');
  });
});

describe('SELF-11: a policy that is lowered', () => {
  it('changes nothing for what was requested before: the plan keeps what it asked for', async () => {
    const before = await openApproval(world);
    live.environments['staging']!.approvals = [];
    const { status } = (await world.call('GET', path(before), { as: 'dev' })).json;
    expect(status.approvals.stages[0].rules[0]).toMatchObject({ team: 'cpi', min: 2 });
    expect((await approve(before, 'cpi')).json.status.phase).toBe('pending_approval');
    const after = await createRequest(world);
    expect((await world.call('GET', path(after), { as: 'dev' })).json.status.approvals).toEqual({ required: false, stages: [] });
  });

  it.each([
    'approvals: []',
    'require_approval: false',
    'approvals: [{ rules: [{ automated: bot }] }]',
    'approvals: [{ when: { impact: [high] }, rules: [{ role: cpi }] }]',
  ])('is no policy below the floor of production: %s', (lowered) => {
    const text = `environments:\n  dev: {}\n  prod: { tier: production, gates: [policy], ${lowered} }\n`;
    const rest =
      'promotion: { path: dev → prod }\nregistries: { dev: { ecr: {} }, prod: { ecr: {} } }\ngates: { policy: { type: policy, rules: {} } }\n';
    const services = 'automated_approvers: { bot: { url: "https://bot.example.com", secret: "secret:bot" } }\n';
    const result = readConfiguration(text + rest.replaceAll('ecr: {}', 'ecr: { account: "000000000000" }') + services);
    expect(result.ok).toBe(false);
    expect(result.ok || result.problems.map(({ message }) => message).join()).toContain('needs at least one human approval in every case');
  });
});

describe('SELF-13: who may not approve any more has not approved', () => {
  it.each<[string, () => void]>([
    ['is disabled', () => void Object.assign(person('cpi'), { disabled: true })],
    ['loses the role', () => void Object.assign(person('cpi'), { roles: ['viewer'] })],
    ['keeps it elsewhere only', () => void Object.assign(person('cpi'), { roleEnvironments: { cpi: ['dev'] } })],
    ['moves to another tenant', () => void Object.assign(person('cpi'), { tenants: ['tenant-retail'] })],
  ])('one who %s between the approval and the start', async (_name, leave) => {
    const id = await openApproval(world);
    for (const as of ['cpi', 'cpi2']) await approve(id, as);
    expect((await statusOf(id)).phase).toBe('approved');
    leave();
    const { begin } = await import('../../functions/promotion/begin.task.ts');
    const { attempt } = (await world.state.promotions.head(id))!;
    const next = await begin({ seal: async () => {} } as never)({ task: 'begin', requestId: id, attempt });
    expect(next).toEqual({ next: 'approval' });
    expect(await statusOf(id)).toMatchObject({ phase: 'pending_approval' });
    expect(await eventsOf(world, id, 'approval.voided')).toBe(1);
    expect(await given(id)).toEqual(['cpi2@example.com']);
    expect((await approve(id, 'cpi3')).json.status.phase).toBe('approved');
  });
});

describe('SELF-14: a gate is not forced by who wants it', () => {
  const reason = 'Incident 4711: the gate service is down';
  const force = (id: string, as: string) => world.call('POST', path(id, 'break-glass'), { as, body: { gate: 'http', reason } });

  it('but by a second person of another role, with an event, a critical notice and a review', async () => {
    const id = await createRequest(world);
    await runGates(world, id, 'failed');
    live.roles['devops'] = { ...live.roles['devops']!, verbs: [...live.roles['devops']!.verbs, 'break_glass'] };
    expect(outcome(await force(id, 'dev'))).toBe('403 SELF_APPROVAL');
    live.roles['devops'] = original.roles['devops']!;
    expect(outcome(await force(id, 'cpi'))).toBe('403 FORBIDDEN');
    expect(await eventsOf(world, id, 'gate.overridden')).toBe(0);
    expect((await statusOf(id)).phase).toBe('blocked');

    expect(outcome(await force(id, 'admin'))).toBe('200');
    expect(await eventsOf(world, id, 'gate.overridden')).toBe(1);
    const notices = (await world.state.table.all({ pk: 'NOTICE#0' })).map(
      ({ body }) => body as { type: 'waiver.granted'; requestId: string; data: object },
    );
    const notice = notices.find(({ type, requestId }) => type === 'waiver.granted' && requestId === id)!;
    const promotion = (await world.state.promotions.head(id))!;
    expect(messageOf({ type: notice.type, data: notice.data as never, promotion, justification: '' }).severity).toBe('critical');
    const reviews = (await world.call('GET', '/v1/reviews', { as: 'cpi' })).json.items;
    expect(reviews).toContainEqual(expect.objectContaining({ requestId: id, status: 'open', waivedBy: 'admin@example.com' }));
    // Who forced it counts as who asked for it from then on.
    await runGates(world, id);
    expect(outcome(await approve(id, 'admin'))).toBe('403 SELF_APPROVAL');
  });
});

describe('S004-SKIP: a canary is skipped', () => {
  it('by a waiver of a second person only, and what was approved before it is approved again', async () => {
    live.environments['staging']!.rollout = { strategy: 'canary', weights: [10, 50, 100], bakeSeconds: 5, smoke: true };
    const id = await openApproval(world);
    expect(outcome(await approve(id, 'cpi'))).toBe('200');
    const before = await statusOf(id);
    const skip = (as: string, body: object = { gate: 'skip_canary', reason: 'Incident 4712: every payment fails now' }) =>
      world.call('POST', path(id, 'break-glass'), { as, body });
    expect(outcome(await skip('dev'))).toBe('403 SELF_APPROVAL');
    expect(outcome(await skip('cpi'))).toBe('403 FORBIDDEN');
    expect(outcome(await skip('admin', { gate: 'skip_canary', reason: 'hotfix' }))).toBe('400 INVALID_REQUEST');
    expect(outcome(await skip('admin'))).toBe('200');
    const { json } = await world.call('GET', path(id), { as: 'dev' });
    expect(json.status).toMatchObject({
      phase: 'validating',
      waivers: [{ gate: 'skip_canary', by: 'admin@example.com', skips: ['canary:10', 'canary:50'] }],
    });
    expect(json.status.planHash).not.toBe(before.planHash);
    expect(json.status.history.at(-1)).toMatchObject({ action: 'gate_overridden', comment: expect.stringContaining('Incident 4712') });
    await runGates(world, id);
    expect(await given(id)).toEqual([]);
    expect(outcome(await approve(id, 'admin'))).toBe('403 SELF_APPROVAL');
    const plan = (await world.state.promotions.plan(id, json.status.planHash))!;
    expect(plan.rollout).toMatchObject({ weights: [100], skipped: [10, 50], smoke: true });
    expect(outcome(await skip('admin'))).toBe('409 STATE_CONFLICT');
    const reviews = (await world.call('GET', '/v1/reviews', { as: 'cpi' })).json.items;
    expect(reviews).toContainEqual(expect.objectContaining({ requestId: id, gate: 'skip_canary', status: 'open' }));
    // Edited, it is another plan, for which nobody has waived anything.
    const text = { request: { releaseNotes: 'The hotfix, and a test for it' } };
    expect(outcome(await world.call('PATCH', path(id), { as: 'dev', body: text }))).toBe('200');
    const edited = (await world.state.promotions.head(id))!;
    expect((await world.state.promotions.plan(id, edited.planHash))!.rollout).toMatchObject({ weights: [10, 50, 100] });
    expect(edited.waivers).toEqual([]);
  });
});

it('answered nothing that its OpenAPI document does not describe', () => expectDescribed(world));
