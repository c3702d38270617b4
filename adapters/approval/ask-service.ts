/** Asks an automated approver, with a signed message; its answer comes back later, signed as well. */
import type { AutomatedApproverConfiguration } from '../../core/environment/configuration.ts';
import { Fault } from '../../core/errors.ts';
import { signMessage } from '../../core/gate/webhook-signature.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { egress } from '../egress.ts';
import { resolveReference, resolveText } from '../references.ts';

const DEADLINE_MS = 10_000;

/** Any 2xx means that it was heard. The message id is the same for the same plan, so that a repetition is known as one. Faults: UNAVAILABLE, EGRESS_REFUSED. */
export async function askService(
  { name, url, secret }: AutomatedApproverConfiguration,
  promotion: Promotion,
  { origin, now }: { origin: string; now: Date },
): Promise<void> {
  const { id, artifact, releaseVersion, digest, from, to, tenant, impact, kind, planHash, expiresAt } = promotion;
  const subject = { requestId: id, kind, tenant, artifact, version: releaseVersion, digest, from, to, impact, planHash, expiresAt };
  const callback = `${origin}/v1/hooks/approvals/${id}/${name}`;
  const body = Buffer.from(JSON.stringify({ type: 'approval.requested', approver: name, ...subject, callback }));
  const signed = signMessage(await resolveReference(secret), `${id}-${name}-${planHash.slice(-16)}`, now, body);
  const headers = { 'content-type': 'application/json', ...signed };
  const answer = await egress.request({ method: 'POST', url: await resolveText(url), headers, body, deadlineMs: DEADLINE_MS });
  if (answer.status >= 500 || answer.status === 429) throw new Fault('UNAVAILABLE', `${name} answered ${answer.status}`);
  if (answer.status >= 300) throw new Fault('EGRESS_REFUSED', `${name} refused the request with ${answer.status}`);
}
