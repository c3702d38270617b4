/**
 * Reads what the inbox shows of a raw message: headers (folded, encoded words), the first text/plain and text/html parts that are no attachments.
 * Transfer encodings: 7bit, 8bit, binary, quoted-printable, base64; charsets: whatever TextDecoder of this Node knows. Attachments stay in the raw text only;
 * encrypted and signed parts are not opened; RFC 2231 parameters are not decoded.
 */
import { SesError } from './ses-error.ts';

export interface ReadMessage {
  /** Lower-case names to all values, decoded. */
  headers: Map<string, string[]>;
  text?: string;
  html?: string;
}

/** A message nested deeper or with more parts than that is somebody's attempt to exhaust the parser. */
const DEEPEST = 20;
const MOST_PARTS = 500;

/** Parses a raw message; throws InvalidParameterValue when it has no header block. */
export function readMime(raw: Buffer): ReadMessage {
  const { headers, body } = split(raw.toString('latin1'));
  if (headers.size === 0) throw new SesError('InvalidParameterValue', 'Missing required header: the raw message has no headers');
  const message: ReadMessage = { headers: new Map([...headers].map(([name, values]) => [name, values.map(decodeWords)])) };
  collect(headers, body, message, { depth: 0, parts: 0 });
  return message;
}

function split(part: string): { headers: Map<string, string[]>; body: string } {
  const headers = new Map<string, string[]>();
  const end = /\r?\n\r?\n/.exec(part);
  const block = part.startsWith('\n') || part.startsWith('\r\n') ? '' : end ? part.slice(0, end.index) : part;
  for (const line of block.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    const [, name, value] = /^([!-9;-~]+):[ \t]*(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const key = name.toLowerCase();
    headers.set(key, [...(headers.get(key) ?? []), value!.trim()]);
  }
  return { headers, body: block === '' ? part.replace(/^\r?\n/, '') : end ? part.slice(end.index + end[0].length) : '' };
}

function collect(headers: Map<string, string[]>, body: string, message: ReadMessage, budget: { depth: number; parts: number }): void {
  if (budget.depth > DEEPEST || ++budget.parts > MOST_PARTS) return;
  const contentType = headers.get('content-type')?.[0] ?? 'text/plain';
  const type = contentType.split(';')[0]!.trim().toLowerCase();
  if (type.startsWith('multipart/')) {
    const boundary = parameter(contentType, 'boundary');
    if (!boundary) return;
    budget.depth++;
    for (const part of partsOf(body, boundary)) {
      const inner = split(part);
      collect(inner.headers, inner.body, message, budget);
    }
    budget.depth--;
    return;
  }
  const key = type === 'text/plain' ? 'text' : type === 'text/html' ? 'html' : undefined;
  const attached = /^\s*attachment/i.test(headers.get('content-disposition')?.[0] ?? '');
  if (!key || attached || message[key] !== undefined) return;
  message[key] = decodeBody(body, headers.get('content-transfer-encoding')?.[0], parameter(contentType, 'charset'));
}

function partsOf(body: string, boundary: string): string[] {
  const parts: string[] = [];
  let current: string[] | undefined;
  for (const line of body.split('\n')) {
    const bare = line.trimEnd();
    if (bare === `--${boundary}` || bare === `--${boundary}--`) {
      if (current) parts.push(current.join('\n').replace(/\r$/, ''));
      if (bare !== `--${boundary}`) return parts;
      current = [];
    } else current?.push(line);
  }
  if (current) parts.push(current.join('\n'));
  return parts;
}

function parameter(header: string, name: string): string | undefined {
  const [, quoted, bare] = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^;\\s]+))`, 'i').exec(header) ?? [];
  return quoted ?? bare;
}

function decodeBody(body: string, encoding = '7bit', charset = 'utf-8'): string {
  const name = encoding.trim().toLowerCase();
  const bytes = name === 'base64' ? Buffer.from(body, 'base64') : Buffer.from(name === 'quoted-printable' ? unquote(body) : body, 'latin1');
  return decode(bytes, charset);
}

function unquote(text: string): string {
  return text
    .replace(/[ \t]+(?=\r?\n)/g, '')
    .replace(/=\r?\n/g, '')
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function decode(bytes: Buffer, charset: string): string {
  try {
    return new TextDecoder(charset.trim()).decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}

/** Decodes encoded words; text outside of them that is not ASCII is read as UTF-8. */
function decodeWords(value: string): string {
  const joined = value.replace(/(\?=)[ \t\r\n]+(?==\?)/g, '$1');
  return Buffer.from(joined, 'latin1')
    .toString('utf8')
    .replace(/=\?([^?\s]+)\?([BbQq])\?([^?\s]*)\?=/g, (_, charset: string, kind: string, text: string) => {
      const bytes = kind.toUpperCase() === 'B' ? Buffer.from(text, 'base64') : Buffer.from(unquote(text.replaceAll('_', ' ')), 'latin1');
      return decode(bytes, charset.split('*')[0]!);
    });
}
