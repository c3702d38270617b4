/** Every flow of the console with the keyboard alone: no pointer is used here. */
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { idOf, pending, reach } from '../flows/requests.ts';
import { NAME_OF_FOCUSED, PAINTED } from './in-page.ts';
import type { Stage } from './stage.ts';

/** More stops than any page has. */
const MOST_STOPS = 120;

/** Goes on with Tab until what has the focus is called that. */
export async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  const passed: string[] = [];
  for (let stop = 0; stop < MOST_STOPS; stop++) {
    await page.keyboard.press('Tab');
    const found = (await page.evaluate(NAME_OF_FOCUSED)) as string;
    if (typeof name === 'string' ? found === name : name.test(found)) return;
    passed.push(found);
  }
  expect.fail(`no stop is called ${name}: ${passed.join(' | ')}`);
}

/** Presses keys that do something by themselves, once the page has bound those of what it shows. */
async function keys(page: Page, pressed: string): Promise<void> {
  await page.evaluate(PAINTED);
  await page.keyboard.type(pressed);
}

async function typeInto(page: Page, texts: Readonly<Record<string, string>>): Promise<void> {
  for (const [label, text] of Object.entries(texts)) {
    await tabTo(page, label);
    await page.keyboard.insertText(text);
  }
}

const dialogEnds = (page: Page) => page.getByRole('dialog').waitFor({ state: 'detached' });

export function tryKeyboard(stage: Stage): void {
  it('is asked, approved and rejected with the keyboard alone', async () => {
    const { cloud } = stage;
    const dev = await stage.browse('dev');
    await keys(dev.page, 'n');
    await dev.page.getByRole('heading', { name: 'New request' }).waitFor();
    await typeInto(dev.page, {
      Artifact: 'payment-api',
      Version: '1.3.0',
      Justification: 'Customers wait for the new payment methods',
      'Release notes': 'New payment methods',
      'Rollback plan': 'Promote the version before',
      Evidence: 'https://ci.example.com/1',
    });
    await tabTo(dev.page, 'Preview');
    await dev.page.keyboard.press('Enter');
    await dev.page.getByRole('region', { name: 'Preview' }).waitFor();
    await tabTo(dev.page, 'Request 1.3.0 for staging');
    await dev.page.keyboard.press('Enter');
    await dev.page.waitForURL(/\/requests\/staging\/PR-/);
    const id = idOf(dev.page.url());
    await reach(cloud, `/v1/requests/staging/${id}`, 'pending_approval');

    const { page, ...cpi } = await stage.browse('cpi');
    await keys(page, '?');
    await page.getByRole('heading', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    await dialogEnds(page);
    await keys(page, 'gi');
    await page.getByRole('heading', { name: 'Inbox' }).waitFor();
    await page.locator('[data-item]').first().waitFor();
    await keys(page, 'j');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Approve', exact: true }).waitFor();
    await keys(page, 'a');
    await page.getByRole('dialog').waitFor();
    await typeInto(page, { Comment: 'read with the keyboard' });
    await tabTo(page, 'Approve');
    await page.keyboard.press('Enter');
    await dialogEnds(page);
    const approved = await reach(cloud, `/v1/requests/staging/${id}`, 'succeeded');
    expect(approved.status.approvedBy).toBe('cpi@example.com');

    const other = await pending(cloud, 'staging', '1.1.0');
    await page.goto(stage.address(other.replace('/v1', '')));
    await page.getByRole('button', { name: 'Reject', exact: true }).waitFor();
    await keys(page, 'x');
    await page.getByRole('dialog').waitFor();
    await typeInto(page, { Reason: 'It is older than what runs there' });
    await tabTo(page, 'Reject');
    await page.keyboard.press('Enter');
    await dialogEnds(page);
    await page.locator('.head .badge', { hasText: 'Rejected' }).waitFor();
    // Who asked again finds what was said the first time.
    await tabTo(page, 'Request it again');
    await page.keyboard.press('Enter');
    await page.getByText('Filled in from').waitFor();
    expect(await page.getByLabel('Version', { exact: true }).inputValue()).toBe('1.1.0');
    expect(await page.getByLabel('Justification').inputValue()).toBe('Customers wait for the new payment methods');
    expect(await page.getByLabel('Staging tests passed').isChecked()).toBe(false);
    stage.expectQuiet(dev, { page, ...cpi });
  });

  it('is locked, unlocked and rolled back with the keyboard alone', async () => {
    const one = await stage.browse('cpi');
    const { page } = one;
    await keys(page, 'ge');
    await page.getByRole('heading', { name: 'dev', exact: true }).waitFor();
    await tabTo(page, 'staging');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'staging', exact: true }).waitFor();
    for (const [verb, note] of [
      ['Lock', 'visible'],
      ['Unlock', 'detached'],
    ] as const) {
      await tabTo(page, verb);
      await page.keyboard.press('Enter');
      await typeInto(page, { Reason: 'The quarter is being closed' });
      await tabTo(page, verb);
      await page.keyboard.press('Enter');
      await dialogEnds(page);
      await page.getByText('Locked by').first().waitFor({ state: note });
    }
    await tabTo(page, /^Back to 1\./);
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Reason').waitFor();
    await typeInto(page, { Reason: 'Customers are charged twice' });
    const label = dialog.locator('label', { hasText: /^Type / });
    if ((await label.count()) > 0) {
      const typed = await label.innerText();
      await typeInto(page, { [typed]: typed.slice('Type '.length) });
    }
    await tabTo(page, 'Request the rollback');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/requests\/staging\/PR-/);
    await page.getByText('Rollback ·').waitFor();
    stage.expectQuiet(one);
  });
}
