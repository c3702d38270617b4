/** Reads request bodies and writes responses on the listeners of the kernel. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ServiceResponse } from './service.ts';

/** The largest body that is held in memory. AWS's own limits per service are lower, except for S3 objects. */
export const BODY_LIMIT = 256 * 1024 * 1024;

/** Undefined when the body exceeds `limit`; the rest of it is discarded so that the client reads the answer. */
export async function readBody(request: IncomingMessage, limit = BODY_LIMIT): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= limit) chunks.push(chunk);
    else chunks.length = 0;
  }
  return length <= limit ? Buffer.concat(chunks, length) : undefined;
}

/** Lower-case names; repeated headers joined by commas. */
export function joinedHeaders(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(request.headersDistinct).map(([name, values]) => [name, (values ?? []).join(',')]));
}

/** Sends what a service answered. A stream that fails midway cuts the connection, so that the client sees the failure. */
export async function sendResponse(request: IncomingMessage, response: ServerResponse, answer: ServiceResponse): Promise<void> {
  const { status, headers = {}, body } = answer;
  if (body instanceof Readable) {
    response.writeHead(status, headers);
    if (request.method === 'HEAD') {
      body.destroy();
      response.end();
      return;
    }
    await pipeline(body, response);
    return;
  }
  const bytes = body === undefined ? undefined : typeof body === 'string' ? Buffer.from(body) : body;
  const named = Object.keys(headers).some((name) => name.toLowerCase() === 'content-length');
  const bodiless = status === 204 || status === 304 || status < 200;
  response.writeHead(status, { ...headers, ...(named || bodiless ? {} : { 'content-length': String(bytes?.length ?? 0) }) });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) });
  response.end(text);
}
