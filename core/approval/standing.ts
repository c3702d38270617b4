/** Which decisions still count: membership is read now, not when somebody decided. */
import { isSamePerson } from '../access/identity.ts';
import { isFinal } from '../promotion/phase.ts';
import type { Promotion } from '../promotion/promotion.ts';
import { type Approved, joined, ownAuthority } from './authority.ts';
import type { Decision } from './decision.ts';
import type { Approvers } from './delegation.ts';
import { exclusionOf } from './excluded.ts';
import type { Groups } from './stage.ts';

/**
 * Decisions without the approvals of people who may no longer approve, each with the groups that its person is in now. A rejection stands
 * whatever becomes of who gave it, and what a rollout was started by is history that no change of a team rewrites.
 */
export function standingDecisions(
  approvers: Approvers,
  promotion: Approved & Pick<Promotion, 'phase'>,
  decisions: readonly Decision[],
): Decision[] {
  if (isFinal(promotion.phase) || promotion.phase === 'promoting' || promotion.phase === 'rolling_back') return [...decisions];
  const inOrder = [...decisions].sort((left, right) => (left.at < right.at ? -1 : left.at > right.at ? 1 : 0));
  return inOrder.flatMap((decision, index) => {
    if (decision.decision === 'reject') return [decision];
    if (decision.automated !== undefined)
      return Object.hasOwn(approvers.configuration.automatedApprovers, decision.automated) ? [decision] : [];
    const own = ownAuthority(approvers, promotion, decision.actor.key);
    if (!own || exclusionOf(promotion, decision.actor)) return [];
    const groups = decision.onBehalfOf ? inPlaceOf(approvers, promotion, decision, own, inOrder, index) : joined(own, own);
    return groups ? [{ ...decision, ...groups }] : [];
  });
}

/** Groups of a decision in somebody's place; undefined when that place was taken back, lost, or taken twice: the first one counts. */
function inPlaceOf(
  approvers: Approvers,
  promotion: Approved,
  { planHash, onBehalfOf: absent }: Decision,
  own: Groups,
  inOrder: readonly Decision[],
  index: number,
): { teams: string[]; roles: string[] } | undefined {
  const { key, delegation: id } = absent!;
  const lent = ownAuthority(approvers, promotion, key);
  const isRevoked = approvers.delegations.some((delegation) => delegation.id === id && delegation.revokedAt !== undefined);
  const isTaken = inOrder.some((other, place) => {
    if (other.planHash !== planHash || other.withdrawn) return false;
    return (
      isSamePerson(other.actor, absent!) || (place < index && other.onBehalfOf !== undefined && isSamePerson(other.onBehalfOf, absent!))
    );
  });
  if (!lent || isRevoked || isTaken || exclusionOf(promotion, absent!)) return undefined;
  return joined(own, lent);
}
