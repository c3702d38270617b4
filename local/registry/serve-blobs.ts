/** Blobs of the registry API: whole, by range, HEAD, delete. */
import { open } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { RegistryError } from './registry-error.ts';
import type { RegistryRequest } from './registry-request.ts';
import type { RegistryStore } from './registry-store.ts';

/** GET and HEAD with one range; several ranges are answered with the whole blob, as HTTP allows. */
export async function serveBlob(
  store: RegistryStore,
  { message, method, repository, reference }: RegistryRequest,
  response: ServerResponse,
): Promise<void> {
  if (!store.repository(repository).blobs.has(reference)) throw unknown(reference);
  await sendBlob(store, reference, message, response, method === 'HEAD');
}

export async function deleteBlob(
  store: RegistryStore,
  { repository, reference }: RegistryRequest,
  response: ServerResponse,
): Promise<void> {
  await store.deleteBlob(repository, reference);
  response.writeHead(202, { 'content-length': '0' }).end();
}

/** Streams stored content; its caller has checked that it may be read. */
export async function sendBlob(
  store: RegistryStore,
  digest: string,
  message: IncomingMessage,
  response: ServerResponse,
  head = false,
): Promise<void> {
  const file = await open(store.pathOf(digest), 'r').catch(() => {
    throw unknown(digest);
  });
  try {
    const { size } = await file.stat();
    const headers = {
      'content-type': 'application/octet-stream',
      'docker-content-digest': digest,
      etag: `"${digest}"`,
      'accept-ranges': 'bytes',
      'cache-control': 'max-age=31536000',
    };
    const range = readRange(message.headers.range, size);
    const { start, end } = range ?? { start: 0, end: size - 1 };
    response.writeHead(range ? 206 : 200, {
      ...headers,
      'content-length': end - start + 1,
      ...(range && { 'content-range': `bytes ${start}-${end}/${size}` }),
    });
    if (head || size === 0) response.end();
    else await pipeline(file.createReadStream({ start, end, highWaterMark: 256 * 1024, autoClose: false }), response);
  } finally {
    await file.close();
  }
}

/** Undefined: the whole blob. Throws 416 when the range lies outside of it. */
function readRange(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const start = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === '' || match[2] === '' ? size - 1 : Math.min(size - 1, Number(match[2]));
  if (match[1] !== '' && match[2] !== '' && Number(match[2]) < start) return undefined;
  if (start >= size || (match[2] === '0' && match[1] === '')) {
    throw new RegistryError(416, 'SIZE_INVALID', 'the range lies outside of the blob', { headers: { 'content-range': `bytes */${size}` } });
  }
  return { start, end };
}

function unknown(digest: string): RegistryError {
  return new RegistryError(404, 'BLOB_UNKNOWN', 'blob unknown to registry', { detail: { digest } });
}
