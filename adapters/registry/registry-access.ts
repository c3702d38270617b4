/** Where a registry is and what opens it: ECR tokens, Basic and Bearer credentials, each kept for exactly one origin. */
import type { ECRClient } from '@aws-sdk/client-ecr';
import type { RegistryConfiguration } from '../../core/environment/configuration.ts';
import { Fault } from '../../core/errors.ts';
import { egress } from '../egress.ts';
import { allowedOrigins } from '../egress-address.ts';
import { resolveReference } from '../references.ts';
import type { EcrRegistry } from './ecr-upload.ts';
import { paced } from './paced.ts';
import { type RegistryToken, RenewedToken } from './renewed-token.ts';

export interface RegistryAccess {
  /** Scheme, host and port. */
  origin: string;
  /** Value of `authorization` for the scope (`repository:<name>:pull` or `…:pull,push`); undefined: none needed so far. */
  authorization(scope: string): Promise<string | undefined>;
  /**
   * Takes the refusal of a request that was sent with `refused` (401, or 403 as ECR has it for a token that has ended); true when a new try makes
   * sense. Fault FOREIGN_REALM.
   */
  challenged(challenge: string | undefined, scope: string, refused: string | undefined): Promise<boolean>;
  /** Real time (performance.now) until which the registry is taken not to have the referrers API, because it said so. */
  withoutReferrersUntil?: number;
  /** Resolves when the registry's quota allows the next manifest; shared by all copies of this process. Absent: no quota is known. */
  turnForManifest?(): Promise<void>;
  /** Present where the registry is ECR. */
  ecr?: EcrRegistry;
}

/** A token is renewed this long before it ends. */
const EARLY_MS = 5 * 60_000;
/** ECR's default quota of PutImage, for account and region. */
const ECR_MANIFESTS_PER_SECOND = 10;
const LARGEST_TOKEN_ANSWER = 1024 * 1024;

const opened = new Map<string, Promise<RegistryAccess>>();

/** Access to a registry, shared by everything that runs in this process. */
export function openAccess(registry: RegistryConfiguration): Promise<RegistryAccess> {
  const key = JSON.stringify([registry.account, registry.region, registry.origin, registry.credentials]);
  let access = opened.get(key);
  if (!access) {
    access = registry.account === undefined ? distributionAccess(registry) : ecrAccess(registry.account, registry.region);
    opened.set(key, access);
    access.catch(() => opened.delete(key));
  }
  return access;
}

/** Forgets origins and tokens, for tests that start registries anew. */
export function forgetAccess(): void {
  opened.clear();
}

async function ecrAccess(account: string, region: string | undefined): Promise<RegistryAccess> {
  // Loaded here, so that who copies between other registries does not pay for it.
  const { ECRClient } = await import('./ecr-client.ts');
  // A registry of another region has its token there; nothing else of the client may differ from the environment.
  const client = new ECRClient(region === undefined ? {} : { region });
  const obtain = () => ecrToken(client, account);
  const first = await obtain();
  const { origin } = first;
  const token = new RenewedToken();
  await token.renew(async () => first);
  return {
    origin,
    async authorization() {
      return token.authorization ?? token.renew(obtain);
    },
    async challenged(challenge, _scope, refused) {
      checkRealm(origin, challenge);
      return token.replace(refused, obtain);
    },
    turnForManifest: paced(ECR_MANIFESTS_PER_SECOND),
    ecr: { client, account },
  };
}

async function ecrToken(client: ECRClient, account: string) {
  const { GetAuthorizationTokenCommand } = await import('./ecr-client.ts');
  try {
    const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({ registryIds: [account] }));
    const { authorizationToken, expiresAt, proxyEndpoint } = authorizationData?.[0] ?? {};
    if (!authorizationToken || !proxyEndpoint) throw new Error('the answer holds no token');
    const renewAt = (expiresAt?.getTime() ?? Date.now()) - EARLY_MS;
    return { origin: new URL(proxyEndpoint).origin, authorization: `Basic ${authorizationToken}`, renewAt };
  } catch (error) {
    const { name, message } = error as Error;
    const refused = name === 'AccessDeniedException' || name === 'InvalidParameterException';
    throw new Fault(refused ? 'REGISTRY_REFUSED' : 'UNAVAILABLE', `ECR gives no token for account ${account} (${name}: ${message})`, {
      cause: error,
    });
  }
}

