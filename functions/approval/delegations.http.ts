/** `GET`, `POST` and `DELETE /v1/delegations`: who is away, and who decides in that place. */
import { randomBytes } from 'node:crypto';
import type * as z from 'zod';
import { delegate, maySeeDelegation, refuseRevoking } from '../../core/approval/delegate.ts';
import { type Delegation, isActive } from '../../core/approval/delegation.ts';
import { Refusal } from '../../core/errors.ts';
import type { delegationBody } from '../approval/routes.ts';
import { actingOf } from '../kit/acting.ts';
import type { HttpAnswer, HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { pageOf } from '../kit/page.ts';
import type { pageQuery } from '../kit/route.ts';
import { clock, delegations } from '../kit/state.ts';

export async function listDelegations({ caller, query }: HttpCall<unknown, z.infer<typeof pageQuery>>): Promise<HttpAnswer> {
  const seen = (await delegations.recent()).filter((delegation) => maySeeDelegation(delegation, caller.actor, caller.membership));
  const page = await pageOf(seen, ({ createdAt, id }) => `${createdAt}#${id}`, ['listDelegations', caller.actor.key], query);
  return { status: 200, body: { ...page, items: page.items.map(render) } };
}

export async function createDelegation(call: HttpCall<z.infer<typeof delegationBody>>): Promise<HttpAnswer> {
  const { body, caller, configuration } = call;
  const { from, to, since, until } = body;
  const delegation = delegate({
    id: `dg-${randomBytes(8).toString('hex')}`,
    actor: caller.actor,
    membership: caller.membership,
    configuration,
    known: await delegations.recent(),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(since === undefined ? {} : { since }),
    until,
    now: clock.now(),
  });
  await delegations.add(delegation, actingOf(call));
  return { status: 201, headers: { location: `/v1/delegations/${delegation.id}` }, body: render(delegation) };
}

export const endDelegation: TwoPhaseHandler<Delegation> = {
  async find({ params, caller }) {
    const delegation = (await delegations.recent()).find(({ id }) => id === params['delegationId']);
    refuseRevoking(delegation, caller.actor, caller.membership, clock.now().toISOString());
    return delegation;
  },
  async handle(call, delegation) {
    if (!(await delegations.revoke(delegation, actingOf(call)))) throw new Refusal('STATE_CONFLICT', 'this delegation is over');
    return { status: 204 };
  },
};

function render(delegation: Delegation) {
  const { id, from, to, since, until, createdAt, revokedAt } = delegation;
  const now = clock.now().toISOString();
  const ended = revokedAt === undefined ? (now < since ? 'planned' : 'over') : 'revoked';
  return { id, from: from.email, to: to?.email ?? null, since, until, status: isActive(delegation, now) ? 'active' : ended, createdAt };
}
