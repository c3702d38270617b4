import { DisableKeyCommand, KMSClient, ScheduleKeyDeletionCommand } from '@aws-sdk/client-kms';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Configuration } from '../../core/environment/configuration.ts';
import { withPhase } from '../../core/promotion/change.ts';
import { engineChange } from '../../core/promotion/engine-change.ts';
import { expectDescribed } from './described.ts';
import { type Fields, keyOf, LINK, type MailedLink, mailLink, type OpenForm, openForm, sendForm } from './mailed-links.ts';
import { eventsOf, openApproval, outcome, runGates, untilLimited } from './requests.ts';
import { type Answer, type CallOptions, DIGEST, ORIGIN, startWorld, type World } from './world.ts';

let world: World;
/** What the functions have read: changed for a test and put back after it. */
let live: Configuration;
let sources = 0;

beforeAll(async () => {
  world = await startWorld((configuration) => {
    configuration.environments['staging']!.approvals = [{ name: 'review', rules: [{ role: 'cpi', min: 2 }] }];
    configuration.people.push({
      subject: 'cpi3',
      email: 'cpi3@example.com',
      name: 'Cleo',
      tenants: ['tenant-finance'],
      roles: ['cpi'],
      teams: [],
      disabled: false,
    });
  });
  live = await world.state.configuration();
});
afterAll(() => world.close());
let kept: string;
afterEach(() => {
  vi.useRealTimers();
  process.env['LINK_KEYS'] = JSON.stringify(world.linkKeys);
  process.env['LINK_KEY_ID'] = 'k1';
  if (kept) Object.assign(live, JSON.parse(kept));
  kept = '';
});

/** Each test from an address of its own: the failures of one count for no other. */
const source = (): { sourceIp: string } => ({ sourceIp: `198.51.100.${++sources}` });
const path = (id: string) => `/v1/requests/staging/${id}`;
const read = async (id: string) => (await world.call('GET', path(id), { as: 'admin' })).json.status;

function change(edit: (configuration: Configuration) => unknown): void {
  kept = JSON.stringify(live);
  edit(live);
}

/** Staging lets a link decide alone; with this it demands the sign-in, as production does. */
const demandSignIn = () => change(({ environments }) => void Object.assign(environments['staging']!, { linkMayDecide: false }));

async function asked(as = 'dev'): Promise<{ id: string; link: MailedLink; form: OpenForm }> {
  const id = await openApproval(world, as);
  const link = await mailLink(world, id, 'cpi');
  return { id, link, form: await openForm(world, link) };
}

/** What must be the same after a refusal. */
async function standing(id: string) {
  const { promotions } = world.state;
  return { head: await promotions.head(id), decisions: await promotions.decisions(id), history: await promotions.history(id) };
}

async function edit(id: string, more: object = { request: { releaseNotes: 'Something else altogether' } }): Promise<void> {
  const answer = await world.call('PATCH', path(id), { as: 'dev', body: more });
  expect(answer.status, answer.text).toBe(200);
}

