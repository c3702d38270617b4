/** API tokens: robots that a person makes for programs. A token never does more than its owner could, nor what a person has to answer for. */
import { type Configuration, tenantsOf } from '../environment/configuration.ts';
import { Refusal } from '../errors.ts';
import { type Actor, type Identity, principalKey } from './identity.ts';
import { asRobot, belongsToTenant, holdsVerb, limitedTo, type Membership, mayUse, membershipOfKey, ownerOfKey } from './membership.ts';
import { refuseRobot } from './robot.ts';
import { ROBOT_VERBS, type Verb } from './verb.ts';

/** What every token begins with, so that scanners of repositories and logs know one. */
export const API_TOKEN_PREFIX = 'glt_';
/** 256 random bits after the prefix. */
export const API_TOKEN = /^glt_[A-Za-z0-9_-]{43}$/;
/** Characters of a token that may be shown: enough to tell one's own apart, far too few to guess the rest. */
export const SHOWN_CHARACTERS = 8;
/** Live tokens of one owner. */
export const MOST_TOKENS = 50;
/** Names are shown where names of people are: nothing that could pass for an address. */
export const TOKEN_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9 ._/()#+-]{0,62}[A-Za-z0-9)])?$/;
export const LIFETIME_DAYS = { least: 1, usual: 90, most: 365 } as const;

/** Issuer of the identities of tokens: no OIDC issuer can have this name. */
const ISSUER = 'greenlight';

export interface TokenScope {
  /** Fixed when the token is made: what its owner may do some day does not flow to it. */
  verbs: readonly Verb[];
  /** Null: all that its owner reaches. */
  tenants: readonly string[] | null;
  environments: readonly string[] | null;
}

export interface ApiToken {
  id: string;
  name: string;
  /** Its first characters. */
  prefix: string;
  /** Identity key of the person who made it and answers for it. */
  owner: string;
  /** Pseudonym under which it stands in the log. */
  robot: string;
  scope: TokenScope;
  /** ISO. */
  createdAt: string;
  expiresAt: string;
}

/** What a token is asked to be limited to. Attacker-controlled. */
export interface AskedScope {
  verbs?: readonly Verb[] | undefined;
  tenants?: readonly string[] | undefined;
  environments?: readonly string[] | undefined;
}

/** Who acts by a token; undefined when its owner has left. */
export function identityOfApiToken(configuration: Configuration, token: Pick<ApiToken, 'id' | 'name' | 'owner'>): Identity | undefined {
  const owner = ownerOfKey(configuration, token.owner);
  if (!owner) return undefined;
  return {
    issuer: ISSUER,
    subject: `token:${token.id}`,
    email: `token:${token.name}`,
    name: token.name,
    kind: 'robot',
    auth: 'token',
    owner,
  };
}

/** What may be done by a token now: the owner's membership as it is now, cut by the scope. */
export function membershipOfApiToken(configuration: Configuration, { owner, scope }: Pick<ApiToken, 'owner' | 'scope'>): Membership {
  const { verbs, tenants, environments } = scope;
  return limitedTo(asRobot(membershipOfKey(configuration, owner)), {
    verbs,
    ...(tenants ? { tenants } : {}),
    ...(environments ? { environments } : {}),
  });
}

/**
 * The scope of a new token: what is asked, or all that its maker holds now. Refusals: NOT_FOUND (tenant, environment), HUMAN_REQUIRED (a robot asks,
 * or a verb is asked that only people hold), FORBIDDEN (more than the maker holds).
 */
export function scopeWithin(
  { actor, membership }: { actor: Actor; membership: Membership },
  configuration: Configuration,
  asked: AskedScope,
): TokenScope {
  const { tenants, environments } = asked;
  if (tenants?.some((tenant) => !belongsToTenant(membership, tenant) || !tenantsOf(configuration).includes(tenant)))
    throw new Refusal('NOT_FOUND', 'there is no such tenant');
  if (environments?.some((name) => !Object.hasOwn(configuration.environments, name)))
    throw new Refusal('NOT_FOUND', 'there is no such environment');
  refuseRobot(actor, 'make tokens');
  const forPeople = asked.verbs?.find((verb) => !ROBOT_VERBS.includes(verb));
  if (forPeople !== undefined)
    throw new Refusal('HUMAN_REQUIRED', `no token can hold the verb "${forPeople}"`, { hint: 'a person has to answer for that' });
  const holds = (verb: Verb) => (environments ?? [undefined]).some((name) => holdsVerb(membership, verb, name));
  const missing = asked.verbs?.find((verb) => !holds(verb));
  if (missing !== undefined)
    throw new Refusal('FORBIDDEN', `your roles do not include the verb "${missing}" there`, {
      hint: 'a token never does more than its owner could',
    });
  const verbs = ROBOT_VERBS.filter((verb) => (asked.verbs === undefined ? holds(verb) : asked.verbs.includes(verb)));
  const useless = environments?.find((name) => !verbs.some((verb) => holdsVerb(membership, verb, name)));
  if (verbs.length === 0 || useless !== undefined)
    throw new Refusal('FORBIDDEN', `you hold nothing that a token could do${useless === undefined ? '' : ` in ${useless}`}`);
  return {
    verbs,
    tenants: tenants ? [...new Set(tenants)] : membership.tenants === 'all' ? null : membership.tenants,
    environments: environments ? [...new Set(environments)] : null,
  };
}

/** Who sees and revokes a token: its owner, and who holds "admin" in a tenant that it reaches. For anybody else it does not exist. */
export function mayManageToken(
  { owner, scope }: Pick<ApiToken, 'owner' | 'scope'>,
  { actor, membership }: { actor: Pick<Actor, 'key' | 'owner'>; membership: Membership },
): boolean {
  if (owner === principalKey(actor)) return true;
  return scope.tenants === null ? holdsVerb(membership, 'admin') : scope.tenants.some((tenant) => mayUse(membership, 'admin', tenant));
}

/** The tenant that an audit line about a token names: the only one it reaches, or none. */
export function tenantOfToken({ scope }: Pick<ApiToken, 'scope'>): string {
  return scope.tenants?.length === 1 ? scope.tenants[0]! : '';
}
