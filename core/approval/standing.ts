/** Which decisions still count: membership is read now, not when somebody decided. */
import { isSamePerson } from '../access/identity.ts';
import { isFinal } from '../promotion/phase.ts';
import type { Promotion } from '../promotion/promotion.ts';
import { type Approved, joined, ownAuthority } from './authority.ts';
import type { Decision } from './decision.ts';
import type { Approvers } from './delegation.ts';
import { exclusionOf } from './excluded.ts';

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
  return withoutTaken(inOrder.flatMap((decision) => counted(approvers, promotion, decision) ?? []));
}

/** The decision with the groups of now; undefined when its person, or the absent one in whose place it was given, may not approve any more. */
function counted(approvers: Approvers, promotion: Approved, decision: Decision): Decision | undefined {
  const { automated, actor, onBehalfOf: absent } = decision;
  if (decision.decision === 'reject') return decision;
  if (automated !== undefined) {
    // A service speaks for itself: for no team or role.
    return Object.hasOwn(approvers.configuration.automatedApprovers, automated) ? { ...decision, teams: [], roles: [] } : undefined;
  }
  const own = ownAuthority(approvers, promotion, actor.key);
  if (!own || exclusionOf(promotion, actor)) return undefined;
  if (!absent) return { ...decision, ...joined(own, own) };
  const lent = ownAuthority(approvers, promotion, absent.key);
  const isRevoked = approvers.delegations.some(({ id, revokedAt }) => id === absent.delegation && revokedAt !== undefined);
  return lent && !isRevoked && !exclusionOf(promotion, absent) ? { ...decision, ...joined(own, lent) } : undefined;
}

/**
 * Nobody's place is taken twice: it is void when the absent person has decided after all, or when another one took it before. What does not count
 * itself takes nothing, so that somebody else can be named after a revocation.
 */
function withoutTaken(inOrder: readonly Decision[]): Decision[] {
  const answers = new Map<Decision, boolean>();
  const stands = (decision: Decision, index: number): boolean => {
    const { planHash, onBehalfOf: absent } = decision;
    if (!absent) return true;
    const known = answers.get(decision);
    if (known !== undefined) return known;
    // Two who stand in for each other: whoever is asked about first gives way.
    answers.set(decision, false);
    const answer = !inOrder.some((other, place) => {
      if (other === decision || other.planHash !== planHash || other.withdrawn) return false;
      const tookPlace = place < index && other.onBehalfOf !== undefined && isSamePerson(other.onBehalfOf, absent);
      return (tookPlace || isSamePerson(other.actor, absent)) && stands(other, place);
    });
    answers.set(decision, answer);
    return answer;
  };
  return inOrder.filter(stands);
}
