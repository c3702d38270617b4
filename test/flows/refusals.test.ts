import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { synthesize } from './assembly.ts';
import { readSealedLog } from './audit-log.ts';
import { FlowCloud } from './cloud.ts';
import { expectDescribed } from './described.ts';
import { approve, bodyOf, expectProblem, pending, push, reach, standing, toStaging } from './requests.ts';

/** An artifact without a workload: copied and tagged, no rollout. */
const name = 'ledger';
const VERSION = '1.0.0';

let cloud: FlowCloud;
/** Waits for lead and security. */
let path: string;
beforeAll(async () => {
  cloud = await FlowCloud.start(await synthesize());
  await push(cloud, VERSION, 'true', { name });
  await toStaging(cloud, VERSION, name);
  path = await pending(cloud, 'prod', VERSION, { name });
});
afterAll(() => cloud?.stop());

const create = (environment: string, body: unknown, as = 'dev', headers = {}) =>
  cloud.api('POST', `/v1/requests/${environment}`, { as, body, headers });

/** Requests of an environment, so that a refused creation is seen to have made none. */
async function count(environment: string): Promise<number> {
  return (await cloud.api('GET', `/v1/requests/${environment}`, { as: 'admin' })).body.items.length;
}

describe('a decision', () => {
  it('is not the requester’s: SELF_APPROVAL, and only the attempt is recorded', async () => {
    const before = (await cloud.api('GET', path, { as: 'dev' })).body;
    expectProblem(await cloud.api('POST', `${path}/approve`, { as: 'dev', body: {} }), 403, 'SELF_APPROVAL');
    expectProblem(
      await cloud.api('POST', `${path}/reject`, { as: 'dev', body: { reason: 'I changed my mind about it' } }),
      403,
      'SELF_APPROVAL',
    );
    const after = (await cloud.api('GET', path, { as: 'dev' })).body;
    expect(after.status.history.slice(before.status.history.length)).toMatchObject([
      { action: 'approval_refused', by: 'dev@example.com' },
      { action: 'approval_refused', by: 'dev@example.com' },
    ]);
    expect({ ...after.status, history: [], updatedAt: '' }).toEqual({ ...before.status, history: [], updatedAt: '' });
  });

  it.each([
    ['somebody of another team', 'qa', 403, 'NOT_AN_APPROVER'],
    ['somebody whose role is asked elsewhere', 'cpi', 403, 'NOT_AN_APPROVER'],
    ['a viewer', 'viewer', 403, 'FORBIDDEN'],
    ['another tenant', 'outsider', 404, 'NOT_FOUND'],
  ])('of %s is refused, and nothing changes', async (_who, as, status, code) => {
    const before = await standing(cloud, path);
    expectProblem(await cloud.api('POST', `${path}/approve`, { as, body: {} }), status, code);
    expectProblem(await cloud.api('POST', `${path}/reject`, { as, body: { reason: 'This is not for me to say' } }), status, code);
    expect(await standing(cloud, path)).toEqual(before);
  });

  it('is answered 401 without a token and with a forged one', async () => {
    const before = await standing(cloud, path);
    for (const authorization of [
      undefined,
      'Bearer nothing',
      `Bearer ${(await cloud.token('lead')).slice(0, -4)}AAAA`,
      'Basic bGVhZDpsZWFk',
    ]) {
      const answer = await cloud.api('POST', `${path}/approve`, { body: {}, ...(authorization && { headers: { authorization } }) });
      expectProblem(answer, 401, 'UNAUTHENTICATED');
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    }
    expect(await standing(cloud, path)).toEqual(before);
  });

  it('counts once: the same again is 200 without an event, the opposite is ALREADY_DECIDED', async () => {
    const own = await pending(cloud, 'prod', VERSION, { name });
    await approve(cloud, own, 'lead');
    const before = await standing(cloud, own);
    await approve(cloud, own, 'lead', 'lead');
    const reason = { reason: 'I changed my mind about it' };
    expectProblem(await cloud.api('POST', `${own}/reject`, { as: 'lead', body: reason }), 409, 'ALREADY_DECIDED');
    expect(await standing(cloud, own)).toEqual(before);

    const withdrawn = await cloud.api('POST', `${own}/withdraw`, { as: 'lead', body: {} });
    expect(withdrawn.body.status.approvals.stages[0].rules[0].given, withdrawn.text).toEqual([]);
    const rejected = await cloud.api('POST', `${own}/reject`, { as: 'lead', body: reason });
    expect(rejected.body.status, rejected.text).toMatchObject({
      state: 'rejected',
      phase: 'rejected',
      rejectedBy: 'lead@example.com',
      rejectionReason: reason.reason,
    });
    expectProblem(await cloud.api('POST', `${own}/approve`, { as: 'security', body: {} }), 409, 'STATE_CONFLICT');
  });

  it('names the plan that was seen, once the plan has changed', async () => {
    const own = await pending(cloud, 'prod', VERSION, { name });
    const seen = (await cloud.api('GET', own, { as: 'lead' })).body.status.planHash;
    await approve(cloud, own, 'security');
    const edited = await cloud.api('PATCH', own, { as: 'dev', body: { request: { releaseNotes: 'Something else altogether' } } });
    expect(edited.status, edited.text).toBe(200);
    expect(edited.body.status.planHash).not.toBe(seen);
    await reach(cloud, own, 'pending_approval');
    const before = await standing(cloud, own);
    for (const body of [{}, { planHash: seen }]) {
      expectProblem(await cloud.api('POST', `${own}/approve`, { as: 'lead', body }), 409, 'PLAN_CHANGED');
    }
    expect(await standing(cloud, own)).toEqual(before);
    // The approval of the old plan is void.
    expect(edited.body.status.approvals.stages[0].rules.map(({ given }: { given: string[] }) => given)).toEqual([[], []]);
    const { planHash } = edited.body.status;
    expect((await cloud.api('POST', `${own}/approve`, { as: 'lead', body: { planHash } })).status).toBe(200);
    expect((await cloud.api('POST', `${own}/cancel`, { as: 'dev', body: {} })).body.status.phase).toBe('cancelled');
    expectProblem(await cloud.api('POST', `${own}/cancel`, { as: 'dev', body: {} }), 409, 'STATE_CONFLICT');
  });
});

