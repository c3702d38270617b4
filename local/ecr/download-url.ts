/** Presigned addresses of layers, as GetDownloadUrlForLayer hands them out: good for one hour without credentials. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../clock.ts';
import type { RegistryStore } from '../registry/registry-store.ts';
import { sendBlob } from '../registry/serve-blobs.ts';
import { type AuthorizationTokens, equal } from './authorization-tokens.ts';

const LIFETIME_MS = 3_600_000;

export function downloadUrl(
  registry: { name: string; address: string },
  tokens: AuthorizationTokens,
  clock: Clock,
  repository: string,
  digest: string,
): string {
  const expires = clock.now() + LIFETIME_MS;
  const signature = tokens.sign(signed(registry.name, repository, digest, String(expires)));
  return `http://${registry.address}/_local/layers/${repository}/${digest}?${new URLSearchParams({ expires: String(expires), signature })}`;
}

/** Serves such an address; false when the request is for something else. */
export async function serveDownload(
  registry: { name: string; store: RegistryStore },
  tokens: AuthorizationTokens,
  clock: Clock,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const url = new URL(message.url ?? '/', 'http://local');
  const match = /^\/_local\/layers\/(.+)\/([^/]+)$/.exec(url.pathname);
  if (!match || (message.method !== 'GET' && message.method !== 'HEAD')) return false;
  const [, repository = '', digest = ''] = match;
  const expires = url.searchParams.get('expires') ?? '';
  const genuine = equal(url.searchParams.get('signature') ?? '', tokens.sign(signed(registry.name, repository, digest, expires)));
  const there = registry.store.repositories.get(repository)?.blobs.has(digest);
  if (!genuine || Number(expires) <= clock.now() || !there)
    response.writeHead(403, { 'content-type': 'application/xml' }).end('<Error><Code>AccessDenied</Code></Error>');
  else await sendBlob(registry.store, digest, message, response, message.method === 'HEAD');
  return true;
}

function signed(...parts: string[]): string {
  return JSON.stringify(['layer', ...parts]);
}
