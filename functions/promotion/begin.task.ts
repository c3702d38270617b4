/** Begins the rollout, if everything that allows it holds now and is sealed in the audit log. */
import type { Evidence } from '../../core/audit/ports.ts';
import { environmentBefore } from '../../core/environment/configuration.ts';
import { refusedBecause } from '../../core/lifecycle/use.ts';
import { begin as decideBegin } from '../../core/promotion/begin.ts';
import { isAutomatic } from '../../core/promotion/plan.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { turnAt } from '../environment/halting.ts';
import { holdOn } from '../environment/hold.ts';
import { approversNow, clock, environments, promotions } from '../kit/state.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';
import { standingNow } from '../lifecycle/standing-now.ts';

/** Task `begin`. Faults: AUDIT_UNAVAILABLE while the approvals are not sealed. */
export function begin(evidence: Evidence) {
  return (event: RunEvent): Promise<NextStep> =>
    changing(
      () => promotions.head(event.requestId),
      async (promotion): Promise<NextStep> => {
        if (!promotion || promotion.attempt !== event.attempt) return { next: 'end' };
        const outcome = await decideNow(promotion);
        switch (outcome.kind) {
          case 'gates':
            return { next: 'gates' };
          case 'back':
            return { next: 'roll-back' };
          case 'approval':
            if (outcome.change) await promotions.commit(outcome.change);
            return { next: 'approval' };
          case 'wait': {
            if (outcome.change) await promotions.commit(outcome.change);
            if (outcome.waitingOn === 'lock') await environments.wait(promotion.to, promotion.artifact, promotion.id, promotion.attempt);
            return turnAt(outcome.until);
          }
          case 'stop':
            if (outcome.change) await promotions.commit(outcome.change);
            return { next: 'end' };
          case 'start':
            // No effect before evidence: what allows this promotion must be in the locked log, signed, before anything is changed by it.
            await evidence.seal(promotion);
            if (outcome.change) await promotions.commit(outcome.change);
            return { next: 'copy' };
        }
      },
    );
}

async function decideNow(promotion: Promotion) {
  const [plan, decisions, approvers, environment, standing, hold] = await Promise.all([
    promotions.plan(promotion.id, promotion.planHash),
    promotions.decisions(promotion.id),
    approversNow(),
    environments.get(promotion.to, promotion.artifact),
    standingNow(promotion.artifact, promotion.releaseVersion, promotion.digest),
    holdOn(promotion),
  ]);
  if (!plan) throw new Error(`${promotion.id} has no plan ${promotion.planHash}`);
  // What is published into the first environment needs no proof of having been promoted there; what returns or is repaired must have been there once.
  const isFirst = plan.kind === 'promote' && environmentBefore(approvers.configuration, plan.from) === undefined;
  const proof = plan.kind === 'repair' ? plan.to : plan.from;
  const evidenceHolds = isFirst || (await environments.evidence(proof, plan.artifact, plan.digest)) !== undefined;
  const blockEol = approvers.configuration.lifecycle.support.blockEol && !isAutomatic(plan);
  const refused = refusedBecause({ artifact: plan.artifact, version: plan.version, standing, blockEol })?.why;
  return decideBegin({ promotion, plan, decisions, approvers, environment, hold, evidenceHolds, refused, now: clock.now() });
}
