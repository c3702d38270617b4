import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CAREFUL_PROD, synthesize } from './assembly.ts';
import { FlowCloud } from './cloud.ts';
import { type LinkForm, openLink, type SendOptions, sendLink } from './link-form.ts';
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
});
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

  it('LINK-01 LINK-15 shows a page to whoever follows it, as often as a scanner likes, and loads nothing from elsewhere', async () => {
    for (let times = 0; times < 50; times++) {
      const [get, head, options] = await Promise.all(['GET', 'HEAD', 'OPTIONS'].map((method) => fetch(link, { method })));
      expect([get!.status, head!.status, options!.status]).toEqual([200, 405, 405]);
      expect([head!, options!].map(({ headers }) => headers.get('allow'))).toEqual(['GET, POST', 'GET, POST']);
    }
    const { headers } = form.page;
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.getSetCookie().join()).toMatch(/HttpOnly; SameSite=Strict/);
    expect(form.markup).not.toMatch(/<script|<link|<img|@import|url\(|https?:\/\/|checked/i);
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

  it.each<[string, Record<string, string | undefined>]>([
    ['nothing is typed', { confirm: '' }],
    ['something else is typed', { confirm: 'prod 000000' }],
    ['the confirmation is missing', { confirm: undefined }],
    ['nothing is chosen', { decision: undefined }],
    ['something else is chosen', { decision: 'maybe' }],
  ])('LINK-02 when %s: CONFIRMATION_REQUIRED', async (_what, fields) => {
    expectProblem(await sendLink(cloud, form, { as: 'lead', fields }), 400, 'CONFIRMATION_REQUIRED');
    await unchanged();
  });

  it.each<[string, SendOptions & { cookie?: string }]>([
    ['from another site', { headers: { origin: 'https://evil.example' } }],
    ['from another program of this machine', { headers: { origin: 'http://127.0.0.1:1' } }],
    ['from a page without an origin', { headers: { origin: 'null' } }],
    ['from nowhere', { without: ['origin'] }],
    ['from another site, as the browser says', { without: ['origin'], headers: { 'sec-fetch-site': 'cross-site' } }],
    ['without the cookie of the page', { without: ['cookie'] }],
    ['with another cookie', { cookie: '0'.repeat(32) }],
    ['without the hidden value', { fields: { csrf: undefined } }],
    ['with another hidden value', { fields: { csrf: Buffer.alloc(32).toString('base64url') } }],
  ])('LINK-12 when the form comes %s: CSRF', async (_what, { cookie, ...options }: SendOptions & { cookie?: string }) => {
    const sent = cookie === undefined ? form : { ...form, cookie: form.cookie.replace(/=.*/, `=${cookie}`) };
    expectProblem(await sendLink(cloud, sent, { as: 'lead', ...options }), 403, 'CSRF');
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

  it('LINK-11 in the hands of anybody else: WRONG_APPROVER, and the requester’s attempt is recorded', async () => {
    expectProblem(await sendLink(cloud, form, { as: 'security' }), 403, 'WRONG_APPROVER');
    expectProblem(await sendLink(cloud, form, { as: 'outsider' }), 403, 'WRONG_APPROVER');
    await unchanged();
    expectProblem(await sendLink(cloud, form, { as: 'dev' }), 403, 'SELF_APPROVAL');
    const { body } = await cloud.api('GET', path, { as: 'dev' });
    expect(body.status.history.at(-1)).toMatchObject({ action: 'approval_refused', by: 'dev@example.com' });
    expect(body.status.approvals.stages[0].rules[0].given).toEqual([]);
    expect(body.status.phase).toBe('pending_approval');
  });

  it('LINK-05 forged in any field, cut or padded: BAD_LINK', async () => {
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

it('LINK-13 shows what was written to it as text', async () => {
  const attack = '<img src=x onerror=alert(1)></textarea></dd><script>alert(2)</script><style>*{display:none}</style>';
  const justification = `${attack} [click](javascript:alert(3)) {{7*7}} \${7*7}`;
  const own = await pending(cloud, 'prod', VERSION, { name, justification });
  const { markup, page } = await openLink(await cloud.link('lead', idOf(own)));
  expect(page.headers.get('content-security-policy')).toMatch(
    /default-src 'none'; style-src 'sha256-[^']+'; form-action [^;]+; frame-ancestors 'none'; base-uri 'none'/,
  );
  expect(markup.match(/<(img|script|iframe|object|a href="javascript)/g)).toBeNull();
  expect(markup.match(/<style>/g)).toHaveLength(1);
  expect(markup.replaceAll('&lt;', '<').replaceAll('&gt;', '>')).toContain(justification);
});

describe('a mailed link that decides', () => {
  it('LINK-03 LINK-04 does so once, however often its form is sent, and not the other way afterwards', async () => {
    const own = await another();
    const send = (decision: string) => sendLink(cloud, own.form, { as: 'lead', decision, comment: 'as discussed with the team' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => send('approve')));
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

  it('is confirmed by mail, and taken back by who says that it was not them; it is dead then, and people are told', async () => {
    const own = await another();
    expect((await sendLink(cloud, own.form, { as: 'lead' })).status).toBe(200);
    const about = async (part: string, to: string) =>
      (await cloud.mails()).find(
        (mail) => mail.to.includes(`${to}@example.com`) && mail.subject.includes(idOf(own.path)) && mail.subject.includes(part),
      );
    const receipt = await cloud.until('the receipt', () => about('Your approval is recorded', 'lead'));
    const { status, metadata } = (await cloud.api('GET', own.path, { as: 'dev' })).body;
    for (const part of [metadata.id, status.planHash, status.digest, 'approved', 'Audit event']) expect(receipt.text).toContain(part);
    expect(await about('Your approval is recorded', 'security')).toBeUndefined();
    const told = await cloud.until('the news for the others', () => about('Approved by an approver', 'security'));
    expect(told.text).toContain('Lee Lead (lead@example.com), with the link that was mailed to them');

    const address = /https?:\/\/\S+\/v1\/approvals\/link\/revoke\?t=\S+/.exec(receipt.text)![0];
    const form = await openLink(address);
    // A scanner that opens the receipt and presses its button takes nothing back: a person has to type.
    const sent = { fields: { decision: undefined, comment: undefined }, path: '/v1/approvals/link/revoke' };
    const scanned = await sendLink(cloud, form, { ...sent, fields: { ...sent.fields, confirm: '' } });
    expectProblem(scanned, 400, 'CONFIRMATION_REQUIRED');
    expect((await cloud.api('GET', own.path, { as: 'dev' })).body.status.approvals.stages[0].rules[0].given).toEqual(['lead@example.com']);
    expect((await sendLink(cloud, form, sent)).status).toBe(200);
    const after = (await cloud.api('GET', own.path, { as: 'dev' })).body.status;
    expect(after.approvals.stages[0].rules[0].given).toEqual([]);
    expect(after.history.at(-1)).toMatchObject({ action: 'approval_revoked', by: 'lead@example.com' });
    for (const dead of [own.form, form]) expectProblem(await sendLink(cloud, dead, { as: 'lead' }), 410, 'LINK_USED');
    await cloud.until('the alert', () => about('was not the approver’s own', 'security'));
    await cloud.until('the alert for the administrator', () => about('was not the approver’s own', 'admin'));
  });

  it('LINK-08 does not decide on a plan that was edited after the mail, and shows what is different; the new mail does', async () => {
    const own = await another();
    const edited = await cloud.api('PATCH', own.path, { as: 'dev', body: { request: { releaseNotes: 'Something else altogether' } } });
    expect(edited.status, edited.text).toBe(200);
    await reach(cloud, own.path, 'pending_approval');
    const before = await standing(cloud, own.path);
    expectProblem(await sendLink(cloud, own.form, { as: 'lead' }), 409, 'PLAN_CHANGED');
    expect(await standing(cloud, own.path)).toEqual(before);
    const shown = await fetch(`${cloud.endpoints.api}/v1/approvals/link?t=${own.form.t}`, { headers: { accept: 'text/html' } });
    expect(shown.status).toBe(409);
    expect(await shown.text()).toContain('Something else altogether');
    const old = new URLSearchParams({ t: own.form.t }).toString();
    const fresh = await cloud.until('a mail about the new plan', async () => {
      const newest = await cloud.link('lead', idOf(own.path));
      return newest.endsWith(old) ? undefined : newest;
    });
    expect((await sendLink(cloud, await openLink(fresh), { as: 'lead' })).status).toBe(200);
  });

  it('is taken back where it was given, after it was complete, while nothing has begun', async () => {
    const own = await another();
    expect((await sendLink(cloud, own.form, { as: 'lead' })).status).toBe(200);
    await approve(cloud, own.path, 'security');
    await reach(cloud, own.path, 'approved');
    const sent = { fields: { decision: undefined, comment: undefined, confirm: undefined }, path: '/v1/approvals/link/revoke' };
    expect((await sendLink(cloud, own.form, sent)).status).toBe(200);
    const open = await reach(cloud, own.path, 'pending_approval');
    expect(open.status.approvals.stages[0].rules.map(({ given }: { given: string[] }) => given)).toEqual([[], ['security@example.com']]);
    // The run waits for approval again, and goes on when it is there.
    await approve(cloud, own.path, 'lead');
    await reach(cloud, own.path, 'approved');
    expect((await cloud.api('POST', `${own.path}/execute`, { as: 'dev', body: {} })).status).toBe(200);
    await reach(cloud, own.path, 'succeeded');
    expectProblem(await sendLink(cloud, own.form, sent), 410, 'LINK_USED');
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

it('LINK-07 ends with the request, which expires when nobody decides in time', async () => {
  form = await openLink(link);
  const { expiresAt } = (await cloud.api('GET', path, { as: 'dev' })).body.status;
  const left = Math.floor((Date.parse(expiresAt) - (await cloud.now()).getTime()) / 1000);
  await cloud.advance(`PT${left - 900}S`);
  // A quarter of an hour before its end, which is 3 min here, it still asks, and still takes nothing that is wrong.
  expect((await fetch(link)).status).toBe(200);
  expectProblem(await sendLink(cloud, form, { as: 'lead', fields: { confirm: 'no' } }), 400, 'CONFIRMATION_REQUIRED');
  await cloud.advance('PT901S');
  expectProblem(await sendLink(cloud, form, { as: 'lead' }), 410, 'LINK_EXPIRED');
  await cloud.advance('PT1H');
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
