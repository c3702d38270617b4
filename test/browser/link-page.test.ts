import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CAREFUL_PROD, synthesize } from '../flows/assembly.ts';
import { FlowCloud } from '../flows/cloud.ts';
import { bodyOf, expectProblem, idOf, push, reach, standing, toStaging, WORKLOAD } from '../flows/requests.ts';
import { confirmation, decide, password, signInAs } from './approver.ts';
import { hasChromium, MISSING, picture, startChromium, type Visitor, visitor } from './browser.ts';
import { FILL_ALL, FOCUSED, type Focused, HEIGHT, OVERFLOW, POOR_CONTRASTS } from './in-page.ts';

const name = WORKLOAD;
const VERSION = '1.1.0';
const WHAT = `${name} ${VERSION}`;
interface Asked {
  path: string;
  link: string;
}

const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

if (!hasChromium) {
  it(MISSING, ({ skip }) => {
    process.stderr.write(`\n${MISSING}\n`);
    skip();
  });
}

describe.skipIf(!hasChromium)('the page of a mailed link, in Chromium', () => {
  let cloud: FlowCloud;
  let browser: Browser;
  const open: Visitor[] = [];
  const ready: Promise<Asked>[] = [];

  beforeAll(async () => {
    [cloud, browser] = await Promise.all([synthesize(CAREFUL_PROD).then((assembly) => FlowCloud.start(assembly)), startChromium()]);
    await push(cloud, VERSION, 'true', { name });
    await toStaging(cloud, VERSION, name);
    // One after the other, while the first tests run: each waits for its gates and its mail.
    for (let count = 0; count < 6; count++) ready.push(ready.at(-1)?.then(() => ask()) ?? ask());
  });
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
  });
  afterAll(async () => {
    await browser?.close();
    await cloud?.stop();
  });

  /** A browser that is closed after the test. */
  async function browse(options?: Parameters<typeof visitor>[1]): Promise<Visitor> {
    const one = await visitor(browser, options);
    open.push(one);
    return one;
  }

  /** A request that asks lead and security, and that no other test uses. */
  const asked = (): Promise<Asked> => ready.shift() ?? ask();

  async function ask(more: Record<string, string> = {}): Promise<Asked> {
    const body = bodyOf(VERSION, { name });
    Object.assign(body['request'] as object, more);
    const created = await cloud.api('POST', '/v1/requests/prod', { as: 'dev', body });
    expect(created.status, created.text).toBe(201);
    const path = `/v1/requests/prod/${created.body.metadata.id}`;
    await reach(cloud, path, 'pending_approval');
    return { path, link: await cloud.link('lead', idOf(path)) };
  }

  const issuerOrigin = () => new URL(cloud.endpoints.issuer).origin;
  const given = async (path: string): Promise<string[]> =>
    (await cloud.api('GET', path, { as: 'dev' })).body.status.approvals.stages[0].rules.flatMap((rule: { given: string[] }) => rule.given);

  /** Nothing was loaded from anywhere else, told to anybody, or complained about. */
  function expectQuiet({ watched }: Visitor, { signIn = false } = {}): void {
    expect(watched.complaints).toEqual([]);
    expect(watched.referred).toEqual([]);
    expect([...watched.origins].sort()).toEqual([cloud.endpoints.api, ...(signIn ? [issuerOrigin()] : [])].sort());
  }

  it('is read, signed in to and answered without script', async () => {
    const { path, link } = await asked();
    const one = await browse({ javaScriptEnabled: false });
    const { page } = one;
    const { status } = (await cloud.api('GET', path, { as: 'dev' })).body;
    expect((await page.goto(link))!.status()).toBe(200);
    const text = await page.locator('main').innerText();
    for (const part of [
      `${name} 1.0.0`,
      WHAT,
      'staging',
      'prod',
      'Dana Dev',
      'Lee Lead',
      'Sam Security',
      status.digest,
      'signature',
      'passed',
    ]) {
      expect(text).toContain(part);
    }
    expect(await page.getByRole('radio').evaluateAll((all) => all.filter((each) => (each as { checked?: boolean }).checked).length)).toBe(
      0,
    );
    await picture(page, 'approval-decide');

    await page.getByRole('link', { name: 'Sign in to decide' }).click();
    await signInAs(page, cloud, 'lead');
    await page.waitForURL(link);
    expect(await page.getByRole('link', { name: 'Sign in to decide' }).count()).toBe(0);
    const answer = await decide(page, 'Approve', { comment: 'as discussed with the team' });
    expect(answer.status()).toBe(200);
    expect(await page.locator('main').innerText()).toContain(`You approved ${WHAT} for prod`);
    expect(await given(path)).toEqual(['lead@example.com']);
    await picture(page, 'approval-recorded');
    expectQuiet(one, { signIn: true });
  });

  it('is answered with the keyboard alone, through the sign-in and back', async () => {
    const { path, link } = await asked();
    const one = await browse();
    const { page } = one;
    await page.goto(link);
    await tabTo(page, 'Sign in to decide');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${issuerOrigin()}/**`);
    // The page takes the focus to the field with its first picture, which may come after its load event.
    await page.locator('input[type=password]:focus').waitFor();
    await page.keyboard.type(password(cloud));
    await tabTo(page, '<lead@example.com>');
    await page.keyboard.press('Enter');
    await page.waitForURL(link);

    await tabTo(page, 'Go to the decision');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Approve');
    await page.keyboard.press('Space');
    await tabTo(page, 'Comment');
    await page.keyboard.type('read from top to bottom');
    await tabTo(page, 'Type ');
    await page.keyboard.type(await confirmation(page));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: `You approved ${WHAT} for prod` }).waitFor();
    expect(await given(path)).toEqual(['lead@example.com']);

    await tabTo(page, 'This was not me');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'The decision is taken back' }).waitFor();
    expect(await given(path)).toEqual([]);
    expectQuiet(one, { signIn: true });
  });

  it('comes again with what was typed and what is wrong beside it', async () => {
    const { path, link } = await asked();
    const before = await standing(cloud, path);
    const one = await browse({ colorScheme: 'dark' });
    const { page } = one;
    await page.goto(link);
    const answer = await decide(page, 'Reject', { comment: 'no', confirm: 'prod 000000' });
    expect(answer.status()).toBe(400);
    expect(answer.headers()['content-security-policy']).toContain("default-src 'none'");
    expect(await page.getByRole('alert').innerText()).toContain('Nothing was recorded.');
    expect(await page.getByRole('radio', { name: 'Reject' }).isChecked()).toBe(true);
    const comment = page.getByLabel('Comment');
    expect(await comment.inputValue()).toBe('no');
    expect(await comment.getAttribute('aria-invalid')).toBe('true');
    expect(await page.locator('#comment-wrong').innerText()).toContain('at least 10');
    expect(await page.getByLabel(/^Type /).inputValue()).toBe('prod 000000');
    expect(await page.locator('#confirm-wrong').innerText()).toContain('letter by letter');
    // Who reads with their ears hears of the first mistake at once.
    await page.locator('#comment:focus').waitFor();
    expect(await page.evaluate(FOCUSED)).toMatchObject({ id: 'comment', outlined: true });
    await picture(page, 'approval-again');
    expect(await standing(cloud, path)).toEqual(before);

    // It can be sent from here: the way leads to the sign-in, which the policy of this page too must allow.
    expect((await decide(page, 'Reject', { comment: 'the window is taken by payroll' })).status()).toBe(303);
    await page.waitForURL(`${issuerOrigin()}/**`);
    expect(await standing(cloud, path)).toEqual(before);
    expect(one.watched.complaints.filter((complaint) => !complaint.includes('400 (Bad Request)'))).toEqual([]);
  });

  it('LINK-01 LINK-02 is not decided by a scanner that runs everything and sends every form, and serves the person afterwards', async () => {
    const { path, link } = await asked();
    const before = await standing(cloud, path);
    for (let times = 0; times < 50; times++) {
      const answers = await Promise.all(['GET', 'HEAD', 'OPTIONS'].map((method) => fetch(link, { method })));
      expect(answers.map(({ status }) => status)).toEqual([200, 405, 405]);
    }
    const scanner = await browse();
    expect(await scan(scanner.page, link)).toEqual(expect.arrayContaining([400]));
    expect(await standing(cloud, path)).toEqual(before);

    const { page } = await browse();
    await page.goto(link);
    await page.getByRole('link', { name: 'Sign in to decide' }).click();
    await signInAs(page, cloud, 'lead');
    expect((await decide(page, 'Approve')).status()).toBe(200);
    expect(await given(path)).toEqual(['lead@example.com']);

    // The receipt's link is scanned as well: it takes nothing back, until a person does.
    const receipt = await receiptLink(cloud, idOf(path));
    const second = await browse();
    expect(await scan(second.page, receipt)).toEqual(expect.arrayContaining([400]));
    expect(await given(path)).toEqual(['lead@example.com']);
    const stranger = await browse();
    await stranger.page.goto(receipt);
    await stranger.page.getByLabel(/^Type /).fill(await confirmation(stranger.page));
    await stranger.page.getByRole('button', { name: 'This was not me' }).click();
    await stranger.page.getByRole('heading', { name: 'The decision is taken back' }).waitFor();
    expect(await given(path)).toEqual([]);
  });

  it('LINK-12 is not decided by a form that another site sends for somebody who is signed in', async () => {
    const { path, link } = await asked();
    const one = await browse();
    const { page } = one;
    await page.goto(link);
    await page.getByRole('link', { name: 'Sign in to decide' }).click();
    await signInAs(page, cloud, 'lead');
    const fields = {
      t: await page.locator('#decision input[name=t]').inputValue(),
      csrf: await page.locator('#decision input[name=csrf]').inputValue(),
      decision: 'approve',
      confirm: await confirmation(page),
    };
    const before = await standing(cloud, path);
    const attack = await serve(autoSubmitting(`${cloud.endpoints.api}/v1/approvals/link`, fields));
    try {
      // The same host with another port is the same site to a browser: its cookies come along, and only the origin tells.
      for (const origin of [attack.origin, attack.origin.replace('127.0.0.1', 'localhost')]) {
        const answered = page.waitForResponse((response) => response.request().method() === 'POST');
        await page.goto(origin).catch(() => undefined);
        expect((await answered).status()).toBe(403);
        await page.getByText('CSRF').waitFor();
      }
    } finally {
      attack.server.close();
    }
    expect(await standing(cloud, path)).toEqual(before);
  });

  it('LINK-13 stays whole whatever is written into it, and lets nobody frame it', async () => {
    const attack = '<img src=x onerror="document.title=1"></textarea></dd><script>document.title=2</script><style>*{display:none}</style>';
    const word = 'x'.repeat(10_000);
    const { link } = await ask({
      justification: `${attack} ${'w'.repeat(300)}`,
      releaseNotes: `${attack}\njavascript:alert(1) [click](javascript:alert(1))\n${word}\n${'line\n'.repeat(200)}`,
      rollbackPlan: `\u05d0\u05d1\u05d2 \u0627\u0644\u0639 \u200f${attack}{{7*7}}\${7*7}`,
    });
    const refused = await cloud.api('POST', '/v1/requests/prod', {
      as: 'dev',
      body: { ...bodyOf(VERSION, { name }), request: { ...(bodyOf(VERSION)['request'] as object), releaseNotes: 'safe \u202etxt.exe' } },
    });
    expectProblem(refused, 400, 'INVALID_REQUEST');

    for (const options of [{}, PHONE, { viewport: { width: 360, height: 640 }, colorScheme: 'dark' as const }]) {
      const one = await browse(options);
      const { page } = one;
      await page.goto(link);
      expect(await page.title()).toBe(`Promote ${WHAT} to prod? · Greenlight`);
      expect(await page.locator('img, script, iframe, main style, main a[href^="javascript:"]').count()).toBe(0);
      const text = await page.locator('main').innerText();
      for (const part of [attack, word, 'javascript:alert(1)', '{{7*7}}', '[U+200F]']) expect(text).toContain(part);
      expect(await page.evaluate(OVERFLOW)).toBeLessThanOrEqual(0);
      // The form is not pushed away by a long text: what is long scrolls in its own place.
      expect(await page.evaluate(HEIGHT)).toBeLessThan(6_000);
      expectQuiet(one);
      await one.close();
    }

    const frame = await serve(`<!doctype html><title>outside</title><iframe src="${link}" width=800 height=800></iframe>`);
    try {
      const { page } = await browse();
      await page.goto(frame.origin);
      await page.waitForTimeout(500);
      const inside = page.frames().filter((each) => each !== page.mainFrame());
      expect(inside).toHaveLength(1);
      expect(await inside[0]!.locator('form').count()).toBe(0);
    } finally {
      frame.server.close();
    }
  });

  it('fits a phone, in the light and in the dark, on every page', async () => {
    const { path, link } = await asked();
    for (const colorScheme of ['light', 'dark'] as const) {
      const one = await browse({ ...PHONE, colorScheme });
      const { page } = one;
      await page.goto(link);
      expect(await page.evaluate(OVERFLOW)).toBeLessThanOrEqual(0);
      expect(await page.evaluate(POOR_CONTRASTS)).toEqual([]);
      if (colorScheme === 'dark') await picture(page, 'approval-decide-phone');
      await page.goto(`${cloud.endpoints.api}/v1/approvals/link?t=${'x'.repeat(300)}`);
      expect(await page.getByRole('heading').first().innerText()).toBe('This link does not work');
      expect(await page.evaluate(OVERFLOW)).toBeLessThanOrEqual(0);
      expect(await page.evaluate(POOR_CONTRASTS)).toEqual([]);
      if (colorScheme === 'dark') await picture(page, 'approval-refused-phone');
      await one.close();
    }
    const edited = await cloud.api('PATCH', path, { as: 'dev', body: { request: { releaseNotes: 'Something else altogether' } } });
    expect(edited.status, edited.text).toBe(200);
    const { page } = await browse();
    expect((await page.goto(link))!.status()).toBe(409);
    const text = await page.locator('main').innerText();
    expect(text).toContain('The plan has changed since this mail');
    expect(text).toContain('Something else altogether');
    expect(await page.evaluate(POOR_CONTRASTS)).toEqual([]);
    await picture(page, 'approval-refused');
  });
});

/** Presses Tab until the control with that name has the focus, which must be seen. */
async function tabTo(page: Page, named: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate<Focused | null>(FOCUSED);
    if (!focused?.label.includes(named)) continue;
    expect(focused.outlined, `focus on ${named}`).toBe(true);
    return;
  }
  throw new Error(`Tab never came to "${named}"`);
}

/** What a scanner does that has a whole browser: loads, runs, sends each form as it is, then with each of its buttons and each of its choices. */
async function scan(page: Page, link: string): Promise<number[]> {
  const statuses: number[] = [];
  page.on('response', (response) => {
    if (response.request().method() === 'POST') statuses.push(response.status());
  });
  await page.goto(link, { waitUntil: 'networkidle' });
  const forms = await page.locator('form').count();
  const choices = await page.locator('form input[type=radio]').count();
  const buttons = await page.locator('form button').count();
  const attempts: ((target: Page) => Promise<unknown>)[] = [];
  for (let at = 0; at < forms; at++) attempts.push((target) => target.evaluate(`document.forms[${at}].submit()`));
  for (let at = 0; at < buttons; at++) {
    for (let choice = -1; choice < choices; choice++) {
      attempts.push(async (target) => {
        if (choice >= 0) await target.locator('form input[type=radio]').nth(choice).check();
        await target.evaluate(FILL_ALL);
        await target.locator('form button').nth(at).click();
      });
    }
  }
  for (const attempt of attempts) {
    await page.goto(link);
    const answered = page.waitForURL(({ search }) => search === '');
    await attempt(page);
    await answered;
  }
  expect(statuses.length).toBe(attempts.length);
  return statuses;
}

/** A page on an origin of its own. */
async function serve(markup: string): Promise<{ server: Server; origin: string }> {
  const server = createServer((_request, response) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(markup));
  await new Promise<void>((resolve) => server.listen(0, resolve));
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function autoSubmitting(action: string, fields: Record<string, string>): string {
  const inputs = Object.entries(fields).map(([field, value]) => `<input type="hidden" name="${field}" value="${value}">`);
  return `<!doctype html><title>kittens</title><form method="post" action="${action}">${inputs.join('')}</form><script>document.forms[0].submit()</script>`;
}

/** Address in the newest receipt that lead was mailed for a request. */
function receiptLink(cloud: FlowCloud, id: string): Promise<string> {
  return cloud.until(`the receipt of ${id}`, async () => {
    const mails = (await cloud.mails()).filter(({ to, subject }) => to.includes('lead@example.com') && subject.includes(id));
    return mails
      .map(({ text }) => /https?:\/\/\S+\/v1\/approvals\/link\/revoke\?t=\S+/.exec(text)?.[0])
      .findLast((link) => link !== undefined);
  });
}
