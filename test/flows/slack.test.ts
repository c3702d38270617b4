import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CAREFUL_PROD, type ConfigurationChange, changeTemplate, statementsOf, synthesize } from './assembly.ts';
import { type Answer, FlowCloud, type SlackResponse } from './cloud.ts';
import { openLink, sendLink } from './link-form.ts';
import { approve, bodyOf, expectProblem, idOf, pending, push, reach, standing, toStaging } from './requests.ts';
import {
  askedInSlack,
  buttonsOf,
  type ClickOptions,
  click,
  deliver,
  formOf,
  MEMBERS,
  payloadOf,
  type SlackPost,
  signed,
  signingSecret,
} from './slack-click.ts';

/** An artifact without a workload: copied and tagged, no rollout. */
/** Page of the console for a request's path in the API. */
const pageOf = (path: string): string => path.replace('/v1/', '/console/');

const name = 'ledger';
const VERSION = '1.0.0';
const OUTSIDER = 'U0OUTSIDER';

/** As `CAREFUL_PROD`, decided in Slack too; and somebody of another tenant has Slack. */
const PROD_IN_SLACK: ConfigurationChange = (yaml) =>
  CAREFUL_PROD(yaml)
    .replace('tier: production', 'tier: production\n    slack_may_decide: true')
    .replace('tenants: [tenant-retail], roles: [cpi] }', `tenants: [tenant-retail], roles: [cpi], slack: ${OUTSIDER} }`);

let cloud: FlowCloud;
/** Waits for lead and security in prod. */
let path: string;
let message: SlackPost;

beforeAll(async () => {
  cloud = await FlowCloud.start(await synthesize(PROD_IN_SLACK));
  await push(cloud, VERSION, 'true', { name });
  await toStaging(cloud, VERSION, name);
  ({ path, message } = await another());
});
afterAll(() => cloud?.stop());

/** Another request that asks lead and security. */
async function another(): Promise<{ path: string; message: SlackPost }> {
  const own = await pending(cloud, 'prod', VERSION, { name });
  return { path: own, message: await askedInSlack(cloud, idOf(own)) };
}

async function statusOf(of: string): Promise<Answer['body']> {
  return (await cloud.api('GET', of, { as: 'dev' })).body.status;
}

const given = (status: Answer['body']): string[] =>
  status.approvals.stages[0].rules.flatMap(({ given: people }: { given: { by: string }[] }) => people).map(JSON.stringify);

/** What was told where somebody clicked, since `before`. */
async function toldSince(before: number): Promise<SlackResponse['body'][]> {
  return (await cloud.slackResponses()).slice(before).map(({ body }) => body);
}

