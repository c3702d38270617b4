/** Token endpoint: authorization codes with their PKCE verifier, and the password grant for command lines and demos. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuthorizationCodes } from './authorization-codes.ts';
import type { People } from './people.ts';
import { readForm } from './read-form.ts';
import { DEFAULT_LIFETIME, issueTokens, LONGEST_LIFETIME, type TokenIssuer } from './tokens.ts';

export interface TokenServices {
  tokens: TokenIssuer;
  people: People;
  codes: AuthorizationCodes;
}

class TokenError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export async function serveToken(services: TokenServices, message: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    sendTokens(response, 200, await grant(services, message));
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    sendTokens(response, error.status, { error: error.code, error_description: error.message });
  }
}

async function grant(services: TokenServices, message: IncomingMessage): Promise<Record<string, unknown>> {
  const form = await readForm(message);
  if (!form) throw new TokenError('invalid_request', 'the body must be a form');
  for (const name of new Set(form.keys())) {
    if (form.getAll(name).length > 1) throw new TokenError('invalid_request', `${name} is repeated`);
  }
  if (form.get('client_id') !== services.tokens.clientId) throw new TokenError('invalid_client', 'client_id is not known', 401);
  switch (form.get('grant_type')) {
    case 'authorization_code':
      return redeemCode(services, form);
    case 'password':
      return checkPassword(services, form);
    default:
      throw new TokenError('unsupported_grant_type', 'grant_type must be authorization_code or password');
  }
}

function redeemCode({ codes, people, tokens }: TokenServices, form: URLSearchParams): Promise<Record<string, unknown>> {
  const granted = codes.redeem(form.get('code') ?? '');
  if (!granted) throw new TokenError('invalid_grant', 'the code is unknown, used or expired');
  const verifier = form.get('code_verifier') ?? '';
  const redirectUri = form.get('redirect_uri') ?? '';
  const sameAddress = URL.canParse(redirectUri) && new URL(redirectUri).href === granted.redirectUri;
  if (!sameAddress) throw new TokenError('invalid_grant', 'redirect_uri differs from the authorization request');
  if (!/^[A-Za-z0-9._~-]{43,128}$/.test(verifier) || !isChallenge(verifier, granted.codeChallenge)) {
    throw new TokenError('invalid_grant', 'code_verifier does not match the code_challenge');
  }
  const person = people.bySubject(granted.subject);
  if (!person) throw new TokenError('invalid_grant', 'the person is gone');
  const { scope, nonce, authTime } = granted;
  return issueTokens(tokens, person, { scope, lifetime: DEFAULT_LIFETIME, authTime, ...(nonce !== undefined && { nonce }) });
}

function checkPassword({ people, tokens }: TokenServices, form: URLSearchParams): Promise<Record<string, unknown>> {
  const person = people.byEmail(form.get('username') ?? '');
  const right = people.isPassword(form.get('password') ?? '');
  if (!person || !right) throw new TokenError('invalid_grant', 'username or password is not right');
  const asked = form.get('expires_in');
  const lifetime = asked === null ? DEFAULT_LIFETIME : Number(asked);
  if (!Number.isInteger(lifetime) || lifetime < 1 || lifetime > LONGEST_LIFETIME) {
    throw new TokenError('invalid_request', `expires_in must be 1 to ${LONGEST_LIFETIME} seconds`);
  }
  return issueTokens(tokens, person, { scope: form.get('scope') ?? 'openid profile email', lifetime });
}

function isChallenge(verifier: string, challenge: string): boolean {
  const [actual, expected] = [createHash('sha256').update(verifier).digest(), Buffer.from(challenge, 'base64url')];
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

function sendTokens(response: ServerResponse, status: number, body: Record<string, unknown>): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
      pragma: 'no-cache',
    })
    .end(text);
}
