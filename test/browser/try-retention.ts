/** Tries of the pages Retention and Insights. */
import { expect, it } from 'vitest';
import { push, WORKLOAD } from '../flows/requests.ts';
import { OVERFLOW } from './in-page.ts';
import type { Stage } from './stage.ts';
import { tabTo } from './try-keyboard.ts';

export function tryRetention(stage: Stage): void {
  it('plans what is deleted, says why the rest stays, and deletes it after the grace time when it is typed', async () => {
    const { cloud } = stage;
    for (const version of ['1.0.0', '1.1.0', '1.2.0']) await push(cloud, version, 'true', { name: 'old-mailer', signed: false });
    const dev = await stage.browse('dev', '/retention');
    await dev.page.getByLabel('Artifact').selectOption('All artifacts');
    await dev.page.getByRole('button', { name: 'Preview' }).click();
    await dev.page.getByRole('region', { name: 'What stays, and why' }).getByText('runs somewhere').first().waitFor();
    const going = dev.page.getByRole('region', { name: 'What would be deleted' });
    await going.getByText('old-mailer 1.0.0').waitFor();
    expect(await going.getByText('old-mailer 1.2.0').count()).toBe(0);
    await dev.page.getByText('Your roles do not include the verb "gc.apply"').waitFor();

    const cpi = await stage.browse('cpi', new URL(dev.page.url()).pathname.slice('/console'.length));
    const { page } = cpi;
    await page.getByText('In its grace time: may be applied from').waitFor();
    const apply = page.getByRole('button', { name: 'Apply this plan' });
    await apply.click({ force: true });
    expect(await page.getByRole('dialog').count()).toBe(0);
    await cloud.advance('PT61M');
    await page.getByText('In its grace time').waitFor({ state: 'detached' });
    await apply.click();
    const dialog = page.getByRole('dialog');
    const confirm = dialog.getByRole('button', { name: /^Delete \d+ versions?$/ });
    await dialog.getByLabel(/^Type delete /).fill('delete 000000');
    await confirm.click({ force: true });
    await dialog.getByRole('alert').waitFor();
    const expected = (await dialog.locator('label', { hasText: /^Type / }).innerText()).slice('Type '.length);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    // And again with the keyboard alone.
    await tabTo(page, 'Apply this plan');
    await page.keyboard.press('Enter');
    await dialog.waitFor();
    await tabTo(page, /^Type delete /);
    await page.keyboard.insertText(expected);
    await tabTo(page, /^Delete \d+ versions?$/);
    // The message goes by itself, whether or not the report is there by then.
    const message = page.getByRole('log').getByText(/versions? deleted/);
    const said = message.waitFor();
    await page.keyboard.press('Enter');
    await Promise.all([said, page.getByRole('region', { name: 'Report' }).getByText('After').waitFor()]);
    const tags = (await (await fetch(`http://${cloud.endpoints.registries.dev}/v2/old-mailer/tags/list`)).json()) as { tags: string[] };
    expect(tags.tags.filter((tag) => /^1\./.test(tag))).toEqual(['1.2.0']);

    await page.getByRole('link', { name: 'Retention' }).first().click();
    await page.getByText('Applied').waitFor();
    expect(await page.evaluate(OVERFLOW)).toBe(0);
    stage.expectQuiet(dev, cpi);
  });

  it('shows figures of an environment and a period as plots, each with its table', async () => {
    const one = await stage.browse('viewer', '/insights?environment=prod&days=7');
    const { page } = one;
    const deployments = page.getByRole('region', { name: 'Deployments' });
    await deployments.getByRole('img', { name: /^\d+ deployments? and \d+ failures?, by day$/ }).waitFor();
    await deployments.getByText('As a table').click();
    const answer = await stage.cloud.api('GET', '/v1/environments/prod/metrics?days=7', { as: 'viewer' });
    const { byDay, failed, changes, failures } = answer.body;
    expect(byDay.length).toBeGreaterThan(0);
    expect(await deployments.getByRole('row').count()).toBe(1 + byDay.length);
    await page.getByText(new RegExp(`^${failures} of ${changes} changes?$`)).waitFor();
    await page.getByRole('link', { name: failed[0] }).waitFor();
    const spent = page.getByRole('region', { name: 'Where the time went' });
    await spent.getByRole('img', { name: /^\d+ % waiting, \d+ % working$/ }).waitFor();
    await spent.getByRole('rowheader', { name: 'Approval' }).waitFor();
    await page.getByLabel('Period').selectOption('1 year');
    await page.waitForURL(/days=366/);
    await deployments.getByRole('img', { name: /, by week$/ }).waitFor();
    await page.getByLabel('Artifact').selectOption(WORKLOAD);
    await page.waitForURL(new RegExp(`artifact=${WORKLOAD}`));
    await page.getByRole('link', { name: 'dev', exact: true }).click();
    await page.getByText('Nothing was deployed in this period.').first().waitFor();
    stage.expectQuiet(one);
  });
}