describe('the message that asks', () => {
  it('shows what is decided on, and repeats environment and digest before each decision', async () => {
    const { digest, planHash, expiresAt } = await statusOf(path);
    const text = JSON.stringify(message.blocks);
    for (const part of [name, VERSION, 'staging → prod', 'dev@example.com', 'medium', 'policy: passed', 'Lee Lead, Sam Security'])
      expect(text).toContain(part);
    for (const part of [digest.slice(-6), planHash.slice(-6), expiresAt, 'Customers wait for the new payment methods']) {
      expect(text).toContain(part);
    }
    const [yes, no, open] = buttonsOf(message);
    expect([yes!.action_id, no!.action_id, open!.action_id]).toEqual(['approve', 'reject', 'open']);
    for (const button of [yes!, no!]) {
      expect(button.confirm!.text.text).toContain(`prod ${digest.slice(-6)}`);
      expect(button.value!.length).toBeLessThanOrEqual(2_000);
    }
    expect(open!.url).toBe(`${cloud.endpoints.api}${pageOf(path)}`);
  });

  it('holds a handle that names plan and request, and neither a person nor a decision', () => {
    const [yes, no] = buttonsOf(message);
    expect(yes!.value).toBe(no!.value);
    const claims = JSON.parse(Buffer.from(yes!.value!.split('.')[0]!, 'base64url').toString());
    expect(Object.keys(claims).sort()).toEqual(['aud', 'e', 'i', 'k', 'p', 'r', 'v']);
    expect(claims).toMatchObject({ r: idOf(path), aud: `slack:${cloud.endpoints.api}` });
  });

  it('SLK-09: shows foreign text as text, and cuts what is too long', async () => {
    const attack = '<!channel> <@U1> <https://evil|prod ok> *bold* & `code` ';
    const body = bodyOf(VERSION, { name, justification: attack }) as { request: { releaseNotes: string } };
    body.request.releaseNotes = attack.repeat(100).slice(0, 5_000);
    const made = await cloud.api('POST', '/v1/requests/prod', { as: 'dev', body });
    expect(made.status, made.text).toBe(201);
    const posted = await askedInSlack(cloud, made.body.metadata.id);
    const texts: { type: string; text: string }[] = [];
    JSON.stringify(posted, (_key, value) => {
      if (typeof value?.text === 'string' && typeof value.type === 'string') texts.push(value);
      return value;
    });
    expect(texts.length).toBeGreaterThan(15);
    for (const { type, text } of texts) {
      expect(type).toBe('plain_text');
      expect(text.length).toBeLessThanOrEqual(3_000);
    }
    expect(posted.text).not.toMatch(/[<>]/);
    expect(texts.filter(({ text }) => text.includes('<!channel>'))).toHaveLength(2);
    expect(texts.find(({ text }) => text.startsWith('Release notes'))!.text).toMatch(/cut; the whole text is on the request page\)$/);
    expect(buttonsOf(posted).at(-1)!.url).toBe(`${cloud.endpoints.api}/console/requests/prod/${made.body.metadata.id}`);
  });
});

