/** Who calls: a bearer token of the issuer, or the session cookie of a browser. Headers that claim an identity are never read. */
import { sessions } from '../../adapters/access/sessions.ts';
import { type TokenVerifier, tokenVerifier } from '../../adapters/access/token-verifier.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import type { Identity } from '../../core/access/identity.ts';
import { membershipOf } from '../../core/access/membership.ts';
import type { Configuration } from '../../core/environment/configuration.ts';
import { Refusal } from '../../core/errors.ts';
import { cookieName, SESSION_COOKIE } from '../access/cookies.ts';
import type { Caller } from './http.ts';
import { isFromOwnPage } from './own-page.ts';
import { countFailure } from './sign-in-limit.ts';
import { clock, configuration, people, table } from './state.ts';

const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** What of a request can prove who sends it. */
export interface Credentials {
  headers: Readonly<Record<string, string>>;
  cookies: Readonly<Record<string, string>>;
  sourceIp: string;
  method: string;
}

const verifiers = new Map<string, TokenVerifier>();

/** Verifier of this deployment's issuer; one per instance, so that its keys are fetched once. */
export function deployedVerifier(): TokenVerifier {
  const issuer = requiredVariable('OIDC_ISSUER');
  let verifier = verifiers.get(issuer);
  if (!verifier) {
    verifier = tokenVerifier(issuer, requiredVariable('OIDC_AUDIENCE'));
    verifiers.set(issuer, verifier);
  }
  return verifier;
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
    const identity = token === undefined ? undefined : await identityOfToken(token, config);
    if (identity) return callerOf(identity, config);
    return failed(credentials);
  }
  const cookie = cookies[cookieName(requiredVariable('API_ORIGIN'), SESSION_COOKIE)];
  if (cookie === undefined) return undefined;
  const identity = await sessions(table, clock).find(cookie);
  if (!identity) return failed(credentials);
  refuseForeignOrigin(credentials);
  return callerOf(identity, config);
}

/** Identity of a person or machine that a token names. Address and name come from the configuration first: many access tokens carry neither. */
export async function identityOfToken(token: string, config: Configuration): Promise<Identity | undefined> {
  const verified = await deployedVerifier().verifyAccess(token);
  if (!verified) return undefined;
  const person = config.people.find((candidate) => candidate.subject === verified.subject);
  return {
    issuer: config.issuer,
    subject: verified.subject,
    email: person?.email ?? verified.email ?? '',
    name: person?.name ?? verified.name ?? '',
    kind: verified.isMachine ? 'robot' : 'person',
    auth: 'oidc',
  };
}

async function callerOf(identity: Identity, config: Configuration): Promise<Caller> {
  return { identity, actor: await people.actorFor(identity), membership: membershipOf(config, identity) };
}

/** A cookie comes along with requests that other pages make: a write needs the origin that only our own pages send. */
function refuseForeignOrigin({ method, headers }: Credentials): void {
  if (method === 'GET') return;
  if (!isFromOwnPage(headers, requiredVariable('API_ORIGIN'))) {
    throw new Refusal('CSRF', 'a write with a session cookie must come from our own pages', { hint: 'send a bearer token instead' });
  }
}

async function failed(credentials: Credentials): Promise<never> {
  await countFailure(table, clock, 'signin', credentials.sourceIp);
  throw unauthenticated('the credentials are not valid, or not valid any more', 'invalid');
}

function unauthenticated(detail: string, why: 'no-credentials' | 'invalid'): Refusal {
  const challenge = why === 'invalid' ? 'Bearer realm="greenlight", error="invalid_token"' : 'Bearer realm="greenlight"';
  return new Refusal('UNAUTHENTICATED', detail, {
    hint: 'send Authorization: Bearer <access token>; `greenlight login` gets one',
    headers: { 'www-authenticate': challenge },
  });
}
