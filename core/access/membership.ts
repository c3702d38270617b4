/** What a person is a member of, read from the configuration that is in force now, never cached for a decision. */
import type { Configuration, PersonConfiguration } from '../environment/configuration.ts';
import type { Promotion } from '../promotion/promotion.ts';
import { type Actor, type Identity, identityKey, type Party, principalKey } from './identity.ts';
import { ROBOT_VERBS, type Role, type Verb } from './verb.ts';

/** One role as somebody holds it. */
export interface Grant {
  role: string;
  verbs: ReadonlySet<Verb>;
  sees: Role['sees'];
  /** Environments where it holds; absent: everywhere. */
  environments?: readonly string[];
}

export interface Membership {
  teams: readonly string[];
  /** Tenants that it reaches; `all` is for roles that see every tenant. */
  tenants: readonly string[] | 'all';
  grants: readonly Grant[];
}

export const NOBODY: Membership = { teams: [], tenants: [], grants: [] };
const REACH = { own: 1, tenant: 2, all: 3 } as const;

/** Membership of an identity. People are found by (issuer, subject): an account made anew with the same address inherits nothing. */
export function membershipOf(configuration: Configuration, identity: Pick<Identity, 'issuer' | 'subject'>): Membership {
  return membershipOfKey(configuration, identityKey(identity));
}

/** Membership behind an identity key, as the state table keeps it. */
export function membershipOfKey(configuration: Configuration, key: string): Membership {
  const person = personOfKey(configuration, key);
  if (!person) return NOBODY;
  const membership = membershipFrom(configuration, person);
  if (person.owner === undefined) return membership;
  return ownerOf(configuration, person.owner) ? asRobot(membership) : NOBODY;
}

/** The person of that subject as who answers for a robot; undefined when he or she has left, and the robot's rights with them. */
export function ownerOf(configuration: Pick<Configuration, 'people' | 'issuer'>, subject: string): Party | undefined {
  return ownerOfKey(configuration, identityKey({ issuer: configuration.issuer, subject }));
}

export function ownerOfKey(configuration: Pick<Configuration, 'people' | 'issuer'>, key: string): Party | undefined {
  const person = personOfKey(configuration, key);
  return person && person.owner === undefined ? { key, email: person.email } : undefined;
}

/** What a robot may do of it: approving and whatever else a person has to answer for is left out, and no robot is in a team. */
export function asRobot(membership: Membership): Membership {
  return { ...limitedTo(membership, { verbs: ROBOT_VERBS }), teams: [] };
}

/** Where the people of a list were when it was last searched, by key. */
const places = new WeakMap<readonly PersonConfiguration[], Map<string, number>>();

/**
 * An answer compares every person with every rule, so a search must not look at everybody: with 2,000 people that would be millions of hashes. What is
 * remembered says only where to look first. It decides nothing: whoever stands there is compared like everybody else, and who does not fit is searched.
 */
function personOfKey({ issuer, people }: Pick<Configuration, 'people' | 'issuer'>, key: string): PersonConfiguration | undefined {
  const isWanted = ({ disabled, subject }: PersonConfiguration) => !disabled && identityKey({ issuer, subject }) === key;
  const known = people[places.get(people)?.get(key) ?? -1];
  if (known && isWanted(known)) return known;
  const keys = people.map(({ subject }) => identityKey({ issuer, subject }));
  places.set(people, new Map(keys.map((each, place) => [each, place] as const).reverse()));
  return people.find(({ disabled }, place) => !disabled && keys[place] === key);
}

/** What is held by whom the configuration describes so: a person, or a principal of a build system. */
export function membershipFrom(
  configuration: Pick<Configuration, 'roles'>,
  holder: {
    tenants: readonly string[];
    roles: readonly string[];
    teams: readonly string[];
    roleEnvironments?: Readonly<Record<string, readonly string[]>>;
  },
): Membership {
  const grants = holder.roles.flatMap((name): Grant[] => {
    const role = Object.hasOwn(configuration.roles, name) ? configuration.roles[name] : undefined;
    if (!role) return [];
    const environments = holder.roleEnvironments?.[name];
    return [{ role: name, verbs: new Set(role.verbs), sees: role.sees, ...(environments ? { environments } : {}) }];
  });
  return { teams: holder.teams, tenants: grants.some(({ sees }) => sees === 'all') ? 'all' : holder.tenants, grants };
}