describe('a click that decides nothing', () => {
  let before: object;
  let told: number;
  beforeEach(async () => {
    before = await standing(cloud, path);
    told = (await cloud.slackResponses()).length;
  });
  const unchanged = async () => expect(await standing(cloud, path)).toEqual(before);

  it.each<[string, ClickOptions['signing']]>([
    ['without a signature', { headers: { 'x-slack-signature': undefined } }],
    ['without a time stamp', { headers: { 'x-slack-request-timestamp': undefined } }],
    ['with a signature of nothing', { headers: { 'x-slack-signature': 'v0=' } }],
    ['with zeros for a signature', { headers: { 'x-slack-signature': `v0=${'0'.repeat(64)}` } }],
    ['signed by another version', { version: 'v1' }],
    ["signed with another app's secret", { secret: 'f'.repeat(32) }],
    ['signed with no secret at all', { secret: '' }],
    ['SLK-02, 301 s old', { age: 301 }],
    // The virtual clock goes on meanwhile; the very second is for the test of the rule.
    ['SLK-02, too far ahead', { age: -3_600 }],
    ['with another time stamp than was signed', { headers: { 'x-slack-request-timestamp': '1795000000' } }],
    ['with a time stamp in milliseconds', { headers: { 'x-slack-request-timestamp': '1795000000000' } }],
    ['with a signature in capitals', { headers: { 'x-slack-signature': `V0=${'A'.repeat(64)}` } }],
  ])('SLK-01: %s: BAD_SIGNATURE', async (_what, signing) => {
    expectProblem(await click(cloud, message, { signing: signing! }), 401, 'BAD_SIGNATURE');
    await unchanged();
    // Nothing that was not signed is answered anywhere.
    expect(await toldSince(told)).toEqual([]);
  });

  it('SLK-01: whose body was encoded anew: BAD_SIGNATURE', async () => {
    const body = formOf(payloadOf(cloud, message));
    const headers = await signed(cloud, body);
    for (const other of [body.replaceAll('%22', '"'), body.replaceAll('+', '%20'), `${body}&`, `${body} `, body.replaceAll('%7B', '%7b')]) {
      if (other === body) continue;
      expectProblem(await deliver(cloud, other, headers), 401, 'BAD_SIGNATURE');
    }
    await unchanged();
  });

  it.each([
    ['another app', { api_app_id: 'A0EVIL' }],
    ['another workspace', { team: { id: 'T0EVIL', domain: 'evil' } }],
    ['no workspace', { team: null }],
  ])('from %s: BAD_SIGNATURE', async (_what, payload) => {
    expectProblem(await click(cloud, message, { payload }), 401, 'BAD_SIGNATURE');
    await unchanged();
  });

  it.each([
    ['nobody here knows', { id: 'U0NOBODY', team_id: 'T0GREENLIGHT', name: 'lead', username: 'lead@example.com' }],
    ['only looks like one of ours', { id: 'u0lead', team_id: 'T0GREENLIGHT' }],
    ['belongs to another company', { id: MEMBERS.lead, team_id: 'T0EVIL' }],
    ['belongs to no workspace', { id: MEMBERS.lead }],
  ])('of somebody who %s: UNKNOWN_SLACK_USER', async (_what, user) => {
    expectProblem(await click(cloud, message, { payload: { user } }), 403, 'UNKNOWN_SLACK_USER');
    await unchanged();
    expect(await toldSince(told)).toEqual([
      { response_type: 'ephemeral', replace_original: false, text: expect.stringContaining('not known') },
    ]);
  });

  it('of somebody whom no rule asks: NOT_AN_APPROVER; of another tenant: NOT_FOUND', async () => {
    expectProblem(await click(cloud, message, { user: MEMBERS.cpi }), 403, 'NOT_AN_APPROVER');
    expectProblem(await click(cloud, message, { user: OUTSIDER }), 404, 'NOT_FOUND');
    await unchanged();
  });

  it('SLK-06: with a value that was edited: BAD_LINK', async () => {
    const value = buttonsOf(message)[0]!.value!;
    const [payload, mac] = value.split('.') as [string, string];
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, string | number>;
    const respell = (changed: object) => `${Buffer.from(JSON.stringify(changed)).toString('base64url')}.${mac}`;
    const other = (each: string | number) =>
      typeof each === 'number' ? each + 1 : each.replace(/.$/, (last) => (last === '1' ? '2' : '1'));
    const bits = Buffer.from(mac, 'base64url');
    bits[31]! ^= 1;
    const mailed = new URL(await cloud.link('lead', idOf(path))).searchParams.get('t')!;
    const forged = [
      ...Object.entries(claims).map(([field, each]) => respell({ ...claims, [field]: other(each) })),
      respell({ ...claims, aud: 'slack' }),
      respell({ ...claims, s: 'f'.repeat(32) }),
      `${payload}.${bits.toString('base64url')}`,
      value.slice(0, -1),
      payload,
      '',
      'x'.repeat(2_000),
      // Made by the same key, for another purpose.
      mailed,
    ];
    for (const each of forged) expectProblem(await click(cloud, message, { value: each }), 401, 'BAD_LINK');
    await unchanged();
    // And the other way round: a button is no link.
    expectProblem(await cloud.api('GET', `/v1/approvals/link?t=${value}`), 401, 'BAD_LINK');
  });

  it('SLK-11: that is none: 400; too long: 413; of another type: 415', async () => {
    const payload = payloadOf(cloud, message);
    const [action] = payload['actions'] as object[];
    const bodies = [
      '',
      'command=%2Fgreenlight&text=approve&user_id=U0LEAD',
      'payload=',
      'payload=%7B',
      'payload=null',
      'payload=[]',
      `${formOf(payload)}&payload=%7B%7D`,
      `payload=${encodeURIComponent('{"type":"block_actions","type":"block_actions"}')}`,
      ...[
        { type: 'view_submission' },
        { type: 'shortcut' },
        { type: undefined },
        { api_app_id: undefined },
        { user: undefined },
        { user: { id: [MEMBERS.lead] } },
        { actions: undefined },
        { actions: [] },
        { actions: [action, action] },
        { actions: [{ ...action, type: 'static_select' }] },
        { actions: [{ ...action, action_id: 'constructor' }] },
        { actions: [{ ...action, action_id: 'Approve' }] },
        { actions: [{ ...action, value: 'x'.repeat(2_001) }] },
        { actions: [{ ...action, value: { r: 1 } }] },
        { state: { values: { reason: 'because' } } },
        { response_url: 1 },
      ].map((changed) => formOf({ ...payload, ...changed })),
    ];
    for (const body of bodies) {
      const answer = await deliver(cloud, body, await signed(cloud, body));
      expect(answer.status, `${body.slice(0, 200)} ${answer.text}`).toBe(400);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
    }
    // Size comes before type, type before signature.
    const large = `payload=${'x'.repeat(64 * 1024 + 1 - 'payload='.length)}`;
    expectProblem(await deliver(cloud, large, await signed(cloud, large)), 413, 'PAYLOAD_TOO_LARGE');
    expectProblem(await deliver(cloud, 'x'.repeat(1024 * 1024), { 'content-type': 'text/plain' }), 413, 'PAYLOAD_TOO_LARGE');
    const fitting = large.slice(0, -1);
    expectProblem(await deliver(cloud, fitting, await signed(cloud, fitting)), 400, 'INVALID_REQUEST');
    for (const type of ['application/json', 'multipart/form-data; boundary=x', 'text/plain', '']) {
      expectProblem(await deliver(cloud, 'payload=%7B%7D', { 'content-type': type }), 415, 'UNSUPPORTED_MEDIA_TYPE');
    }
    expect((await cloud.api('GET', '/v1/slack/interactions')).status).toBe(405);
    await unchanged();
  });

  it('without a reason where one is needed: 400, after the question who it is', async () => {
    for (const reason of [undefined, '', 'too short', '​'.repeat(20), ' '.repeat(20)]) {
      const options = { button: 'reject' as const, ...(reason !== undefined && { reason }) };
      expectProblem(await click(cloud, message, options), 400, 'INVALID_REQUEST');
      expectProblem(await click(cloud, message, { ...options, user: MEMBERS.cpi }), 403, 'NOT_AN_APPROVER');
    }
    await unchanged();
    expect((await toldSince(told)).every(({ response_type }) => response_type === 'ephemeral')).toBe(true);
  });

  it('on the button that leads to the page is acknowledged', async () => {
    const answer = await click(cloud, message, { button: 'open', user: 'U0NOBODY' });
    expect(answer.status, answer.text).toBe(200);
    await unchanged();
  });

  it('SLK-05 and SELF-01: of who requested it: SELF_APPROVAL, and one event says so', async () => {
    expectProblem(await click(cloud, message, { user: MEMBERS.dev }), 403, 'SELF_APPROVAL');
    const { history, phase } = await statusOf(path);
    expect(history.filter(({ action }: { action: string }) => action === 'approval_refused')).toEqual([
      expect.objectContaining({ by: 'dev@example.com' }),
    ]);
    expect(phase).toBe('pending_approval');
    expect(given(await statusOf(path))).toEqual([]);
    expect(await toldSince(told)).toEqual([expect.objectContaining({ response_type: 'ephemeral' })]);
  });
});

