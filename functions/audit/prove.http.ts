/** `GET /v1/audit/{eventId}/proof`: one line of the log with its way to the signed root. */
import { proveStored } from '../../adapters/audit/stored-lines.ts';
import { knowsTenant, mayReadEntry } from '../../core/access/audit-reach.ts';
import { entryOf } from '../../core/audit/log-entry.ts';
import { Refusal } from '../../core/errors.ts';
import type { HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { index, type SignedHead, signedHead, state, vault } from './audit-world.ts';

const EVENT_ID = /^[0-9a-f]{32}$/;

/** Unknown, not sealed yet and another tenant's are one and the same answer. The id is attacker-controlled. */
export const proveEvent: TwoPhaseHandler<{ at: number; head: SignedHead }> = {
  async find({ params, caller }) {
    const id = params['eventId']!;
    const head = EVENT_ID.test(id) ? await signedHead() : undefined;
    const place = head && (await index.placeOf(id));
    if (!head || !place || place.index >= head.size || !knowsTenant(caller.membership, place.tenant)) {
      throw new Refusal('NOT_FOUND', 'there is no such event', { hint: 'what happened a moment ago is sealed first: try again' });
    }
    return { at: place.index, head };
  },
  async handle({ caller }: HttpCall, { at, head }) {
    const proof = await proveStored(vault, at, head.checkpoint, await state.tiled(), head.tree);
    const entry = entryOf(Buffer.from(proof.line), at);
    // A role that holds in some environments only proves what happened there.
    if (!entry || !mayReadEntry(caller.membership, 'audit.read', entry))
      throw new Refusal('FORBIDDEN', 'your roles do not reach this event');
    return { status: 200, body: proof };
  },
};
