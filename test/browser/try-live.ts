/** What a page does by itself: it stays true while somebody looks, and is silent when nobody does. */
import { expect, it } from 'vitest';
import { bodyOf, idOf, pending, reach } from '../flows/requests.ts';
import { fillRequest, openAs } from './console-visit.ts';
import { setHidden } from './in-page.ts';
import type { Stage } from './stage.ts';

export function tryLive(stage: Stage): void {
  it('asks again with the tag of what it knows, not at all in a hidden tab, and at once when somebody comes back', async () => {
    const one = await stage.browse('viewer');
    const { page } = one;
    // Nothing of this visit is under way any more when the one begins that is looked at.
    await page.goto('about:blank');
    const asked: { path: string; tag: string | undefined }[] = [];
    const statuses: number[] = [];
    page.on('request', (request) => asked.push({ path: new URL(request.url()).pathname, tag: request.headers()['if-none-match'] }));
    page.on('response', (response) => statuses.push(response.status()));
    await page.clock.install();
    const began = performance.now();
    await page.goto(stage.address(''));
    await page.locator('.lane').first().waitFor();
    await page.waitForLoadState('networkidle');
    const boards = () => asked.filter(({ path }) => path === '/v1/environments');
    // Once, and once more for each 5 seconds that the page took to come to rest.
    expect(boards().length).toBeLessThanOrEqual(1 + (performance.now() - began) / 5_000);
    const news = page.waitForResponse((response) => response.url().endsWith('/v1/environments'));
    await page.clock.runFor(5_500);
    expect((await news).status()).toBe(304);
    expect(boards().at(-1)!.tag).toMatch(/"$/);
    await page.evaluate(setHidden(true));
    const before = asked.length;
    await page.clock.runFor(600_000);
    expect(asked.length).toBe(before);
    const back = page.waitForResponse((response) => response.url().endsWith('/v1/environments'));
    await page.evaluate(setHidden(false));
    await back;
    expect(statuses.every((status) => status === 200 || status === 304)).toBe(true);
    stage.expectQuiet(one);
  });

  it('leads from a mailed address through the sign-in to exactly that view, and back and forth between views', async () => {
    const one = await stage.stranger();
    const { page } = one;
    const { openAs } = await import('./console-visit.ts');
    await openAs(page, stage.cloud, 'security', '/requests?environment=staging&state=deployed');
    expect(await page.getByLabel('State').inputValue()).toBe('deployed');
    await page.getByRole('link', { name: 'Board' }).click();
    await page.locator('.lane').first().waitFor();
    await page.goBack();
    expect(await page.getByLabel('State').inputValue()).toBe('deployed');
    await page.goto(`${stage.address('')}/`);
    await page.locator('.lane').first().waitFor();
    await page.goto(stage.address('/no/such/view'));
    await page.getByText('This address leads nowhere').waitFor();
    await page.goto(stage.address('/requests/prod/PR-1999-0001'));
    await page.getByText('NOT_FOUND').waitFor();
    const answered = (message: string) => /404/.test(message);
    one.watched.complaints = one.watched.complaints.filter((complaint) => !answered(complaint));
    stage.expectQuiet(one);
  });

  it('says what was done in a message that goes by itself', async () => {
    const path = await pending(stage.cloud, 'staging', '1.1.0');
    const one = await stage.browse('dev', path.replace('/v1', ''));
    const { page } = one;
    await page.clock.install();
    await page.getByRole('button', { name: 'Cancel request' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel request' }).click();
    const toast = page.getByRole('log').getByText(/: cancelled/);
    await toast.waitFor();
    await page.clock.runFor(6_500);
    await toast.waitFor({ state: 'detached' });
    stage.expectQuiet(one);
  });

  it('decides on what the dialog showed and not on what the request has become, and keeps the dialog when somebody else was quicker', async () => {
    const { cloud } = stage;
    const path = await pending(cloud, 'staging', '1.1.0');
    const cpi = await stage.browse('cpi', path.replace('/v1', ''));
    const { page } = cpi;
    const dialog = page.getByRole('dialog');
    await page.getByRole('button', { name: 'Approve', exact: true }).click();
    await dialog.getByLabel('Comment').fill('I have read it');
    const later = bodyOf('1.1.0', { justification: 'Something else than what the approver has read' });
    expect((await cloud.api('PATCH', path, { as: 'dev', body: later })).status).toBe(200);
    await reach(cloud, path, 'pending_approval');
    await page.getByText('Something else than what the approver has read').first().waitFor();
    await dialog.getByRole('button', { name: 'Approve', exact: true }).click();
    await dialog.getByText('PLAN_CHANGED').waitFor();
    expect(await dialog.getByLabel('Comment').inputValue()).toBe('I have read it');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect((await cloud.api('GET', path, { as: 'dev' })).body.status.phase).toBe('pending_approval');

    await page.getByRole('button', { name: 'Reject', exact: true }).click();
    await dialog.getByLabel('Reason').fill('Not what I have read');
    expect((await cloud.api('POST', `${path}/cancel`, { as: 'dev', body: {} })).status).toBe(200);
    await page.locator('.head .badge', { hasText: 'Cancelled' }).waitFor();
    await dialog.getByRole('button', { name: 'Reject', exact: true }).click();
    await dialog.getByText('STATE_CONFLICT').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });

  it('asks once for what is sent again because its answer was lost', async () => {
    const { page } = await stage.browse('dev', '/new');
    await fillRequest(page, '1.1.0');
    await page.getByRole('button', { name: 'Preview' }).click();
    const submit = page.getByRole('button', { name: 'Request 1.1.0 for staging' });
    await submit.waitFor();
    const made: string[] = [];
    await page.route('**/v1/requests/staging', async (route) => {
      const answer = await route.fetch();
      made.push(((await answer.json()) as { metadata: { id: string } }).metadata.id);
      if (made.length === 1) await route.abort();
      else await route.fulfill({ response: answer });
    });
    await submit.click();
    await page.getByText('what was done all the same is not done twice').waitFor();
    await submit.click();
    await page.waitForURL(/\/requests\/staging\/PR-/);
    expect(made).toEqual([idOf(page.url()), idOf(page.url())]);
    expect((await stage.cloud.api('POST', `/v1/requests/staging/${made[0]}/cancel`, { as: 'dev', body: {} })).status).toBe(200);
  });

  it('says why there is no form while nobody can tell who asks', async () => {
    const { page } = await stage.browse('dev');
    const away = { status: 503, code: 'UNAVAILABLE', detail: 'the state table does not answer', hint: 'try again in a moment' };
    await page.route('**/v1/me', (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', json: away }));
    await page.goto(stage.address('/new'));
    await page.getByText('The state table does not answer.').waitFor();
    await page.unroute('**/v1/me');
    await page.getByLabel('Justification').waitFor();
  });

  it('shows nothing of a session that another tab has ended, nor anything of it to whoever signs in there', async () => {
    const one = await stage.stranger();
    const { page } = one;
    await openAs(page, stage.cloud, 'dev', '/environments/staging');
    await page.getByText('tenant-finance').first().waitFor();
    const other = await one.context.newPage();
    const signOut = async () => {
      await other.goto(stage.address(''));
      await other.getByRole('button', { name: 'Sign out' }).click();
      await other.getByRole('link', { name: 'Sign in' }).waitFor();
    };
    await signOut();
    await page.getByRole('heading', { name: 'Your session is over' }).waitFor();
    await openAs(page, stage.cloud, 'dev', '/environments/staging');
    await page.getByText('tenant-finance').first().waitFor();
    await signOut();
    await openAs(other, stage.cloud, 'outsider');
    await page.bringToFront();
    await page.evaluate(`document.dispatchEvent(new Event('visibilitychange'))`);
    await page
      .getByText('Olli Outsider')
      .or(page.getByRole('heading', { name: 'Your session is over' }))
      .first()
      .waitFor();
    expect(await page.getByText('tenant-finance').count()).toBe(0);
  });

  it('has keys that can be switched off', async () => {
    const one = await stage.browse('viewer');
    const { page } = one;
    await page.getByRole('button', { name: 'Keys' }).click();
    await page.getByLabel('Single keys do something').uncheck();
    await page.keyboard.press('Escape');
    // Closed is not yet gone: until it is, the page takes a key for one that was pressed in it.
    await page.locator('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('?');
    expect(await page.getByRole('dialog').count()).toBe(0);
    await page.getByRole('button', { name: 'Keys' }).click();
    await page.getByLabel('Single keys do something').check();
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    stage.expectQuiet(one);
  });
}
