import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CAREFUL_PROD, synthesize } from './assembly.ts';
import { FlowCloud } from './cloud.ts';
import { type LinkForm, openLink, sendLink } from './link-form.ts';
import { approve, expectProblem, idOf, pending, push, reach, request, standing, toStaging } from './requests.ts';

/** An artifact without a workload: copied and tagged, no rollout. */
const name = 'ledger';
const VERSION = '1.0.0';

let cloud: FlowCloud;
/** Waits for lead and security in prod. */
let path: string;
let link: string;
let form: LinkForm;

beforeAll(async () => {
  cloud = await FlowCloud.start(await synthesize(CAREFUL_PROD));
  await push(cloud, VERSION, 'true', { name });
  await toStaging(cloud, VERSION, name);
  path = await pending(cloud, 'prod', VERSION, { name });
  link = await cloud.link('lead', idOf(path));
}, 180_000);
afterAll(() => cloud?.stop());

/** Another request that asks lead and security. */
async function another(): Promise<{ path: string; form: LinkForm }> {
  const own = await pending(cloud, 'prod', VERSION, { name });
  return { path: own, form: await openLink(await cloud.link('lead', idOf(own))) };
}

describe('a mailed link that does not decide', () => {
  let before: object;
  beforeEach(async () => {
    form = await openLink(link);
    before = await standing(cloud, path);
  });
  const unchanged = async () => expect(await standing(cloud, path)).toEqual(before);

  it('shows a page to whoever follows it, as often as a scanner likes', async () => {
    for (let times = 0; times < 50; times++) {
      const [get, head, options] = await Promise.all(['GET', 'HEAD', 'OPTIONS'].map((method) => fetch(link, { method })));
      expect([get!.status, head!.status, options!.status]).toEqual([200, 405, 405]);
    }
    const { headers } = form.page;
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.getSetCookie().join()).toMatch(/HttpOnly; SameSite=Strict/);
    expect(form.markup).not.toMatch(/<script|https?:\/\/|checked/i);
    expect(form.confirm).toMatch(/^prod [0-9a-f]{6}$/);
    await unchanged();
  });

  it('lets a browser that hides the origin of our page send the form, and follow its answer to the sign-in page', async () => {
    // Under `no-referrer` browsers say `Origin: null`, even to ourselves; and they hold a form to `form-action` through redirects.
    const headers = { origin: 'null', 'sec-fetch-site': 'same-origin' };
    expectProblem(await sendLink(cloud, form, { headers, fields: { confirm: '' } }), 400, 'CONFIRMATION_REQUIRED');
    for (const site of ['cross-site', 'same-site', 'none']) {
      expectProblem(await sendLink(cloud, form, { headers: { ...headers, 'sec-fetch-site': site } }), 403, 'CSRF');
    }
    const signIn = await fetch(`${cloud.endpoints.api}/v1/login`, { redirect: 'manual' });
    const { origin } = new URL(signIn.headers.get('location')!);
    expect(form.page.headers.get('content-security-policy')).toContain(`form-action 'self' ${origin};`);
    expect(form.markup).toContain('<a href="/v1/login?return=%2Fv1%2Fapprovals%2Flink%3Ft%3D');
    await unchanged();
  });

  it.each([
    ['nothing is typed', { confirm: '' }],
    ['something else is typed', { confirm: 'prod 000000' }],
    ['the confirmation is missing', { confirm: undefined }],
    ['nothing is chosen', { decision: undefined }],
    ['something else is chosen', { decision: 'maybe' }],
  ])('when %s: CONFIRMATION_REQUIRED', async (_what, fields) => {
    expectProblem(await sendLink(cloud, form, { as: 'lead', fields }), 400, 'CONFIRMATION_REQUIRED');
    await unchanged();
  });

  it.each([
    ['from another site', { headers: { origin: 'https://evil.example' } }],
    ['from another program of this machine', { headers: { origin: 'http://127.0.0.1:1' } }],
    ['from a page without an origin', { headers: { origin: 'null' } }],
    ['from nowhere', { without: ['origin'] }],
    ['from another site, as the browser says', { without: ['origin'], headers: { 'sec-fetch-site': 'cross-site' } }],
    ['without the cookie of the page', { without: ['cookie'] }],
    ['with another cookie', { headers: { cookie: `link=${'0'.repeat(32)}` } }],
    ['without the hidden value', { fields: { csrf: undefined } }],
    ['with another hidden value', { fields: { csrf: Buffer.alloc(32).toString('base64url') } }],
  ])('when the form comes %s: CSRF', async (_what, options) => {
    expectProblem(await sendLink(cloud, form, { as: 'lead', ...options }), 403, 'CSRF');
    await unchanged();
  });

  it('when the form is not a form: 415', async () => {
    const headers = { 'content-type': 'application/json' };
    expect((await sendLink(cloud, form, { as: 'lead', headers })).status).toBe(415);
    await unchanged();
  });

  it('on prod without signing in: the way leads to the sign-in and back', async () => {
    const answer = await sendLink(cloud, form);
    expect(answer.status).toBe(303);
    const back = new URL(answer.headers.get('location')!, cloud.endpoints.api);
    expect(back.pathname).toBe('/v1/login');
    expect(back.searchParams.get('return')).toBe(`/v1/approvals/link?t=${form.t}`);
    await unchanged();
  });

  it('in the hands of anybody else: WRONG_APPROVER, and the requester’s attempt is recorded', async () => {
    expectProblem(await sendLink(cloud, form, { as: 'security' }), 403, 'WRONG_APPROVER');
    expectProblem(await sendLink(cloud, form, { as: 'outsider' }), 403, 'WRONG_APPROVER');
    await unchanged();
    expectProblem(await sendLink(cloud, form, { as: 'dev' }), 403, 'SELF_APPROVAL');
    const { body } = await cloud.api('GET', path, { as: 'dev' });
    expect(body.status.history.at(-1)).toMatchObject({ action: 'approval_refused', by: 'dev@example.com' });
    expect(body.status.approvals.stages[0].rules[0].given).toEqual([]);
    expect(body.status.phase).toBe('pending_approval');
  });

  it('forged in any field, cut or padded: BAD_LINK', async () => {
    const [payload, mac] = form.t.split('.') as [string, string];
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, string | number>;
    const respell = (changed: object) => `${Buffer.from(JSON.stringify(changed)).toString('base64url')}.${mac}`;
    const other = (value: string | number) =>
      typeof value === 'number' ? value + 1 : value.replace(/.$/, (last) => (last === '1' ? '2' : '1'));
    const bits = Buffer.from(mac, 'base64url');
    bits[0]! ^= 1;
    const forged = [
      ...Object.entries(claims).map(([field, value]) => respell({ ...claims, [field]: other(value) })),
      respell({ ...claims, more: 1 }),
      `${payload}.${bits.toString('base64url')}`,
      form.t.slice(0, -1),
      payload,
      `${form.t}.${mac}`,
      'x'.repeat(10_000),
      '',
    ];
    expect(Object.keys(claims).length).toBe(9);
    for (const t of forged) {
      expectProblem(await sendLink(cloud, form, { as: 'lead', fields: { t } }), 401, 'BAD_LINK');
      const shown = await cloud.api('GET', `/v1/approvals/link?t=${encodeURIComponent(t.slice(0, 4_000))}`);
      expectProblem(shown, 401, 'BAD_LINK');
    }
    await unchanged();
  });
});

