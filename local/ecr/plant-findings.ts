/** Plants scan findings for an image: from inside, and from outside by `POST /_local/findings` at the registry's port. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import * as z from 'zod';
import { readBody } from '../http-body.ts';
import type { RegistryStore } from '../registry/registry-store.ts';
import { send } from '../registry/serve-lists.ts';
import { type Finding, findingSchema } from './scan-findings.ts';

const bodySchema = z.strictObject({ repository: z.string(), digest: z.string(), findings: z.array(findingSchema).max(10_000) });
const LARGEST_BODY = 4 * 1024 * 1024;

/** `image` is a digest or a tag; an empty list makes the image scanned and clean. Throws RegistryError for an unknown image. */
export async function plantFindings(store: RegistryStore, repository: string, image: string, findings: Finding[]): Promise<void> {
  await store.saveFindings(repository, store.resolve(store.repository(repository), image), findings);
}

/** Body: `{repository, digest (or tag), findings: [{name, severity, …}]}`, of any content type. False when the request is for something else. */
export async function servePlanting(store: RegistryStore, message: IncomingMessage, response: ServerResponse): Promise<boolean> {
  if (message.url !== '/_local/findings' || message.method !== 'POST') return false;
  const parsed = bodySchema.safeParse(await readJson(message));
  if (!parsed.success) {
    send(response, 400, { message: z.prettifyError(parsed.error) });
    return true;
  }
  const { repository, digest, findings } = parsed.data;
  await plantFindings(store, repository, digest, findings);
  send(response, 200, { planted: findings.length });
  return true;
}

async function readJson(message: IncomingMessage): Promise<unknown> {
  const body = await readBody(message, LARGEST_BODY);
  try {
    return JSON.parse(body?.toString('utf8') ?? '');
  } catch {
    return undefined;
  }
}
