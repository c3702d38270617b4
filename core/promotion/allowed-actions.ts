/** What the caller may do with a request now, by the very rules that would do it: nothing is spelled twice. */
import type { Actor } from '../access/identity.ts';
import type { Membership } from '../access/membership.ts';
import { decide } from '../approval/decide.ts';
import type { Decision } from '../approval/decision.ts';
import type { Approvers } from '../approval/delegation.ts';
import { withdraw } from '../approval/withdraw.ts';
import { Refusal } from '../errors.ts';
import { refuseBreakGlass, refuseUnneeded, requesterMembership } from '../gate/break-glass.ts';
import type { GateResult } from '../gate/gate.ts';
import { withoutCanary } from '../gate/skip-canary.ts';
import { abort } from './abort.ts';
import { sha256Hex } from './canonical-json.ts';
import { type Acting, cancel, execute, refuseUneditable, retry } from './create.ts';
import { refuseChange } from './may-change.ts';
import type { Plan } from './plan.ts';
import type { Promotion } from './promotion.ts';

export const ACTIONS = [
  'approve',
  'reject',
  'withdraw',
  'edit',
  'cancel',
  'abort',
  'retry',
  'execute',
  'break-glass',
  'skip-canary',
] as const;
export type RequestAction = (typeof ACTIONS)[number];

/** Why an action is not possible. */
export interface RefusedAction {
  action: RequestAction;
  code: string;
  reason: string;
}

export interface ActionFacts {
  promotion: Promotion;
  plan: Plan;
  decisions: readonly Decision[];
  actor: Actor;
  membership: Membership;
  approvers: Approvers;
  gates: readonly GateResult[];
  /** ISO. */
  now: string;
}

export function actionsOf(facts: ActionFacts): { allowed: RequestAction[]; refused: RefusedAction[] } {
  const allowed: RequestAction[] = [];
  const refused: RefusedAction[] = [];
  for (const action of ACTIONS) {
    try {
      probe(action, facts);
      allowed.push(action);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refused.push({ action, code: error.code, reason: error.message });
    }
  }
  return { allowed, refused };
}

/** Computes the change and throws it away. */
function probe(action: RequestAction, facts: ActionFacts): void {
  const { promotion, actor, membership } = facts;
  const acting: Acting = { actor, auth: 'oidc', channel: 'rest' };
  switch (action) {
    case 'approve':
    case 'reject': {
      const outcome = decide(
        { ...facts, gatesHash: '', isReciprocal: false, hashText: sha256Hex },
        { decision: action, ...acting, planHash: promotion.planHash },
      );
      if (outcome.kind === 'unchanged') throw new Refusal('ALREADY_DECIDED', 'you decided so on this plan already');
      return;
    }
    case 'withdraw':
      withdraw(promotion, facts.decisions, acting);
      return;
    case 'edit':
      refuseChange('edit', promotion, actor, membership);
      refuseUneditable(promotion);
      return;
    case 'cancel':
      refuseChange('cancel', promotion, actor, membership);
      cancel(promotion, acting);
      return;
    case 'abort':
      refuseChange('abort', promotion, actor, membership);
      abort(promotion, acting, facts.now);
      return;
    case 'retry':
      refuseChange('retry', promotion, actor, membership);
      retry(promotion, acting);
      return;
    case 'execute':
      refuseChange('execute', promotion, actor, membership);
      execute(promotion, acting);
      return;
    case 'break-glass':
      refuseBreakGlass({ promotion, membership, requester: requesterMembership(promotion, facts.approvers.configuration) }, acting);
      refuseUnneeded(promotion, facts.gates);
      return;
    case 'skip-canary':
      refuseBreakGlass({ promotion, membership, requester: requesterMembership(promotion, facts.approvers.configuration) }, acting);
      withoutCanary(promotion, facts.plan, facts.now);
      return;
  }
}
