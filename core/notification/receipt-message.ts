/** What an approver is told about the decision that a mailed link recorded in their name: the receipt, in words that can be kept. */
import type { Decision } from '../approval/decision.ts';
import type { Plan } from '../promotion/plan.ts';
import type { Promotion } from '../promotion/promotion.ts';
import { type Message, moveOf, oneLine } from './message.ts';

export interface ReceiptFacts {
  promotion: Pick<Promotion, 'id'>;
  /** The plan that was decided on. */
  plan: Pick<Plan, 'kind' | 'artifact' | 'version' | 'digest' | 'from' | 'to'>;
  decision: Decision;
  /** The audit event that holds it: its id, and its number among those of the request. */
  event: { id: string; seq: number };
}

/** It goes to the approver's own address only. Foreign text in it is quoted as text. */
export function receiptMessage({ promotion, plan, decision, event }: ReceiptFacts): Message {
  const what = moveOf(plan);
  const verb = decision.decision === 'approve' ? 'approval' : 'rejection';
  const how = decision.auth === 'email-link' ? 'by the link alone, nobody was signed in' : 'by the link, signed in as you';
  const receipt = [
    `Request: ${promotion.id}`,
    `Decision: ${decision.decision === 'approve' ? 'approved' : 'rejected'}`,
    `At: ${decision.at}`,
    `What: ${what}`,
    `Digest: ${plan.digest}`,
    `Plan: ${decision.planHash}`,
    `Audit event: ${event.id}, number ${event.seq} of ${promotion.id}`,
  ];
  return {
    severity: 'info',
    subject: oneLine(`[${promotion.id}] Your ${verb} is recorded — ${what}`),
    paragraphs: [
      `Your ${verb} was recorded ${how}. This is its receipt: keep it.`,
      receipt.join('\n'),
      ...(decision.comment === undefined ? [] : [`Your comment: ${decision.comment}`]),
      'Was this not you? Then take it back by the link below, while nothing has begun, and tell your security team.',
    ],
  };
}
