/** For which groups somebody may approve a promotion now: by the own membership, or in the place of somebody who named him or her. */
import { isSamePerson } from '../access/identity.ts';
import { mayUse, membershipOfKey, rolesIn } from '../access/membership.ts';
import type { Promotion } from '../promotion/promotion.ts';
import type { Decision } from './decision.ts';
import { type Approvers, type Delegation, delegationsTo } from './delegation.ts';
import { exclusionOf } from './excluded.ts';
import type { Groups } from './stage.ts';

export type Approved = Pick<Promotion, 'tenant' | 'to' | 'requester' | 'editors' | 'waivers' | 'planHash'>;

/** Groups of the person's own; undefined when the person may not approve there. Exclusions are looked at by whoever asks. */
export function ownAuthority(
  { configuration }: Approvers,
  { tenant, to }: Pick<Promotion, 'tenant' | 'to'>,
  key: string,
): Groups | undefined {
  const membership = membershipOfKey(configuration, key);
  if (!mayUse(membership, 'approve', tenant, to)) return undefined;
  return { teams: membership.teams, roles: rolesIn(membership, to) };
}

/** Authority of somebody who is away, lent to who was named. */
export interface LentAuthority {
  delegation: Delegation;
  groups: Groups;
}

/**
 * Whose place the person may take on this promotion. Authority of who may not decide cannot be lent, nor what was used already: by a decision of
 * the absent person, or by another one who was named.
 */
export function lentAuthority(approvers: Approvers, promotion: Approved, key: string, decisions: readonly Decision[]): LentAuthority[] {
  const standing = decisions.filter((decision) => decision.planHash === promotion.planHash && !decision.withdrawn);
  return delegationsTo(approvers, key).flatMap((delegation): LentAuthority[] => {
    const { from } = delegation;
    const isUsed = standing.some(
      ({ actor, onBehalfOf }) =>
        isSamePerson(actor, from) || (onBehalfOf !== undefined && actor.key !== key && isSamePerson(onBehalfOf, from)),
    );
    const groups = ownAuthority(approvers, promotion, from.key);
    return groups && !isUsed && !exclusionOf(promotion, from) ? [{ delegation, groups }] : [];
  });
}

export function joined(own: Groups, other: Groups): { teams: string[]; roles: string[] } {
  return { teams: [...new Set([...own.teams, ...other.teams])], roles: [...new Set([...own.roles, ...other.roles])] };
}
