import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { expectDescribed } from './described.ts';
import { createRequest, eventsOf, openApproval, outcome, requestBody, runGates } from './requests.ts';
import { DIGEST, OTHER_DIGEST, startWorld, type World } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

describe('creating a request', () => {
  it('answers 201 with the public shape and the requester from the token', async () => {
    const answer = await world.call('POST', '/v1/requests/staging', { as: 'dev', body: requestBody() });
    expect(answer.status).toBe(201);
    expect(answer.json.metadata).toMatchObject({ createdBy: 'dev@example.com', tenant: 'tenant-finance', version: 1 });
    expect(answer.json.metadata.id).toMatch(/^PR-\d{4}-\d{4}$/);
    expect(answer.headers['location']).toBe(`/v1/requests/staging/${answer.json.metadata.id}`);
    expect(answer.json.status).toMatchObject({ state: 'pending', phase: 'requested', digest: DIGEST });
    expect(answer.json.status.approvals).toEqual({
      required: true,
      stages: [
        {
          name: 'review',
          status: 'pending',
          rules: [{ team: 'cpi', min: 1, given: [], eligible: ['cpi@example.com', 'cpi2@example.com'] }],
        },
      ],
    });
    expect(answer.json.status.allowedActions).toEqual(['cancel']);
    expect(answer.json.status.views.seed002).toEqual({
      lifecycle_state: 'preview',
      approval_required: true,
      approval_ticket: answer.json.metadata.id,
      preview_ref: null,
    });
  });

  it('REST-01 refuses fields that only the system sets, and creates nothing', async () => {
    for (const field of ['status', 'approvedBy', 'tenant', 'createdBy', 'id']) {
      const answer = await world.call('POST', '/v1/requests/staging', { as: 'dev', body: requestBody({ [field]: 'approved' }) });
      expect(outcome(answer), field).toBe('400 UNKNOWN_FIELD');
      expect(answer.json.errors).toEqual([{ path: `/${field}`, message: 'unknown field' }]);
    }
  });

  it('C50 refuses dates, texts and references that are none (REST-08, REST-10, REST-11)', async () => {
    const bad: [string, Parameters<typeof requestBody>[0]][] = [
      ['INVALID_DATE', { request: { scheduledDate: '2026-02-30T10:00:00Z' } }],
      ['INVALID_DATE', { request: { scheduledDate: '2026-02-20' } }],
      ['INVALID_DATE', { request: { scheduledDate: '2026-02-20T23:59:60Z' } }],
      ['INVALID_REQUEST', { request: { justification: 'nineteen characters' } }],
      ['INVALID_REQUEST', { request: { justification: '\u200b'.repeat(20) } }],
      ['INVALID_REQUEST', { request: { releaseNotes: 'a \u202e b' } }],
      ['INVALID_REF', { target: { version: `sha256:${'A'.repeat(64)}` } }],
      ['INVALID_REF', { target: { version: `sha256:${'a'.repeat(63)}` } }],
      ['INVALID_REF', { target: { version: '1.1.0\n' } }],
    ];
    for (const [code, change] of bad) {
      const answer = await world.call('POST', '/v1/requests/staging', { as: 'dev', body: requestBody(change) });
      expect(outcome(answer), JSON.stringify(change)).toBe(`400 ${code}`);
    }
  });

  it('REST-22 refuses every way but one step forward, and asks nothing where the digest already is', async () => {
    expect(outcome(await world.call('POST', '/v1/requests/dev', { as: 'dev', body: requestBody() }))).toBe('422 NOT_NEXT_ENV');
    const jump = requestBody({ target: { sourceEnvironment: 'dev' } });
    expect(outcome(await world.call('POST', '/v1/requests/prod', { as: 'dev', body: jump }))).toBe('422 NOT_NEXT_ENV');
    expect(outcome(await world.call('POST', '/v1/requests/nowhere', { as: 'dev', body: requestBody() }))).toBe('404 NOT_FOUND');
    expect(outcome(await world.call('POST', '/v1/requests/prod', { as: 'dev', body: requestBody() }))).toBe('409 EVIDENCE_MISMATCH');
    const occupant = { version: '1.2.0', digest: OTHER_DIGEST, requestId: 'adopted', at: '2026-01-01T00:00:00.000Z' };
    await world.state.environments.adopt('staging', 'payment-api', 'tenant-finance', occupant);
    const again = await world.call('POST', '/v1/requests/staging', { as: 'dev', body: requestBody({ target: { version: '1.2.0' } }) });
    expect(again.status).toBe(200);
    expect(again.json.code).toBe('ALREADY_PROMOTED');
  });

  it("AUTH-08 answers another tenant's artifact like one that is not there, and AUTH-07 a viewer with 403", async () => {
    const body = requestBody({ target: { name: 'retail-web' } });
    const foreign = await world.call('POST', '/v1/requests/staging', { as: 'dev', body });
    expect(outcome(foreign)).toBe('404 NOT_FOUND');
    expect(outcome(await world.call('POST', '/v1/requests/staging', { as: 'viewer', body: requestBody() }))).toBe('403 FORBIDDEN');
    // 403 comes before 400.
    expect(outcome(await world.call('POST', '/v1/requests/staging', { as: 'viewer', body: '{' }))).toBe('403 FORBIDDEN');
  });
});

