/** `GET /v1/environments/{env}`: what runs in one environment, with its past. */
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { environments } from '../kit/state.ts';
import { pastInstant, placeAt } from './place-at.ts';
import { readEnvironment, recordsBefore, renderPlace } from './read-environment.ts';
import { renderLock } from './render-lock.ts';
import type { AtQuery } from './routes.ts';

const HISTORY_LENGTH = 20;

export async function getEnvironment(call: HttpCall<unknown, AtQuery>): Promise<HttpAnswer> {
  const environment = call.params['env']!;
  const { places, window, locks } = await readEnvironment(call, environment);
  const tier = call.configuration.environments[environment]!.tier;
  if (call.query.at !== undefined) {
    const at = pastInstant(call.query.at);
    const artifacts = await Promise.all(places.map((place) => placeAt(call.caller, environment, place, at, HISTORY_LENGTH)));
    return { status: 200, body: { environment, tier, at, locks: [], artifacts } };
  }
  const before = await recordsBefore(
    call,
    environment,
    places.map((place) => place.artifact),
  );
  const artifacts = await Promise.all(
    places.map(async (place) => ({
      ...renderPlace(place, before.get(place.artifact), window),
      history: await environments.history(environment, place.artifact, HISTORY_LENGTH),
    })),
  );
  return {
    status: 200,
    body: {
      environment,
      tier,
      ...(window ? { window } : {}),
      locks: locks.map((lock) => withoutPlace(renderLock(lock, true))),
      artifacts,
    },
  };
}

function withoutPlace({ environment: _environment, locked: _locked, ...lock }: ReturnType<typeof renderLock>) {
  return lock;
}
