/** Builds the message of a structured send: RFC 2047 encoded words, quoted-printable bodies, multipart/alternative for text and HTML. */
import { createHash } from 'node:crypto';
import type { Address } from './address.ts';

export interface Draft {
  from: Address;
  to: Address[];
  cc: Address[];
  replyTo: Address[];
  subject: string;
  text?: string;
  html?: string;
  messageId: string;
  date: Date;
  /** More headers, already checked for control characters. */
  headers?: { name: string; value: string }[];
}

/** Longest line that quoted-printable allows, in characters. */
const LINE = 76;
/** Bytes of one encoded word: `=?UTF-8?B?` and `?=` take 12 of 76 characters, `Subject: ` nine more: 52 of base64 are left. */
const WORD_BYTES = 39;

/** The whole message with CRLF line ends; bcc never appears in it. */
export function writeMime(draft: Draft): string {
  const headers = [
    `Date: ${draft.date.toUTCString().replace('GMT', '+0000')}`,
    `From: ${mailbox(draft.from)}`,
    ...list('Reply-To', draft.replyTo),
    ...list('To', draft.to),
    ...list('Cc', draft.cc),
    `Message-ID: <${draft.messageId}@email.amazonses.com>`,
    `Subject: ${encodeWords(draft.subject)}`,
    ...(draft.headers ?? []).map(({ name, value }) => `${name}: ${encodeWords(value)}`),
    'MIME-Version: 1.0',
  ];
  const parts = [
    ...(draft.text === undefined ? [] : [part('text/plain', draft.text)]),
    ...(draft.html === undefined ? [] : [part('text/html', draft.html)]),
  ];
  if (parts.length === 1) return [...headers, parts[0]].join('\r\n');
  const boundary = `=_${createHash('sha256').update(draft.messageId).digest('hex').slice(0, 32)}`;
  const body = parts.map((content) => `--${boundary}\r\n${content}`).join('\r\n');
  return [...headers, `Content-Type: multipart/alternative;\r\n boundary="${boundary}"`, '', body, `--${boundary}--`, ''].join('\r\n');
}

function part(type: string, content: string): string {
  return `Content-Type: ${type}; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${quotedPrintable(content)}`;
}

function list(name: string, addresses: Address[]): string[] {
  return addresses.length === 0 ? [] : [`${name}: ${addresses.map(mailbox).join(',\r\n ')}`];
}

function mailbox({ name, address }: Address): string {
  if (name === '') return address;
  const safe = /^[A-Za-z0-9 ]+$/.test(name) ? name : isAscii(name) ? `"${name.replace(/["\\]/g, '\\$&')}"` : encodeWords(name);
  return `${safe} <${address}>`;
}

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

/** Leaves short ASCII as it is and cuts everything else into encoded words at character borders. */
function encodeWords(text: string): string {
  if (isAscii(text) && text.length <= LINE - 16 && !text.includes('=?')) return text;
  const words: string[] = [];
  let chunk = '';
  for (const character of text) {
    if (Buffer.byteLength(chunk + character) > WORD_BYTES) {
      words.push(chunk);
      chunk = '';
    }
    chunk += character;
  }
  return [...words, chunk].map((word) => `=?UTF-8?B?${Buffer.from(word).toString('base64')}?=`).join('\r\n ');
}

function quotedPrintable(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map(encodeLine)
    .join('\r\n');
}

function encodeLine(line: string): string {
  const bytes = Buffer.from(line);
  let output = '';
  let width = 0;
  bytes.forEach((byte, index) => {
    const trailing = index === bytes.length - 1 && (byte === 0x20 || byte === 0x09);
    const plain = (byte >= 0x20 && byte <= 0x7e && byte !== 0x3d && !trailing) || (byte === 0x09 && !trailing);
    const piece = plain ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    if (width + piece.length > LINE - 1) {
      output += '=\r\n';
      width = 0;
    }
    output += piece;
    width += piece.length;
  });
  return output;
}
