/** What a person is a member of, read from the configuration that is in force now, never cached for a decision. */
import type { Configuration } from '../environment/configuration.ts';
import type { Promotion } from '../promotion/promotion.ts';
import { type Actor, type Identity, identityKey } from './identity.ts';
import type { Verb } from './verb.ts';

export interface Membership {
  roles: string[];
  teams: string[];
  tenants: string[];
  verbs: ReadonlySet<Verb>;
  sees: 'own' | 'tenant' | 'all' | 'none';
}

const NOBODY: Membership = { roles: [], teams: [], tenants: [], verbs: new Set(), sees: 'none' };
const REACH = { none: 0, own: 1, tenant: 2, all: 3 } as const;

/** Membership of an identity. People are found by (issuer, subject): an account made anew with the same address inherits nothing. */
export function membershipOf(configuration: Configuration, identity: Pick<Identity, 'issuer' | 'subject'>): Membership {
  return membershipOfKey(configuration, identityKey(identity));
}

/** Membership behind an identity key, as the state table keeps it. */
export function membershipOfKey(configuration: Configuration, key: string): Membership {
  const { issuer } = configuration;
  const person = configuration.people.find(
    (candidate) => !candidate.disabled && identityKey({ issuer, subject: candidate.subject }) === key,
  );
  if (!person) return NOBODY;
  const roles = person.roles.map((name) => configuration.roles[name]).filter((role) => role !== undefined);
  const sees = roles.reduce<Membership['sees']>((widest, role) => (REACH[role.sees] > REACH[widest] ? role.sees : widest), 'none');
  return { roles: person.roles, teams: person.teams, tenants: person.tenants, verbs: new Set(roles.flatMap((role) => role.verbs)), sees };
}

/** True when the tenant's rows exist at all for this member: anything else is answered as unknown. */
export function belongsToTenant(membership: Membership, tenant: string): boolean {
  return membership.sees === 'all' || membership.tenants.includes(tenant);
}

/** May this member use the verb in this tenant? */
export function mayUse(membership: Membership, verb: Verb, tenant: string): boolean {
  return membership.verbs.has(verb) && belongsToTenant(membership, tenant);
}

/** Seed 000: DevOps sees its own requests, Viewer and CPI those of the tenant, CPI Admin all. */
export function maySee(membership: Membership, actor: Pick<Actor, 'key'>, promotion: Pick<Promotion, 'tenant' | 'requester'>): boolean {
  if (!mayUse(membership, 'read', promotion.tenant)) return false;
  return membership.sees !== 'own' || promotion.requester.key === actor.key;
}
