/** The inbox over HTTP: JSON for tests, a page without script for people. Mail content is written by whoever could send: it is only ever shown as text. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Mail, Mailbox } from './mailbox.ts';

const STYLE =
  'body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}' +
  'article{border:1px solid #d0d7de;border-radius:6px;padding:1rem;margin:1rem 0}h2{margin:0 0 .5rem;font-size:1.1rem}' +
  'dl{display:grid;grid-template-columns:auto 1fr;gap:0 1rem;margin:0 0 .5rem;color:#57606a}dd{margin:0;overflow-wrap:anywhere}' +
  'pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0}summary{cursor:pointer;color:#57606a}';

const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

/** Mails that the page shows; JSON has all. */
const MOST_SHOWN = 200;
/** Characters of an HTML body that the page reads: the expressions below are quadratic for hostile input. */
const MOST_HTML = 100_000;

/** Handler of `GET /`, `GET /inbox[?since=ISO date]` and `DELETE /inbox`. */
export function mailListener(mailbox: Mailbox): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const method = request.method ?? 'GET';
    const reading = method === 'GET' || method === 'HEAD';
    if (url.pathname === '/inbox' && reading) {
      const since = url.searchParams.get('since') ?? undefined;
      if (since !== undefined && Number.isNaN(Date.parse(since))) return json(response, 400, { message: 'since must be an ISO 8601 date' });
      return json(response, 200, mailbox.list(since));
    }
    if (url.pathname === '/inbox' && method === 'DELETE') {
      mailbox.clear();
      response.writeHead(204).end();
      return;
    }
    if (url.pathname === '/' && reading) {
      response.writeHead(200, PAGE_HEADERS);
      response.end(inboxPage(mailbox.list()));
      return;
    }
    if (url.pathname === '/' || url.pathname === '/inbox') return json(response, 405, { message: 'Method Not Allowed' });
    return json(response, 404, { message: 'Not Found: the inbox answers / and /inbox' });
  };
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  response.end(JSON.stringify(body));
}

function inboxPage(mails: Mail[]): string {
  const shown = mails.slice(-MOST_SHOWN).reverse();
  const count = `${mails.length} ${mails.length === 1 ? 'mail' : 'mails'}${mails.length > shown.length ? `, the newest ${shown.length} shown` : ''}`;
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Inbox</title>` +
    `<style>${STYLE}</style></head><body><h1>Inbox</h1><p>${count}, newest first. As JSON: <a href="/inbox">/inbox</a></p>` +
    `${shown.map(article).join('')}</body></html>`
  );
}

function article(mail: Mail): string {
  const rows = [
    ['From', mail.from],
    ['To', mail.to.join(', ')],
    ['Date', mail.at],
  ].map(([name, value]) => `<dt>${name}</dt><dd>${escapeText(value!)}</dd>`);
  const body = mail.text || htmlAsText(mail.html);
  const source =
    mail.text && mail.html ? `<details><summary>HTML part as text</summary><pre>${withLinks(htmlAsText(mail.html))}</pre></details>` : '';
  return `<article><h2>${escapeText(mail.subject)}</h2><dl>${rows.join('')}</dl><pre>${withLinks(body)}</pre>${source}</article>`;
}

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Only http and https become links, each escaped on its own, so that no other scheme and no attribute can come out of a mail. */
function withLinks(text: string): string {
  return text
    .split(/(https?:\/\/[^\s<>"'`]+)/)
    .map((piece, index) => {
      if (index % 2 === 0) return escapeText(piece);
      const [, link, tail] = /^(.*?)([.,;:!?)\]]*)$/.exec(piece)!;
      return `<a href="${escapeText(link!)}" rel="noopener noreferrer">${escapeText(link!)}</a>${escapeText(tail!)}`;
    })
    .join('');
}

/** Readable text of an HTML body: link targets are kept, tags and styles dropped. Its result is escaped like any other text. */
function htmlAsText(html: string): string {
  return html
    .slice(0, MOST_HTML)
    .replace(/<(style|script|head)\b[\s\S]*?<\/\1\s*>/gi, '')
    .replace(
      /<a\b[^>]*?\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')[^>]*>([\s\S]*?)<\/a\s*>/gi,
      (_, double?: string, single?: string, label?: string) => {
        const target = decodeEntities(double ?? single ?? '');
        return label?.trim() === target || !label?.trim() ? ` ${target} ` : `${label} ( ${target} )`;
      },
    )
    .replace(/<(br|\/p|\/div|\/h[1-6]|\/li|\/tr)\b[^>]*>/gi, '\n')
    .replace(/<[^>]*>/g, '')
    .split('\n')
    .map((line) =>
      decodeEntities(line)
        .replace(/[ \t]+/g, ' ')
        .trim(),
    )
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

function decodeEntities(text: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos|nbsp));/gi, (whole, decimal, hex, name) => {
    if (name) return named[String(name).toLowerCase()]!;
    const code = decimal ? Number(decimal) : Number.parseInt(String(hex), 16);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
