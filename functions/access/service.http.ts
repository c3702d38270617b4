/** `GET /health` and `/openapi.json`: for anybody. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HttpAnswer } from '../kit/http.ts';

/** The description never changes while an instance lives; browsers may keep it for a minute. */
export const CACHE = { 'cache-control': 'public, max-age=60' };

let description: Promise<string> | undefined;

/** openapi.json lies beside the bundle. */
export function readDescription(): Promise<string> {
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
