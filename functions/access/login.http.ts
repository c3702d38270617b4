/** `GET /v1/login`: sends a browser to the issuer (code flow, PKCE S256, state, nonce). What must come back is kept here, not in the browser. */
import { createHash, randomBytes } from 'node:crypto';
import { loginKey } from '../../adapters/state/keys.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { Fault, Refusal } from '../../core/errors.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import { deployedVerifier } from '../kit/bearer.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { clock, table } from '../kit/state.ts';
import { cookie, LOGIN_COOKIE } from './cookies.ts';

/** Time to type a password. */
const LOGIN_SECONDS = 600;

/** What the callback needs of the sign-in that it ends. */
export interface PendingLogin {
  verifier: string;
  nonce: string;
  /** Local path, perhaps with the token of a mailed link: it never goes to the issuer. */
  returnTo: string;
  /** Hash of the value that the browser which began holds in its cookie. */
  browserHash: string;
  expiresAt: string;
}

export async function login(call: HttpCall<unknown, { return?: string }>): Promise<HttpAnswer> {
  const returnTo = localPath(call.query.return ?? '/console', call.origin);
  const { authorizationEndpoint } = await deployedVerifier().discover();
  if (authorizationEndpoint === undefined) throw new Fault('UNAVAILABLE', 'the sign-in service has no sign-in page');
  const [state, verifier, nonce, browser] = [random(), random(), random(), random()];
  const expires = clock.now().getTime() + LOGIN_SECONDS * 1000;
  const body: PendingLogin = { verifier, nonce, returnTo, browserHash: sha256Hex(browser), expiresAt: new Date(expires).toISOString() };
  await table.put({ PK: loginKey(state), SK: 'LOGIN', body, ttl: Math.ceil(expires / 1000) });
  const address = new URL(authorizationEndpoint);
  const parameters = {
    response_type: 'code',
    client_id: requiredVariable('OIDC_CLIENT_ID'),
    redirect_uri: callbackAddress(call.origin),
    scope: 'openid profile email',
    state,
    nonce,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  return { status: 303, headers: { location: address.href }, cookies: [cookie(call.origin, LOGIN_COOKIE, browser, LOGIN_SECONDS)] };
}

/** Where the issuer sends the browser back to. */
export function callbackAddress(origin: string): string {
  return `${origin}/v1/login/callback`;
}

/** `path` is attacker-controlled: only a path of our own is ever redirected to. */
function localPath(path: string, origin: string): string {
  const isLocal =
    /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(path) &&
    URL.canParse(path, origin) &&
    new URL(path, origin).origin === new URL(origin).origin;
  if (isLocal) return path;
  throw new Refusal('INVALID_REQUEST', 'return must be a path of this service', {
    errors: [{ path: '?return', message: 'must begin with one /' }],
  });
}

function random(): string {
  return randomBytes(32).toString('base64url');
}
