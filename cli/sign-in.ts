/** Tokens of people at the issuer of a local cloud. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { type LocalEndpoints, readPrivateFile } from './endpoints.ts';
import { CommandFailure, EXIT } from './failure.ts';

/** The client that people sign in with; the same as on the sign-in page. */
const CLIENT_ID = 'greenlight-console';
/** A year of virtual time, so that demos that jump ahead keep their tokens. */
export const TOKEN_LIFETIME_SECONDS = 365 * 86_400;
const TIMEOUT_MS = 10_000;

/** Gets an access token for `person` (the full address) by the password grant. */
export async function mintToken(endpoints: LocalEndpoints, person: string): Promise<string> {
  if (!endpoints.issuer || !endpoints.issuerPasswordFile) {
    throw new CommandFailure(EXIT.notAllowed, 'this local cloud has no issuer: nobody can sign in', { code: 'NO_ISSUER' });
  }
  const form = new URLSearchParams({
    grant_type: 'password',
    client_id: CLIENT_ID,
    username: person,
    password: readPrivateFile(endpoints.issuerPasswordFile).trim(),
    scope: 'openid profile email',
    expires_in: String(TOKEN_LIFETIME_SECONDS),
  });
  const ca = endpoints.ca === undefined ? undefined : readFileSync(endpoints.ca);
  const { status, body } = await post(new URL('/token', endpoints.issuer), form, ca);
  if (status === 200) return (JSON.parse(body) as { access_token: string }).access_token;
  throw new CommandFailure(EXIT.notAllowed, `the issuer does not know ${person}`, {
    code: 'UNAUTHENTICATED',
    hint: 'give a full address of greenlight.yaml, e.g. --as dev@example.com',
  });
}

function post(address: URL, form: URLSearchParams, ca: Buffer | undefined): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const away = (why: string) =>
      reject(
        new CommandFailure(EXIT.unavailable, `the issuer ${address.origin} ${why}`, { code: 'UNAVAILABLE', hint: 'is npm start running?' }),
      );
    const outgoing = request(address, { method: 'POST', headers, timeout: TIMEOUT_MS, ...(ca && { ca }) }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (body += chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
      // It ended in the middle of its answer, which the request itself does not tell.
      answer.on('error', (error) => away(`broke off (${error.message})`));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('does not answer')));
    outgoing.on('error', (error) => away(error.message === 'does not answer' ? error.message : `cannot be reached (${error.message})`));
    outgoing.end(form.toString());
  });
}
