/** What a client sent, read within the limits of an HTTP API. */
import type { IncomingMessage } from 'node:http';

export interface ApiRequest {
  method: string;
  /** Percent-encoded, without query. */
  path: string;
  rawQuery: string;
  /** Lower-case names; repeated headers joined by commas; without `cookie`. */
  headers: Record<string, string>;
  cookies: string[];
  body: Buffer;
  protocol: string;
}

/** Refused by the gateway itself, in its own words. */
export class GatewayRefusal extends Error {
  override readonly name = 'GatewayRefusal';
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Largest request body in bytes. */
const LARGEST_BODY = 10 * 1024 * 1024;
/** Request line and header values together, in bytes. */
const LARGEST_HEAD = 10_240;
/** What is still read and thrown away of a body that is too large, so that the client gets to see the answer. */
const LARGEST_DRAIN = 64 * 1024 * 1024;

/** Real time that a body may take to arrive. */
const LONGEST_READ_MS = 10_000;

const PER_CONNECTION = ['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'proxy-connection', 'expect'];

/** Reads the head and the body; throws a `GatewayRefusal` for what is too large or too slow. Never holds more than 10 MB. */
export async function readApiRequest(message: IncomingMessage): Promise<ApiRequest> {
  const target = (message.url ?? '/').replace(/^https?:\/\/[^/?]*/i, '') || '/';
  const mark = target.indexOf('?');
  const { headers, cookies, size } = readHeaders(message.rawHeaders);
  if (size + Buffer.byteLength(target) + (message.method ?? '').length > LARGEST_HEAD) {
    throw new GatewayRefusal(431, 'Request Header Fields Too Large');
  }
  return {
    method: message.method ?? 'GET',
    path: mark < 0 ? target : target.slice(0, mark),
    rawQuery: mark < 0 ? '' : target.slice(mark + 1),
    headers,
    cookies,
    body: await readInTime(message),
    protocol: `HTTP/${message.httpVersion}`,
  };
}

function readHeaders(raw: readonly string[]): { headers: Record<string, string>; cookies: string[]; size: number } {
  // Header names are attacker-controlled: no prototype for them to reach.
  const headers = Object.create(null) as Record<string, string>;
  const cookies: string[] = [];
  let size = 0;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!.toLowerCase();
    // Node reads header bytes as Latin-1; API Gateway hands UTF-8 over.
    const value = Buffer.from(raw[index + 1]!, 'latin1').toString('utf8');
    size += Buffer.byteLength(value);
    if (name === 'cookie') cookies.push(...splitCookies(value));
    else if (!PER_CONNECTION.includes(name)) headers[name] = headers[name] === undefined ? value : `${headers[name]},${value}`;
  }
  return { headers: { ...headers }, cookies, size };
}

function splitCookies(value: string): string[] {
  return value
    .split(';')
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie !== '');
}

/** The body, or 408: who sends a byte now and then holds a connection and nothing else. */
async function readInTime(message: IncomingMessage): Promise<Buffer> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new GatewayRefusal(408, 'Request Timeout')), LONGEST_READ_MS);
  });
  try {
    return await Promise.race([readBody(message), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function readBody(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  let tooLarge = Number(message.headers['content-length'] ?? 0) > LARGEST_BODY;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY) tooLarge = true;
    if (!tooLarge) chunks.push(chunk);
    else chunks.length = 0;
    if (size > LARGEST_DRAIN) break;
  }
  if (tooLarge) throw new GatewayRefusal(413, 'Request Entity Too Large');
  return Buffer.concat(chunks);
}
