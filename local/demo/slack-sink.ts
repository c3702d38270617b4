/**
 * Stands where Slack would be: takes what is posted to its incoming webhook (`GET /messages`) and what answers a click (`GET /responses`), and keeps
 * the last of both in memory.
 */
import type { RequestListener } from 'node:http';
import { readBody, sendJson } from '../http-body.ts';

/** Path of the webhook; only its owner knows a real one. */
export const WEBHOOK_PATH = '/services/T000/B000/demo';
/** Where a click is answered: Slack makes an address below it for each click, which ends in something nobody can guess. */
const RESPONSE_PATH = /^\/actions\/[\w/-]+$/;
/** Enough for a long demo; older ones go first. */
const KEPT = 500;
const LIMIT = 1024 * 1024;

export function slackSink(): RequestListener {
  const messages: unknown[] = [];
  const responses: { path: string; body: unknown }[] = [];
  return (request, response) => {
    const path = request.url?.split('?')[0] ?? '';
    if (request.method === 'GET' && path === '/messages') return sendJson(response, 200, messages);
    if (request.method === 'GET' && path === '/responses') return sendJson(response, 200, responses);
    const isResponse = RESPONSE_PATH.test(path);
    if (request.method !== 'POST' || (path !== WEBHOOK_PATH && !isResponse)) return sendJson(response, 404, { message: 'no_service' });
    void readBody(request, LIMIT).then(
      (bytes) => {
        try {
          const body: unknown = JSON.parse(bytes?.toString('utf8') ?? '');
          const kept: unknown[] = isResponse ? responses : messages;
          kept.push(isResponse ? { path, body } : body);
          kept.splice(0, kept.length - KEPT);
          response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
        } catch {
          response.writeHead(400, { 'content-type': 'text/plain' }).end('invalid_payload');
        }
      },
      () => response.destroy(),
    );
  };
}