/** What a credential is cut down to. Absent members cut nothing. */
export interface Scope {
  verbs?: readonly Verb[];
  tenants?: readonly string[];
  environments?: readonly string[];
}

/** The part of a membership that lies within a scope: never more than the membership itself. */
export function limitedTo(membership: Membership, scope: Scope): Membership {
  const { verbs, tenants, environments } = scope;
  const reached = tenants === undefined ? membership.tenants : tenants.filter((tenant) => belongsToTenant(membership, tenant));
  return {
    teams: membership.teams,
    tenants: reached,
    grants: membership.grants.map((grant) => {
      const cut = intersection(grant.environments, environments);
      return {
        role: grant.role,
        verbs: verbs === undefined ? grant.verbs : new Set(verbs.filter((verb) => grant.verbs.has(verb))),
        sees: grant.sees === 'all' && reached !== 'all' ? 'tenant' : grant.sees,
        ...(cut ? { environments: cut } : {}),
      };
    }),
  };
}

function intersection(left: readonly string[] | undefined, right: readonly string[] | undefined): readonly string[] | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return left.filter((name) => right.includes(name));
}

/** True when the tenant's rows exist at all for this member: anything else is answered as unknown. */
export function belongsToTenant({ tenants }: Membership, tenant: string): boolean {
  return tenants === 'all' || tenants.includes(tenant);
}

/** Roles that hold in an environment; in any of them when none is named. */
export function grantsIn({ grants }: Membership, environment: string | undefined): Grant[] {
  return grants.filter(({ environments }) => environment === undefined || environments === undefined || environments.includes(environment));
}

/** Names of the roles that hold in an environment. */
export function rolesIn(membership: Membership, environment: string): string[] {
  return grantsIn(membership, environment).map(({ role }) => role);
}

/** Does this member hold the verb in the environment, or anywhere when none is named? The tenant is not looked at. */
export function holdsVerb(membership: Membership, verb: Verb, environment?: string): boolean {
  return grantsIn(membership, environment).some(({ verbs }) => verbs.has(verb));
}

/** May this member use the verb in this tenant and environment? */
export function mayUse(membership: Membership, verb: Verb, tenant: string, environment?: string): boolean {
  return belongsToTenant(membership, tenant) && holdsVerb(membership, verb, environment);
}

/** Whose requests are seen in the environment: one's own, those of one's tenants, all, or none. Only roles that may read count. */
export function reachOf(membership: Membership, environment?: string): Role['sees'] | 'none' {
  return grantsIn(membership, environment)
    .filter(({ verbs }) => verbs.has('read'))
    .reduce<Role['sees'] | 'none'>((widest, { sees }) => (widest === 'none' || REACH[sees] > REACH[widest] ? sees : widest), 'none');
}

/** Seed 000: DevOps sees its own requests, Viewer and CPI those of the tenant, CPI Admin all. */
export function maySee(
  membership: Membership,
  actor: Pick<Actor, 'key' | 'owner'>,
  promotion: Pick<Promotion, 'tenant' | 'to' | 'requester'>,
): boolean {
  if (!mayUse(membership, 'read', promotion.tenant, promotion.to)) return false;
  return reachOf(membership, promotion.to) !== 'own' || isOwnRequest(promotion, actor);
}

/** Asked for by the actor, by a robot of the actor, or by whom the actor is a robot of. */
export function isOwnRequest(promotion: Pick<Promotion, 'requester'>, actor: Pick<Actor, 'key' | 'owner'>): boolean {
  return principalKey(promotion.requester) === principalKey(actor);
}