describe('other people’s requests', () => {
  it('are as unknown as requests that do not exist', async () => {
    const unknown = path.replace(/\d{4}$/, '9999');
    const comparable = ({ text, body }: { text: string; body: { requestId: string } }) => text.replaceAll(body.requestId, '');
    for (const [method, suffix] of [
      ['GET', ''],
      ['GET', '/explain'],
      ['GET', '/timeline'],
      ['POST', '/approve'],
      ['POST', '/cancel'],
    ] as const) {
      const ask = (of: string) => cloud.api(method, `${of}${suffix}`, { as: 'outsider', ...(method === 'POST' && { body: {} }) });
      const [theirs, none] = [await ask(path), await ask(unknown)];
      expectProblem(theirs, 404, 'NOT_FOUND');
      expect(comparable(theirs)).toBe(comparable(none));
    }
    expect((await cloud.api('GET', '/v1/requests/prod', { as: 'outsider' })).body.items).toEqual([]);
    expectProblem(await cloud.api('GET', path.replace('/prod/', '/staging/'), { as: 'dev' }), 404, 'NOT_FOUND');
  });

  it('are cancelled only by who requested them', async () => {
    const before = await standing(cloud, path);
    expectProblem(await cloud.api('POST', `${path}/cancel`, { as: 'lead', body: {} }), 403, 'FORBIDDEN');
    expectProblem(await cloud.api('PATCH', path, { as: 'viewer', body: { request: { releaseNotes: 'mine' } } }), 403, 'FORBIDDEN');
    expect(await standing(cloud, path)).toEqual(before);
  });
});

