/** The service that the demo's `http` gate asks. A version with the label `gate-fails`, e.g. `1.3.0-gate-fails`, does not pass. */
import type { RequestListener } from 'node:http';
import { readBody, sendJson } from '../http-body.ts';

const LIMIT = 1024 * 1024;
const FAILS = /[-.+]gate-fails\b/;

export const httpGate: RequestListener = (request, response) => {
  void readBody(request, LIMIT).then(
    (body) => {
      if (!body) sendJson(response, 413, { message: 'too large' });
      else if (request.method !== 'POST') sendJson(response, 405, { message: 'POST the gate request' });
      else sendJson(response, 200, verdictOn(body.toString('utf8')));
    },
    () => response.destroy(),
  );
};

/** The version may stand anywhere in the request: the gate looks for the label in its text. */
function verdictOn(text: string): object {
  if (!FAILS.test(text)) return { status: 'passed', message: 'the demo service has no objection' };
  return {
    status: 'failed',
    message: 'the demo service refuses versions labelled gate-fails',
    resolution: 'publish a version without that label',
  };
}
