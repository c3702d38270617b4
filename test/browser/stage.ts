/** One running cloud and one browser, shared by everything that is tried in the console. */
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { expect } from 'vitest';
import { synthesize } from '../flows/assembly.ts';
import { FlowCloud } from '../flows/cloud.ts';
import { startChromium, type Visitor, visitor } from './browser.ts';
import { openAs } from './console-visit.ts';
import { PAINTED } from './in-page.ts';
import { STRICT_RETENTION } from './scene.ts';

export const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
export const DESKTOP = { viewport: { width: 1_280, height: 800 } };

type Cookies = Awaited<ReturnType<Visitor['context']['cookies']>>;

export class Stage {
  cloud!: FlowCloud;
  browser!: Browser;
  readonly #open: Visitor[] = [];
  /** Who signs in once stays signed in: everybody does it in a test of their own only when it is the first time. */
  readonly #sessions = new Map<string, Cookies>();

  async start(): Promise<void> {
    const cloud = synthesize(STRICT_RETENTION).then((assembly) => FlowCloud.start(assembly));
    [this.cloud, this.browser] = await Promise.all([cloud, startChromium()]);
  }

  async stop(): Promise<void> {
    await this.browser?.close();
    await this.cloud?.stop();
  }

  async closeAll(): Promise<void> {
    for (const each of this.#open.splice(0)) await each.close();
  }

  address(path: string): string {
    return `${this.cloud.endpoints.api}/console${path}`;
  }

  /** A browser of somebody who is signed in, at a view. */
  async browse(person: string, path = '', options: BrowserContextOptions = DESKTOP): Promise<Visitor> {
    const one = await this.stranger(options);
    const cookies = this.#sessions.get(person);
    if (cookies) {
      await one.context.addCookies(cookies);
      await one.page.goto(this.address(path));
      await one.page.getByRole('button', { name: 'Sign out' }).waitFor();
      await one.page.evaluate(PAINTED);
      return one;
    }
    await openAs(one.page, this.cloud, person, path);
    this.#sessions.set(person, await one.context.cookies(this.cloud.endpoints.api));
    return one;
  }

  /** A browser of somebody who has never been here. */
  async stranger(options: BrowserContextOptions = DESKTOP): Promise<Visitor> {
    const one = await visitor(this.browser, options);
    this.#open.push(one);
    return one;
  }

  /** Nothing was loaded from anywhere but here and the sign-in, told to anybody, or complained about. */
  expectQuiet(...visitors: Visitor[]): void {
    const known = new Set([this.cloud.endpoints.api, new URL(this.cloud.endpoints.issuer).origin]);
    for (const { watched } of visitors) {
      expect(watched.complaints).toEqual([]);
      expect(watched.referred).toEqual([]);
      expect([...watched.origins].filter((origin) => !known.has(origin))).toEqual([]);
    }
  }
}
