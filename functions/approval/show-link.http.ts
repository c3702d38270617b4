/** `GET /v1/approvals/link?t=…`: shows what is asked. It never decides: scanners open every link of a mail. */
import { confirmationOf } from '../../core/approval/link-token.ts';
import { Fault, Refusal } from '../../core/errors.ts';
import { isFinal } from '../../core/promotion/phase.ts';
import { identify } from '../kit/authenticate.ts';
import { deployedVerifier } from '../kit/bearer.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { promotions } from '../kit/state.ts';
import { decisionPage, leadingTo, page } from './link-page.ts';
import { approverOf, asPage, csrfFor, requestOf, visit } from './link-visit.ts';

export function showLink(call: HttpCall): Promise<HttpAnswer> {
  return asPage(call, async () => {
    const { token, claims, row } = await visit(call, call.query['t']);
    const promotion = await requestOf(claims);
    if (row.state === 'used') {
      throw new Refusal(
        'LINK_USED',
        `this link was used already: ${row.decision === 'reject' ? 'rejected' : 'approved'}; the request is ${promotion.phase}`,
      );
    }
    if (promotion.phase === 'expired') throw new Refusal('EXPIRED', 'the request has expired');
    if (isFinal(promotion.phase)) throw new Refusal('LINK_USED', `others have decided: the request is ${promotion.phase}`);
    if (promotion.planHash !== claims.planHash) {
      throw new Refusal('PLAN_CHANGED', 'the plan has changed since this mail was sent', {
        hint: 'a new mail with a new link is on its way',
      });
    }
    const approver = await approverOf(call.configuration, claims.approver);
    const [plan, texts, gates, { csrf, cookies }] = await Promise.all([
      promotions.plan(promotion.id, promotion.planHash),
      promotions.texts(promotion.id),
      promotions.gates(promotion.id, promotion.attempt),
      csrfFor(call, claims),
    ]);
    if (!plan || !texts) throw new Error(`${promotion.id} has no plan ${promotion.planHash}`);
    const environment = call.configuration.environments[promotion.to];
    const mustSignIn =
      !environment?.linkMayDecide &&
      (await identify({ headers: call.headers, cookies: call.cookies, sourceIp: call.sourceIp, method: 'GET' }).catch(() => undefined)) ===
        undefined;
    const body = decisionPage({
      promotion,
      plan,
      texts,
      gates,
      approver: { name: approver.actor.name ?? approver.actor.email, email: approver.actor.email },
      confirmation: confirmationOf(promotion.to, promotion.digest),
      token,
      csrf,
      mustSignIn,
    });
    return page(200, `Decide on ${promotion.artifact} ${promotion.releaseVersion}`, body, {
      cookies,
      headers: mustSignIn ? await signInHeaders() : {},
    });
  });
}

/** The form's answer leads to the sign-in page, perhaps on another origin, and browsers ask the page whether it may. */
async function signInHeaders(): Promise<Record<string, string>> {
  try {
    const { authorizationEndpoint } = await deployedVerifier().discover();
    return authorizationEndpoint === undefined ? {} : leadingTo(new URL(authorizationEndpoint).origin);
  } catch (error) {
    // The page can still be read while nobody can sign in.
    if (error instanceof Fault) return {};
    throw error;
  }
}
