/** Stands where Slack's incoming webhook would be: keeps the last messages in memory and shows them at `GET /messages`. */
import type { RequestListener } from 'node:http';
import { readBody, sendJson } from '../http-body.ts';

/** Path of the webhook; only its owner knows a real one. */
export const WEBHOOK_PATH = '/services/T000/B000/demo';
/** Enough for a long demo; older messages go first. */
const KEPT = 500;
const LIMIT = 1024 * 1024;

export function slackSink(): RequestListener {
  const messages: unknown[] = [];
  return (request, response) => {
    const path = request.url?.split('?')[0];
    if (request.method === 'GET' && path === '/messages') return sendJson(response, 200, messages);
    if (request.method !== 'POST' || path !== WEBHOOK_PATH) return sendJson(response, 404, { message: 'no_service' });
    void readBody(request, LIMIT).then(
      (body) => {
        try {
          messages.push(JSON.parse(body?.toString('utf8') ?? ''));
          messages.splice(0, messages.length - KEPT);
          response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
        } catch {
          response.writeHead(400, { 'content-type': 'text/plain' }).end('invalid_payload');
        }
      },
      () => response.destroy(),
    );
  };
}
