/** Access and ID tokens. All dates are virtual. */
import { randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { Clock } from '../clock.ts';
import type { IssuerPerson } from './people.ts';
import type { SigningAlgorithm, SigningKeys } from './signing-keys.ts';

export interface TokenIssuer {
  issuer: string;
  clientId: string;
  /** `aud` of access tokens. */
  audience: string;
  keys: SigningKeys;
  clock: Clock;
  algorithm: SigningAlgorithm;
}

export interface TokenRequest {
  scope: string;
  /** Seconds of virtual time. */
  lifetime: number;
  nonce?: string;
  authTime?: number;
}

/** Type header of access tokens (RFC 9068). */
export const ACCESS_TOKEN_TYPE = 'at+jwt';
/** Seconds that tokens are good for unless asked otherwise. */
export const DEFAULT_LIFETIME = 3_600;
/** Longest lifetime that can be asked for: 400 days. */
export const LONGEST_LIFETIME = 400 * 86_400;

/** Body of a token response. An ID token comes with the scope `openid`. */
export async function issueTokens(from: TokenIssuer, person: IssuerPerson, request: TokenRequest): Promise<Record<string, unknown>> {
  const now = Math.floor(from.clock.now() / 1000);
  const common: JWTPayload = {
    ...person.claims,
    ...claimsOf(person),
    iss: from.issuer,
    iat: now,
    nbf: now,
    exp: now + request.lifetime,
  };
  const { algorithm } = from;
  const access: JWTPayload = {
    ...common,
    aud: from.audience,
    client_id: from.clientId,
    scope: request.scope,
    jti: randomUUID(),
    token_use: 'access',
  };
  const id: JWTPayload = {
    ...common,
    aud: from.clientId,
    jti: randomUUID(),
    token_use: 'id',
    auth_time: request.authTime ?? now,
    ...(request.nonce !== undefined && { nonce: request.nonce }),
  };
  return {
    access_token: await from.keys.sign(access, { algorithm, type: ACCESS_TOKEN_TYPE }),
    ...(request.scope.split(' ').includes('openid') && { id_token: await from.keys.sign(id, { algorithm, type: 'JWT' }) }),
    token_type: 'Bearer',
    expires_in: request.lifetime,
    scope: request.scope,
  };
}

/** Claims about a person, as tokens and userinfo hold them. */
export function claimsOf({ subject, email, name, groups }: IssuerPerson): Record<string, unknown> {
  return { sub: subject, email, email_verified: true, name, groups: groups ?? [] };
}
