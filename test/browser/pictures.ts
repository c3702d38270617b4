/** `npm run pictures`: every page of the console in both themes, wide and narrow, for the documentation; into the folder that PICTURES names. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { textOf } from '../flows/cloud.ts';
import { type Scene, setScene } from './scene.ts';
import { DESKTOP, PHONE, Stage } from './stage.ts';

const FOLDER = process.env['PICTURES'] ?? 'docs/images';
/** Of the pictures: letters stay sharp, and a page takes 20 to 60 kB. */
const QUALITY = 70;
/** A list goes on; its picture need not. */
const TALLEST = { desktop: 1_400, phone: 1_500 };

interface View {
  person: string;
  path: string;
  /** What is done before the picture. */
  prepare?: (page: Page) => Promise<void>;
}

describe('pictures of the console', () => {
  const stage = new Stage();
  let scene: Scene;
  beforeAll(async () => {
    mkdirSync(FOLDER, { recursive: true });
    await stage.start();
    scene = await setScene(stage.cloud);
  });
  afterAll(async () => {
    await stage.closeAll();
    await stage.stop();
  });

  function views(): Record<string, View> {
    const pathOf = (api: string) => api.replace('/v1', '');
    return {
      board: { person: 'cpi', path: '' },
      requests: { person: 'cpi', path: '/requests?environment=prod' },
      request: { person: 'lead', path: pathOf(scene.waiting) },
      approve: { person: 'lead', path: pathOf(scene.waiting), prepare: (page) => press(page, 'Approve') },
      'rolled-back': { person: 'cpi', path: pathOf(scene.rolledBack) },
      blocked: { person: 'dev', path: pathOf(scene.blocked) },
      inbox: { person: 'lead', path: '/inbox' },
      new: {
        person: 'dev',
        path: `/new?environment=prod&like=${scene.rejected.split('/').at(-1)}`,
        prepare: preview,
      },
      environment: { person: 'cpi', path: '/environments/prod' },
      rollback: { person: 'cpi', path: '/environments/prod?artifact=payment-api', prepare: (page) => press(page, 'Back to 1.1.0') },
      insights: { person: 'cpi', path: '/insights?environment=prod&days=7' },
      retention: { person: 'cpi', path: '/retention' },
      plan: { person: 'cpi', path: `/retention/${scene.plan}` },
      audit: { person: 'auditor', path: '/audit', prepare: prove },
      'sign-in': { person: '', path: '/inbox' },
      keys: { person: 'cpi', path: '', prepare: (page) => page.keyboard.press('?') },
    };
  }

  async function preview(page: Page): Promise<void> {
    await press(page, 'Preview');
    await page.getByRole('region', { name: 'Preview' }).waitFor();
  }

  async function prove(page: Page): Promise<void> {
    const key = page.getByLabel('Public key of the log');
    if (await key.isVisible()) {
      await key.fill(textOf((stage.cloud.endpoints as unknown as { auditPublicKey: string }).auditPublicKey));
      await press(page, 'Pin this key');
    }
    const first = page.locator('[data-event]').first();
    await first.getByRole('button', { name: 'Prove' }).click();
    await first.getByText('Valid', { exact: true }).waitFor();
  }

  it('are taken of every page', async () => {
    for (const [size, options] of [
      ['desktop', DESKTOP],
      ['phone', PHONE],
    ] as const) {
      for (const [name, { person, path, prepare }] of Object.entries(views())) {
        const { page } = person === '' ? await stage.stranger(options) : await stage.browse(person, path, options);
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme });
          await page.goto(stage.address(path));
          await page.locator('.skeleton').first().waitFor({ state: 'detached' });
          await page.waitForLoadState('networkidle');
          await prepare?.(page);
          await page.locator('dialog .skeleton').first().waitFor({ state: 'detached' });
          await page.waitForLoadState('networkidle');
          await take(page, `console-${name}-${colorScheme}-${size}`, TALLEST[size]);
        }
        await stage.closeAll();
      }
    }
  });
});

const press = (page: Page, name: string): Promise<void> => page.getByRole('button', { name, exact: true }).first().click();

/** From its top, and with everything painted that is not in sight. */
const READY = `new Promise((done) => {
  for (const card of document.querySelectorAll('.request')) card.style.contentVisibility = 'visible';
  scrollTo(0, 0);
  requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done)));
})`;

/** WebP, which the browser writes itself. */
async function take(page: Page, name: string, tallest: number): Promise<void> {
  await page.evaluate(READY);
  const size = (await page.evaluate('[innerWidth, document.documentElement.scrollHeight]')) as number[];
  const [width = 0, height = 0] = size;
  const isDialog = (await page.getByRole('dialog').count()) > 0;
  const clip = { x: 0, y: 0, width, height: Math.min(height, tallest), scale: 1 };
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', {
    format: 'webp',
    quality: QUALITY,
    // A dialog lies over what is in sight, wherever the page behind it stands.
    ...(isDialog ? {} : { captureBeyondViewport: true, clip }),
  });
  await session.detach();
  writeFileSync(join(FOLDER, `${name}.webp`), Buffer.from(data, 'base64'));
}
