/**
 * "This was not me": `GET /v1/approvals/link/revoke?t=…` shows what was decided by the link, `POST` takes it back while nothing has begun, and the
 * link is dead. It needs no sign-in: who must not decide may at least stop. Scanners press buttons, so a browser in which nobody decided transcribes.
 */
import { decisionOf, refuseEndedLink } from '../../core/approval/link-standing.ts';
import { type RevokeOutcome, revoke } from '../../core/approval/revoke.ts';
import { Refusal } from '../../core/errors.ts';
import { html } from '../../core/notification/html.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { HttpAnswer, HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { promotions } from '../kit/state.ts';
import { page } from './link-page.ts';
import {
  approverOf,
  asPage,
  confirmationFor,
  csrfFor,
  isBrowserOf,
  isOwnForm,
  refused,
  refuseForeignForm,
  refuseStaleForm,
  requireOwnOrigin,
  signedIn,
  type Visit,
  visit,
  wantsPage,
} from './link-visit.ts';
import { headingOf, receiptOf, takeBackForm, takenBackPage } from './receipt-page.ts';

type Form = Record<string, string>;

export function showTakeBack(call: HttpCall): Promise<HttpAnswer> {
  return asPage(call, async () => {
    const visited = await visit(call, call.query['t']);
    refuseEndedLink(visited);
    const isProven = await isPersonThere(call, visited, 'GET');
    return showForm(200, call, visited, isProven);
  });
}

/** Order of refusals: CSRF (origin), BAD_LINK, 410, CSRF (form), CONFIRMATION_REQUIRED, 403 (person), 409. */
export const revokeLink: TwoPhaseHandler<void, Form> = {
  find: refuseForeignForm,
  handle: (call) => asPage(call, () => revokeNow(call)),
};

async function revokeNow(call: HttpCall<Form>): Promise<HttpAnswer> {
  requireOwnOrigin(call);
  const visited = await visit(call, call.body['t']);
  const { claims, token } = visited;
  refuseEndedLink(visited);
  if (!(await isOwnForm(call, claims, call.body['csrf']))) return refuseStaleForm(call, token);
  const isProven = call.body['confirm']?.trim() === confirmationFor(visited) || (await isPersonThere(call, visited, 'POST'));
  if (!isProven && byLink(visited)) return askAgain(call, visited);
  const { actor } = await approverOf(call.configuration, claims.approver);
  const { outcome, promotion } = await changing(
    async () => visit(call, token),
    async (now) => {
      refuseEndedLink(now);
      const { change, outcome } = revoke(
        { promotion: now.promotion, decision: byLink(now), linkId: claims.id },
        { actor, auth: 'email-link', channel: 'link' },
      );
      return { outcome, promotion: await promotions.commit(change) };
    },
  );
  return answerOf(call, outcome, promotion);
}

/** The decision that came by a link of this person; what was decided otherwise is withdrawn otherwise. */
function byLink({ claims, given }: Visit) {
  const decision = decisionOf({ claims, decisions: given });
  return decision?.channel === 'link' ? decision : undefined;
}

async function isPersonThere(call: HttpCall<unknown>, visited: Visit, method: 'GET' | 'POST'): Promise<boolean> {
  return isBrowserOf(call, visited) || (await signedIn(call, method))?.actor.key === visited.claims.approver;
}

async function showForm(status: number, call: HttpCall<unknown>, visited: Visit, isProven: boolean, error?: string): Promise<HttpAnswer> {
  const { promotion, plan, token, claims, request } = visited;
  const decision = byLink(visited);
  if (!decision)
    throw new Refusal('STATE_CONFLICT', 'there is no decision by this link to take back', { hint: 'the request page shows what stands' });
  const { csrf, cookies } = await csrfFor(call, claims);
  const facts = { promotion, plan, decision, history: request.history };
  const form = takeBackForm({
    token,
    csrf,
    ...(isProven ? {} : { confirmation: confirmationFor(visited) }),
    ...(error === undefined ? {} : { error: { path: '/confirm', message: error } }),
  });
  return page(status, headingOf(facts), html`${receiptOf(facts)}${form}`, { cookies });
}

async function askAgain(call: HttpCall<Form>, visited: Visit): Promise<HttpAnswer> {
  const refusal = new Refusal('CONFIRMATION_REQUIRED', 'type the confirmation shown on the page', {
    hint: 'it is the target environment and the last six characters of the digest; who is signed in need not type it',
    errors: [{ path: '/confirm', message: 'must be what the page shows' }],
  });
  if (!wantsPage(call)) return refused(call, refusal);
  return showForm(refusal.status, call, visited, false, 'Type what is shown above.');
}

/** Too late is a refusal, although the link is dead and people have been told. */
function answerOf(call: HttpCall<unknown>, outcome: RevokeOutcome, promotion: Promotion): HttpAnswer {
  const { heading, body } = takenBackPage(outcome, promotion);
  const isLate = outcome === 'begun' || outcome === 'over';
  if (isLate && !wantsPage(call)) {
    const hint = outcome === 'begun' ? 'call whoever is on duty: they can abort it' : 'it is over';
    throw new Refusal(
      'STATE_CONFLICT',
      `${outcome === 'begun' ? 'the rollout has begun' : 'the request is over'}; the link is dead, and people have been told`,
      { hint },
    );
  }
  return page(isLate ? 409 : 200, heading, body);
}
