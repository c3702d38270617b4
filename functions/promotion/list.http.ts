/** `GET /v1/requests/{env}`, `/my` and `/pending`. */
import type * as z from 'zod';
import { principalKey } from '../../core/access/identity.ts';
import { maySee } from '../../core/access/membership.ts';
import { decide } from '../../core/approval/decide.ts';
import { Refusal } from '../../core/errors.ts';
import { PHASES, type Phase, phasesOf } from '../../core/promotion/phase.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { actingOf } from '../kit/acting.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import type { pageQuery } from '../kit/route.ts';
import { clock, promotions } from '../kit/state.ts';
import type { listQuery } from '../promotion/routes.ts';
import { planAndDecisions } from './find-request.ts';
import { listRequests } from './list-requests.ts';

type ListCall = HttpCall<unknown, z.infer<typeof listQuery>>;
type PageCall = HttpCall<unknown, z.infer<typeof pageQuery>>;

export async function list(call: ListCall): Promise<HttpAnswer> {
  const { limit, cursor, ...filters } = call.query;
  const phases = phasesOfFilter(filters.state, filters.phase);
  const words = filters.search?.normalize('NFC').toLowerCase();
  const body = await listRequests(call, {
    operation: 'listRequests',
    filters,
    limit,
    cursor,
    tenant: filters.tenant,
    query: {
      ...(phases ? { phases } : {}),
      ...(filters.createdBy === undefined ? {} : { requesterEmail: filters.createdBy }),
      ...(filters.artifact === undefined ? {} : { artifact: filters.artifact }),
    },
    ...(words === undefined ? {} : { keep: async (promotion) => matches(promotion, words) || textsMatch(promotion, words) }),
  });
  return { status: 200, body };
}

export async function listMine(call: PageCall): Promise<HttpAnswer> {
  const { limit, cursor } = call.query;
  const query = { requesterKey: principalKey(call.caller.actor) };
  return { status: 200, body: await listRequests(call, { operation: 'listMyRequests', filters: {}, limit, cursor, query }) };
}

/** What waits for me: requests whose open rules ask for somebody like me, without my own and those I have decided. */
export async function listPending(call: PageCall): Promise<HttpAnswer> {
  const { limit, cursor } = call.query;
  const body = await listRequests(call, {
    operation: 'listPendingRequests',
    filters: {},
    limit,
    cursor,
    query: { phases: ['pending_approval'] },
    keep: (promotion) => waitsForMe(promotion, call),
  });
  return { status: 200, body };
}

async function waitsForMe(promotion: Promotion, call: PageCall): Promise<boolean> {
  const { actor, membership } = call.caller;
  if (!maySee(membership, actor, promotion)) return false;
  const facts = {
    promotion,
    ...(await planAndDecisions(promotion)),
    membership,
    gatesHash: '',
    isReciprocal: false,
    now: clock.now().toISOString(),
    hashText: () => '',
  };
  try {
    // The rule that would take the decision says whether it waits for it.
    return decide(facts, { ...actingOf(call), decision: 'approve', planHash: promotion.planHash }).kind === 'change';
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

function phasesOfFilter(state: Parameters<typeof phasesOf>[0] | undefined, phase: string | undefined): Phase[] | undefined {
  if (phase !== undefined && !(PHASES as readonly string[]).includes(phase)) {
    throw new Refusal('INVALID_REQUEST', 'there is no such phase', {
      errors: [{ path: '?phase', message: `must be one of ${PHASES.join(', ')}` }],
    });
  }
  if (state === undefined) return phase === undefined ? undefined : [phase as Phase];
  const phases = phasesOf(state);
  return phase === undefined ? phases : phases.filter((candidate) => candidate === phase);
}

/** Case-insensitive part of id, artifact, version, project or requester. */
function matches({ id, artifact, requestedVersion, releaseVersion, requester, project = '' }: Promotion, words: string): boolean {
  return [id, artifact, requestedVersion, releaseVersion, project, requester.email, requester.name ?? ''].some((text) =>
    text.toLowerCase().includes(words),
  );
}

/** What the requester wrote lies apart from the heads, and is read only where the head does not fit. */
async function textsMatch({ id }: Promotion, words: string): Promise<boolean> {
  const { justification, releaseNotes, rollbackPlan } = (await promotions.texts(id))?.spec.request ?? {};
  return [justification, releaseNotes, rollbackPlan].some((text) => text?.toLowerCase().includes(words));
}
