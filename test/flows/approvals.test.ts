import { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signMessage } from '../../core/gate/webhook-signature.ts';
import { clientSettings } from '../../local/demo/aws-clients.ts';
import { type ConfigurationChange, synthesize } from './assembly.ts';
import { type Answer, FlowCloud } from './cloud.ts';
import { expectDescribed } from './described.ts';
import { approve, bodyOf, expectProblem, idOf, pending, push, reach, request, toStaging } from './requests.ts';

/** Copied and tagged, no rollout. */
const name = 'ledger';
const SECRET = 'a secret that the advisor shares with us';

/** Prod: first qa, then leads, then a service where it matters; a pause after the last approval; hours where there are days by default. */
const STAGED: ConfigurationChange = (yaml) =>
  yaml
    .replace(
      /- \{ name: approval, rules: .*\}\n/,
      `- { name: qa, rules: [{ team: qa }] }
      - { name: leads, rules: [{ team: platform-leads }] }
      - { name: advice, rules: [{ automated: advisor }], when: { impact: [high, critical] } }
    wait_timer: 5m
    approval_valid: 6h
    reminders: { after: 1h, every: 1h, most: 3, escalate_after: 2h }
    break_glass: { waiver: 2h, review: 3h }
`,
    )
    .concat('\nautomated_approvers:\n  advisor: { url: "ssm:/greenlight/http-gate-url", secret: "secret:greenlight/advisor" }\n');

let cloud: FlowCloud;
beforeAll(async () => {
  cloud = await FlowCloud.start(await synthesize(STAGED));
  for (const version of ['1.0.0', '1.1.0', '1.2.0', '1.3.0-gate-fails', '1.4.0-gate-fails', '1.5.0', '1.6.0'])
    await push(cloud, version, 'true', { name });
});
afterAll(() => cloud?.stop());

const read = async (path: string): Promise<Answer['body']> => (await cloud.api('GET', path, { as: 'dev' })).body;
const actionsOf = ({ status }: Answer['body']): string[] => status.history.map(({ action }: { action: string }) => action);
const explain = async (path: string): Promise<Answer['body']> => (await cloud.api('GET', `${path}/explain`, { as: 'dev' })).body;
const say = (path: string, as: string, more: object = {}) => cloud.api('POST', `${path}/approve`, { as, body: more });

describe('ordered stages', () => {
  it('open one after the other, tell who is asked, and wait the pause after the last approval', async () => {
    await toStaging(cloud, '1.0.0', name);
    const path = await pending(cloud, 'prod', '1.0.0', { name });
    expectProblem(await say(path, 'lead'), 403, 'NOT_AN_APPROVER');
    expect(await explain(path)).toMatchObject({ ask: ['qa@example.com', 'lead@example.com'], earliestStart: null });
    await approve(cloud, path, 'qa');
    expect((await read(path)).status.approvals.stages.map(({ status }: { status: string }) => status)).toEqual(['approved', 'pending']);
    await approve(cloud, path, 'lead');
    const waiting = await cloud.until('the timer', async () => {
      const now = await read(path);
      return now.status.waitingOn === 'timer' ? now : undefined;
    });
    const until = new Date(Date.parse(waiting.status.approvedAt) + 5 * 60_000).toISOString();
    expect(await explain(path)).toMatchObject({ earliestStart: until });
    // Well before its end: a virtual minute is 12 s here, and some have passed already.
    await cloud.advance('PT1M');
    expect((await read(path)).status).toMatchObject({ phase: 'approved', waitingOn: 'timer' });
    await cloud.advance('PT5M');
    const end = await reach(cloud, path, 'succeeded');
    const began = end.status.history.find(({ action }: { action: string }) => action === 'promoting').at;
    expect(Date.parse(began)).toBeGreaterThanOrEqual(Date.parse(until));
  });
});

