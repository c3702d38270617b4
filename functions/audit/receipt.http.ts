/** `GET …/{id}/receipt`: what a finished rollout can be proven with. */

import { openVault } from '../../adapters/audit/audit-vault.ts';
import { receiptName } from '../../adapters/audit/receipt-maker.ts';
import { invokeNow } from '../../adapters/promotion/function-calls.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { knowsTenant, mayReadEntry } from '../../core/access/audit-reach.ts';
import { maySee } from '../../core/access/membership.ts';
import { hasReceipt } from '../../core/audit/receipt-due.ts';
import { VARIABLES } from '../../core/environment/variables.ts';
import { Fault, Refusal } from '../../core/errors.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { log } from '../kit/log.ts';
import { promotions } from '../kit/state.ts';

const ID = /^PR-[0-9]{4}-[0-9]{4,9}$/;
/** Real time for a receipt that has to be made first; the API ends a call after 30 s. */
const LIMIT_MS = 20_000;
const store = openVault(requiredVariable(VARIABLES.RECEIPT_BUCKET));

/** For who may see the request, and for auditors. Unknown, another tenant's and another environment's are one and the same answer. */
export const requestReceipt: TwoPhaseHandler<Promotion> = {
  async find({ params, caller }: HttpCall<unknown, unknown>) {
    const { id, env } = params as { id: string; env: string };
    const promotion = ID.test(id) ? await promotions.head(id) : undefined;
    if (!promotion || promotion.to !== env || !knowsTenant(caller.membership, promotion.tenant)) {
      throw new Refusal('NOT_FOUND', 'there is no such request');
    }
    if (!maySee(caller.membership, caller.actor, promotion) && !mayReadEntry(caller.membership, 'audit.read', promotion)) {
      throw new Refusal('FORBIDDEN', 'your roles do not let you see this request');
    }
    return promotion;
  },
  async handle(_call, promotion) {
    if (!hasReceipt(promotion)) {
      throw new Refusal(
        'STATE_CONFLICT',
        `${promotion.id} is ${promotion.phase.replaceAll('_', ' ')}: only a finished rollout has a receipt`,
        {
          hint: 'its events are in …/timeline, and in the audit log',
        },
      );
    }
    const receipt = (await store.read(receiptName(promotion.id)))?.toString('utf8') ?? (await made(promotion.id));
    return { status: 200, contentType: 'application/json', body: receipt };
  },
};

/** It ended a moment ago, or could not be proven then. */
async function made(receiptOf: string): Promise<string> {
  const name = requiredVariable(VARIABLES.ATTEST_FUNCTION);
  const answer = await invokeNow<{ receipt: string | null }>(name, { receiptOf }, AbortSignal.timeout(LIMIT_MS)).catch((error: unknown) => {
    log.warn('receipt not made', { requestId: receiptOf, error });
    return undefined;
  });
  if (answer?.receipt) return answer.receipt;
  throw new Fault('AUDIT_UNAVAILABLE', `the receipt of ${receiptOf} cannot be made at this moment`, {
    hint: 'its events are sealed first; it is tried again every minute',
  });
}
