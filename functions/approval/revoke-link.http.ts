/** `POST /v1/approvals/link/revoke`: "this was not me". The decision is taken back while nothing has begun, and the link is dead. */
import { withdraw } from '../../core/approval/withdraw.ts';
import { Refusal } from '../../core/errors.ts';
import { html } from '../../core/notification/html.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { promotions } from '../kit/state.ts';
import { page } from './link-page.ts';
import { approverOf, asPage, links, requestOf, requireCsrf, requireOwnOrigin, visit } from './link-visit.ts';

export function revokeLink(call: HttpCall<Record<string, string>>): Promise<HttpAnswer> {
  return asPage(call, async () => {
    requireOwnOrigin(call);
    const { claims, row } = await visit(call, call.body['t']);
    await requireCsrf(call, claims, call.body['csrf']);
    const { actor } = await approverOf(call.configuration, claims.approver);
    if (row.state === 'used') {
      await changing(
        async () => ({ promotion: await requestOf(claims), decisions: await promotions.decisions(claims.requestId) }),
        async ({ promotion, decisions }) => {
          if (promotion.phase === 'promoting' || promotion.phase === 'rolling_back') {
            throw new Refusal('STATE_CONFLICT', 'the rollout has begun', { hint: 'call whoever is on duty: they can abort it' });
          }
          await promotions.commit(withdraw(promotion, decisions, { actor, auth: 'email-link', channel: 'link' }));
        },
      );
    }
    await links.revoke(claims.id);
    const text = row.state === 'used' ? 'The decision was taken back, and this link is dead.' : 'This link is dead.';
    return page(200, 'Revoked', html`<p>${text}</p><p>Tell your security team if somebody else reads your mail.</p>`);
  });
}