describe('the order of refusals', () => {
  it('is that of the contract, whatever else is wrong', async () => {
    demandSignIn();
    const { id, link, form } = await asked();
    await edit(id);
    const expired = await mailLink(world, id, 'cpi', { claims: { planHash: link.claims.planHash, expiresAt: 1 } });
    const stale = await openForm(world, expired);
    interface Sent {
      fields: Fields;
      options: CallOptions;
      form: OpenForm;
    }
    // From the last to the first: each sending has every mistake from its own line on.
    const mistakes: [string, (sent: Sent) => void][] = [
      ['415 UNSUPPORTED_MEDIA_TYPE', ({ options }) => Object.assign(options.headers!, { 'content-type': 'application/json' })],
      ['403 CSRF', ({ options }) => Object.assign(options.headers!, { origin: 'https://evil.example' })],
      ['401 BAD_LINK', ({ fields }) => Object.assign(fields, { t: `${link.t.slice(0, -2)}${link.t.endsWith('AA') ? 'BA' : 'AA'}` })],
      ['410 LINK_EXPIRED', (sent) => Object.assign(sent, { form: { ...stale, csrf: '', cookies: [] } })],
      ['403 CSRF', ({ fields }) => Object.assign(fields, { csrf: 'A'.repeat(43) })],
      ['400 CONFIRMATION_REQUIRED', ({ fields }) => Object.assign(fields, { confirm: 'staging 000000' })],
      ['303', ({ options }) => Reflect.deleteProperty(options, 'as')],
      ['403 WRONG_APPROVER', ({ options }) => Object.assign(options, { as: 'cpi2' })],
      ['409 PLAN_CHANGED', () => undefined],
    ];
    for (const [index, [expected]] of mistakes.entries()) {
      const sent: Sent = { fields: {}, options: { as: 'cpi', headers: {} }, form };
      for (const [, make] of mistakes.slice(index).reverse()) make(sent);
      const answer = await sendForm(world, sent.form, { ...sent.options, ...source(), fields: sent.fields });
      expect(outcome(answer), `line ${index}`).toBe(expected);
    }
    expect((await read(id)).approvals.stages[0].rules[0].given).toEqual([]);
  });

  it('puts where a form comes from before what it holds', async () => {
    const { form } = await asked();
    const body = `t=a&t=b&csrf=${form.csrf}`;
    expect(outcome(await sendForm(world, form, { body, headers: { origin: 'https://evil.example' } }))).toBe('403 CSRF');
    expect(outcome(await sendForm(world, form, { body }))).toBe('400 AMBIGUOUS_PARAMETER');
    for (const where of [LINK, `${LINK}/revoke`]) {
      expect(outcome(await sendForm(world, form, { path: where, body: Buffer.alloc(300_000, 'a'), headers: { origin: 'x' } }))).toBe(
        '413 PAYLOAD_TOO_LARGE',
      );
    }
  });

  it('LINK-01 takes no other method', async () => {
    const { link } = await asked();
    for (const method of ['HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'TRACE']) {
      const answer = await world.call(method, `${LINK}?t=${link.t}`);
      expect([answer.status, answer.headers['allow']], method).toEqual([405, 'GET, POST']);
      const revoke = await world.call(method, `${LINK}/revoke?t=${link.t}`);
      expect([revoke.status, revoke.headers['allow']], method).toEqual([405, 'GET, POST']);
    }
  });
});

describe('LINK-02 the proof that a person was there', () => {
  it.each<[string, Fields]>([
    ['nothing typed', { confirm: '' }],
    ['no field at all', { confirm: undefined }],
    ['the environment only', { confirm: 'staging' }],
    ['the digest only', { confirm: 'aaaaaa' }],
    ['another environment', { confirm: 'prod aaaaaa' }],
    ['another digest', { confirm: 'staging aaaaab' }],
    ['upper case', { confirm: 'STAGING AAAAAA' }],
    ['two spaces', { confirm: 'staging  aaaaaa' }],
    ['the whole digest', { confirm: `staging ${DIGEST}` }],
    ['no decision', { decision: undefined }],
    ['an empty decision', { decision: '' }],
    ['another word', { decision: 'Approve' }],
    ['a member of every object', { decision: 'constructor' }],
  ])('is missing with %s', async (_what, fields) => {
    const { id, form } = await asked();
    const before = await standing(id);
    const problem = await sendForm(world, form, { fields });
    expect(outcome(problem)).toBe('400 CONFIRMATION_REQUIRED');
    expect(problem.json.errors).toEqual([{ path: 'confirm' in fields ? '/confirm' : '/decision', message: expect.any(String) }]);
    const page = await sendForm(world, form, { fields, headers: { accept: 'text/html' } });
    expect([page.status, page.headers['content-type']]).toEqual([400, 'text/html; charset=utf-8']);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.text).toContain('Nothing was recorded.');
    expect(await standing(id)).toEqual(before);
  });

  it('is asked for again with what was typed, and the form that comes back works', async () => {
    const { id, link, form } = await asked();
    const typed = { decision: 'reject', comment: '</textarea><script>alert(1)</script>', confirm: '" autofocus onfocus="alert(1)' };
    const page = await sendForm(world, form, { fields: typed, headers: { accept: 'text/html' } });
    expect(page.status).toBe(400);
    expect(page.text).not.toMatch(/<script|"\s+autofocus onfocus/);
    expect(page.text).toContain('&lt;/textarea&gt;&lt;script&gt;alert(1)&lt;/script&gt;</textarea>');
    expect(page.text).toContain('value="reject" required checked');
    const again = {
      link,
      csrf: /name="csrf" value="([^"]+)"/.exec(page.text)![1]!,
      cookies: page.cookies.map((each) => each.split(';')[0]!),
    };
    expect(outcome(await sendForm(world, again))).toBe('200');
    expect((await read(id)).approvals.stages[0].rules[0].given).toEqual(['cpi@example.com']);
  });

  it('is no protection against a reason that is too short', async () => {
    const { id, form } = await asked();
    const before = await standing(id);
    for (const comment of ['', 'no', 'no  no  no', '\u200b'.repeat(20)]) {
      const answer = await sendForm(world, form, { fields: { decision: 'reject', comment } });
      expect(outcome(answer)).toBe('400 INVALID_REQUEST');
      expect(answer.json.errors[0].path).toBe('/comment');
    }
    expect(outcome(await sendForm(world, form, { fields: { comment: 'x'.repeat(4_001) } }))).toBe('400 INVALID_REQUEST');
    expect(outcome(await sendForm(world, form, { fields: { comment: 'safe \u202etxt.exe' } }))).toBe('400 INVALID_REQUEST');
    expect(await standing(id)).toEqual(before);
  });
});