describe('Idempotency-Key', () => {
  it('REST-14 gives the same answer to the same request, one after the other and at once', async () => {
    const send = () =>
      world.call('POST', '/v1/requests/staging', { as: 'dev', body: requestBody(), headers: { 'idempotency-key': 'key-1' } });
    const answers = await Promise.all(Array.from({ length: 8 }, send));
    const late = await send();
    const created = answers.filter((answer) => answer.status === 201);
    expect(late.status).toBe(201);
    expect(new Set([...created, late].map((answer) => answer.text)).size).toBe(1);
    for (const answer of answers.filter((each) => each.status !== 201)) {
      expect(outcome(answer)).toBe('409 IN_PROGRESS');
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    }
  });

  it('REST-15 refuses another body, and keeps the keys of people apart', async () => {
    const headers = { 'idempotency-key': 'key-2' };
    const first = await world.call('POST', '/v1/requests/staging', { as: 'dev', body: requestBody(), headers });
    const other = await world.call('POST', '/v1/requests/staging', {
      as: 'dev',
      body: requestBody({ request: { rollbackPlan: 'x' } }),
      headers,
    });
    const someone = await world.call('POST', '/v1/requests/staging', { as: 'cpi', body: requestBody(), headers });
    expect(outcome(other)).toBe('409 IDEMPOTENCY_MISMATCH');
    expect(someone.status).toBe(201);
    expect(someone.json.metadata.id).not.toBe(first.json.metadata.id);
  });

  it('is held by a run that crashed for a minute of real time, and free after it', async () => {
    const { once } = await import('../../functions/kit/idempotency.ts');
    const { realTime } = await import('../../adapters/rollout/real-time.ts');
    const { table, clock } = world.state;
    const write = { key: 'crash', identity: 'me', operation: 'op', content: 'c' };
    // Nothing is known of what an unexpected error left behind: the key stays taken.
    await expect(once(table, clock, write, () => Promise.reject(new Error('crash')))).rejects.toThrow('crash');
    const repeat = () => once(table, clock, write, async () => ({ status: 200 }));
    await expect(repeat()).rejects.toMatchObject({ code: 'IN_PROGRESS', retryAfter: 60 });
    const now = realTime.nowMs();
    const later = vi.spyOn(realTime, 'nowMs').mockReturnValue(now + 61_000);
    expect(await repeat()).toEqual({ status: 200 });
    later.mockRestore();
    await expect(once(table, clock, { ...write, content: 'other' }, async () => ({ status: 200 }))).rejects.toMatchObject({
      code: 'IDEMPOTENCY_MISMATCH',
    });
  });

  it('is free again after a refusal', async () => {
    const headers = { 'idempotency-key': 'key-3' };
    const bad = requestBody({ target: { version: '9.9.9' } });
    expect(outcome(await world.call('POST', '/v1/requests/staging', { as: 'dev', body: bad, headers }))).toBe('404 NOT_FOUND');
    expect((await world.call('POST', '/v1/requests/staging', { as: 'dev', body: requestBody(), headers })).status).toBe(201);
  });
});