describe('a click that decides', () => {
  it('SLK-08: twice at once, or again, counts once', async () => {
    const own = await another();
    const once = formOf(payloadOf(cloud, own.message));
    const headers = await signed(cloud, once);
    const answers = await Promise.all([
      ...[1, 2, 3].map(() => deliver(cloud, once, headers)),
      ...[1, 2].map(() => click(cloud, own.message)),
    ]);
    answers.push(await click(cloud, own.message));
    for (const answer of answers) {
      expect({ status: answer.status, body: answer.body }, answer.text).toEqual({
        status: 200,
        body: { text: `Approved by Lee Lead; ${idOf(own.path)} is pending_approval` },
      });
    }
    const status = await statusOf(own.path);
    expect(given(status)).toHaveLength(1);
    expect(status.history.filter(({ action }: { action: string }) => action === 'approved')).toHaveLength(1);
    expect(status.phase).toBe('pending_approval');
  });

  it('SLK-02: replayed within its time has no second effect, not even after its person withdrew', async () => {
    const own = await another();
    const body = formOf(payloadOf(cloud, own.message));
    const headers = await signed(cloud, body);
    expect((await deliver(cloud, body, headers)).status).toBe(200);
    const first = await standing(cloud, own.path);
    const told = (await cloud.slackResponses()).length;
    expect((await deliver(cloud, body, headers)).status).toBe(200);
    expect(await standing(cloud, own.path)).toEqual(first);
    expect(await toldSince(told)).toEqual([]);
    expect((await cloud.api('POST', `${own.path}/withdraw`, { as: 'lead', body: {} })).status).toBe(200);
    const withdrawn = await standing(cloud, own.path);
    expect((await deliver(cloud, body, headers)).status).toBe(200);
    expect(await standing(cloud, own.path)).toEqual(withdrawn);
    expect(given(await statusOf(own.path))).toEqual([]);
    // Whoever clicks anew decides anew.
    expect((await click(cloud, own.message)).status).toBe(200);
    expect(given(await statusOf(own.path))).toHaveLength(1);
  });

  it('leaves the buttons for who is still asked, and takes them away with the last one', async () => {
    const own = await another();
    const before = (await cloud.slackResponses()).length;
    expect((await click(cloud, own.message, { reason: 'Reviewed with the team' })).status).toBe(200);
    const [asks] = await toldSince(before);
    expect(asks).toMatchObject({ replace_original: true, text: expect.stringContaining('Approved by Lee Lead, others are asked') });
    expect(buttonsOf(asks).map(({ action_id, value }) => [action_id, value])).toEqual(
      buttonsOf(own.message).map(({ action_id, value }) => [action_id, value]),
    );
    expect(JSON.stringify(asks.blocks)).toContain('Asked\\nSam Security');
    // Who comes second clicks what the first one left.
    const second = await click(cloud, asks, { user: MEMBERS.security });
    expect(second.body).toEqual({ text: `Approved by Sam Security; ${idOf(own.path)} is approved` });
    const [, done] = await toldSince(before);
    expect(done).toMatchObject({ replace_original: true, text: expect.stringContaining('Approved by Sam Security') });
    expect(buttonsOf(done).map(({ action_id }) => action_id)).toEqual(['open']);
    const status = await statusOf(own.path);
    expect(status.phase).toBe('approved');
    expect(status.history).toContainEqual(
      expect.objectContaining({ action: 'approved', by: 'lead@example.com', comment: 'Reviewed with the team' }),
    );
  });

  it('rejects with the reason that was typed', async () => {
    const own = await another();
    const reason = 'The rollback plan does not cover the new table';
    const answer = await click(cloud, own.message, { button: 'reject', reason, user: MEMBERS.security });
    expect(answer.body).toEqual({ text: `Rejected by Sam Security; ${idOf(own.path)} is rejected` });
    expect(await statusOf(own.path)).toMatchObject({ phase: 'rejected', rejectedBy: 'security@example.com', rejectionReason: reason });
    // The other decision of the same person, and the decision of anybody else.
    expectProblem(await click(cloud, own.message, { user: MEMBERS.security }), 409, 'ALREADY_DECIDED');
    expectProblem(await click(cloud, own.message), 409, 'STATE_CONFLICT');
  });

  it('SELF-07: after the same person decided by link is 200 and adds nothing', async () => {
    const own = await another();
    const form = await openLink(await cloud.link('lead', idOf(own.path)));
    expect((await sendLink(cloud, form, { as: 'lead' })).status).toBe(200);
    const before = await standing(cloud, own.path);
    const answer = await click(cloud, own.message);
    expect(answer.status, answer.text).toBe(200);
    expect(await standing(cloud, own.path)).toEqual(before);
    expect(given(await statusOf(own.path))).toHaveLength(1);
  });

  it('SLK-07: sends nothing to an address that is not at Slack', async () => {
    let fetched = 0;
    const evil: Server = createServer((_request, response) => {
      fetched++;
      response.end('ok');
    });
    await new Promise<void>((resolve) => evil.listen(0, '127.0.0.1', resolve));
    const { port } = evil.address() as AddressInfo;
    const { host } = new URL(cloud.endpoints.slack);
    const { path: own, message: asks } = await another();
    const before = (await cloud.slackResponses()).length;
    try {
      for (const response_url of [
        `http://127.0.0.1:${port}/actions/x`,
        `http://localhost:${port}/`,
        `http://${host}@127.0.0.1:${port}/actions/x`,
        `http://hooks.slack.com@127.0.0.1:${port}/`,
        `https://127.0.0.1:${port}/`,
        'https://evil/',
        'http://169.254.169.254/latest/meta-data/',
        'http://hooks.slack.com/actions/x',
        'https://hooks.slack.com.evil.invalid/actions/x',
        'file:///etc/passwd',
        'not an address',
        '',
      ]) {
        const answer = await click(cloud, asks, { payload: { response_url } });
        expect(answer.status, `${response_url} ${answer.text}`).toBe(200);
      }
    } finally {
      evil.close();
    }
    expect(fetched).toBe(0);
    expect(await toldSince(before)).toEqual([]);
    expect(given(await statusOf(own))).toHaveLength(1);
  });
});

