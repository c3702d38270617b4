/** Signed tokens of OIDC issuers: of people, and of build systems for their jobs. The only place that reads such a token. */
import { JwtVerifier } from 'aws-jwt-verify';
import { JwksValidationError } from 'aws-jwt-verify/error';
import type { Fetcher } from 'aws-jwt-verify/https';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import type { CiClaims } from '../../core/access/ci-principal.ts';
import { Fault } from '../../core/errors.ts';

/** Claims of a verified token. */
export interface VerifiedToken {
  subject: string;
  email?: string;
  name?: string;
  /** Issued to a program, not to a person (client credentials grant). */
  isMachine: boolean;
  nonce?: string;
}

export interface TokenVerifier {
  /** Claims of a valid access token; undefined for anything else. `token` is attacker-controlled. Fault UNAVAILABLE when the issuer is away. */
  verifyAccess(token: string): Promise<VerifiedToken | undefined>;
  /** Claims of a valid ID token issued to `clientId`. */
  verifyId(token: string, clientId: string): Promise<VerifiedToken | undefined>;
  /** All claims of a valid ID token that a build system made for one of its jobs. */
  verifyJob(token: string): Promise<(CiClaims & { sub: string }) | undefined>;
  /** Metadata of the issuer. Fault UNAVAILABLE. */
  discover(): Promise<IssuerMetadata>;
}

export interface IssuerMetadata {
  jwksUri: string;
  authorizationEndpoint?: string;
  tokenEndpoint?: string;
}

/** Asymmetric algorithms only: a public key can never serve as an HMAC secret. */
const ALGORITHMS = new Set(['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'EdDSA']);
/** Clocks of issuer and functions may differ by this much. */
const SKEW_SECONDS = 60;
const LONGEST_TOKEN = 8_192;

type Claims = Record<string, unknown>;

/**
 * Metadata and keys come by the one way out, with its limits. It is loaded by the first token of an issuer. A connection that was kept may have died:
 * one more attempt.
 */
const FETCHER: Fetcher = {
  fetch: async (url) => {
    const { egress } = await import('../egress.ts');
    const request = { url, headers: { accept: 'application/json' }, deadlineMs: 3_000 };
    const answer = await egress.request(request).catch(() => egress.request(request));
    if (answer.status !== 200) throw new Fault('UNAVAILABLE', `the issuer answers ${answer.status}`);
    return new Uint8Array(answer.body).buffer;
  },
};

/**
 * The issuer that a token claims. It is unverified and only chooses among verifiers that are configured: each pins its issuer and keys. `token` is
 * attacker-controlled.
 */
export function claimedIssuer(token: string): string | undefined {
  const issuer = partOf(token, 1)?.['iss'];
  return typeof issuer === 'string' ? issuer : undefined;
}

/** `audiences` is what access tokens and tokens of jobs must be made for, at least one of them. */
export function tokenVerifier(issuer: string, audiences: string | readonly string[]): TokenVerifier {
  const jwksCache = new SimpleJwksCache({ fetcher: FETCHER });
  let metadata: Promise<IssuerMetadata> | undefined;
  const discover = (): Promise<IssuerMetadata> => {
    metadata ??= readMetadata(issuer).catch((error: unknown) => {
      metadata = undefined;
      throw new Fault('UNAVAILABLE', 'the sign-in service does not answer', { cause: error });
    });
    return metadata;
  };
  const verifiers = new Map<string, Promise<{ verify(token: string): Promise<unknown> }>>();
  const verifierFor = (wanted: readonly string[]) => {
    const key = JSON.stringify(wanted);
    let verifier = verifiers.get(key);
    if (!verifier) {
      const audience = [...wanted];
      verifier = discover().then(({ jwksUri }) =>
        JwtVerifier.create({ issuer, audience, jwksUri, graceSeconds: SKEW_SECONDS }, { jwksCache }),
      );
      verifiers.set(key, verifier);
      verifier.catch(() => verifiers.delete(key));
    }
    return verifier;
  };
  const verify = async (
    token: string,
    wanted: string | readonly string[],
    isKind: (header: Claims, claims: Claims) => boolean,
  ): Promise<CompleteClaims | undefined> => {
    const header = partOf(token, 0);
    // Keys come from the pinned key set alone: a token that brings or points to its own key is not even looked at.
    if (!header || !ALGORITHMS.has(String(header['alg'])) || ['jku', 'x5u', 'jwk', 'x5c', 'crit'].some((name) => name in header))
      return undefined;
    const verifier = await verifierFor([wanted].flat());
    let claims: Claims;
    try {
      claims = (await verifier.verify(token)) as Claims;
    } catch (error) {
      if (error instanceof Fault || error instanceof JwksValidationError) {
        throw new Fault('UNAVAILABLE', 'the sign-in service does not answer', { cause: error });
      }
      return undefined;
    }
    return isKind(header, claims) && isComplete(claims) ? claims : undefined;
  };
  return {
    discover,
    verifyAccess: async (token) => verifiedOf(await verify(token, audiences, isAccessToken)),
    verifyId: async (token, clientId) => verifiedOf(await verify(token, clientId, isIdToken)),
    verifyJob: (token) => verify(token, audiences, (header, claims) => isIdToken(header, claims) && !isAccessToken(header, claims)),
  };
}

function isAccessToken(header: Claims, claims: Claims): boolean {
  return /^(?:application\/)?at\+jwt$/i.test(String(header['typ'])) || claims['token_use'] === 'access';
}

function isIdToken(_header: Claims, claims: Claims): boolean {
  return claims['token_use'] === undefined || claims['token_use'] === 'id';
}

async function readMetadata(issuer: string): Promise<IssuerMetadata> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = JSON.parse(new TextDecoder().decode(await FETCHER.fetch(address))) as Claims;
  const jwksUri = String(document['jwks_uri']);
  if (document['issuer'] !== issuer) throw new Error('the metadata is of another issuer');
  if (new URL(jwksUri).origin !== new URL(issuer).origin) throw new Error('the key set lies at another origin');
  return {
    jwksUri,
    ...(typeof document['authorization_endpoint'] === 'string' ? { authorizationEndpoint: document['authorization_endpoint'] } : {}),
    ...(typeof document['token_endpoint'] === 'string' ? { tokenEndpoint: document['token_endpoint'] } : {}),
  };
}

/** Header (0) or claims (1) as they stand in a token, unverified. */
function partOf(token: string, index: 0 | 1): Claims | undefined {
  const parts = token.split('.');
  if (token.length > LONGEST_TOKEN || parts.length !== 3) return undefined;
  try {
    const part: unknown = JSON.parse(Buffer.from(parts[index]!, 'base64url').toString('utf8'));
    return typeof part === 'object' && part !== null ? (part as Claims) : undefined;
  } catch {
    return undefined;
  }
}

type CompleteClaims = Claims & { sub: string };

/** What the library leaves open: an end, a beginning that is not in the future, and a subject. */
function isComplete(claims: Claims): claims is CompleteClaims {
  const latest = Date.now() / 1000 + SKEW_SECONDS;
  const { sub, exp, iat } = claims;
  return typeof sub === 'string' && sub !== '' && typeof exp === 'number' && !(typeof iat === 'number' && iat > latest);
}

function verifiedOf(claims: CompleteClaims | undefined): VerifiedToken | undefined {
  if (!claims) return undefined;
  const { sub, email, name, client_id: client, nonce } = claims;
  return {
    subject: sub,
    isMachine: sub === client || claims['gty'] === 'client-credentials',
    ...(typeof email === 'string' ? { email } : {}),
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof nonce === 'string' ? { nonce } : {}),
  };
}
