import { mkdtempSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Listeners } from '../../local/listeners.ts';

let listeners: Listeners;
let port: number;

beforeAll(async () => {
  listeners = new Listeners(mkdtempSync(join(tmpdir(), 'greenlight-listeners-')));
  ({ port } = await listeners.listen('some', (_request, response) => void response.end('served')));
});
afterAll(() => listeners.close());

function ask(headers: Record<string, string>): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, headers, agent: false }, async (response) => {
      let text = '';
      for await (const chunk of response) text += String(chunk);
      resolve({ status: response.statusCode!, text });
    });
    sent.on('error', reject).end();
  });
}

it('a port serves whoever asks this machine, also from local pages that hide their origin', async () => {
  const served = [
    {},
    { host: 'localhost' },
    { origin: 'http://127.0.0.1:4700' },
    { origin: 'null' },
    { origin: 'null', 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'cross-site' },
  ];
  for (const headers of served) expect(await ask(headers as Record<string, string>)).toEqual({ status: 200, text: 'served' });
});

it('AUTH-15 a port refuses names and pages of other sites, sandboxed or not, in the words of a problem', async () => {
  for (const [headers, code] of [
    [{ host: 'evil.example' }, 'FORBIDDEN'],
    [{ host: '127.0.0.1.evil.example:80' }, 'FORBIDDEN'],
    [{ origin: 'https://evil.example' }, 'CSRF'],
    [{ origin: 'null', 'sec-fetch-site': 'cross-site' }, 'CSRF'],
  ] as const) {
    const { status, text } = await ask(headers as Record<string, string>);
    expect([status, JSON.parse(text)]).toEqual([
      403,
      expect.objectContaining({ status: 403, code, message: expect.stringContaining('local cloud') }),
    ]);
  }
});
