/**
 * The service that the demo's `http` gate asks. A version with the label `gate-fails`, e.g. `1.3.0-gate-fails`, does not pass. What it was asked
 * lately stands at `GET /asked`, newest last.
 */
import type { RequestListener } from 'node:http';
import { readBody, sendJson } from '../http-body.ts';

const LIMIT = 1024 * 1024;
const FAILS = /[-.+]gate-fails\b/;
const KEPT = 100;

export function httpGate(): RequestListener {
  const asked: { headers: Record<string, unknown>; body: string }[] = [];
  return (request, response) => {
    if (request.method === 'GET' && request.url === '/asked') return sendJson(response, 200, asked);
    void readBody(request, LIMIT).then(
      (body) => {
        if (!body) return sendJson(response, 413, { message: 'too large' });
        if (request.method !== 'POST') return sendJson(response, 405, { message: 'POST the gate request' });
        const text = body.toString('utf8');
        asked.push({ headers: request.headers, body: text });
        asked.splice(0, asked.length - KEPT);
        sendJson(response, 200, verdictOn(text));
      },
      () => response.destroy(),
    );
  };
}

/** The version may stand anywhere in the request: the gate looks for the label in its text. */
function verdictOn(text: string): object {
  if (!FAILS.test(text)) return { status: 'passed', message: 'the demo service has no objection' };
  return {
    status: 'failed',
    message: 'the demo service refuses versions labelled gate-fails',
    resolution: 'publish a version without that label',
  };
}