describe('reading a request', () => {
  it('AUTH-07 shows it to its tenant, refuses DevOps the requests of others, and hides it from other tenants', async () => {
    const id = await createRequest(world, 'cpi');
    const path = `/v1/requests/staging/${id}`;
    expect((await world.call('GET', path, { as: 'viewer' })).status).toBe(200);
    expect(outcome(await world.call('GET', path, { as: 'dev' }))).toBe('403 FORBIDDEN');
    const foreign = await world.call('GET', path, { as: 'outsider' });
    const unknown = await world.call('GET', '/v1/requests/staging/PR-2020-0001', { as: 'outsider' });
    expect(outcome(foreign)).toBe('404 NOT_FOUND');
    expect({ ...foreign.json, requestId: '' }).toEqual({ ...unknown.json, requestId: '' });
    // The environment of the path must be the request's.
    expect(outcome(await world.call('GET', `/v1/requests/prod/${id}`, { as: 'viewer' }))).toBe('404 NOT_FOUND');
  });

  it('REST-13 takes a strange id for an unknown one', async () => {
    for (const id of ['..%2f..%2fother', '%2e%2e%2f', 'a%00b', 'x'.repeat(300), 'PR-2026-0001%23']) {
      expect(outcome(await world.call('GET', `/v1/requests/staging/${id}`, { as: 'cpi' })), id).toMatch(/^404/);
    }
  });

  it("gives seed 000's ticket in YAML", async () => {
    const id = await createRequest(world);
    const answer = await world.call('GET', `/v1/requests/staging/${id}`, { as: 'dev', headers: { accept: 'application/yaml' } });
    expect(answer.headers['content-type']).toBe('application/yaml');
    for (const [accept, type] of [
      ['text/yaml, application/json', 'application/yaml'],
      ['application/json;q=0.1, application/yaml', 'application/yaml'],
      ['application/json, application/yaml', 'application/json'],
      ['application/yaml;q=0', 'application/json'],
      ['application/yaml;q=0.5, */*', 'application/yaml'],
      ['*/*', 'application/json'],
      ['text/html;;,,q', 'application/json'],
    ] as const) {
      const other = await world.call('GET', `/v1/requests/staging/${id}`, { as: 'dev', headers: { accept } });
      expect([accept, other.headers['content-type']]).toEqual([accept, type]);
    }
    const ticket = parse(answer.text);
    expect(Object.keys(ticket)).toEqual(['apiVersion', 'kind', 'metadata', 'spec', 'status']);
    expect(ticket.metadata).toEqual({ id, createdAt: expect.any(String), createdBy: 'dev@example.com', tenant: 'tenant-finance' });
    expect(ticket.spec.request.scheduledDate).toBeNull();
    expect(ticket.status).toMatchObject({ state: 'pending', approvedBy: null, rejectionReason: null });
    expect(ticket.status.history).toEqual([{ action: 'created', at: expect.any(String), by: 'dev@example.com' }]);
    expect(answer.text).toContain('releaseNotes: |\n');
  });

  it('answers 304 to a client that has it, until it changes', async () => {
    const id = await createRequest(world);
    const path = `/v1/requests/staging/${id}`;
    const first = await world.call('GET', path, { as: 'dev' });
    const headers = { 'if-none-match': first.headers['etag']! };
    const second = await world.call('GET', path, { as: 'dev', headers });
    expect([second.status, second.text]).toEqual([304, '']);
    await runGates(world, id);
    expect((await world.call('GET', path, { as: 'dev', headers })).status).toBe(200);
  });
});