describe('LINK-03 a decision that is sent again', () => {
  it('by the same person is the same decision: one event, one receipt', async () => {
    const { id, form } = await asked();
    const answers = await Promise.all(Array.from({ length: 20 }, () => sendForm(world, form)));
    expect(answers.map(outcome)).toEqual(answers.map(() => '200'));
    expect(await eventsOf(world, id, 'approval.decided')).toBe(1);
    expect(outcome(await sendForm(world, form))).toBe('200');
    // Also by another link of the same person, and after the request has gone on.
    const other = await openForm(world, await mailLink(world, id, 'cpi'));
    expect(other.page.status).toBe(410);
    await world.call('POST', `${path(id)}/approve`, { as: 'cpi2', body: {} });
    expect((await read(id)).phase).toBe('approved');
    expect(outcome(await sendForm(world, form))).toBe('200');
    expect(await eventsOf(world, id, 'approval.decided')).toBe(2);
  });

  it('after it was given over REST is recognized', async () => {
    const { id, form } = await asked();
    await world.call('POST', `${path(id)}/approve`, { as: 'cpi', body: {} });
    expect(outcome(await sendForm(world, form))).toBe('200');
    expect(outcome(await sendForm(world, form, { fields: { decision: 'reject', comment: 'on second thoughts no' } }))).toBe(
      '409 ALREADY_DECIDED',
    );
    expect(await eventsOf(world, id, 'approval.decided')).toBe(1);
  });

  it('after it was taken back is not given again by the same link', async () => {
    const { id, form } = await asked();
    await sendForm(world, form);
    await world.call('POST', `${path(id)}/withdraw`, { as: 'cpi' });
    const before = await standing(id);
    expect(outcome(await sendForm(world, form))).toBe('410 LINK_USED');
    expect((await world.call('GET', `${LINK}?t=${form.link.t}`)).json.code).toBe('LINK_USED');
    expect(await standing(id)).toEqual(before);
    const fresh = await openForm(world, await mailLink(world, id, 'cpi'));
    expect(outcome(await sendForm(world, fresh))).toBe('200');
  });
});

describe('LINK-04 the other decision afterwards', () => {
  it.each(['approve', 'reject'])('is refused when the first was "%s"', async (first) => {
    const { id, form } = await asked();
    const comment = 'the window is taken by payroll';
    expect(outcome(await sendForm(world, form, { fields: { decision: first, comment } }))).toBe('200');
    const before = await standing(id);
    const second = first === 'approve' ? 'reject' : 'approve';
    expect(outcome(await sendForm(world, form, { fields: { decision: second, comment } }))).toBe('409 ALREADY_DECIDED');
    expect(await standing(id)).toEqual(before);
    const used = await openForm(world, form.link);
    expect(used.page.status).toBe(410);
    expect(used.page.text).toContain(first === 'approve' ? 'You have approved this' : 'You have rejected this');
  });
});

describe('LINK-05 a forged token', () => {
  it('is refused alike for every bit of it, in both methods, and nothing is read for it', async () => {
    const { id, link, form } = await asked();
    const before = await standing(id);
    const [payload, mac] = link.t.split('.') as [string, string];
    const flip = (part: string, bit: number) => {
      const bytes = Buffer.from(part, 'base64url');
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      return bytes.toString('base64url');
    };
    const bits = Buffer.from(payload, 'base64url').length * 8;
    // One bit in every 40: each field of the claims has several of them.
    const forged = Array.from({ length: Math.floor(bits / 40) }, (_, index) => `${flip(payload, index * 40 + (index % 40))}.${mac}`);
    for (let bit = 0; bit < 256; bit += 16) forged.push(`${payload}.${flip(mac, bit)}`);
    const reading = vi.spyOn(world.state.table, 'get');
    const querying = vi.spyOn(world.state.table, 'all');
    for (const t of forged) {
      const from = source();
      expect(outcome(await sendForm(world, form, { ...from, fields: { t } }))).toBe('401 BAD_LINK');
      expect(outcome(await world.call('GET', `${LINK}?t=${t}`, from))).toBe('401 BAD_LINK');
    }
    expect(reading).not.toHaveBeenCalled();
    expect(querying).not.toHaveBeenCalled();
    reading.mockRestore();
    querying.mockRestore();
    expect(await standing(id)).toEqual(before);
  });

  it('of another shape is no token at all', async () => {
    const { link, form } = await asked();
    const shapes = [
      '',
      ' ',
      '.',
      link.t.slice(0, -1),
      link.t.slice(1),
      `${link.t}.`,
      `${link.t}=`,
      ` ${link.t}`,
      `${link.t}\n`,
      link.t.toUpperCase(),
      'x'.repeat(10_000),
      '\u0000',
      'é',
    ];
    for (const t of shapes)
      expect(outcome(await sendForm(world, form, { ...source(), fields: { t } })), JSON.stringify(t).slice(0, 30)).toBe('401 BAD_LINK');
    expect(outcome(await sendForm(world, form, { ...source(), fields: { t: undefined } }))).toBe('401 BAD_LINK');
    expect(outcome(await world.call('GET', LINK, source()))).toBe('401 BAD_LINK');
  });
});

