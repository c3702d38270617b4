/** A real Chromium, and what it did behind the user's back: requests, messages of the console, dialogs. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Debian's package `chromium` puts it there. */
export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
export const hasChromium = isExecutable(CHROMIUM);
/** Said once in each run, so that a check that did not happen is not mistaken for one that passed. */
export const MISSING = `SKIPPED: there is no Chromium at ${CHROMIUM}; install it (Debian: chromium), or let CHROMIUM name it`;

const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** For what comes by itself, on a machine with other things to do. */
const PATIENCE = 180_000;

/** What a page did that nobody would see. */
export interface Watched {
  /** Origins that anything was requested from. */
  origins: Set<string>;
  /** Requests with a Referer. */
  referred: string[];
  /** Errors and warnings of the console, among them what the content security policy stopped; uncaught errors; dialogs. */
  complaints: string[];
}

export interface Visitor {
  context: BrowserContext;
  page: Page;
  watched: Watched;
  close(): Promise<void>;
}

/** Starts Chromium with a profile folder that is made for this run and goes with it. */
export function startChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
}

/** A browser as somebody uses it who has never been here. Only the certificate of the local issuer is taken on trust. */
export async function visitor(browser: Browser, options: BrowserContextOptions = {}): Promise<Visitor> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1_000, height: 800 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  const watched: Watched = { origins: new Set(), referred: [], complaints: [] };
  const watch = (page: Page): void => {
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) watched.complaints.push(`${message.type()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => watched.complaints.push(String(error)));
    page.on('dialog', (dialog) => {
      watched.complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  };
  context.on('page', watch);
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http')) watched.origins.add(url.origin);
    const { referer } = request.headers();
    if (referer) watched.referred.push(`${request.url()} from ${referer}`);
  });
  return { context, page: await context.newPage(), watched, close: () => context.close() };
}

/** Takes a picture for the documentation, if SCREENSHOTS names a folder for them. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS'];
  if (folder === undefined || folder === '') return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