describe('an automated approver', () => {
  async function decision(path: string, body: object, { secret = SECRET, id = 'message-1', approver = 'advisor' } = {}): Promise<Answer> {
    const text = JSON.stringify(body);
    const headers = { ...signMessage(secret, id, await cloud.now(), Buffer.from(text)), 'content-type': 'application/json' };
    return cloud.api('POST', `/v1/hooks/approvals/${idOf(path)}/${approver}`, { body: text, headers });
  }

  it('is asked by a signed message when its stage opens, and decides by one, once, on that plan', async () => {
    const secrets = new SecretsManagerClient(clientSettings({ ...cloud.endpoints, region: 'eu-central-1' }));
    await secrets.send(new PutSecretValueCommand({ SecretId: 'greenlight/advisor', SecretString: SECRET }));
    expect((await secrets.send(new GetSecretValueCommand({ SecretId: 'greenlight/advisor' }))).SecretString).toBe(SECRET);
    const ssm = new SSMClient(clientSettings({ ...cloud.endpoints, region: 'eu-central-1' }));
    const gate = (await ssm.send(new GetParameterCommand({ Name: '/greenlight/http-gate-url' }))).Parameter!.Value!;

    await toStaging(cloud, '1.1.0', name);
    const body = bodyOf('1.1.0', { name }) as { request: object };
    body.request = { ...body.request, impactAssessment: 'high' };
    const created = await cloud.api('POST', '/v1/requests/prod', { as: 'dev', body });
    const path = `/v1/requests/prod/${created.body.metadata.id}`;
    await reach(cloud, path, 'pending_approval');
    await approve(cloud, path, 'qa', 'lead');
    const asked = await cloud.until('the question', async () => {
      const messages = (await (await fetch(new URL('/asked', gate))).json()) as { headers: Record<string, string>; body: string }[];
      return messages.find((message) => message.body.includes('"approver":"advisor"') && message.body.includes(idOf(path)));
    });
    const question = JSON.parse(asked.body);
    const { planHash } = (await read(path)).status;
    expect(question).toMatchObject({ requestId: idOf(path), planHash, impact: 'high' });
    expect(asked.headers['webhook-signature']).toMatch(/^v1,/);
    expect(JSON.stringify(question)).not.toContain('@');

    const approval = { decision: 'approve', planHash };
    for (const wrong of [{ secret: 'another secret' }, { approver: 'nobody' }, { approver: '__proto__' }])
      expectProblem(await decision(path, approval, wrong), 401, 'BAD_SIGNATURE');
    expectProblem(await decision(path, { decision: 'approved', planHash }), 400, 'INVALID_REQUEST');
    expectProblem(await decision(path, { ...approval, team: 'qa' }), 400, 'UNKNOWN_FIELD');
    expectProblem(await decision(path, { decision: 'reject', planHash }), 400, 'INVALID_REQUEST');
    expectProblem(await decision(path, { ...approval, planHash: `sha256:${'0'.repeat(64)}` }), 409, 'PLAN_CHANGED');
    expect((await decision(path, approval)).body).toMatchObject({ accepted: true, phase: 'approved' });
    expect((await decision(path, approval, { id: 'message-2' })).status).toBe(200);
    expectProblem(await decision(path, { decision: 'reject', planHash, reason: 'changed its mind' }), 409, 'ALREADY_DECIDED');
    const { status } = await read(path);
    expect(status.approvals.stages[2].rules[0]).toMatchObject({ team: 'advisor', given: ['advisor'], eligible: [] });
    expect(actionsOf({ status }).filter((action) => action === 'approved')).toHaveLength(3);
    await cloud.advance('PT6M');
    await reach(cloud, path, 'succeeded');
  });

  it('has no say in what it is not asked for', async () => {
    const path = await pending(cloud, 'staging', '1.2.0', { name });
    const { planHash } = (await read(path)).status;
    expectProblem(await decision(path, { decision: 'approve', planHash }), 403, 'NOT_AN_APPROVER');
    expectProblem(await decision('/v1/requests/staging/PR-2026-9999', { decision: 'approve', planHash }), 404, 'NOT_FOUND');
    await cloud.api('POST', `${path}/cancel`, { as: 'dev', body: {} });
  });
});

