/** What an approver does on the pages of a mailed link, and at the sign-in. */
import { readFileSync } from 'node:fs';
import type { Page, Response } from 'playwright-core';
import type { FlowCloud } from '../flows/cloud.ts';

export function password(cloud: FlowCloud): string {
  return readFileSync(cloud.endpoints.issuerPasswordFile, 'utf8').trim();
}

/** Signs in on the page of the local issuer, by address. */
export async function signInAs(page: Page, cloud: FlowCloud, person: string): Promise<void> {
  await page.getByLabel('Password').fill(password(cloud));
  await page.getByRole('button', { name: `<${person}@example.com>` }).click();
}

/** What the page asks to type. */
export async function confirmation(page: Page): Promise<string> {
  return (await page.locator('label code').textContent())!;
}

/** Fills the form in and sends it; answers what came back. */
export async function decide(
  page: Page,
  decision: 'Approve' | 'Reject',
  more: { comment?: string; confirm?: string } = {},
): Promise<Response> {
  await page.getByRole('radio', { name: decision }).check();
  await page.getByLabel('Comment').fill(more.comment ?? '');
  await page.getByLabel(/^Type /).fill(more.confirm ?? (await confirmation(page)));
  const answered = page.waitForResponse((response) => response.request().method() === 'POST');
  // The answer comes before its page does: what is read in between is the form that was sent.
  const shown = page.waitForEvent('framenavigated', (frame) => frame === page.mainFrame());
  await page.getByRole('button', { name: 'Record my decision' }).click();
  const [answer] = await Promise.all([answered, shown]);
  await page.waitForLoadState();
  return answer;
}
