/** Stands where a program of somebody else would be: takes what is posted to `/hooks…` and keeps the last of it in memory (`GET /received`). */
import type { RequestListener } from 'node:http';
import { readBody, sendJson } from '../http-body.ts';

/** Enough for a long demo; older ones go first. */
const KEPT = 500;
const LIMIT = 1024 * 1024;

export function webhookSink(): RequestListener {
  const received: { path: string; headers: Record<string, unknown>; body: string }[] = [];
  return (request, response) => {
    const path = request.url?.split('?')[0] ?? '';
    if (request.method === 'GET' && path === '/received') return sendJson(response, 200, received);
    if (request.method !== 'POST' || !path.startsWith('/hooks')) return sendJson(response, 404, { message: 'post to /hooks' });
    void readBody(request, LIMIT).then(
      (bytes) => {
        received.push({ path, headers: request.headers, body: bytes?.toString('utf8') ?? '' });
        received.splice(0, received.length - KEPT);
        response.writeHead(204).end();
      },
      () => response.destroy(),
    );
  };
}
