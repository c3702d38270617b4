/** `GET /docs`: the description for people. */
import { createHash } from 'node:crypto';
import type { HttpAnswer } from '../kit/http.ts';
import { docsPage, STYLE } from './docs-page.ts';
import { CACHE, readDescription } from './service.http.ts';

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

let docs: Promise<string> | undefined;

export async function showDocs(): Promise<HttpAnswer> {
  docs ??= readDescription().then((text) => docsPage(JSON.parse(text)));
  const headers = { ...CACHE, 'content-security-policy': POLICY };
  return { status: 200, contentType: 'text/html; charset=utf-8', headers, body: await docs };
}
