/** S3 of the local cloud behind a bare http server: every caller is the administrator, nothing is authenticated. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createS3 } from '../../../local/s3/s3.ts';
import type { Caller, IamCheck, LocalService, ServiceRequest } from '../../../local/service.ts';
import { makeContext, type TestContext } from '../context.ts';

export interface S3Server {
  origin: string;
  service: LocalService;
  context: TestContext;
  /** Checks of every request so far. */
  checks: IamCheck[];
}

export const ADMIN: Caller = { kind: 'admin', accessKeyId: 'AKIALOCAL' };

/** Serves the data folder, or a new one. */
export async function startS3(options: { data?: string; caller?: Caller; allowed?: (check: IamCheck) => boolean } = {}): Promise<S3Server> {
  const { allowed = () => true } = options;
  const context = makeContext('s3', {
    ...(options.data ? { data: options.data } : {}),
    allowed: async (_caller, check) => allowed(check),
  });
  const service = await createS3(context);
  const server: S3Server = { origin: '', service, context, checks: [] };
  const { origin } = await context.listeners.listen('s3', (request, response) => {
    answer(server, options.caller ?? ADMIN, allowed, request, response).catch((error) => response.destroy(error));
  });
  server.origin = origin;
  await service.start?.();
  return server;
}

async function answer(
  server: S3Server,
  caller: Caller,
  allowed: (check: IamCheck) => boolean,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
) {
  const request = await readRequest(incoming, caller);
  const checks = await server.service.checks(request);
  server.checks.push(...checks);
  const denied = checks.find((check) => !allowed(check));
  const response = denied
    ? server.service.errorResponse(request, { status: 403, code: 'AccessDenied', message: `not authorized to perform: ${denied.action}` })
    : await server.service.handle(request);
  outgoing.writeHead(response.status, response.headers);
  if (response.body instanceof Readable) await pipeline(response.body, outgoing);
  else outgoing.end(response.body);
}

async function readRequest(incoming: IncomingMessage, caller: Caller): Promise<ServiceRequest> {
  const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const raw = Buffer.concat(chunks);
  const chunked = headers['x-amz-content-sha256']?.startsWith('STREAMING-') === true;
  return {
    method: incoming.method ?? 'GET',
    url: new URL(incoming.url ?? '/', `http://${headers.host}`),
    headers,
    body: chunked ? decodeChunked(raw, headers) : raw,
    caller,
    requestId: 'TEST0123456789',
    presigned: false,
  };
}

/** Takes the aws-chunked framing off and puts the trailers among the headers, as the gateway does. */
function decodeChunked(raw: Buffer, headers: Record<string, string>): Buffer {
  const parts: Buffer[] = [];
  let position = 0;
  for (;;) {
    const lineEnd = raw.indexOf('\r\n', position);
    const size = Number.parseInt(raw.subarray(position, lineEnd).toString().split(';')[0]!, 16);
    position = lineEnd + 2;
    if (size === 0) break;
    parts.push(raw.subarray(position, position + size));
    position += size + 2;
  }
  for (const line of raw.subarray(position).toString().split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return Buffer.concat(parts);
}
