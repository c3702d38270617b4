/** Reads request bodies: JSON, YAML or protobuf, limited in size. */
import type { IncomingMessage } from 'node:http';
import { parse } from 'yaml';
import { badRequest, KubeError } from '../kube-error.ts';
import { PROTOBUF_TYPE, readProtobuf } from './protobuf-object.ts';

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

/** The value of a body. Throws 400, and 415 for other types. */
export function parseBody(body: RequestBody, allowed: string[] = ['application/json', 'application/yaml', PROTOBUF_TYPE]): unknown {
  if (!allowed.includes(body.contentType)) {
    const list = allowed.join(', ');
    throw new KubeError(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${list}`,
    );
  }
  if (body.contentType === PROTOBUF_TYPE) return readProtobuf(body.bytes);
  const text = body.bytes.toString('utf8');
  try {
    // Aliases of YAML can grow without bound.
    return body.contentType.endsWith('yaml') ? parse(text, { maxAliasCount: 100 }) : JSON.parse(text);
  } catch (error) {
    throw badRequest(`couldn't get version/kind; json parse error: ${(error as Error).message.split('\n')[0]}`);
  }
}