describe('LINK-07 the end of a link', () => {
  it('is the second that it names, by the clock of the service', async () => {
    const { id, link, form } = await asked();
    const before = await standing(id);
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(link.claims.expiresAt * 1000 - 1);
    expect((await openForm(world, link)).page.status).toBe(200);
    for (const late of [0, 1, 1_000, 86_400_000]) {
      vi.setSystemTime(link.claims.expiresAt * 1000 + late);
      expect(outcome(await sendForm(world, form))).toBe('410 LINK_EXPIRED');
      expect(outcome(await world.call('GET', `${LINK}?t=${link.t}`))).toBe('410 LINK_EXPIRED');
      expect(outcome(await sendForm(world, form, { path: `${LINK}/revoke` }))).toBe('410 LINK_EXPIRED');
    }
    vi.setSystemTime(link.claims.expiresAt * 1000 - 1);
    expect(await standing(id)).toEqual(before);
    expect(outcome(await sendForm(world, form))).toBe('200');
  });

  it('comes with the request’s, also for an instance whose clock is five minutes behind', async () => {
    const { id, link, form } = await asked();
    const head = (await world.state.promotions.head(id))!;
    await world.state.promotions.commit(engineChange(head, withPhase(head, 'expired'), { type: 'promotion.expired', action: 'expired' }));
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.now() - 300_000);
    expect(outcome(await sendForm(world, form))).toBe('410 LINK_EXPIRED');
    expect(outcome(await world.call('GET', `${LINK}?t=${link.t}`))).toBe('410 LINK_EXPIRED');
  });
});

describe('LINK-08 a request that was edited after the mail', () => {
  it('is not decided by the old link, and its page shows what is different', async () => {
    const { id, link, form } = await asked();
    world.registry.tags['1.2.1'] = `sha256:${'c'.repeat(64)}`;
    await edit(id, { target: { version: '1.2.1' }, request: { releaseNotes: 'Something else altogether' } });
    for (const phase of ['validating', 'pending_approval']) {
      if (phase === 'pending_approval') await runGates(world, id);
      const before = await standing(id);
      // What the person typed was right for the plan that they had read.
      expect(outcome(await sendForm(world, form))).toBe('409 PLAN_CHANGED');
      expect(outcome(await world.call('GET', `${LINK}?t=${link.t}`))).toBe('409 PLAN_CHANGED');
      for (const page of [await sendForm(world, form, { headers: { accept: 'text/html' } }), (await openForm(world, link)).page]) {
        expect(page.status).toBe(409);
        const text = page.text.replaceAll(/<[^>]+>/g, '');
        expect(text).toContain('1.1.0 → 1.2.1');
        expect(text).toContain(`sha256:${'c'.repeat(64)}`);
        expect(text).toContain('Something else altogether');
      }
      expect(await standing(id)).toEqual(before);
    }
    const fresh = await openForm(world, await mailLink(world, id, 'cpi'));
    expect(fresh.page.text).toContain('Changed since it was last asked for');
    expect(outcome(await sendForm(world, fresh, { fields: { confirm: link.confirm } }))).toBe('400 CONFIRMATION_REQUIRED');
    expect(outcome(await sendForm(world, fresh))).toBe('200');
  });

  it('keeps nothing of a decision on the old plan', async () => {
    const { id, form } = await asked();
    await sendForm(world, form);
    await edit(id);
    await runGates(world, id);
    expect((await read(id)).approvals.stages[0].rules[0].given).toEqual([]);
    expect(outcome(await sendForm(world, form))).toBe('409 PLAN_CHANGED');
    expect(outcome(await sendForm(world, form, { fields: { decision: 'reject', comment: 'on second thoughts no' } }))).toBe(
      '409 PLAN_CHANGED',
    );
  });
});

