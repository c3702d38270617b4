/** `GET /v1/environments`: what runs where, in the order of the path. */
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { readEnvironment, renderPlace } from './read-environment.ts';

export async function listEnvironments(call: HttpCall): Promise<HttpAnswer> {
  const { configuration } = call;
  const all = await Promise.all(configuration.path.map((environment) => readEnvironment(call, environment)));
  const items = configuration.path.map((environment, index) => {
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
