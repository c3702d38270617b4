/** Calls from one AWS service to another inside the local cloud, by the same wire protocol that clients speak, past the gateway. */
import { randomUUID } from 'node:crypto';
import type { LocalService, ServiceRequest } from './service.ts';

interface InternalCall {
  headers: Record<string, string>;
  body: string;
}

/** Posts a JSON-protocol request, e.g. target `AWSStepFunctions.StartExecution`. Throws with the error's code and message. */
export function callJson(service: LocalService, target: string, input: unknown): Promise<unknown> {
  const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': target };
  return call(service, { headers, body: JSON.stringify(input) });
}

/** Posts a query-protocol request, e.g. `{Action: 'Publish', TopicArn: …}`. */
export function callQuery(service: LocalService, fields: Record<string, string>): Promise<unknown> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return call(service, { headers, body: new URLSearchParams(fields).toString() });
}

async function call(service: LocalService, { headers, body }: InternalCall): Promise<unknown> {
  const request: ServiceRequest = {
    method: 'POST',
    url: new URL('http://127.0.0.1/'),
    headers: { host: '127.0.0.1', 'content-length': String(Buffer.byteLength(body)), ...headers },
    body: Buffer.from(body),
    // Whether the calling service may do this was decided before, in the name of the role or rule that it acts for.
    caller: { kind: 'admin', accessKeyId: '' },
    requestId: randomUUID(),
    presigned: false,
  };
  const response = await service.handle(request);
  const text = response.body === undefined ? '' : typeof response.body === 'string' ? response.body : await readAll(response.body);
  if (response.status >= 300) throw new Error(`${service.name} answered ${response.status}: ${text}`);
  return headers['x-amz-target'] === undefined ? text : JSON.parse(text || 'null');
}

async function readAll(body: Uint8Array | AsyncIterable<Uint8Array>): Promise<string> {
  if (body instanceof Uint8Array) return Buffer.from(body).toString('utf8');
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