describe('LINK-09 a link that is bound to something else', () => {
  it('is worth nothing, although its MAC is right', async () => {
    const { id, form } = await asked();
    const other = await asked();
    const before = [await standing(id), await standing(other.id)];
    const cross: [string, MailedLink][] = [
      ['of another deployment', await mailLink(world, id, 'cpi', { claims: { audience: 'https://dev.greenlight.example.com' } })],
      ['of the same host over TLS', await mailLink(world, id, 'cpi', { claims: { audience: ORIGIN.replace('http:', 'https:') } })],
      ['of another port', await mailLink(world, id, 'cpi', { claims: { audience: 'http://127.0.0.1:4701' } })],
      ['whose row names another request', await mailLink(world, id, 'cpi', { row: { requestId: other.id } })],
      ['whose row names another person', await mailLink(world, id, 'cpi', { row: { approver: keyOf(world, 'cpi2') } })],
      ['whose row names another plan', await mailLink(world, id, 'cpi', { row: { planHash: `sha256:${'0'.repeat(64)}` } })],
      ['without a row', await mailLink(world, id, 'cpi', { row: null })],
      ['of a request that there is not', await mailLink(world, id, 'cpi', { claims: { requestId: 'PR-2026-9999' } })],
    ];
    for (const [what, link] of cross) {
      expect(outcome(await sendForm(world, { ...form, link })), what).toBe('401 BAD_LINK');
      expect(outcome(await world.call('GET', `${LINK}?t=${link.t}`)), what).toBe('401 BAD_LINK');
    }
    // The page value of one link is none for another.
    expect(outcome(await sendForm(world, { ...form, link: other.link }))).toBe('403 CSRF');
    expect([await standing(id), await standing(other.id)]).toEqual(before);
  });
});

describe('LINK-10 an approver who is none any more', () => {
  it.each<[string, (configuration: Configuration) => unknown]>([
    ['disabled', (configuration) => Object.assign(person(configuration), { disabled: true })],
    ['gone', (configuration) => configuration.people.splice(configuration.people.indexOf(person(configuration)), 1)],
    ['without the role', (configuration) => Object.assign(person(configuration), { roles: ['viewer'] })],
    ['in the wrong team', (configuration) => Object.assign(person(configuration), { roles: ['approver'], teams: ['qa'] })],
    ['in another tenant', (configuration) => Object.assign(person(configuration), { tenants: ['tenant-retail'] })],
    ['another account with the same address', (configuration) => Object.assign(person(configuration), { subject: 'cpi-again' })],
  ])('%s: 403 NOT_AN_APPROVER at the moment of the decision', async (_what, edited) => {
    const { id, link, form } = await asked();
    const before = await standing(id);
    change(edited);
    expect(outcome(await sendForm(world, form))).toBe('403 NOT_AN_APPROVER');
    expect(outcome(await world.call('GET', `${LINK}?t=${link.t}`))).toBe('403 NOT_AN_APPROVER');
    Object.assign(live, JSON.parse(kept));
    expect(await standing(id)).toEqual(before);
    expect(outcome(await sendForm(world, form))).toBe('200');
  });

  const person = (configuration: Configuration) => configuration.people.find(({ subject }) => subject === 'cpi')!;
});

describe('LINK-11 a forwarded link', () => {
  it('is nobody’s but the addressee’s, where somebody is signed in', async () => {
    const { id, form } = await asked('cpi2');
    const before = await standing(id);
    for (const as of ['cpi3', 'lead', 'outsider', 'admin', 'viewer']) {
      expect(outcome(await sendForm(world, form, { as })), as).toBe('403 WRONG_APPROVER');
    }
    expect(outcome(await sendForm(world, form, { as: 'robot' }))).toBe('403 HUMAN_REQUIRED');
    expect(await standing(id)).toEqual(before);
    expect(outcome(await sendForm(world, form, { as: 'cpi2' }))).toBe('403 SELF_APPROVAL');
    expect(await eventsOf(world, id, 'approval.refused')).toBe(1);
    expect((await standing(id)).decisions).toEqual(before.decisions);
    const seen = await openForm(world, form.link, { as: 'cpi2' });
    expect(seen.page.status).toBe(200);
    expect(seen.page.text.replaceAll(/<[^>]+>/g, '')).toContain('You are signed in as Casey Cpi, but this link was sent to Chris Cpi');
    expect(outcome(await sendForm(world, form, { as: 'cpi' }))).toBe('200');
  });

  it('where a sign-in is demanded, needs that of its person; a session that is over leads to the sign-in', async () => {
    demandSignIn();
    const { id, form } = await asked();
    const before = await standing(id);
    const answer = await sendForm(world, form);
    expect([answer.status, answer.headers['location']]).toEqual([
      303,
      `/v1/login?return=${encodeURIComponent(`${LINK}?t=${form.link.t}`)}`,
    ]);
    const over = await sendForm(world, form, { cookies: [...form.cookies, `session=${'x'.repeat(43)}`] });
    expect(over.status).toBe(303);
    expect(outcome(await sendForm(world, form, { as: 'Bearer nothing', ...source() }))).toBe('401 UNAUTHENTICATED');
    expect(await standing(id)).toEqual(before);
    expect(outcome(await sendForm(world, form, { as: 'cpi' }))).toBe('200');
  });
});