describe('SLK-10: the buttons of an old message', () => {
  async function expectOver(asks: SlackPost, status: number, code: string, words: RegExp): Promise<void> {
    const before = (await cloud.slackResponses()).length;
    expectProblem(await click(cloud, asks), status, code);
    const told = await toldSince(before);
    expect(told).toEqual([expect.objectContaining({ replace_original: true, text: expect.stringMatching(words) })]);
    expect(buttonsOf(told[0]).map(({ action_id }) => action_id)).toEqual(['open']);
  }

  it('after the decision: 409, and they go', async () => {
    const cancelled = await another();
    expect((await cloud.api('POST', `${cancelled.path}/cancel`, { as: 'dev', body: {} })).status).toBe(200);
    await expectOver(cancelled.message, 409, 'STATE_CONFLICT', /cancelled/);
    const decided = await another();
    expect((await cloud.api('POST', `${decided.path}/reject`, { as: 'security', body: { reason: 'Not in this week' } })).status).toBe(200);
    await expectOver(decided.message, 409, 'STATE_CONFLICT', /rejected/);
  });

  it('after the plan changed: 409, and they go; the new message asks for the new plan', async () => {
    const own = await another();
    const seen = (await cloud.slack()).length;
    const edit = await cloud.api('PATCH', own.path, { as: 'dev', body: { request: { impactAssessment: 'high' } } });
    expect(edit.status, edit.text).toBe(200);
    await reach(cloud, own.path, 'pending_approval');
    const newer = await askedInSlack(cloud, idOf(own.path), { after: seen });
    await expectOver(own.message, 409, 'PLAN_CHANGED', /plan has changed/);
    expect(given(await statusOf(own.path))).toEqual([]);
    expect((await click(cloud, newer)).status).toBe(200);
    expect(given(await statusOf(own.path))).toHaveLength(1);
  });

  it('after the time to decide: 410, and they go', async () => {
    const own = await another();
    await cloud.advance('P1DT1H');
    await expectOver(own.message, 410, 'EXPIRED', /time to decide is over|expired/);
    expect((await statusOf(own.path)).phase).toBe('expired');
  });
});

