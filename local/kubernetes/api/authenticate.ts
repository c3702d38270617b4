/**
 * Who sends a request: the administrator's static token, or an EKS token, which is a presigned STS GetCallerIdentity URL that the server itself
 * calls (as aws-iam-authenticator does). Signature dates are not compared: STS of the local cloud decides whether the signature holds.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { unauthorized } from '../kube-error.ts';
import type { User } from './role-based-access.ts';

/** Maps roles to groups. `rolePattern` is a role ARN or name with `*` for any characters. */
export interface AccessEntry {
  rolePattern: string;
  groups: string[];
}

export interface AuthenticationOptions {
  clock: Clock;
  clusterName: string;
  adminToken: string;
  accessEntries: () => readonly AccessEntry[];
  /** Origin that presigned URLs must have, e.g. `http://127.0.0.1:4701`. */
  stsOrigin: () => string;
}

const PREFIX = 'k8s-aws-v1.';
const CLUSTER_HEADER = 'x-k8s-aws-id';
/** Nothing else may stand in a token's URL: whoever holds a token chooses what this server requests. */
const ALLOWED_PARAMETERS = new Set(
  'action,version,x-amz-algorithm,x-amz-credential,x-amz-date,x-amz-expires,x-amz-security-token,x-amz-signature,x-amz-signedheaders,x-amz-user-agent'.split(
    ',',
  ),
);
/** Tokens of aws-iam-authenticator are valid for 15 minutes; an identity is remembered for a minute of that. */
const REMEMBER_MS = 60_000;
const LONGEST_TOKEN = 16_384;
const STS_TIMEOUT_MS = 10_000;

export class Authenticator {
  readonly #options: AuthenticationOptions;
  readonly #known = new Map<string, { arn: string; until: number }>();

  constructor(options: AuthenticationOptions) {
    this.#options = options;
  }

  /** Throws 401 for anything but a good token. */
  async authenticate(authorization: string | undefined): Promise<User> {
    const token = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1];
    if (!token || token.length > LONGEST_TOKEN) throw unauthorized();
    if (sameSecret(token, this.#options.adminToken)) {
      return { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'], callerName: 'admin' };
    }
    if (!token.startsWith(PREFIX)) throw unauthorized();
    return this.#userOf(await this.#callerOf(token));
  }

  async #callerOf(token: string): Promise<string> {
    const now = this.#options.clock.now();
    const key = createHash('sha256').update(token).digest('hex');
    const known = this.#known.get(key);
    if (known && known.until > now) return known.arn;
    for (const [old, { until }] of this.#known) if (until <= now) this.#known.delete(old);
    const arn = await this.#askSts(this.#urlOf(token));
    this.#known.set(key, { arn, until: now + REMEMBER_MS });
    return arn;
  }

  #urlOf(token: string): URL {
    let url: URL;
    try {
      url = new URL(Buffer.from(token.slice(PREFIX.length), 'base64url').toString('utf8'));
    } catch {
      throw unauthorized();
    }
    const parameters = new Map([...url.searchParams].map(([name, value]) => [name.toLowerCase(), value]));
    const signed = (parameters.get('x-amz-signedheaders') ?? '').split(';');
    const good =
      url.origin === this.#options.stsOrigin() &&
      url.pathname === '/' &&
      url.username === '' &&
      url.password === '' &&
      [...parameters.keys()].every((name) => ALLOWED_PARAMETERS.has(name)) &&
      parameters.size === [...url.searchParams].length &&
      parameters.get('action') === 'GetCallerIdentity' &&
      Number(parameters.get('x-amz-expires') ?? 0) <= 900 &&
      signed.includes(CLUSTER_HEADER);
    if (!good) throw unauthorized();
    return url;
  }

  async #askSts(url: URL): Promise<string> {
    let body: { GetCallerIdentityResponse?: { GetCallerIdentityResult?: { Arn?: string } } };
    try {
      const answer = await fetch(url, {
        headers: { accept: 'application/json', [CLUSTER_HEADER]: this.#options.clusterName },
        redirect: 'error',
        signal: AbortSignal.timeout(STS_TIMEOUT_MS),
      });
      if (answer.status !== 200) throw unauthorized();
      body = (await answer.json()) as typeof body;
    } catch {
      throw unauthorized();
    }
    const arn = body.GetCallerIdentityResponse?.GetCallerIdentityResult?.Arn;
    if (!arn) throw unauthorized();
    return arn;
  }

  /** `arn:aws:sts::A:assumed-role/ROLE/SESSION` is the role `arn:aws:iam::A:role/ROLE`; an entry for it must exist. */
  #userOf(arn: string): User {
    const [, partition, account, role, session] = /^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\/(.+)$/.exec(arn) ?? [];
    const roleArn = role ? `arn:${partition}:iam::${account}:role/${role}` : arn;
    const entries = this.#options.accessEntries().filter(({ rolePattern }) => matchesRole(rolePattern, roleArn));
    if (entries.length === 0) throw unauthorized();
    const groups = [...new Set(entries.flatMap((entry) => entry.groups)), 'system:authenticated'];
    return { name: arn, groups, callerName: session ?? arn };
  }
}

/** True where the pattern (ARN or plain role name, `*` for any characters) fits the role's ARN. */
export function matchesRole(pattern: string, roleArn: string): boolean {
  const text = pattern.startsWith('arn:') ? roleArn : roleArn.slice(roleArn.lastIndexOf('/') + 1);
  const form = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${form.join('.*')}$`).test(text);
}

function sameSecret(left: string, right: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(left), hash(right));
}
