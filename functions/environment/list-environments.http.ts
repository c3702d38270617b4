/** `GET /v1/environments`: what runs where, in the order of the path. */
import { holdsVerb } from '../../core/access/membership.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { pastInstant, placeAt } from './place-at.ts';
import { type EnvironmentView, readEnvironment, renderPlace } from './read-environment.ts';
import type { AtQuery } from './routes.ts';

export async function listEnvironments(call: HttpCall<unknown, AtQuery>): Promise<HttpAnswer> {
  const { configuration, caller } = call;
  // Whoever only audits sees the environments where that role holds.
  const { membership } = caller;
  const path = configuration.path.filter(
    (environment) => holdsVerb(membership, 'read') || holdsVerb(membership, 'audit.read', environment),
  );
  const all = await Promise.all(path.map((environment) => readEnvironment(call, environment)));
  if (call.query.at !== undefined) return environmentsAt(call, path, all, pastInstant(call.query.at));
  const items = path.map((environment, index) => {
    const { places, window } = all[index]!;
    const before = new Map(index > 0 ? all[index - 1]!.places.map((place) => [place.artifact, place.record]) : []);
    return {
      environment,
      tier: configuration.environments[environment]!.tier,
      ...(window ? { window } : {}),
      artifacts: places.map((place) => renderPlace(place, before.get(place.artifact), window)),
    };
  });
  return { status: 200, body: { items } };
}

async function environmentsAt(
  { caller, configuration }: HttpCall<unknown, AtQuery>,
  path: readonly string[],
  all: readonly EnvironmentView[],
  at: string,
): Promise<HttpAnswer> {
  const items = await Promise.all(
    path.map(async (environment, index) => {
      const places = await Promise.all(all[index]!.places.map((place) => placeAt(caller, environment, place, at, 0)));
      const artifacts = places.map(({ history: _history, ...place }) => place);
      return { environment, tier: configuration.environments[environment]!.tier, at, artifacts };
    }),
  );
  return { status: 200, body: { items } };
}
