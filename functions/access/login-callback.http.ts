/** `GET /v1/login/callback`: ends sign-in, once, in the browser that began it. */
import { SESSION_SECONDS, sessions } from '../../adapters/access/sessions.ts';
import { egress } from '../../adapters/egress.ts';
import { loginKey } from '../../adapters/state/keys.ts';
import { requiredVariable, WriteConflict } from '../../adapters/state/table.ts';
import type { Identity } from '../../core/access/identity.ts';
import { Fault, Refusal } from '../../core/errors.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import { deployedVerifier, identityOfToken } from '../kit/bearer.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { countFailure } from '../kit/sign-in-limit.ts';
import { clock, people, table } from '../kit/state.ts';
import { cookie, cookieName, LOGIN_COOKIE, SESSION_COOKIE } from './cookies.ts';
import { callbackAddress, type PendingLogin } from './login.http.ts';

const STATE = /^[A-Za-z0-9_-]{43}$/;

type CallbackCall = HttpCall<unknown, { code?: string; state?: string; error?: string }>;

export async function loginCallback(call: CallbackCall): Promise<HttpAnswer> {
  const pending = await takePending(call);
  const { code } = call.query;
  const identity = pending && code !== undefined ? await redeem(call, code, pending) : undefined;
  if (!pending || !identity) {
    await countFailure(table, clock, 'signin', call.sourceIp);
    throw new Refusal('UNAUTHENTICATED', 'signing in did not work', { hint: 'begin again at /v1/login' });
  }
  await people.actorFor(identity);
  const value = await sessions(table, clock).open(identity);
  return {
    status: 303,
    headers: { location: pending.returnTo },
    cookies: [cookie(call.origin, SESSION_COOKIE, value, SESSION_SECONDS), cookie(call.origin, LOGIN_COOKIE, '', 0)],
  };
}

/** The sign-in that `state` (attacker-controlled) names, taken away so that it ends once. */
async function takePending(call: CallbackCall): Promise<PendingLogin | undefined> {
  const { state } = call.query;
  if (state === undefined || !STATE.test(state)) return undefined;
  const pending = (await table.get(loginKey(state), 'LOGIN'))?.['body'] as PendingLogin | undefined;
  const browser = call.cookies[cookieName(call.origin, LOGIN_COOKIE)];
  // A callback that another browser began would sign this one in as somebody else.
  if (!pending || browser === undefined || sha256Hex(browser) !== pending.browserHash) return undefined;
  try {
    await table.remove(loginKey(state), 'LOGIN', { expression: 'attribute_exists(PK)' });
  } catch (error) {
    if (error instanceof WriteConflict) return undefined;
    throw error;
  }
  return pending.expiresAt > clock.now().toISOString() ? pending : undefined;
}

/** Exchanges the code; the ID token must carry our nonce and name the same person as the access token. */
async function redeem(call: CallbackCall, code: string, pending: PendingLogin): Promise<Identity | undefined> {
  const verifier = deployedVerifier();
  const { tokenEndpoint } = await verifier.discover();
  if (tokenEndpoint === undefined) throw new Fault('UNAVAILABLE', 'the sign-in service has no token endpoint');
  const clientId = requiredVariable('OIDC_CLIENT_ID');
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    redirect_uri: callbackAddress(call.origin),
    client_id: clientId,
    code_verifier: pending.verifier,
  });
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
  const answer = await egress.request({ method: 'POST', url: tokenEndpoint, headers, body: form.toString() });
  if (answer.status >= 500) throw new Fault('UNAVAILABLE', 'the sign-in service does not answer');
  if (answer.status !== 200) return undefined;
  const tokens = JSON.parse(answer.body.toString('utf8')) as { access_token?: unknown; id_token?: unknown };
  if (typeof tokens.access_token !== 'string' || typeof tokens.id_token !== 'string') return undefined;
  const [identity, idToken] = await Promise.all([
    identityOfToken(tokens.access_token, call.configuration),
    verifier.verifyId(tokens.id_token, clientId),
  ]);
  const fits = identity?.kind === 'person' && idToken?.subject === identity.subject && idToken.nonce === pending.nonce;
  return fits ? identity : undefined;
}
