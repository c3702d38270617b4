/** `POST /v1/hooks/approvals/{id}/{approver}`: the signed decision of an automated approver, on the one plan that it names. */
import * as z from 'zod';
import { resolveReference } from '../../adapters/references.ts';
import { identityKey } from '../../core/access/identity.ts';
import { NOBODY } from '../../core/access/membership.ts';
import { Refusal } from '../../core/errors.ts';
import { isSignedMessage } from '../../core/gate/webhook-signature.ts';
import { prose } from '../../core/promotion/request-body.ts';
import { checkSchema } from '../kit/check-schema.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { readJson } from '../kit/read-json.ts';
import { countFailure } from '../kit/sign-in-limit.ts';
import { clock, promotions, table } from '../kit/state.ts';
import { decideRequest } from './decide-request.ts';

/** Nothing but these two words is a decision. */
const bodySchema = z
  .strictObject({
    decision: z.enum(['approve', 'reject']),
    planHash: z.string().regex(/^sha256:[a-f0-9]{64}$/),
    reason: prose(0, 4_000).optional(),
  })
  .refine(({ decision, reason = '' }) => decision === 'approve' || reason.trim().length >= 10, {
    message: 'a rejection needs a reason of at least 10 characters',
    path: ['reason'],
  });

/** Issuer of the names under which services decide: no person and no robot can have one of them. */
const ISSUER = 'greenlight:automated';

/** Order: 401 BAD_SIGNATURE (also for an approver that does not exist), 404, 400, 403, 409, 410. The same decision again is 200 without a second effect. */
export async function decideByService(call: HttpCall): Promise<HttpAnswer> {
  const name = call.params['approver'] ?? '';
  const { automatedApprovers } = call.configuration;
  const approver = Object.hasOwn(automatedApprovers, name) ? automatedApprovers[name] : undefined;
  const isSigned =
    approver !== undefined && isSignedMessage(await resolveReference(approver.secret), call.headers, call.rawBody, clock.now());
  if (!isSigned) {
    await countFailure(table, clock, 'hook', call.sourceIp);
    throw new Refusal('BAD_SIGNATURE', 'the message is not signed as it should be', {
      hint: 'sign `<webhook-id>.<webhook-timestamp>.<body>` with the secret of the approver; the time stamp may be 5 minutes old',
    });
  }
  const promotion = await promotions.head(call.params['id'] ?? '');
  if (!promotion) throw new Refusal('NOT_FOUND', 'there is no such request');
  const { decision, planHash, reason } = checkSchema(bodySchema, readJson(call.rawBody), 'body') as z.infer<typeof bodySchema>;
  const key = identityKey({ issuer: ISSUER, subject: name });
  const decided = await decideRequest(
    promotion.id,
    promotion.to,
    {
      decision,
      actor: { id: `service:${name}`, key, kind: 'policy', email: name, name },
      automated: name,
      auth: 'hmac',
      channel: 'hook',
      planHash,
      ...(reason === undefined || reason === '' ? {} : { comment: reason }),
    },
    { membership: NOBODY },
  );
  return { status: 200, body: { accepted: true, requestId: promotion.id, phase: decided.promotion.phase } };
}
