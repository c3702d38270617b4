/** What people do in the console. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import type { FlowCloud } from '../flows/cloud.ts';
import { signInAs } from './approver.ts';
import { PAINTED } from './in-page.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Set on the window; a reload would lose it. */
const MARK = 'window.notReloaded';

/** Opens a view, through the sign-in where that is needed. */
export async function openAs(page: Page, cloud: FlowCloud, person: string, path = ''): Promise<void> {
  await page.goto(`${cloud.endpoints.api}/console${path}`);
  await page.getByRole('link', { name: 'Sign in' }).click();
  await signInAs(page, cloud, person);
  await page.waitForURL(`${cloud.endpoints.api}/console${path}`);
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  await page.evaluate(PAINTED);
}

export async function fillRequest(page: Page, version: string, more: Readonly<Record<string, string>> = {}): Promise<void> {
  const texts = {
    Artifact: 'payment-api',
    Version: version,
    Justification: 'Customers wait for the new payment methods',
    'Release notes': '## New\n\n- **3DS2** for cards\n- [Ticket](https://example.com/1)',
    'Rollback plan': 'Promote the version before',
    Evidence: 'https://ci.example.com/1',
    ...more,
  };
  for (const [label, text] of Object.entries(texts)) await page.getByLabel(label, { exact: true }).fill(text);
}

/** Approves the request that is open; types what production asks for. */
export async function approveOpen(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Approve', exact: true }).click();
  const dialog = page.getByRole('dialog');
  const typed = dialog.getByLabel(/^Type /);
  await dialog.getByLabel('Comment').waitFor();
  if ((await typed.count()) > 0) await typed.fill((await dialog.locator('label', { hasText: /^Type / }).innerText()).slice('Type '.length));
  await dialog.getByRole('button', { name: 'Approve', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
}

export const mark = (page: Page): Promise<unknown> => page.evaluate(`${MARK} = true`);
export const isUnbroken = (page: Page): Promise<unknown> => page.evaluate(MARK);

/** Violations that axe finds, with the places. */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  await page.evaluate(AXE);
  const found = (await page.evaluate(
    `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ target, failureSummary }) => target + ' ' + failureSummary).slice(0, 3).join(' | ')))`,
  )) as string[];
  expect(found, what).toEqual([]);
}
