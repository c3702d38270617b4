/** Every page and every dialog, held against axe in both themes, and against a phone's width. */
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { pending } from '../flows/requests.ts';
import type { Visitor } from './browser.ts';
import { expectAccessible } from './console-visit.ts';
import { OVERFLOW } from './in-page.ts';
import { DESKTOP, PHONE, type Stage } from './stage.ts';

const settled = async (page: Page): Promise<void> => {
  await page.locator('h1').first().waitFor();
  await page.locator('.skeleton').first().waitFor({ state: 'detached' });
};

/** As it is, light and dark, wide and narrow; without loading it again. */
async function look(page: Page, what: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await expectAccessible(page, `${what}, ${colorScheme}`);
  }
  await page.setViewportSize(PHONE.viewport);
  expect(await page.evaluate(OVERFLOW), `${what} on a phone`).toBe(0);
  await expectAccessible(page, `${what}, on a phone`);
  await page.setViewportSize(DESKTOP.viewport);
}

export function tryAccess(stage: Stage): void {
  it('has no page with a violation that axe finds, or wider than a phone, in the light and in the dark', async () => {
    const { cloud } = stage;
    const newest = async (state: string) =>
      (await cloud.api('GET', `/v1/requests/prod?state=${state}`, { as: 'cpi' })).body.items[0].metadata.id as string;
    const plan = (await cloud.api('GET', '/v1/retention/plans', { as: 'cpi' })).body.items[0].planId as string;
    const views: Readonly<Record<string, string>> = {
      board: '',
      requests: '/requests?environment=prod',
      waiting: (await pending(cloud, 'prod', '3.4.1', { name: 'ledger' })).replace('/v1', ''),
      deployed: `/requests/prod/${await newest('deployed')}`,
      failed: `/requests/prod/${await newest('failed')}`,
      inbox: '/inbox?view=all',
      'empty inbox': '/inbox?view=mine&environment=dev',
      new: '/new?environment=prod&artifact=ledger&version=3.4.1',
      environment: '/environments/prod',
      insights: '/insights?environment=prod',
      retention: '/retention',
      plan: `/retention/${plan}`,
      nowhere: '/nowhere',
    };
    const one = await stage.browse('cpi');
    for (const [what, path] of Object.entries(views)) {
      await one.page.goto(stage.address(path));
      await settled(one.page);
      await look(one.page, what);
    }
    const auditor = await stage.browse('auditor', '/audit');
    await auditor.page.locator('[data-event]').first().waitFor();
    await look(auditor.page, 'audit');
    const stranger = await stage.stranger();
    await stranger.page.goto(stage.address('/inbox'));
    await stranger.page.getByRole('link', { name: 'Sign in' }).waitFor();
    await look(stranger.page, 'sign-in');
    stage.expectQuiet(one, auditor, stranger);
  });

  it('has no dialog with a violation that axe finds, in the light and in the dark', async () => {
    const waiting = (await pending(stage.cloud, 'prod', '3.4.1', { name: 'ledger' })).replace('/v1', '');
    const planned = await stage.cloud.api('POST', '/v1/retention/preview', { as: 'cpi', body: {} });
    const [lead, dev, cpi] = [await stage.browse('lead', waiting), await stage.browse('dev', waiting), await stage.browse('cpi')];
    const open = async ({ page }: Visitor, what: string, name: string | RegExp, isReady = 'h2') => {
      await page.getByRole('button', { name, exact: true }).first().click();
      const dialog = page.getByRole('dialog');
      await dialog.locator(isReady).first().waitFor();
      // What is said once it was tried belongs to it.
      const submit = dialog.locator('button[type=submit]');
      if ((await submit.count()) > 0 && (await submit.getAttribute('aria-disabled')) === 'true') await submit.click({ force: true });
      await look(page, what);
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
    };
    await open(lead, 'approve', 'Approve');
    await open(lead, 'reject', 'Reject');
    await open(dev, 'cancel', 'Cancel request');
    await open(cpi, 'keys', 'Keys');
    await cpi.page.goto(stage.address('/environments/prod'));
    await open(cpi, 'lock', 'Lock');
    await open(cpi, 'rollback', /^Back to /, 'textarea');
    await cpi.page.goto(stage.address(`/retention/${planned.body.planId}`));
    await cpi.page.route('**/v1/retention/plans/*', async (route) => {
      const answer = await route.fetch({ headers: { ...route.request().headers(), 'if-none-match': '' } });
      await route.fulfill({
        response: answer,
        json: { ...((await answer.json()) as object), allowedActions: ['apply'], refusedActions: [] },
      });
    });
    await cpi.page.reload();
    await open(cpi, 'apply a plan', 'Apply this plan');
    stage.expectQuiet(lead, dev, cpi);
  });

  it('keeps hostile texts inert, visible for what they are, and within the page', async () => {
    const { cloud } = stage;
    const text = [
      `<img src=x onerror="document.title='owned'">`,
      'שלום עולם \u200fand zero\u200bwidth',
      '😀👩‍👩‍👧‍👦'.repeat(200),
      '[click](javascript:alert(1)) ![pixel](https://elsewhere.example/p.png)',
      'W'.repeat(7_500),
    ].join(' ');
    expect(text.length).toBeGreaterThan(10_000);
    const body = {
      target: { type: 'api', name: 'ledger', version: '3.4.1' },
      request: { justification: text, releaseNotes: `# <script>alert(1)</script>\n\n${text}`, impactAssessment: 'low', rollbackPlan: text },
      preChecks: {
        ...{ stagingTestsPassed: true, securityScanPassed: true, performanceTestsPassed: true },
        testEvidenceUrl: 'https://ci.example.com/1',
      },
    };
    const created = await cloud.api('POST', '/v1/requests/prod', { as: 'dev', body });
    expect(created.status, created.text).toBe(201);
    const path = `/requests/prod/${created.body.metadata.id}`;
    // Direction overrides are refused at the door; a page that is given one all the same does not obey it.
    const turned = '\u202egnp.exe\u202c \u2066hidden\u2069';
    const refused = await cloud.api('POST', '/v1/requests/prod', {
      as: 'dev',
      body: { ...body, request: { ...body.request, rollbackPlan: turned } },
    });
    expect(refused.status).toBe(400);
    const one = await stage.browse('lead', '', PHONE);
    const { page } = one;
    await page.route(`**/v1${path}`, async (route) => {
      const answer = await route.fetch({ headers: { ...route.request().headers(), 'if-none-match': '' } });
      const { metadata, spec, ...rest } = (await answer.json()) as { metadata: object; spec: { request: object } };
      const request = { ...spec.request, rollbackPlan: turned };
      await route.fulfill({
        response: answer,
        json: { ...rest, metadata: { ...metadata, createdBy: `😀👩‍👩‍👧‍👦${turned}` }, spec: { ...spec, request } },
      });
    });
    await page.goto(stage.address(path));
    await page.getByText('Release notes').waitFor();
    await page
      .getByRole('button', { name: /^Show all/ })
      .first()
      .click();
    const isInert = async (): Promise<void> => {
      expect(await page.locator('main img, main script, main iframe').count()).toBe(0);
      expect(await page.locator('a[href^="javascript"]').count()).toBe(0);
      expect(await page.title()).not.toBe('owned');
      expect(await page.evaluate(OVERFLOW)).toBe(0);
    };
    await isInert();
    // HOOK-10: an address of evidence is a link of the page, and nothing that anybody fetches for it.
    expect(await page.locator('a[href="https://ci.example.com/1"]').first().getAttribute('rel')).toBe('noopener noreferrer');
    // What would turn the reading direction is shown as what it is, not obeyed.
    const shown = await page.locator('main').innerText();
    expect(shown).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
    expect(shown).toContain('gnp.exe');
    await page.getByRole('button', { name: 'Reject', exact: true }).click();
    await page.getByRole('dialog').getByLabel('Reason').fill(text.slice(0, 1_900));
    await page.getByRole('dialog').getByRole('button', { name: 'Reject' }).click();
    await page.locator('.head .badge', { hasText: 'Rejected' }).waitFor();
    await isInert();
    for (const named of ['environments', 'retention']) {
      await page.goto(stage.address(`/${named}/${encodeURIComponent(`\u202e<img src=x onerror="document.title='owned'">`)}`));
      await page.getByText('NOT_FOUND').waitFor();
      expect(`${await page.title()} ${await page.locator('body').innerText()}`).not.toMatch(/\u202e/);
      await isInert();
    }
    const view = await stage.browse('lead', '/requests?search=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&artifact=%F0%9F%98%80', PHONE);
    await view.page.locator('h1').waitFor();
    await settled(view.page);
    expect(await view.page.evaluate(OVERFLOW)).toBe(0);
    // The browser says itself that an address was answered with 400 or 404.
    for (const { watched } of [one, view]) watched.complaints = watched.complaints.filter((complaint) => !/ 40[04] /.test(complaint));
    stage.expectQuiet(one, view);
  });
}
