/** Which decisions still count: membership is read now, not when somebody decided. */
import { isSamePerson } from '../access/identity.ts';
import { mayUse, membershipOfKey } from '../access/membership.ts';
import type { Configuration } from '../environment/configuration.ts';
import { isFinal } from '../promotion/phase.ts';
import type { Promotion } from '../promotion/promotion.ts';
import type { Decision } from './decision.ts';

/**
 * Decisions without the approvals of people who may no longer approve, each with the groups that its person is in now. A rejection stands
 * whatever becomes of who gave it, and what a rollout was started by is history that no change of a team rewrites.
 */
export function standingDecisions(
  configuration: Configuration,
  promotion: Pick<Promotion, 'phase' | 'tenant' | 'requester' | 'editors'>,
  decisions: readonly Decision[],
): Decision[] {
  if (isFinal(promotion.phase) || promotion.phase === 'promoting' || promotion.phase === 'rolling_back') return [...decisions];
  return decisions.flatMap((decision) => {
    if (decision.decision === 'reject') return [decision];
    if (isSamePerson(decision.actor, promotion.requester) || promotion.editors.includes(decision.actor.key)) return [];
    const membership = membershipOfKey(configuration, decision.actor.key);
    if (!mayUse(membership, 'approve', promotion.tenant)) return [];
    return [{ ...decision, teams: membership.teams, roles: membership.roles }];
  });
}