describe('changing a request', () => {
  it('edits by field, voids the old plan and adds the editor to who may not decide (SELF-05)', async () => {
    const id = await openApproval(world);
    const path = `/v1/requests/staging/${id}`;
    const before = (await world.call('GET', path, { as: 'cpi' })).json;
    const edited = await world.call('PATCH', path, { as: 'cpi', body: { request: { impactAssessment: 'high' } } });
    expect(edited.status).toBe(200);
    expect(edited.json.spec.request).toEqual({ ...before.spec.request, impactAssessment: 'high' });
    expect(edited.json.status.planHash).not.toBe(before.status.planHash);
    expect(edited.json.status.phase).toBe('validating');
    await runGates(world, id);
    const { planHash } = edited.json.status;
    expect(outcome(await world.call('POST', `${path}/approve`, { as: 'cpi', body: { planHash } }))).toBe('403 SELF_APPROVAL');
    expect(outcome(await world.call('POST', `${path}/approve`, { as: 'cpi2', body: {} }))).toBe('409 PLAN_CHANGED');
    expect(outcome(await world.call('POST', `${path}/approve`, { as: 'cpi2', body: { planHash } }))).toBe('200');
  });

  it('refuses an edit of another version than the one that was read', async () => {
    const id = await openApproval(world);
    const headers = { 'if-match': '"1"' };
    const body = { request: { impactAssessment: 'high' } };
    expect(outcome(await world.call('PATCH', `/v1/requests/staging/${id}`, { as: 'dev', body, headers }))).toBe('409 STATE_CONFLICT');
    const version = (await world.call('GET', `/v1/requests/staging/${id}`, { as: 'dev' })).json.metadata.version;
    const answer = await world.call('PATCH', `/v1/requests/staging/${id}`, { as: 'dev', body, headers: { 'if-match': `"${version}"` } });
    expect(answer.status).toBe(200);
  });

  it('cancels for the requester and for who may roll back, and nobody else', async () => {
    const [one, two] = [await openApproval(world), await openApproval(world)];
    expect(outcome(await world.call('POST', `/v1/requests/staging/${one}/cancel`, { as: 'viewer' }))).toBe('403 FORBIDDEN');
    expect((await world.call('POST', `/v1/requests/staging/${one}/cancel`, { as: 'dev' })).json.status.phase).toBe('cancelled');
    expect((await world.call('POST', `/v1/requests/staging/${two}/cancel`, { as: 'cpi', body: {} })).json.status.state).toBe('cancelled');
    expect(outcome(await world.call('POST', `/v1/requests/staging/${one}/cancel`, { as: 'dev' }))).toBe('409 STATE_CONFLICT');
  });

  it('retries a blocked request only', async () => {
    const id = await createRequest(world);
    await runGates(world, id, 'failed');
    const blocked = await world.call('GET', `/v1/requests/staging/${id}`, { as: 'dev' });
    expect(blocked.json.status.phase).toBe('blocked');
    expect(blocked.json.status.allowedActions).toEqual(['edit', 'cancel', 'retry']);
    const retried = await world.call('POST', `/v1/requests/staging/${id}/retry`, { as: 'dev' });
    expect(retried.json.status).toMatchObject({ phase: 'validating', attempt: 2 });
    expect(outcome(await world.call('POST', `/v1/requests/staging/${id}/retry`, { as: 'dev' }))).toBe('409 STATE_CONFLICT');
    expect(await eventsOf(world, id, 'promotion.retried')).toBe(1);
  });
});

describe('the description', () => {
  it('fits every answer that these tests were given', () => expectDescribed(world));
});