it('failures from one address are told to wait, and honest clicks are not', async () => {
  const own = await another();
  const body = formOf(payloadOf(cloud, own.message));
  const headers = await signed(cloud, body, { secret: 'f'.repeat(32) });
  // More than the limit at once: the minute of the virtual clock is short.
  const refused = await cloud.until('a refusal that tells to wait', async () => {
    const answers = await Promise.all(Array.from({ length: 80 }, () => deliver(cloud, body, headers)));
    for (const answer of answers) expect([401, 429], answer.text).toContain(answer.status);
    return answers.find(({ status }) => status === 429);
  });
  expectProblem(refused, 429, 'TOO_MANY_REQUESTS');
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await click(cloud, own.message)).status).toBe(200);
});

describe('where Slack does not decide', () => {
  it('the message leads to the page, and a button of before is refused', async () => {
    const own = await another();
    await cloud.restart(await synthesize(CAREFUL_PROD));
    const asked = await pending(cloud, 'prod', VERSION, { name });
    const posted = await askedInSlack(cloud, idOf(asked), { deciding: false });
    expect(buttonsOf(posted).map(({ action_id, url }) => [action_id, url])).toEqual([['open', `${cloud.endpoints.api}${pageOf(asked)}`]]);
    expect(posted.blocks.some(({ type }) => type === 'input')).toBe(false);
    const before = await standing(cloud, own.path);
    const refused = await click(cloud, own.message);
    expectProblem(refused, 403, 'FORBIDDEN');
    expect(refused.body.hint).toContain('decide there');
    expect(await standing(cloud, own.path)).toEqual(before);
    // The requester is told so, and it is recorded, here as well.
    expectProblem(await click(cloud, own.message, { user: MEMBERS.dev }), 403, 'SELF_APPROVAL');
    await approve(cloud, own.path, 'lead');
  });

  it('staging is decided on, as the demo has it', async () => {
    await push(cloud, '1.1.0', 'true', { name });
    const staged = await pending(cloud, 'staging', '1.1.0', { name });
    const asks = await askedInSlack(cloud, idOf(staged));
    const answer = await click(cloud, asks, { user: MEMBERS.cpi });
    expect(answer.status, answer.text).toBe(200);
    const end = await reach(cloud, staged, 'succeeded');
    expect(end.status.approvedBy).toBe('cpi@example.com');
  });
});

