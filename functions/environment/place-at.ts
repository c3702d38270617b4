/** What an environment held of an artifact at an instant of the past, and why that was allowed. */
import { mayReadEntry } from '../../core/access/audit-reach.ts';
import { maySee } from '../../core/access/membership.ts';
import { heldAt } from '../../core/environment/as-of.ts';
import type { EnvironmentHistoryEntry } from '../../core/environment/environment.ts';
import { Refusal } from '../../core/errors.ts';
import type { Caller } from '../kit/http.ts';
import { clock, environments, promotions } from '../kit/state.ts';
import { type ArtifactPlace, renderPlace } from './read-environment.ts';

/** The instant as the history spells it; refuses one that has not come yet. */
export function pastInstant(at: string): string {
  const instant = new Date(at).toISOString();
  if (instant > clock.now().toISOString()) {
    throw new Refusal('INVALID_REQUEST', 'that time has not come yet', { errors: [{ path: '?at', message: 'must not be in the future' }] });
  }
  return instant;
}

/** The place as it was then. Health, flags and what was on its way are known of now only. */
export async function placeAt(caller: Caller, environment: string, place: ArtifactPlace, at: string, historyLength: number) {
  const { current, previous, past } = heldAt(await environments.history(environment, place.artifact), at);
  const record = {
    ...{ environment, artifact: place.artifact, tenant: place.tenant, health: 'healthy' as const, fence: 0, revision: 0 },
    ...(current ? { current: occupantOf(current) } : {}),
    ...(previous ? { previous: occupantOf(previous) } : {}),
  };
  const { lock: _lock, watch: _watch, ...then } = renderPlace({ ...place, record, watch: undefined, pending: [] }, undefined, undefined);
  return {
    ...then,
    health: 'unknown' as const,
    allowed: current ? await allowed(caller, current) : null,
    history: past.slice(0, historyLength),
  };
}

function occupantOf({ version, digest, requestId, at }: EnvironmentHistoryEntry) {
  return { version, digest, requestId, at };
}

/** Who asked for it and who agreed to which plan; null for what was adopted: nobody had to. */
async function allowed({ actor, membership }: Caller, { requestId }: EnvironmentHistoryEntry) {
  const promotion = await promotions.head(requestId);
  if (!promotion) return null;
  const { id, kind, planHash, requester, to } = promotion;
  // Who may not see the request learns no more than the history says.
  const isTold = maySee(membership, actor, promotion) || mayReadEntry(membership, 'audit.read', promotion);
  if (!isTold) return { requestId: id, kind, planHash, requestedBy: null, approvals: [], receipt: null };
  const decisions = (await promotions.decisions(id)).filter((each) => each.planHash === planHash && !each.withdrawn);
  return {
    requestId: id,
    kind,
    planHash,
    requestedBy: requester.email as string | null,
    approvals: decisions.map(({ actor: by, decision, at }) => ({ by: by.email, decision, at })),
    receipt: `/v1/requests/${to}/${id}/receipt` as string | null,
  };
}
