/** `GET /v1/me`: who I am here, and what I may do where. */
import { grantsIn, holdsVerb } from '../../core/access/membership.ts';
import { VERBS } from '../../core/access/verb.ts';
import { tenantsOf } from '../../core/environment/configuration.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';

export async function me({ caller, configuration }: HttpCall): Promise<HttpAnswer> {
  const { identity, actor, membership } = caller;
  const environments = configuration.path.map((name) => ({
    name,
    tier: configuration.environments[name]!.tier,
    roles: grantsIn(membership, name).map(({ role }) => role),
    verbs: VERBS.filter((verb) => holdsVerb(membership, verb, name)),
  }));
  const body = {
    email: actor.email,
    name: identity.name,
    kind: actor.kind,
    teams: [...membership.teams],
    tenants: membership.tenants === 'all' ? tenantsOf(configuration) : [...membership.tenants],
    verbs: VERBS.filter((verb) => holdsVerb(membership, verb)),
    environments,
  };
  return { status: 200, body };
}
