/** What API Gateway makes of a function's answer, payload format 2.0. */

export interface GatewayResponse {
  status: number;
  /** Lower-case names; several cookies give several `set-cookie`. */
  headers: Record<string, string | string[]>;
  body: Buffer;
}

/** The gateway's own errors: `{"message": …}`. */
export function gatewayError(status: number, message: string): GatewayResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify({ message })) };
}

/** `undefined` is an answer that API Gateway cannot use: the client gets its 500. Without a `statusCode` the value itself is the body, as JSON. */
export function proxyResponse(payload: unknown): GatewayResponse | undefined {
  if (!isObject(payload) || payload.statusCode === undefined) {
    const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
    return { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from(body) };
  }
  const status = Number(payload.statusCode);
  const headers = readHeaders(payload.headers);
  const body = readBody(payload.body, payload.isBase64Encoded);
  const cookies = payload.cookies ?? [];
  if (!Number.isInteger(status) || status < 200 || status > 599 || !headers || !body) return undefined;
  if (!Array.isArray(cookies) || !cookies.every((cookie) => typeof cookie === 'string' && isHeaderValue(cookie))) return undefined;
  if (cookies.length > 0) headers['set-cookie'] = [...[headers['set-cookie'] ?? []].flat(), ...cookies.map(headerBytes)];
  headers['content-type'] ??= 'text/plain;charset=UTF-8';
  return { status, headers, body };
}

/** Set by the gateway, whatever the function says. */
const OWN_HEADERS = ['connection', 'content-length', 'date', 'keep-alive', 'trailer', 'transfer-encoding', 'upgrade'];

function readHeaders(declared: unknown): Record<string, string | string[]> | undefined {
  const headers: Record<string, string | string[]> = {};
  if (declared === undefined || declared === null) return headers;
  if (!isObject(declared)) return undefined;
  for (const [name, value] of Object.entries(declared)) {
    if (value === null || value === undefined) continue;
    if (!['string', 'number', 'boolean'].includes(typeof value)) return undefined;
    // Names are RFC 9110 tokens.
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) || !isHeaderValue(String(value))) return undefined;
    if (!OWN_HEADERS.includes(name.toLowerCase())) headers[name.toLowerCase()] = headerBytes(String(value));
  }
  return headers;
}

/** A line break would let the function's input write headers of its own. */
function isHeaderValue(value: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  return !/[\x00-\x08\x0a-\x1f\x7f]/.test(value);
}

/** UTF-8 on the wire; Node writes one byte per character. */
function headerBytes(value: string): string {
  return Buffer.from(value).toString('latin1');
}

function readBody(body: unknown, isBase64Encoded: unknown): Buffer | undefined {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body !== 'string') return undefined;
  if (isBase64Encoded !== true) return Buffer.from(body);
  return /^[A-Za-z0-9+/]*={0,2}$/.test(body) ? Buffer.from(body, 'base64') : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
