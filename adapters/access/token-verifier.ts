/** Access tokens of the deployed OIDC issuer. The only place that reads a token. */
import { JwtVerifier } from 'aws-jwt-verify';
import { FetchError, JwksValidationError } from 'aws-jwt-verify/error';
import { SimpleFetcher } from 'aws-jwt-verify/https';
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

/** `audience` is what access tokens must be made for. */
export function tokenVerifier(issuer: string, audience: string): TokenVerifier {
  const fetcher = new SimpleFetcher();
  let metadata: Promise<IssuerMetadata> | undefined;
  const discover = (): Promise<IssuerMetadata> => {
    metadata ??= readMetadata(issuer, fetcher).catch((error: unknown) => {
      metadata = undefined;
      throw new Fault('UNAVAILABLE', 'the sign-in service does not answer', { cause: error });
    });
    return metadata;
  };
  const verifiers = new Map<string, Promise<{ verify(token: string): Promise<unknown> }>>();
  const verifierFor = (wanted: string) => {
    let verifier = verifiers.get(wanted);
    if (!verifier) {
      verifier = discover().then(({ jwksUri }) => JwtVerifier.create({ issuer, audience: wanted, jwksUri, graceSeconds: SKEW_SECONDS }));
      verifiers.set(wanted, verifier);
      verifier.catch(() => verifiers.delete(wanted));
    }
    return verifier;
  };
  const verify = async (token: string, wanted: string, isKind: (header: Claims, claims: Claims) => boolean) => {
    const header = headerOf(token);
    // Keys come from the pinned key set alone: a token that brings or points to its own key is not even looked at.
    if (!header || !ALGORITHMS.has(String(header['alg'])) || ['jku', 'x5u', 'jwk', 'x5c', 'crit'].some((name) => name in header))
      return undefined;
    const verifier = await verifierFor(wanted);
    let claims: Claims;
    try {
      claims = (await verifier.verify(token)) as Claims;
    } catch (error) {
      if (error instanceof FetchError || error instanceof JwksValidationError) {
        throw new Fault('UNAVAILABLE', 'the sign-in service does not answer', { cause: error });
      }
      return undefined;
    }
    return isKind(header, claims) ? verifiedOf(claims) : undefined;
  };
  return {
    discover,
    verifyAccess: (token) =>
      verify(
        token,
        audience,
        (header, claims) => /^(?:application\/)?at\+jwt$/i.test(String(header['typ'])) || claims['token_use'] === 'access',
      ),
    verifyId: (token, clientId) =>
      verify(token, clientId, (_header, claims) => claims['token_use'] === undefined || claims['token_use'] === 'id'),
  };
}

async function readMetadata(issuer: string, fetcher: SimpleFetcher): Promise<IssuerMetadata> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = JSON.parse(new TextDecoder().decode(await fetcher.fetch(address))) as Claims;
  const jwksUri = String(document['jwks_uri']);
  if (document['issuer'] !== issuer) throw new Error('the metadata is of another issuer');
  if (new URL(jwksUri).origin !== new URL(issuer).origin) throw new Error('the key set lies at another origin');
  return {
    jwksUri,
    ...(typeof document['authorization_endpoint'] === 'string' ? { authorizationEndpoint: document['authorization_endpoint'] } : {}),
    ...(typeof document['token_endpoint'] === 'string' ? { tokenEndpoint: document['token_endpoint'] } : {}),
  };
}

function headerOf(token: string): Claims | undefined {
  const parts = token.split('.');
  if (token.length > LONGEST_TOKEN || parts.length !== 3) return undefined;
  try {
    const header: unknown = JSON.parse(Buffer.from(parts[0]!, 'base64url').toString('utf8'));
    return typeof header === 'object' && header !== null ? (header as Claims) : undefined;
  } catch {
    return undefined;
  }
}

/** What the library leaves open: an end, a beginning that is not in the future, and a subject. */
function verifiedOf(claims: Claims): VerifiedToken | undefined {
  const latest = Date.now() / 1000 + SKEW_SECONDS;
  const { sub, exp, iat, email, name, client_id: client, nonce } = claims;
  if (typeof sub !== 'string' || sub === '' || typeof exp !== 'number') return undefined;
  if (typeof iat === 'number' && iat > latest) return undefined;
  return {
    subject: sub,
    isMachine: sub === client || claims['gty'] === 'client-credentials',
    ...(typeof email === 'string' ? { email } : {}),
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof nonce === 'string' ? { nonce } : {}),
  };
}