it('the secret is read by the function that decides, and shown by nothing', async () => {
  const secret = await signingSecret(cloud);
  expect(cloud.printed.join('\n')).not.toContain(secret);
  const calls = (await cloud.calls()).filter(({ function: name }) => name !== 'admin');
  const reads = calls.filter(({ service, resource }) => service === 'secrets-manager' && resource.includes('slack-signing-secret'));
  expect(reads.length).toBeGreaterThan(0);
  for (const call of reads) expect(call).toMatchObject({ function: expect.stringMatching(/decide/i), decision: 'allowed' });
  expect(calls.filter(({ decision }) => decision !== 'allowed')).toEqual([]);

  // Without the permission nobody is believed.
  const changed = changeTemplate(await synthesize(CAREFUL_PROD), (template) => {
    for (const statement of statementsOf(template, 'Decide'))
      statement.Action = [statement.Action].flat().filter((each) => each !== 'secretsmanager:GetSecretValue');
  });
  try {
    await cloud.restart(changed);
    expectProblem(await click(cloud, message), 503, 'UNAVAILABLE');
    const denied = (await cloud.calls()).filter(({ decision }) => decision !== 'allowed');
    expect(denied).toContainEqual(expect.objectContaining({ resource: expect.stringContaining('slack-signing-secret') }));
  } finally {
    changed.dispose();
  }
});