describe('a mailed link that decides', () => {
  it('does so once, however often its form is sent, and not the other way afterwards', async () => {
    const own = await another();
    const send = (decision: string) => sendLink(cloud, own.form, { as: 'lead', decision, comment: 'as discussed with the team' });
    const answers = await Promise.all(Array.from({ length: 10 }, () => send('approve')));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const { status } = (await cloud.api('GET', own.path, { as: 'dev' })).body;
    expect(status.history.filter(({ action }: { action: string }) => action === 'approved')).toMatchObject([{ by: 'lead@example.com' }]);
    const before = await standing(cloud, own.path);
    expect((await send('approve')).status).toBe(200);
    await approve(cloud, own.path, 'lead');
    expectProblem(await send('reject'), 409, 'ALREADY_DECIDED');
    expect(await standing(cloud, own.path)).toEqual(before);
  });

  it('rejects, with a reason only', async () => {
    const own = await another();
    expectProblem(await sendLink(cloud, own.form, { as: 'lead', decision: 'reject', comment: 'no' }), 400, 'INVALID_REQUEST');
    const reason = 'the window is taken by the payroll run';
    expect((await sendLink(cloud, own.form, { as: 'lead', decision: 'reject', comment: reason })).status).toBe(200);
    const { status } = (await cloud.api('GET', own.path, { as: 'dev' })).body;
    expect(status).toMatchObject({ phase: 'rejected', rejectedBy: 'lead@example.com', rejectionReason: reason });
    const answer = await sendLink(cloud, await openLink(await cloud.link('security', idOf(own.path))).catch(() => own.form), {
      as: 'security',
    });
    expect([403, 409]).toContain(answer.status);
  });

  it('is taken back by who says that it was not them, and is dead then', async () => {
    const own = await another();
    expect((await sendLink(cloud, own.form, { as: 'lead' })).status).toBe(200);
    const body = new URLSearchParams({ t: own.form.t, csrf: own.form.csrf }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: cloud.endpoints.api, cookie: own.form.cookie };
    expect((await cloud.api('POST', '/v1/approvals/link/revoke', { body, headers })).status).toBe(200);
    const { status } = (await cloud.api('GET', own.path, { as: 'dev' })).body;
    expect(status.approvals.stages[0].rules[0].given).toEqual([]);
    expectProblem(await sendLink(cloud, own.form, { as: 'lead' }), 410, 'LINK_USED');
  });

  it('does not decide on a plan that was edited after the mail; the new mail does', async () => {
    const own = await another();
    const edited = await cloud.api('PATCH', own.path, { as: 'dev', body: { request: { releaseNotes: 'Something else altogether' } } });
    expect(edited.status, edited.text).toBe(200);
    await reach(cloud, own.path, 'pending_approval');
    const before = await standing(cloud, own.path);
    expectProblem(await sendLink(cloud, own.form, { as: 'lead' }), 409, 'PLAN_CHANGED');
    expect(await standing(cloud, own.path)).toEqual(before);
    const old = own.form.t;
    const fresh = await cloud.until('a mail about the new plan', async () => {
      const newest = await openLink(await cloud.link('lead', idOf(own.path)));
      return newest.t === old ? undefined : newest;
    });
    expect((await sendLink(cloud, fresh, { as: 'lead' })).status).toBe(200);
  });

  it('needs no sign-in where the tier does not demand it', async () => {
    await push(cloud, '1.1.0', 'true', { name });
    const own = await request(cloud, 'staging', '1.1.0', { name });
    await reach(cloud, own, 'pending_approval');
    expect((await sendLink(cloud, await openLink(await cloud.link('cpi2', idOf(own))))).status).toBe(200);
    const end = await reach(cloud, own, 'succeeded');
    expect(end.status.approvedBy).toBe('cpi2@example.com');
  });
});

