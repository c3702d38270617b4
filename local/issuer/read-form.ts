/** Form bodies of the issuer. */
import type { IncomingMessage } from 'node:http';
import { readBody } from '../http-body.ts';

const LARGEST_FORM = 64 * 1024;

/** Undefined for another content type, or more than 64 KiB. */
export async function readForm(message: IncomingMessage): Promise<URLSearchParams | undefined> {
  const type = message.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  const body = await readBody(message, LARGEST_FORM);
  return type === 'application/x-www-form-urlencoded' && body ? new URLSearchParams(body.toString('utf8')) : undefined;
}
