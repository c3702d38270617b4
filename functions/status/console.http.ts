/** `GET /console…`: the console, to anybody; what it shows is asked of the API, by who is signed in. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { Refusal } from '../../core/errors.ts';
import { cookieName, SESSION_COOKIE } from '../access/cookies.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';

/**
 * Scripts and styles are files of our own, named in the page with their hashes; nothing stands in the page itself, nothing comes from elsewhere, nothing
 * turns text into markup (Trusted Types), and forms lead nowhere but to ourselves (sign-out).
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const PAGE_HEADERS = {
  'content-security-policy': POLICY,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'x-robots-tag': 'noindex',
  // The page names the newest assets: it is asked for each time, and sent when it has changed.
  'cache-control': 'no-cache',
};

const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
};

interface Page {
  text: string;
  etag: string;
}

interface ConsoleFiles {
  /** For a browser that brings a session, and for one that does not: that one need not ask first to learn that it has to sign in. */
  pages: { known: Page; stranger: Page };
  /** Compressed, by name. */
  assets: ReadonlyMap<string, Buffer>;
}

let files: Promise<ConsoleFiles> | undefined;

/** They lie beside the bundle and never change while an instance lives. */
function consoleFiles(): Promise<ConsoleFiles> {
  files ??= readFiles().catch((error: unknown) => {
    files = undefined;
    throw error;
  });
  return files;
}

async function readFiles(): Promise<ConsoleFiles> {
  const folder = join(process.env['LAMBDA_TASK_ROOT'] ?? dirname(fileURLToPath(import.meta.url)), 'console');
  const [page, names] = await Promise.all([readFile(join(folder, 'page.html'), 'utf8'), readdir(join(folder, 'assets'))]);
  const contents = await Promise.all(names.map((name) => readFile(join(folder, 'assets', name))));
  const pages = { known: pageOf(page), stranger: pageOf(page.replace('<div id="console">', '<div id="console" data-session="none">')) };
  return { pages, assets: new Map(names.map((name, index) => [name.replace(/\.gz$/, ''), contents[index]!])) };
}

function pageOf(text: string): Page {
  return { text, etag: `"${createHash('sha256').update(text).digest('base64url').slice(0, 27)}"` };
}

export async function root(): Promise<HttpAnswer> {
  return { status: 303, headers: { location: '/console' } };
}

/** The same page for every view: who reads the address is its script. */
export async function showConsole(call: HttpCall): Promise<HttpAnswer> {
  const { pages } = await consoleFiles();
  const { text, etag } = Object.hasOwn(call.cookies, cookieName(call.origin, SESSION_COOKIE)) ? pages.known : pages.stranger;
  const headers = { ...PAGE_HEADERS, etag, vary: 'Cookie' };
  if (call.headers['if-none-match'] === etag) return { status: 304, headers };
  return { status: 200, contentType: 'text/html; charset=utf-8', headers, body: text };
}

/** An asset by its name, which holds its hash: it is never another one, so browsers keep it. The name is attacker-controlled and looked up only. */
export async function showConsoleAsset(call: HttpCall): Promise<HttpAnswer> {
  const name = call.params['file']!;
  const content = (await consoleFiles()).assets.get(name);
  if (!content) throw new Refusal('NOT_FOUND', 'there is no such file', { hint: 'reload the page: a newer version of it is there' });
  const takesGzip = /\bgzip\b/.test(call.headers['accept-encoding'] ?? '');
  return {
    status: 200,
    contentType: TYPES[name.split('.').at(-1)!] ?? 'application/octet-stream',
    headers: {
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      vary: 'Accept-Encoding',
      ...(takesGzip ? { 'content-encoding': 'gzip' } : {}),
    },
    body: takesGzip ? content : gunzipSync(content),
  };
}