describe('LINK-12 a form of another site', () => {
  it.each<[string, CallOptions]>([
    ['from another origin', { headers: { origin: 'https://evil.example' } }],
    ['from another port', { headers: { origin: 'http://127.0.0.1:1' } }],
    ['over TLS from our host', { headers: { origin: ORIGIN.replace('http:', 'https:') } }],
    ['from our origin with a path', { headers: { origin: `${ORIGIN}/` } }],
    ['from nowhere', { headers: { origin: '' } }],
    ['from a page that hides where it is', { headers: { origin: 'null' } }],
    ['from our site, but not our origin', { headers: { origin: 'null', 'sec-fetch-site': 'same-site' } }],
    [
      'from our origin, but another according to the browser',
      { headers: { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' } },
    ],
    ['without the cookie', { cookies: [] }],
  ])('%s: 403 CSRF for who is signed in, too', async (_what, options) => {
    const { id, form } = await asked();
    const before = await standing(id);
    const headers = { ...options.headers };
    for (const path of [LINK, `${LINK}/revoke`]) {
      expect(outcome(await sendForm(world, form, { as: 'cpi', path, ...options, headers }))).toBe('403 CSRF');
      const page = await sendForm(world, form, { as: 'cpi', path, ...options, headers: { ...headers, accept: 'text/html' } });
      expect([page.status, page.headers['content-type']]).toEqual([403, 'text/html; charset=utf-8']);
    }
    expect(await standing(id)).toEqual(before);
  });

  it.each<[string, Fields, string?]>([
    ['none', { csrf: undefined }],
    ['an empty one', { csrf: '' }],
    ['another one', { csrf: Buffer.alloc(32).toString('base64url') }],
    ['one of another length', { csrf: 'AAAA' }],
    ['no base64', { csrf: '%%%' }],
  ])('page value: %s', async (_what, fields) => {
    const { id, form } = await asked();
    const before = await standing(id);
    expect(outcome(await sendForm(world, form, { as: 'cpi', fields }))).toBe('403 CSRF');
    expect(await standing(id)).toEqual(before);
  });

  it('keeps the form of one tab when a second link, or the same again, is opened in another', async () => {
    const { id, link, form } = await asked();
    const again = await openForm(world, link, { cookies: form.cookies });
    const other = await asked();
    const jar = [...new Set([...again.cookies, ...other.form.cookies])];
    expect(jar.length).toBe(2);
    expect(outcome(await sendForm(world, { ...form, cookies: jar }))).toBe('200');
    expect((await read(id)).approvals.stages[0].rules[0].given).toEqual(['cpi@example.com']);
    expect(outcome(await sendForm(world, { ...other.form, cookies: jar }))).toBe('200');
  });
});

describe('LINK-18 guessing', () => {
  it('is slowed down by source, and hinders nobody who has a link', async () => {
    const { form } = await asked();
    const from = source();
    const guesses: Answer[] = [];
    const { refusal } = await untilLimited(async (count) => {
      guesses.push(await world.call('GET', `${LINK}?t=${'A'.repeat(120)}.${'A'.repeat(42)}${count % 10}`, from));
      return guesses.at(-1)!;
    });
    expect(guesses.slice(0, -1).map(({ status }) => status)).toEqual(guesses.slice(0, -1).map(() => 401));
    expect(guesses.length).toBeGreaterThan(60);
    expect(outcome(refusal)).toBe('429 TOO_MANY_REQUESTS');
    expect(Number(refusal.headers['retry-after'])).toBeGreaterThan(0);
    const page = await world.call('GET', `${LINK}?t=x`, { ...from, headers: { accept: 'text/html' } });
    expect([401, 429]).toContain(page.status);
    // The approver sits behind the same address as whoever guesses.
    expect((await openForm(world, form.link, from)).page.status).toBe(200);
    expect(outcome(await sendForm(world, form, from))).toBe('200');
    expect(outcome(await world.call('GET', `${LINK}?t=x`, source()))).toBe('401 BAD_LINK');
  });
});

describe('"this was not me"', () => {
  const REVOKE = `${LINK}/revoke`;

  /** As `deliver` mails it: a link that shows and takes back, and decides nothing. */
  async function receipt(id: string): Promise<MailedLink> {
    return mailLink(world, id, 'cpi', { row: { decision: 'approve' } });
  }
  async function takeBack(link: MailedLink, options: Parameters<typeof sendForm>[2] = {}) {
    const page = await world.call('GET', `${REVOKE}?t=${link.t}`, { headers: { accept: 'text/html' } });
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    const form = { link, csrf, cookies: page.cookies.map((each) => each.split(';')[0]!) };
    return { page, answer: await sendForm(world, form, { path: REVOKE, ...options }) };
  }

  it('takes the decision back from the page that recorded it, with one button', async () => {
    const { id, form } = await asked();
    const recorded = await sendForm(world, form, { headers: { accept: 'text/html' } });
    expect(recorded.text).toContain('This was not me: take it back');
    expect(recorded.text).not.toContain('name="confirm"');
    const answer = await sendForm(world, form, { path: REVOKE, fields: { confirm: undefined, decision: undefined } });
    expect(answer.status).toBe(200);
    expect((await standing(id)).decisions).toMatchObject([{ withdrawn: true }]);
    expect(await eventsOf(world, id, 'link.revoked')).toBe(1);
    expect((await read(id)).history.at(-1)).toMatchObject({ action: 'approval_revoked', by: 'cpi@example.com' });
    for (const path of [LINK, REVOKE]) expect(outcome(await sendForm(world, form, { path }))).toBe('410 LINK_USED');
    expect(await eventsOf(world, id, 'link.revoked')).toBe(1);
  });

  it('takes it back from the mail, where a person has to type; the mailed link is worth nothing then, and a new one is', async () => {
    const { id, form } = await asked();
    await sendForm(world, form);
    const before = await standing(id);
    const link = await receipt(id);
    const scanned = await takeBack(link, { fields: { confirm: undefined } });
    expect(scanned.page.status).toBe(200);
    expect(scanned.page.text).toContain('You approved payment-api 1.1.0 for staging');
    expect(outcome(scanned.answer)).toBe('400 CONFIRMATION_REQUIRED');
    expect(await standing(id)).toEqual(before);
    const again = await takeBack(link, { fields: { confirm: 'no' }, headers: { accept: 'text/html' } });
    expect([again.answer.status, again.answer.text.includes('id="confirm-wrong"')]).toEqual([400, true]);
    // It shows and takes back, and decides nothing, also not the same again.
    const used = await openForm(world, link);
    expect(used.page.status).toBe(410);
    expect((await takeBack(link)).answer.status).toBe(200);
    expect((await standing(id)).decisions).toMatchObject([{ withdrawn: true }]);
    expect(outcome(await sendForm(world, form))).toBe('410 LINK_USED');
    expect(outcome(await sendForm(world, await openForm(world, await mailLink(world, id, 'cpi'))))).toBe('200');
  });

  it('needs nothing typed by who is signed in as the approver, and everything by others', async () => {
    const { id, form } = await asked();
    await sendForm(world, form);
    const link = await receipt(id);
    expect(outcome((await takeBack(link, { as: 'cpi2', fields: { confirm: undefined } })).answer)).toBe('400 CONFIRMATION_REQUIRED');
    expect((await takeBack(link, { as: 'cpi', fields: { confirm: undefined } })).answer.status).toBe(200);
    expect((await standing(id)).decisions).toMatchObject([{ withdrawn: true }]);
  });

  it('opens approval again where it was complete and nothing had begun', async () => {
    const { id, form } = await asked();
    await sendForm(world, form);
    await world.call('POST', `${path(id)}/approve`, { as: 'cpi2', body: {} });
    expect((await read(id)).phase).toBe('approved');
    expect((await takeBack(await receipt(id))).answer.status).toBe(200);
    const now = await read(id);
    expect(now).toMatchObject({ phase: 'pending_approval' });
    expect(now.approvedAt).toBeUndefined();
    expect(now.approvals.stages[0].rules[0].given).toEqual(['cpi2@example.com']);
  });

  it('is too late once the rollout has begun, or the request is over: the link is dead all the same, and there is an alert', async () => {
    for (const phase of ['promoting', 'rejected'] as const) {
      const { id, form } = await asked();
      const isRejection = phase === 'rejected';
      await sendForm(world, form, { fields: isRejection ? { decision: 'reject', comment: 'the window is taken' } : {} });
      if (!isRejection) {
        await world.call('POST', `${path(id)}/approve`, { as: 'cpi2', body: {} });
        const head = (await world.state.promotions.head(id))!;
        await world.state.promotions.commit(
          engineChange(head, withPhase(head, 'promoting'), { type: 'promotion.started', action: 'promoting' }),
        );
      }
      const link = await receipt(id);
      expect(outcome((await takeBack(link)).answer)).toBe('409 STATE_CONFLICT');
      expect((await read(id)).phase).toBe(phase);
      expect((await standing(id)).decisions[0]!.withdrawn).toBeUndefined();
      const notices = (await world.state.table.all({ pk: 'NOTICE#0' })).map(
        ({ body }) => body as { requestId: string; data: { signal?: string } },
      );
      expect(notices.filter((notice) => notice.requestId === id && notice.data.signal === 'decision_revoked')).toMatchObject([
        { data: { signal: 'decision_revoked', outcome: isRejection ? 'over' : 'begun' } },
      ]);
      expect(outcome((await takeBack(link)).answer)).toBe('410 LINK_USED');
    }
  });

  it('takes back what a link decided, not what its person decided otherwise, and nothing where there is nothing', async () => {
    const { id, link, form } = await asked();
    expect(outcome(await world.call('GET', `${REVOKE}?t=${link.t}`))).toBe('409 STATE_CONFLICT');
    await world.call('POST', `${path(id)}/approve`, { as: 'cpi', body: {} });
    expect(outcome(await world.call('GET', `${REVOKE}?t=${link.t}`))).toBe('409 STATE_CONFLICT');
    expect((await sendForm(world, form, { path: REVOKE })).status).toBe(200);
    expect((await standing(id)).decisions[0]!.withdrawn).toBeUndefined();
    expect(outcome(await sendForm(world, form))).toBe('410 LINK_USED');
  });

  it('is refused like a decision where the link or the form is not ours', async () => {
    const { id, form } = await asked();
    await sendForm(world, form);
    const before = await standing(id);
    const send = (options: Parameters<typeof sendForm>[2]) => sendForm(world, form, { path: REVOKE, ...options }).then(outcome);
    expect(await send({ headers: { 'content-type': 'application/json' } })).toBe('415 UNSUPPORTED_MEDIA_TYPE');
    expect(await send({ fields: { t: 'x' }, ...source() })).toBe('401 BAD_LINK');
    expect(outcome(await world.call('GET', `${REVOKE}?t=x`, source()))).toBe('401 BAD_LINK');
    expect(await send({ fields: { csrf: '' } })).toBe('403 CSRF');
    expect(await standing(id)).toEqual(before);
  });
});

describe('LINK-21 a rotated key', () => {
  it('leaves mails that are out valid under the kid that they name, and tells those of a key that is gone what to do', async () => {
    const [old, second] = [await asked(), await asked()];
    process.env['LINK_KEY_ID'] = 'k2';
    const fresh = await mailLink(world, old.id, 'cpi2');
    expect([old.link, fresh].map(({ t }) => JSON.parse(Buffer.from(t.split('.')[0]!, 'base64url').toString()).k)).toEqual(['k1', 'k2']);
    expect(outcome(await sendForm(world, old.form))).toBe('200');
    expect(outcome(await sendForm(world, await openForm(world, fresh)))).toBe('200');

    const gone = async (what: string) => {
      const problem = await sendForm(world, second.form);
      expect(outcome(problem), what).toBe('401 BAD_LINK');
      expect(problem.json.hint).toContain('newest mail');
      const { page } = await openForm(world, second.link);
      expect(page.status, what).toBe(401);
      expect(page.text).toContain('This link does not work');
    };
    process.env['LINK_KEYS'] = JSON.stringify({ k2: world.linkKeys['k2'] });
    await gone('taken out of the map');
    process.env['LINK_KEYS'] = JSON.stringify({
      ...world.linkKeys,
      k1: world.linkKeys['k1']!.replace(/[^/]+$/, '00000000-0000-0000-0000-000000000000'),
    });
    await gone('that KMS does not know');
    process.env['LINK_KEYS'] = JSON.stringify({ ...world.linkKeys, k1: world.linkKeys['k2'] });
    await gone('that is another one now');
    process.env['LINK_KEYS'] = JSON.stringify(world.linkKeys);
    const kms = new KMSClient({});
    await kms.send(new DisableKeyCommand({ KeyId: world.linkKeys['k1']! }));
    await gone('disabled');
    await kms.send(new ScheduleKeyDeletionCommand({ KeyId: world.linkKeys['k1']!, PendingWindowInDays: 7 }));
    await gone('waiting for its deletion');
    kms.destroy();
  });
});

it('every answer is as the description says', () => expectDescribed(world));
