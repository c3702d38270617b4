/** Who calls: a bearer token, or the session cookie of a browser. Headers that claim an identity are never read. */
import { sessions } from '../../adapters/access/sessions.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { API_TOKEN_PREFIX } from '../../core/access/api-token.ts';
import { Refusal } from '../../core/errors.ts';
import { cookieName, SESSION_COOKIE } from '../access/cookies.ts';
import { callerOf, callerOfBearer } from './bearer.ts';
import type { Caller } from './http.ts';
import { isFromOwnPage } from './own-page.ts';
import { countFailure } from './sign-in-limit.ts';
import { clock, configuration, table } from './state.ts';

const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** What of a request can prove who sends it. */
export interface Credentials {
  headers: Readonly<Record<string, string>>;
  cookies: Readonly<Record<string, string>>;
  sourceIp: string;
  method: string;
}

/** The caller, or a refusal: UNAUTHENTICATED, TOO_MANY_REQUESTS, CSRF. */
export async function authenticate(credentials: Credentials): Promise<Caller> {
  const caller = await identify(credentials);
  if (caller) return caller;
  throw unauthenticated('this needs a token', 'no-credentials');
}

/** The caller, or undefined when no credentials came at all. Credentials that do not hold are refused. */
export async function identify(credentials: Credentials): Promise<Caller | undefined> {
  const { headers, cookies } = credentials;
  const authorization = headers['authorization'];
  const config = await configuration();
  if (authorization !== undefined) {
    const token = BEARER.exec(authorization)?.[1];
    const caller = token === undefined ? undefined : await callerOfBearer(token, config);
    return caller ?? failed(credentials, token?.startsWith(API_TOKEN_PREFIX) ? 'token' : 'signin');
  }
  const cookie = cookies[cookieName(requiredVariable('API_ORIGIN'), SESSION_COOKIE)];
  if (cookie === undefined) return undefined;
  const identity = await sessions(table, clock).find(cookie);
  if (!identity) return failed(credentials);
  refuseForeignOrigin(credentials);
  return callerOf(identity, config);
}

/** A cookie comes along with requests that other pages make: a write needs the origin that only our own pages send. */
function refuseForeignOrigin({ method, headers }: Credentials): void {
  if (method === 'GET') return;
  if (!isFromOwnPage(headers, requiredVariable('API_ORIGIN'))) {
    throw new Refusal('CSRF', 'a write with a session cookie must come from our own pages', { hint: 'send a bearer token instead' });
  }
}

async function failed({ sourceIp }: Credentials, kind: 'signin' | 'token' = 'signin'): Promise<never> {
  await countFailure(table, clock, kind, sourceIp);
  throw unauthenticated('the credentials are not valid, or not valid any more', 'invalid');
}

function unauthenticated(detail: string, why: 'no-credentials' | 'invalid'): Refusal {
  const challenge = why === 'invalid' ? 'Bearer realm="greenlight", error="invalid_token"' : 'Bearer realm="greenlight"';
  return new Refusal('UNAUTHENTICATED', detail, {
    hint: 'send Authorization: Bearer <token>; `greenlight login` says how to get one',
    headers: { 'www-authenticate': challenge },
  });
}
