/** Reads request bodies: JSON or YAML, limited in size; protobuf is refused with 415, which makes clients fall back to JSON. */
import type { IncomingMessage } from 'node:http';
import { parse } from 'yaml';
import { badRequest, KubeError } from '../kube-error.ts';

/** The limit of a real API server. */
const LARGEST_BODY = 3 * 1024 * 1024;

export interface RequestBody {
  /** Without parameters; `application/json` where the client names none. */
  contentType: string;
  bytes: Buffer;
}

export async function readBody(request: IncomingMessage): Promise<RequestBody> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > LARGEST_BODY) throw new KubeError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${LARGEST_BODY}`);
    chunks.push(chunk as Buffer);
  }
  const contentType = (request.headers['content-type'] ?? 'application/json').split(';')[0]!.trim().toLowerCase();
  return { contentType, bytes: Buffer.concat(chunks) };
}

/** The value of a JSON or YAML body. Throws 400, and 415 for other types. */
export function parseBody(body: RequestBody, allowed: string[] = ['application/json', 'application/yaml']): unknown {
  if (!allowed.includes(body.contentType)) {
    const list = allowed.join(', ');
    throw new KubeError(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${list}`,
    );
  }
  const text = body.bytes.toString('utf8');
  try {
    // Aliases of YAML can grow without bound.
    return body.contentType.endsWith('yaml') ? parse(text, { maxAliasCount: 100 }) : JSON.parse(text);
  } catch (error) {
    throw badRequest(`couldn't get version/kind; json parse error: ${(error as Error).message.split('\n')[0]}`);
  }
}