describe('a request', () => {
  const body = (more: object = {}) => ({ ...bodyOf(VERSION, { name }), ...more });

  it.each([
    ['that skips an environment', 'prod', { sourceEnvironment: 'dev' }],
    ['that goes backwards', 'staging', { sourceEnvironment: 'prod' }],
    ['that goes nowhere', 'staging', { sourceEnvironment: 'staging' }],
    ['into the first environment', 'dev', {}],
  ])('%s is refused: NOT_NEXT_ENV', async (_what, environment, wishes) => {
    const before = await count(environment);
    expectProblem(await create(environment, bodyOf(VERSION, { name, ...wishes })), 422, 'NOT_NEXT_ENV');
    expect(await count(environment)).toBe(before);
  });

  it.each([
    ['an unknown field', body({ status: { state: 'approved' } }), 400, 'UNKNOWN_FIELD'],
    [
      'an unknown field deep inside',
      body({ target: { type: 'api', name, version: VERSION, tenant: 'tenant-retail' } }),
      400,
      'UNKNOWN_FIELD',
    ],
    ['a field named twice', JSON.stringify(body()).replace('{', '{"target":{},'), 400, 'DUPLICATE_KEY'],
    ['a prototype', JSON.stringify(body()).replace('{', '{"__proto__":{"role":"cpi-admin"},'), 400, 'UNKNOWN_FIELD'],
    ['a justification of blanks', bodyOf(VERSION, { name, justification: ' \u200b'.repeat(20) }), 400, 'INVALID_REQUEST'],
    ['a date without an offset', bodyOf(VERSION, { name, scheduledDate: '2030-01-01T10:00:00' }), 400, 'INVALID_DATE'],
    ['another target than its address', bodyOf(VERSION, { name, targetEnvironment: 'staging' }), 400, 'INVALID_REQUEST'],
    ['half a document', '{"target":', 400, 'INVALID_REQUEST'],
  ])('with %s is refused', async (_what, sent, status, code) => {
    const before = await count('prod');
    expectProblem(await create('prod', sent), status, code);
    expect(await count('prod')).toBe(before);
  });

  it('is refused to who may not request, in a type that is not JSON, and for an environment that does not exist', async () => {
    const before = await count('prod');
    expectProblem(await create('prod', body(), 'viewer'), 403, 'FORBIDDEN');
    expectProblem(await create('prod', JSON.stringify(body()), 'dev', { 'content-type': 'text/plain' }), 415, 'UNSUPPORTED_MEDIA_TYPE');
    expectProblem(await create('moon', body()), 404, 'NOT_FOUND');
    expect(await count('prod')).toBe(before);
  });

  it('for what is there already makes none: ALREADY_PROMOTED', async () => {
    const before = await count('staging');
    const answer = await create('staging', body());
    expect({ status: answer.status, code: answer.body.code }, answer.text).toEqual({ status: 200, code: 'ALREADY_PROMOTED' });
    expect(await count('staging')).toBe(before);
  });

  it('that is repeated with its key makes one, and the key fits no other', async () => {
    const before = await count('prod');
    const headers = { 'idempotency-key': 'the-same-key' };
    const [one, again] = [await create('prod', body(), 'dev', headers), await create('prod', body(), 'dev', headers)];
    expect([one.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(one.body);
    const other = bodyOf(VERSION, { name, justification: 'Another reason of twenty characters' });
    expectProblem(await create('prod', other, 'dev', headers), 409, 'IDEMPOTENCY_MISMATCH');
    expect(await count('prod')).toBe(before + 1);
    await reach(cloud, `/v1/requests/prod/${one.body.metadata.id}`, 'pending_approval');
    await cloud.api('POST', `/v1/requests/prod/${one.body.metadata.id}/cancel`, { as: 'dev', body: {} });
  });
});

describe('a preview', () => {
  const preview = (query = '', as = 'dev') =>
    cloud.api('POST', `/v1/requests/prod/preview${query}`, { as, body: bodyOf(VERSION, { name }) });

  it('without storing writes nothing anywhere, and shows the same plan', async () => {
    const writes = async () =>
      (await cloud.calls()).filter(
        ({ operation, function: caller }) =>
          /Request/i.test(caller) &&
          /^(Put|Update|Delete|Transact|BatchWrite|Send|Start|Create|Initiate|Upload|Complete|Publish)/.test(operation),
      );
    const known = async () => {
      // What a person's first act and a sign-in leave has been left before.
      await preview('?store=false');
      return (await writes()).length;
    };
    const before = await known();
    const dry = await preview('?store=false');
    expect(dry.status, dry.text).toBe(200);
    expect(dry.body.previewRef).toBeUndefined();
    expect((await writes()).slice(before)).toEqual([]);
    const stored = await preview();
    expect(stored.body.previewRef).toEqual(expect.any(String));
    expect((await writes()).slice(before).map(({ operation }) => operation)).toEqual(['PutItem']);
    const { previewRef: _, expiresAt: __, ...plan } = stored.body;
    expect(dry.body).toMatchObject(plan);
  });

  it('is what the request then does, for who made it, and while it is young', async () => {
    const { previewRef, planHash } = (await preview()).body;
    expectProblem(await create('prod', bodyOf(VERSION, { name, previewRef }), 'admin'), 409, 'PREVIEW_EXPIRED');
    const changed = bodyOf(VERSION, { name, previewRef, justification: 'Another reason of twenty characters' });
    expectProblem(await create('prod', changed), 409, 'PREVIEW_MISMATCH');
    const made = await create('prod', bodyOf(VERSION, { name, previewRef }));
    expect(made.status, made.text).toBe(201);
    expect(made.body.status).toMatchObject({ planHash, views: { seed002: { preview_ref: previewRef } } });
    await cloud.advance('P1DT1M');
    expectProblem(await create('prod', bodyOf(VERSION, { name, previewRef })), 409, 'PREVIEW_EXPIRED');
  });
});

it('of sign-ins is in the sealed log as numbers, without what was tried', async () => {
  const { lines, exitCode, said } = await readSealedLog(cloud);
  expect(exitCode, said).toBe(0);
  const [failures] = lines.filter(({ type }) => type === 'signin.failures');
  expect(failures).toMatchObject({ rid: 'sys:failures:signin', data: { kind: 'signin', sources: 1 } });
  expect(failures!.data['count']).toBeGreaterThanOrEqual(1);
  expect(JSON.stringify(failures)).not.toMatch(/nothing|bGVhZDpsZWFk|127\.0\.0\.1/);
});

it('answered nothing that its OpenAPI document does not describe', async () => {
  expect(await expectDescribed(cloud)).toBeGreaterThan(60);
});
