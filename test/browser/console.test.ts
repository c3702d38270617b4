import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { textOf } from '../flows/cloud.ts';
import { approve, pending, push, toStaging } from '../flows/requests.ts';
import { hasChromium, MISSING } from './browser.ts';
import { approveOpen, fillRequest, isUnbroken, mark } from './console-visit.ts';
import { Stage } from './stage.ts';
import { tryAccess } from './try-access.ts';
import { tabTo, tryKeyboard } from './try-keyboard.ts';
import { tryLive } from './try-live.ts';
import { tryMany } from './try-many.ts';
import { tryRetention } from './try-retention.ts';

if (!hasChromium) {
  it(MISSING, ({ skip }) => {
    process.stderr.write(`\n${MISSING}\n`);
    skip();
  });
}

describe.skipIf(!hasChromium)('the console, in Chromium', () => {
  const stage = new Stage();
  const browse: Stage['browse'] = (...args) => stage.browse(...args);

  beforeAll(async () => {
    await stage.start();
    const { cloud } = stage;
    await Promise.all([
      push(cloud, '1.1.0', 'true'),
      push(cloud, '1.2.0', 'after-50'),
      push(cloud, '1.3.0', 'true'),
      push(cloud, '3.4.1', 'true', { name: 'ledger' }),
    ]);
    await toStaging(cloud, '3.4.1', 'ledger');
  });
  afterEach(() => stage.closeAll());
  afterAll(() => stage.stop());

  const state = (page: Page, label: string) => page.locator('.head .badge', { hasText: label }).waitFor();

  it('takes a version from the preview to production: requested, approved from the inbox by others, watched to its end without reload', async () => {
    const [dev, cpi] = [await browse('dev', '/new'), await browse('cpi', '/inbox')];
    const { page } = dev;
    await page.getByRole('button', { name: 'Preview' }).click();
    await page.getByText('20 more characters.').waitFor();
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
    await page.getByRole('progressbar').waitFor();
    await state(page, 'Deployed');
    await page.getByText('canary 100 %').first().waitFor();
    expect(await isUnbroken(page)).toBe(true);
    stage.expectQuiet(dev, cpi, ...approvers);
  });

  it('shows a bad version being rolled back, and a rejection only with its reason', async () => {
    await toStaging(stage.cloud, '1.2.0');
    const bad = await pending(stage.cloud, 'prod', '1.2.0');
    const lead = await browse('lead', bad.replace('/v1', ''));
    const { page } = lead;
    await approve(stage.cloud, bad, 'security');
    await approveOpen(page);
    await mark(page);
    await state(page, 'Failed');
    await page.getByText('rolled back').first().waitFor();
    await page.getByText(/what ran before runs again/).waitFor();
    expect(await isUnbroken(page)).toBe(true);

    const other = await pending(stage.cloud, 'prod', '3.4.1', { name: 'ledger' });
    await page.goto(stage.address(other.replace('/v1', '')));
    await page.getByRole('button', { name: 'Reject', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Reason').fill('too soon');
    await dialog.getByRole('button', { name: 'Reject' }).click({ force: true });
    await dialog.getByText('Say why: 3 more characters.').waitFor();
    await dialog.getByLabel('Reason').fill('too soon: the freeze ends on Monday');
    await dialog.getByRole('button', { name: 'Reject' }).click();
    await state(page, 'Rejected');
    await page.getByText('too soon: the freeze ends on Monday').first().waitFor();
    stage.expectQuiet(lead);
  });

  it('lets an auditor prove a line in the browser, and shows a tampered proof as invalid', async () => {
    const auditor = await browse('auditor', '/audit');
    const { page } = auditor;
    await page
      .getByLabel('Public key of the log')
      .fill(textOf((stage.cloud.endpoints as unknown as { auditPublicKey: string }).auditPublicKey));
    await page.getByRole('button', { name: 'Pin this key' }).click();
    const first = page.locator('[data-event]').first();
    await first.waitFor();
    await tabTo(page, 'Prove');
    await page.keyboard.press('Enter');
    await first.getByText('Valid', { exact: true }).waitFor();
    await page.route('**/v1/audit/*/proof', async (route) => {
      const answer = await route.fetch();
      const proof = (await answer.json()) as { line: string };
      await route.fulfill({ response: answer, json: { ...proof, line: proof.line.replace('"seq":', '"seq":9') } });
    });
    await first.getByRole('button', { name: 'Prove' }).click();
    await first.getByText('Invalid', { exact: true }).waitFor();
    stage.expectQuiet(auditor);
  });

  tryRetention(stage);
  tryKeyboard(stage);
  tryLive(stage);
  tryAccess(stage);
  tryMany(stage);
});
