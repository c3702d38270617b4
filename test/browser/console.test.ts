import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { synthesize } from '../flows/assembly.ts';
import { FlowCloud, textOf } from '../flows/cloud.ts';
import { approve, pending, push, request, toStaging } from '../flows/requests.ts';
import { hasChromium, MISSING, picture, startChromium, type Visitor, visitor } from './browser.ts';
import { approveOpen, expectAccessible, fillRequest, isUnbroken, mark, openAs } from './console-visit.ts';
import { OVERFLOW } from './in-page.ts';

const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
const DESKTOP = { viewport: { width: 1_280, height: 800 } };

if (!hasChromium) {
  it(MISSING, ({ skip }) => {
    process.stderr.write(`\n${MISSING}\n`);
    skip();
  });
}

describe.skipIf(!hasChromium)('the console, in Chromium', () => {
  let cloud: FlowCloud;
  let browser: Browser;
  const open: Visitor[] = [];

  beforeAll(async () => {
    [cloud, browser] = await Promise.all([synthesize().then((assembly) => FlowCloud.start(assembly)), startChromium()]);
    await Promise.all([
      push(cloud, '1.1.0', 'true'),
      push(cloud, '1.2.0', 'after-50'),
      push(cloud, '1.3.0', 'true'),
      push(cloud, '3.4.1', 'true', { name: 'ledger' }),
    ]);
    await toStaging(cloud, '3.4.1', 'ledger');
  });
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
  });
  afterAll(async () => {
    await browser?.close();
    await cloud?.stop();
  });

  async function browse(person: string, path = '', options: Parameters<typeof visitor>[1] = DESKTOP): Promise<Visitor> {
    const one = await visitor(browser, options);
    open.push(one);
    await openAs(one.page, cloud, person, path);
    return one;
  }

  /** Nothing was loaded from anywhere but here and the sign-in, told to anybody, or complained about. */
  function expectQuiet(...visitors: Visitor[]): void {
    for (const { watched } of visitors) {
      expect(watched.complaints).toEqual([]);
      expect(watched.referred).toEqual([]);
      expect([...watched.origins].sort()).toEqual([cloud.endpoints.api, new URL(cloud.endpoints.issuer).origin].sort());
    }
  }

  const state = (page: Page, label: string) => page.locator('.head .badge', { hasText: label }).waitFor({ timeout: 60_000 });

  it('takes a version from the preview to production: requested, approved from the inbox by others, watched to its end without reload', async () => {
    const [dev, cpi] = [await browse('dev', '/new'), await browse('cpi', '/inbox')];
    const { page } = dev;
    await page.getByRole('button', { name: 'Preview' }).click();
    expect(await page.getByText('20 more characters.').count()).toBe(1);
    await fillRequest(page, '1.1.0');
    await page.getByRole('button', { name: 'Preview' }).click();
    await page.getByRole('region', { name: 'Preview' }).getByText('1 of cpi').waitFor();
    await page.getByRole('button', { name: 'Request 1.1.0 for staging' }).click();
    await state(page, 'Pending');
    await mark(page);
    await cpi.page.getByRole('link', { name: 'payment-api 1.1.0' }).click();
    await approveOpen(cpi.page);
    await state(page, 'Deployed');

    await page.getByRole('link', { name: 'Board' }).click();
    await page.getByRole('link', { name: 'Promote 1.1.0 from staging' }).click();
    await fillRequest(page, '1.1.0');
    await page.getByRole('button', { name: 'Preview' }).click();
    await page.getByRole('button', { name: 'Request 1.1.0 for prod' }).click();
    await state(page, 'Pending');
    await page.getByText('waits for approval').first().waitFor();
    const why = page.getByText(/^You cannot approve: /);
    expect(await why.innerText()).toContain('Who requested a promotion cannot decide on it');
    expect(await page.getByRole('button', { name: 'Approve', exact: true }).getAttribute('aria-disabled')).toBe('true');

    const approvers = await Promise.all(['lead', 'security'].map((person) => browse(person, '/inbox')));
    for (const approver of approvers) {
      await approver.page.getByRole('link', { name: 'payment-api 1.1.0' }).click();
      await approveOpen(approver.page);
    }
    await page.getByRole('progressbar').waitFor({ timeout: 60_000 });
    await state(page, 'Deployed');
    await page.getByText('canary 100 %').first().waitFor();
    expect(await isUnbroken(page)).toBe(true);
    expectQuiet(dev, cpi, ...approvers);
  }, 240_000);

  it('shows a bad version being rolled back, and a rejection only with its reason', async () => {
    await toStaging(cloud, '1.2.0');
    const bad = await pending(cloud, 'prod', '1.2.0');
    const lead = await browse('lead', bad.replace('/v1', ''));
    const { page } = lead;
    await approve(cloud, bad, 'security');
    await approveOpen(page);
    await mark(page);
    await state(page, 'Failed');
    await page.getByText('rolled back').first().waitFor();
    await page.getByText(/what ran before runs again/).waitFor();
    expect(await isUnbroken(page)).toBe(true);

    const other = await pending(cloud, 'prod', '3.4.1', { name: 'ledger' });
    await page.goto(`${cloud.endpoints.api}${other.replace('/v1', '/console')}`);
    await page.getByRole('button', { name: 'Reject', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Reason').fill('too soon');
    await dialog.getByRole('button', { name: 'Reject' }).click({ force: true });
    await dialog.getByText('Say why: 3 more characters.').waitFor();
    await dialog.getByLabel('Reason').fill('too soon: the freeze ends on Monday');
    await dialog.getByRole('button', { name: 'Reject' }).click();
    await state(page, 'Rejected');
    await page.getByText('too soon: the freeze ends on Monday').first().waitFor();
    expectQuiet(lead);
  }, 240_000);

  it('lets an auditor prove a line in the browser, and shows a tampered proof as invalid', async () => {
    const auditor = await browse('auditor', '/audit');
    const { page } = auditor;
    await page.getByLabel('Public key of the log').fill(textOf((cloud.endpoints as unknown as { auditPublicKey: string }).auditPublicKey));
    await page.getByRole('button', { name: 'Pin this key' }).click();
    const first = page.locator('[data-event]').first();
    await first.getByRole('button', { name: 'Prove' }).click();
    await first.getByText('Valid', { exact: true }).waitFor({ timeout: 30_000 });
    await picture(page, 'console-audit-light-desktop');
    await page.route('**/v1/audit/*/proof', async (route) => {
      const answer = await route.fetch();
      const proof = (await answer.json()) as { line: string };
      await route.fulfill({ response: answer, json: { ...proof, line: proof.line.replace('"seq":', '"seq":9') } });
    });
    await first.getByRole('button', { name: 'Prove' }).click();
    await first.getByText('Invalid', { exact: true }).waitFor();
    expectQuiet(auditor);
  });

  it('is used with the keyboard alone', async () => {
    const path = await pending(cloud, 'staging', '1.3.0');
    const one = await browse('cpi');
    const { page } = one;
    await page.keyboard.press('?');
    await page.getByRole('heading', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('g');
    await page.keyboard.press('i');
    await page.getByRole('heading', { name: 'Inbox' }).waitFor();
    await page.locator('[data-item]').first().waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Approve', exact: true }).waitFor();
    await page.keyboard.press('a');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.type('read with the keyboard');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect((await cloud.api('GET', path, { as: 'cpi' })).body.status.approvedBy).toBe('cpi@example.com');
    expectQuiet(one);
  });

  it('has no violation that axe finds, no page wider than a phone, in the light and in the dark', async () => {
    const deployed = (await cloud.api('GET', '/v1/requests/staging?state=deployed', { as: 'cpi' })).body.items[0].metadata.id;
    const waiting = await pending(cloud, 'prod', '3.4.1', { name: 'ledger' });
    const views = {
      board: '',
      requests: '/requests',
      request: waiting.replace('/v1', ''),
      'request-deployed': `/requests/staging/${deployed}`,
      inbox: '/inbox?view=all',
      new: '/new',
      environment: '/environments/prod',
    };
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const [size, options] of [
        ['desktop', DESKTOP],
        ['phone', PHONE],
      ] as const) {
        const one = await browse('cpi', '', { ...options, colorScheme });
        for (const [name, path] of Object.entries(views)) {
          await one.page.goto(`${cloud.endpoints.api}/console${path}`);
          await one.page.locator('.skeleton').first().waitFor({ state: 'detached' });
          await one.page.waitForLoadState('networkidle').catch(() => {});
          const what = `${name}, ${colorScheme}, ${size}`;
          await expectAccessible(one.page, what);
          expect(await one.page.evaluate(OVERFLOW), what).toBe(0);
          await picture(one.page, `console-${name}-${colorScheme}-${size}`);
        }
        expectQuiet(one);
        await one.close();
        open.pop();
      }
    }
  }, 180_000);

  it('pages through long lists by cursor, and asks for the board once', async () => {
    for (let count = 0; count < 26; count++) await request(cloud, 'staging', '1.1.0');
    const one = await browse('cpi', '/requests?environment=staging');
    await one.page.locator('.request').nth(24).waitFor();
    expect(await one.page.locator('.request').count()).toBe(25);
    await one.page.getByRole('button', { name: 'Show more' }).click();
    await one.page.locator('.request').nth(26).waitFor();
    const boards: string[] = [];
    one.page.on('request', (asked) => {
      if (new URL(asked.url()).pathname === '/v1/environments') boards.push(asked.url());
    });
    await one.page.getByRole('link', { name: 'Board' }).click();
    await one.page.locator('.lane').first().waitFor();
    expect(boards.length).toBe(1);
    expectQuiet(one);
  });

  it('keeps hostile texts inert and within the page', async () => {
    const text = `<img src=x onerror="document.title='owned'"> ${'😀'.repeat(400)} [click](javascript:alert(1)) ${'W'.repeat(9_000)}`;
    const body = {
      target: { type: 'api', name: 'ledger', version: '3.4.1' },
      request: { justification: text, releaseNotes: `# <script>alert(1)</script>\n\n${text}`, impactAssessment: 'low', rollbackPlan: text },
      preChecks: {
        stagingTestsPassed: true,
        securityScanPassed: true,
        performanceTestsPassed: true,
        testEvidenceUrl: 'https://ci.example.com/1',
      },
    };
    const created = await cloud.api('POST', '/v1/requests/prod', { as: 'dev', body });
    expect(created.status, created.text).toBe(201);
    const one = await browse('lead', `/requests/prod/${created.body.metadata.id}`, PHONE);
    await one.page.getByText('Release notes').waitFor();
    await one.page
      .getByRole('button', { name: /^Show all/ })
      .first()
      .click();
    expect(await one.page.locator('main img, main script').count()).toBe(0);
    expect(await one.page.locator('a[href^="javascript"]').count()).toBe(0);
    expect(await one.page.title()).not.toBe('owned');
    expect(await one.page.evaluate(OVERFLOW)).toBe(0);
    expectQuiet(one);
  });
});
