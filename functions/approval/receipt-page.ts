/** What a mailed link decided, as the approver sees it: the receipt, what happens next, and the way to say that it was somebody else. */

import type { Decision } from '../../core/approval/decision.ts';
import { wordsOf } from '../../core/approval/link-standing.ts';
import type { RevokeOutcome } from '../../core/approval/revoke.ts';
import { eventId } from '../../core/audit/line.ts';
import type { FieldError } from '../../core/errors.ts';
import { type Html, html } from '../../core/notification/html.ts';
import { moveOf } from '../../core/notification/message.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import type { HistoryEntry, Promotion } from '../../core/promotion/promotion.ts';
import { digestOf, type Heading, listOf, personOf, timeOf } from './link-page.ts';

export interface ReceiptFacts {
  promotion: Promotion;
  /** The plan that was decided on, which need not be the one that stands. */
  plan: Plan;
  decision: Decision;
  history: readonly HistoryEntry[];
}

export interface TakeBackFacts {
  token: string;
  csrf: string;
  /** What to type; absent where a person has proven to be there already. */
  confirmation?: string;
  error?: FieldError;
}

export function headingOf({ promotion, plan, decision }: ReceiptFacts): Heading {
  const verb = decision.decision === 'approve' ? 'approved' : 'rejected';
  return {
    kicker: 'Recorded',
    title: `You ${verb} ${plan.artifact} ${plan.version} for ${plan.to}`,
    about: `${promotion.id} · ${promotion.tenant}`,
  };
}

export function receiptOf({ promotion, plan, decision, history }: ReceiptFacts): Html {
  const event = eventOf(decision, history);
  return html`<h2>Receipt</h2>${listOf([
    ['Request', promotion.id],
    [
      'Decision',
      html`<b class="${decision.decision === 'approve' ? 'good' : 'bad'}">${decision.decision === 'approve' ? 'approved' : 'rejected'}</b>, ${timeOf(decision.at)}`,
    ],
    ['By', html`${personOf(decision.actor)}${decision.auth === 'email-link' ? ', by the mailed link alone' : ', signed in'}`],
    ['What', moveOf(plan)],
    ['Digest', digestOf(plan.digest)],
    ['Plan', html`<code>${decision.planHash}</code>`],
    ...(event
      ? [['Audit event', html`<code>${eventId(promotion.id, event.seq)}</code>, number ${event.seq} of ${promotion.id}`] as const]
      : []),
    ['Request is now', html`<b>${wordsOf(promotion.phase)}</b>`],
  ])}`;
}

/** The entry of the log that holds the decision: the last of this person that says so. */
function eventOf(decision: Decision, history: readonly HistoryEntry[]): HistoryEntry | undefined {
  const action = decision.decision === 'approve' ? 'approved' : 'rejected';
  return (
    history.findLast((entry) => entry.action === action && entry.by.key === decision.actor.key && entry.at <= decision.at) ??
    history.findLast((entry) => entry.action === action && entry.by.key === decision.actor.key)
  );
}

/** One button; before it the transcription, unless a person was there already. */
export function takeBackForm({ token, csrf, confirmation, error }: TakeBackFacts): Html {
  const typed = confirmation
    ? html`<div class="field"><label for="confirm">Type <code>${confirmation}</code> to show that a person asks for this</label><input id="confirm" type="text" name="confirm" autocomplete="off" autocapitalize="none" spellcheck="false" required${error ? html` aria-invalid="true" aria-describedby="confirm-wrong" autofocus` : ''}>${error ? html`<p class="wrong" id="confirm-wrong">${error.message}</p>` : ''}</div>`
    : html``;
  return html`<form method="post" action="/v1/approvals/link/revoke"><input type="hidden" name="t" value="${token}"><input type="hidden" name="csrf" value="${csrf}">
<h2>Was this not you?</h2><p>Take the decision back while nothing has begun. The link is dead then, and those who look after this request are told.</p>
${typed}<button type="submit" class="bad">This was not me: take it back</button></form>`;
}

const TAKEN_BACK: Readonly<Record<RevokeOutcome, { title: string; text: string }>> = {
  taken_back: {
    title: 'The decision is taken back',
    text: 'The request waits for approval as if it had not been given, and this link is dead.',
  },
  void: {
    title: 'The link is dead',
    text: 'What it decided does not count any more: it was taken back before, or the plan has changed since.',
  },
  unused: { title: 'The link is dead', text: 'It had decided nothing.' },
  begun: { title: 'The rollout has begun', text: 'The decision can no longer be taken back.' },
  over: { title: 'The request is over', text: 'The decision can no longer be taken back.' },
};

export function takenBackPage(outcome: RevokeOutcome, promotion: Promotion): { heading: Heading; body: Html } {
  const { title, text } = TAKEN_BACK[outcome];
  const told = outcome === 'unused' ? '' : ' Those who look after this request have been told.';
  return {
    heading: { kicker: 'This was not me', title, about: promotion.id },
    body: html`<p class="lead">${text}${told}</p><p>If somebody else can read your mail, tell your security team: whoever has your mailbox can open your next link too.</p>`,
  };
}