async function distributionAccess(registry: RegistryConfiguration): Promise<RegistryAccess> {
  if (registry.origin === undefined) throw new Fault('REGISTRY_REFUSED', `registry ${registry.name} has neither account nor origin`);
  const { origin } = new URL(registry.origin);
  const tokens = new Map<string, RenewedToken>();
  let basic: string | undefined;
  const credentials = async (): Promise<string | undefined> => {
    if (registry.credentials === undefined) return undefined;
    const { username, password } = objectIn(await resolveReference(registry.credentials)) ?? {};
    if (typeof username !== 'string' || typeof password !== 'string') {
      throw new Fault('REGISTRY_REFUSED', `the credentials of registry ${registry.name} are not {"username": …, "password": …}`, {
        hint: `put that JSON object into ${registry.credentials}`,
      });
    }
    return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  };
  return {
    origin,
    async authorization(scope) {
      return tokens.get(scope)?.authorization ?? basic;
    },
    async challenged(challenge, scope, refused) {
      const bearer = checkRealm(origin, challenge);
      if (!bearer) {
        if (refused !== undefined || !/^basic\b/i.test(challenge ?? '')) return false;
        basic ??= await credentials();
        return basic !== undefined;
      }
      const token = tokens.get(scope) ?? new RenewedToken();
      tokens.set(scope, token);
      return token.replace(refused, async () => bearerToken(bearer, scope, await credentials()));
    },
  };
}

/**
 * The Bearer realm of a challenge, if it has one. The challenge is written by whoever answers for the registry: credentials go to the registry's own
 * origin, or to one that whoever deploys has allowed.
 */
function checkRealm(origin: string, challenge: string | undefined): { realm: string; service: string } | undefined {
  const realms = [...(challenge ?? '').matchAll(/\b(basic|bearer)\s+[^,]*?realm="([^"]*)"/gi)];
  for (const [, scheme, realm = ''] of realms) {
    if (scheme!.toLowerCase() !== 'bearer') continue;
    const target = URL.canParse(realm, origin) ? new URL(realm, origin).origin : undefined;
    if (target !== origin && !(target !== undefined && allowedOrigins().has(target))) {
      throw new Fault('FOREIGN_REALM', 'the registry asks for its credentials to be sent to another origin; nothing was sent', {
        hint: 'if that token service is right, allow its origin in ALLOWED_ORIGINS',
      });
    }
    return { realm: new URL(realm, origin).href, service: /\bservice="([^"]*)"/i.exec(challenge!)?.[1] ?? '' };
  }
  return undefined;
}

async function bearerToken(
  { realm, service }: { realm: string; service: string },
  scope: string,
  basic: string | undefined,
): Promise<RegistryToken> {
  const url = new URL(realm);
  if (service) url.searchParams.set('service', service);
  url.searchParams.set('scope', scope);
  const answer = await egress.request({
    url: url.href,
    headers: basic === undefined ? {} : { authorization: basic },
    maxBytes: LARGEST_TOKEN_ANSWER,
  });
  if (answer.status >= 500 || answer.status === 429) throw new Fault('UNAVAILABLE', `the token service answers ${answer.status}`);
  if (answer.status !== 200)
    throw new Fault('REGISTRY_REFUSED', `the token service answers ${answer.status}: check the registry's credentials`);
  const body = objectIn(answer.body.toString('utf8'));
  const token = body?.['token'] ?? body?.['access_token'];
  if (typeof token !== 'string' || !TOKEN.test(token)) throw new Fault('REGISTRY_REFUSED', 'the token service answers without a token');
  // 60 s is what the specification assumes without `expires_in`; a fifth is kept in reserve.
  const seconds = typeof body?.['expires_in'] === 'number' ? body['expires_in'] : 60;
  return { authorization: `Bearer ${token}`, renewAt: Date.now() + seconds * 800 };
}

/** What may stand in a header after `Bearer`. */
const TOKEN = /^[\x21-\x7e]+$/;

/** The JSON object in a text, if it is one. The text is a secret or a stranger's: no error may quote it, as those of the parser do. */
function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
