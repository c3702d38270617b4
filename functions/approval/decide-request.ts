/** The way from every channel to the one rule that decides: facts by strongly consistent reads, then `decide`, then one transaction. */
import { isSamePerson, principalKey } from '../../core/access/identity.ts';
import { type Membership, membershipOfKey } from '../../core/access/membership.ts';
import { type DecisionInput, decide, refuseWrongPerson } from '../../core/approval/decide.ts';
import type { Decision } from '../../core/approval/decision.ts';
import { standingDecisions } from '../../core/approval/standing.ts';
import { alertOf, REPEATED_ATTEMPTS, type Signal } from '../../core/approval/suspicion.ts';
import { Refusal } from '../../core/errors.ts';
import { afterChange } from '../../core/promotion/aggregate.ts';
import { contentHash, sha256Hex } from '../../core/promotion/canonical-json.ts';
import type { PromotionChange } from '../../core/promotion/change.ts';
import { changing, VersionConflict } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { clock, configuration, promotions } from '../kit/state.ts';
import { type KnownRequest, known } from '../promotion/find-request.ts';

type Decider = Pick<DecisionInput, 'decision' | 'actor' | 'auth' | 'channel' | 'automated'>;

export interface DecideOptions {
  /** Read from the configuration in force when it is not given. */
  membership?: Membership;
  /** The request as the caller has just read it: it need not be read again unless somebody was faster, which the write finds out. */
  found?: KnownRequest;
}

/**
 * Decides on a request and answers it as it then is. Refusals of `decide`, and NOT_FOUND for another environment's or tenant's request. A refused
 * decision of the requester leaves one audit event.
 */
export function decideRequest(id: string, environment: string, input: DecisionInput, options: DecideOptions = {}): Promise<KnownRequest> {
  let { found } = options;
  return changing(
    async () => {
      const first = found ?? (await readKnown(id, environment));
      found = undefined;
      return first;
    },
    async (request) => {
      const { promotion, plan, given, approvers, gates, texts } = request;
      const member = options.membership ?? membershipOfKey(await configuration(), input.actor.key);
      await refuseDecider(request, input, member);
      const requester = principalKey(promotion.requester);
      const isReciprocal = await promotions.hasApproved(requester, input.actor.key);
      const gatesHash = contentHash(gates.map(({ name, status, message, definitionHash }) => ({ name, status, message, definitionHash })));
      const now = clock.now().toISOString();
      const hashText = (text: string) => sha256Hex(text);
      const outcome = await ofOneMoment(promotion, () =>
        decide({ promotion, plan, decisions: given, membership: member, approvers, gatesHash, isReciprocal, now, hashText }, input),
      );
      if (outcome.kind === 'unchanged') return request;
      const change = withReason(outcome.change, texts, input);
      return decided(request, change, await promotions.commit(change));
    },
  );
}

/** The request as the decision has left it: its version was the condition, so this is what another read would find. */
function decided(request: KnownRequest, change: PromotionChange, head: Promotion): KnownRequest {
  const { approvers } = request;
  const { decision } = change;
  const isReplaced = ({ planHash, actor }: Decision) => planHash === decision?.planHash && actor.key === decision.actor.key;
  const given = decision ? [...request.given.filter((earlier) => !isReplaced(earlier)), decision] : request.given;
  return { ...afterChange(change, head, request), given, decisions: standingDecisions(approvers, head, given), approvers };
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
export async function refuseDecider(request: KnownRequest, input: Decider, membership: Membership): Promise<void> {
  const { promotion, plan, decisions, approvers } = request;
  try {
    refuseWrongPerson({ promotion, plan, decisions, approvers, membership }, input);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'SELF_APPROVAL') await recordSelfApproval(promotion.id, input);
    throw error;
  }
}

async function readKnown(id: string, environment: string): Promise<KnownRequest> {
  const aggregate = await promotions.aggregate(id);
  if (aggregate?.promotion.to !== environment) throw new Refusal('NOT_FOUND', 'there is no such request');
  return known(aggregate);
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