it('ends with the request, which expires when nobody decides in time', { timeout: 90_000 }, async () => {
  form = await openLink(link);
  await cloud.advance('P1DT1H');
  const expired = await reach(cloud, path, 'expired');
  expect(expired.status).toMatchObject({ state: 'expired', views: { seed003: { state: 'rejected', detail: 'expired' } } });
  const before = await standing(cloud, path);
  expectProblem(await sendLink(cloud, form, { as: 'lead' }), 410, 'LINK_EXPIRED');
  expectProblem(await cloud.api('GET', `/v1/approvals/link?t=${form.t}`), 410, 'LINK_EXPIRED');
  expectProblem(await cloud.api('POST', `${path}/approve`, { as: 'lead', body: {} }), 410, 'EXPIRED');
  expectProblem(await cloud.api('POST', `${path}/cancel`, { as: 'dev', body: {} }), 410, 'EXPIRED');
  expect(await standing(cloud, path)).toEqual(before);
  const told = await cloud.until('the mail about the end', async () => {
    const mails = (await cloud.mails()).filter(({ subject }) => subject.startsWith(`[${idOf(path)}] Approval expired`));
    return mails.length > 0 ? mails.map(({ to }) => to.join()) : undefined;
  });
  expect(told).toEqual(['dev@example.com']);
});
