/** The way from every channel to the one rule that decides: facts by strongly consistent reads, then `decide`, then one transaction. */
import { isSamePerson, principalKey } from '../../core/access/identity.ts';
import { type Membership, membershipOfKey } from '../../core/access/membership.ts';
import { type DecisionInput, decide, refuseWrongPerson } from '../../core/approval/decide.ts';
import { alertOf, REPEATED_ATTEMPTS, type Signal } from '../../core/approval/suspicion.ts';
import { Refusal } from '../../core/errors.ts';
import { contentHash, sha256Hex } from '../../core/promotion/canonical-json.ts';
import type { PromotionChange } from '../../core/promotion/change.ts';
import { changing, VersionConflict } from '../../core/promotion/ports.ts';
import type { Promotion, PromotionAggregate } from '../../core/promotion/promotion.ts';
import { clock, configuration, promotions } from '../kit/state.ts';
import { type DecisionBasis, planAndDecisions } from '../promotion/find-request.ts';

type Decider = Pick<DecisionInput, 'decision' | 'actor' | 'auth' | 'channel' | 'automated'>;

/**
 * Decides on a request and answers it as it then is. `membership` is read from the configuration in force when it is not given. Refusals of
 * `decide`, and NOT_FOUND for another environment's or tenant's request. A refused decision of the requester leaves one audit event.
 */
export function decideRequest(id: string, environment: string, input: DecisionInput, membership?: Membership): Promise<PromotionAggregate> {
  return changing(
    () => readHead(id, environment),
    async (promotion) => {
      const member = membership ?? membershipOfKey(await configuration(), input.actor.key);
      const known = await planAndDecisions(promotion);
      const { plan, given: decisions, approvers } = known;
      await refuseDecider(promotion, input, member, known);
      const requester = principalKey(promotion.requester);
      const [gates, isReciprocal] = await Promise.all([
        promotions.gates(id, promotion.attempt),
        promotions.hasApproved(requester, input.actor.key),
      ]);
      const gatesHash = contentHash(gates.map(({ name, status, message, definitionHash }) => ({ name, status, message, definitionHash })));
      const now = clock.now().toISOString();
      const hashText = (text: string) => sha256Hex(text);
      const outcome = await ofOneMoment(promotion, () =>
        decide({ promotion, plan, decisions, membership: member, approvers, gatesHash, isReciprocal, now, hashText }, input),
      );
      if (outcome.kind === 'change') await promotions.commit(withReason(outcome.change, await promotions.texts(id), input));
      const aggregate = await promotions.aggregate(id);
      if (!aggregate) throw new Error(`${id} vanished`);
      return aggregate;
    },
  );
}

/** A request as it was before somebody's decision and the decisions after it make no sense together: their refusal is not said, they are read again. */
async function ofOneMoment<Result>(promotion: Promotion, rule: () => Result): Promise<Result> {
  try {
    return rule();
  } catch (error) {
    if (!(error instanceof Refusal) || (await promotions.head(promotion.id))?.version === promotion.version) throw error;
    throw new VersionConflict(`${promotion.id} has changed while its decisions were read`);
  }
}

/** Refuses who may not decide at all, before the body is looked at. The requester's own attempt is recorded. */
export async function refuseDecider(promotion: Promotion, input: Decider, membership: Membership, known?: DecisionBasis): Promise<void> {
  const basis = known ?? (await planAndDecisions(promotion));
  try {
    refuseWrongPerson({ promotion, membership, ...basis }, input);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'SELF_APPROVAL') await recordSelfApproval(promotion.id, input);
    throw error;
  }
}

async function readHead(id: string, environment: string): Promise<Promotion> {
  const promotion = await promotions.head(id);
  if (!promotion || promotion.to !== environment) throw new Refusal('NOT_FOUND', 'there is no such request');
  return promotion;
}

/** More attempts of one person on one request are counted no further: the log is no place to be filled by whoever likes to. */
const MOST_RECORDED = 20;

/** Nothing changes but the log: who requested a promotion tried to decide on it. Who keeps trying is reported. */
export function recordSelfApproval(id: string, input: Decider): Promise<unknown> {
  return changing(
    () => promotions.head(id),
    async (promotion) => {
      if (!promotion) return;
      const refused = (await promotions.history(id)).filter(
        ({ action, by }) => action === 'approval_refused' && by.key === input.actor.key,
      );
      if (refused.length >= MOST_RECORDED) return;
      const signals: Signal[] = refused.length + 1 === REPEATED_ATTEMPTS ? ['repeated_self_approval'] : [];
      await promotions.commit({
        notices: signals.map((signal) => alertOf(signal)),
        before: promotion,
        after: promotion,
        event: {
          type: 'approval.refused',
          actor: input.actor,
          auth: input.auth,
          channel: input.channel,
          data: {
            code: 'SELF_APPROVAL',
            decision: input.decision,
            requester: isSamePerson(promotion.requester, input.actor),
            ...(signals.length > 0 ? { signals } : {}),
          },
          history: { action: 'approval_refused' },
        },
      });
    },
  );
}

/** The reason of a rejection stands with the request's texts, where erasure finds it. */
function withReason(change: PromotionChange, texts: PromotionChange['texts'], input: DecisionInput): PromotionChange {
  if (change.after.phase !== 'rejected' || !texts || input.comment === undefined) return change;
  return { ...change, texts: { ...texts, rejectionReason: input.comment } };
}