describe('standing in', () => {
  it('lets who was named decide for who is away, once, and no longer when it is ended', async () => {
    await toStaging(cloud, '1.2.0', name);
    const until = new Date((await cloud.now()).getTime() + 3 * 86_400_000).toISOString();
    const path = await pending(cloud, 'prod', '1.2.0', { name });
    expectProblem(await say(path, 'security'), 403, 'NOT_AN_APPROVER');
    for (const [as, body, status, code] of [
      ['dev', { to: 'lead@example.com', until }, 403, 'FORBIDDEN'],
      ['qa', { to: 'dev@example.com', until }, 422, 'NOT_A_DELEGATE'],
      ['qa', { to: 'outsider@example.com', until }, 422, 'NOT_A_DELEGATE'],
      ['qa', { to: 'nobody@example.com', until }, 422, 'NOT_A_DELEGATE'],
      ['qa', { to: 'qa@example.com', until }, 422, 'NOT_A_DELEGATE'],
      ['qa', { to: 'security@example.com', until: '2020-01-01T00:00:00Z' }, 400, 'INVALID_DATE'],
      ['qa', { to: 'security@example.com', until: '2026-02-30T00:00:00Z' }, 400, 'INVALID_DATE'],
      ['qa', { to: 'security@example.com', until: '2099-01-01T00:00:00Z' }, 400, 'INVALID_DATE'],
      ['qa', { to: 'security@example.com', until, forever: true }, 400, 'UNKNOWN_FIELD'],
      ['security', { from: 'qa@example.com', to: 'security@example.com', until }, 403, 'FORBIDDEN'],
    ] as const)
      expectProblem(await cloud.api('POST', '/v1/delegations', { as, body }), status, code);

    const made = await cloud.api('POST', '/v1/delegations', { as: 'qa', body: { to: 'security@example.com', until } });
    expect(made, made.text).toMatchObject({ status: 201, body: { from: 'qa@example.com', to: 'security@example.com', status: 'active' } });
    const at = `/v1/delegations/${made.body.id}`;
    // Who is away is not asked any more, and who stands in finds the request in the inbox.
    expect(await explain(path)).toMatchObject({ ask: ['security@example.com', 'lead@example.com'] });
    const { items } = (await cloud.api('GET', '/v1/inbox', { as: 'security' })).body;
    expect(items.find(({ metadata }: Answer['body']) => metadata.id === idOf(path)).reason).toContain('in the place of qa@example.com');
    await approve(cloud, path, 'security');
    expect((await read(path)).status.approvals.stages[0].rules[0]).toMatchObject({
      given: ['security@example.com'],
      onBehalfOf: { 'security@example.com': 'qa@example.com' },
    });

    for (const [as, status, code] of [
      ['outsider', 404, 'NOT_FOUND'],
      ['lead', 404, 'NOT_FOUND'],
      ['security', 403, 'FORBIDDEN'],
    ] as const)
      expectProblem(await cloud.api('DELETE', at, { as }), status, code);
    expect((await cloud.api('DELETE', at, { as: 'qa' })).status).toBe(204);
    expectProblem(await cloud.api('DELETE', at, { as: 'qa' }), 409, 'STATE_CONFLICT');
    // What was given by it is void.
    expect((await read(path)).status.approvals.stages[0]).toMatchObject({ status: 'pending', rules: [{ given: [] }] });
    await approve(cloud, path, 'qa', 'lead');
    await cloud.advance('PT6M');
    await reach(cloud, path, 'succeeded');
  });
});

