/** `GET /health`, `/openapi.json` and `/docs`: for anybody. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HttpAnswer } from '../kit/http.ts';
import { docsPage, STYLE } from './docs-page.ts';

/** The description never changes while an instance lives; browsers may keep it for a minute. */
const CACHE = { 'cache-control': 'public, max-age=60' };
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

let description: Promise<string> | undefined;
let docs: Promise<string> | undefined;

/** openapi.json lies beside the bundle. */
function readDescription(): Promise<string> {
  const folder = process.env['LAMBDA_TASK_ROOT'] ?? dirname(fileURLToPath(import.meta.url));
  description ??= readFile(join(folder, 'openapi.json'), 'utf8');
  return description;
}

export async function health(): Promise<HttpAnswer> {
  return { status: 200, body: { status: 'ok' } };
}

export async function openapi(): Promise<HttpAnswer> {
  return { status: 200, contentType: 'application/json', headers: CACHE, body: await readDescription() };
}

export async function showDocs(): Promise<HttpAnswer> {
  docs ??= readDescription().then((text) => docsPage(JSON.parse(text)));
  const headers = { ...CACHE, 'content-security-policy': POLICY };
  return { status: 200, contentType: 'text/html; charset=utf-8', headers, body: await docs };
}
