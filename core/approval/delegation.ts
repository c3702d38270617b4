/** Standing in: an approver names somebody for a while, or only says that he or she is away. Delegated authority is not delegated further. */
import type { Party } from '../access/identity.ts';
import type { Configuration } from '../environment/configuration.ts';

export interface DelegationParty extends Party {
  name: string;
}

export interface Delegation {
  id: string;
  tenant: string;
  from: DelegationParty;
  /** Who decides in the place of `from`; absent: `from` is merely away and is not asked. */
  to?: DelegationParty;
  /** ISO; the delegation holds from `since` on and before `until`. */
  since: string;
  until: string;
  createdAt: string;
  /** Taken back early: approvals that were given by it are void, unless their rollout has begun. */
  revokedAt?: string;
}

/** Everything that says who may approve, at one instant. */
export interface Approvers {
  configuration: Configuration;
  /** Those of the last weeks, over or not: an approval was given while its delegation held. */
  delegations: readonly Delegation[];
  /** ISO. */
  now: string;
}

export function isActive({ since, until, revokedAt }: Delegation, now: string): boolean {
  return revokedAt === undefined && since <= now && now < until;
}

/** Away now: not asked, but free to decide all the same. */
export function isAway({ delegations, now }: Approvers, key: string): boolean {
  return delegations.some((delegation) => delegation.from.key === key && isActive(delegation, now));
}

/** Delegations that let this person decide for somebody now. */
export function delegationsTo({ delegations, now }: Approvers, key: string): Delegation[] {
  return delegations.filter((delegation) => delegation.to?.key === key && isActive(delegation, now));
}