describe('break-glass', () => {
  it('is a second person’s waiver that ends, shows, and has to be reviewed before the next one', async () => {
    const version = '1.3.0-gate-fails';
    await toStaging(cloud, version, name);
    const path = await request(cloud, 'prod', version, { name });
    const blocked = await reach(cloud, path, 'blocked');
    expect(blocked.status.gates.find(({ name: gate }: { name: string }) => gate === 'http')).toMatchObject({ status: 'failed' });
    const reason = 'Incident 4711: the gate service is wrong about this';
    const waive = (as: string, body: object) => cloud.api('POST', `${path}/break-glass`, { as, body });
    expectProblem(await waive('dev', { gate: 'http', reason }), 403, 'SELF_APPROVAL');
    expectProblem(await waive('lead', { gate: 'http', reason }), 403, 'FORBIDDEN');
    expectProblem(await waive('outsider', { gate: 'http', reason }), 404, 'NOT_FOUND');
    expectProblem(await waive('admin', { gate: 'http', reason: 'too short' }), 400, 'INVALID_REQUEST');
    expectProblem(await waive('admin', { gate: 'signature', reason }), 422, 'POLICY_FLOOR');
    expectProblem(await waive('admin', { gate: 'policy', reason }), 409, 'STATE_CONFLICT');
    expectProblem(await waive('admin', { gate: 'no-such-gate', reason }), 409, 'STATE_CONFLICT');
    expect((await explain(path)).conditions.find(({ name: gate }: { name: string }) => gate === 'http').resolution).toContain(
      'admin@example.com',
    );

    const granted = await waive('admin', { gate: 'http', reason });
    expect(granted, granted.text).toMatchObject({
      status: 200,
      body: { status: { phase: 'validating', waivers: [{ gate: 'http', by: 'admin@example.com' }] } },
    });
    const asked = await reach(cloud, path, 'pending_approval');
    // The gate has run again, and its finding stays to be read.
    const gate = asked.status.gates.find((each: { name: string }) => each.name === 'http');
    expect(gate).toMatchObject({ status: 'waived' });
    expect(gate.message).toContain('refuses versions labelled gate-fails');
    expect(actionsOf(asked)).toContain('gate_overridden');
    // Who forced a gate decides on nothing of it.
    expectProblem(await say(path, 'admin'), 403, 'SELF_APPROVAL');
    await cloud.until('the notice', async () =>
      (await cloud.mails()).find(
        ({ to, subject }) => to.includes('admin@example.com') && subject.includes('waived') && subject.includes(idOf(path)),
      ),
    );
    await approve(cloud, path, 'qa', 'lead');
    await cloud.advance('PT6M');
    await reach(cloud, path, 'succeeded');

    const [review] = (await cloud.api('GET', '/v1/reviews?status=open', { as: 'lead' })).body.items;
    expect(review).toMatchObject({ requestId: idOf(path), gate: 'http', waivedBy: 'admin@example.com', owners: ['tenant:tenant-finance'] });
    const close = (as: string, id = review.id) =>
      cloud.api('POST', `/v1/reviews/${id}`, { as, body: { outcome: 'justified', finding: 'the gate service was wrong' } });
    expectProblem(await close('admin'), 403, 'SELF_APPROVAL');
    expectProblem(await close('dev'), 403, 'SELF_APPROVAL');
    expectProblem(await close('viewer'), 403, 'FORBIDDEN');
    expectProblem(await close('outsider'), 404, 'NOT_FOUND');
    expectProblem(await close('lead', 'rv-0000000000000000'), 404, 'NOT_FOUND');

    // Three hours later the review is overdue: everybody concerned is told, and nobody of the tenant breaks glass again.
    await toStaging(cloud, '1.4.0-gate-fails', name);
    await cloud.advance('PT3H10M');
    await cloud.until('the note that it is overdue', async () =>
      (await cloud.mails()).find(({ to, subject }) => to.includes('admin@example.com') && subject.includes('overdue')),
    );
    const next = await request(cloud, 'prod', '1.4.0-gate-fails', { name });
    await reach(cloud, next, 'blocked');
    const body = { gate: 'http', reason };
    expectProblem(await cloud.api('POST', `${next}/break-glass`, { as: 'admin', body }), 409, 'BREAK_GLASS_DEBT');
    expect((await close('lead')).body).toMatchObject({ status: 'closed', closedBy: 'lead@example.com', outcome: 'justified' });
    expectProblem(await close('qa'), 409, 'STATE_CONFLICT');
    expect((await cloud.api('POST', `${next}/break-glass`, { as: 'admin', body })).status).toBe(200);
    await reach(cloud, next, 'pending_approval');
    // Approved with a waiver, but not begun before it ends: the gates run again, and block.
    await approve(cloud, next, 'qa');
    await cloud.advance('PT2H');
    await approve(cloud, next, 'lead');
    await cloud.advance('PT6M');
    const again = await reach(cloud, next, 'blocked');
    expect(again.status.approvals.stages[0].rules[0].given).toEqual([]);
    expect(again.status.waivers).toBeUndefined();
  });
});

describe('approvals that were given long ago', () => {
  it('end when they are too old, and the people are asked again for the same plan under another hash', async () => {
    await toStaging(cloud, '1.5.0', name);
    const scheduledDate = new Date((await cloud.now()).getTime() + 8 * 3_600_000).toISOString();
    const path = await pending(cloud, 'prod', '1.5.0', { name, scheduledDate });
    await approve(cloud, path, 'qa', 'lead');
    const before = await reach(cloud, path, 'approved');
    await cloud.advance('PT6H1M');
    const after = await reach(cloud, path, 'pending_approval');
    expect(after.status.planHash).not.toBe(before.status.planHash);
    expect(actionsOf(after).at(-1)).toBe('approval_voided');
    expect(after.status.approvals.stages[0].rules[0].given).toEqual([]);
    await cloud.link('qa', idOf(path));
    // Nothing that people read has changed, so a decision without a hash is still one on what they saw.
    await approve(cloud, path, 'qa', 'lead');
    await cloud.advance('PT2H');
    await reach(cloud, path, 'succeeded');
  });
});

describe('an approval that nobody gives', () => {
  it('is asked for again three times, and reported once', async () => {
    await toStaging(cloud, '1.6.0', name);
    const path = await pending(cloud, 'prod', '1.6.0', { name });
    await cloud.advance('PT8H');
    const mine = (await cloud.mails()).filter(({ subject }) => subject.includes(idOf(path)));
    const to = (person: string, words: string) =>
      mine.filter((mail) => mail.to.includes(`${person}@example.com`) && mail.subject.includes(words));
    expect(to('qa', 'Your approval is still asked')).toHaveLength(3);
    expect(to('lead', 'Your approval')).toHaveLength(0);
    expect(to('admin', 'Nobody has decided yet')).toHaveLength(1);
    expect(to('dev', 'Nobody has decided yet')).toHaveLength(1);
    expect(await expectDescribed(cloud)).toBeGreaterThan(20);
  });
});
