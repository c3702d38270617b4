/** `GET /v1/environments/{env}/metrics`: how often something is deployed there, how long it takes, what fails, and what waits for whom. */
import type * as z from 'zod';
import { belongsToTenant } from '../../core/access/membership.ts';
import { artifactOf } from '../../core/environment/configuration.ts';
import type { EnvironmentHistoryEntry } from '../../core/environment/environment.ts';
import { Refusal } from '../../core/errors.ts';
import { type DeliveryFact, deliveryOf } from '../../core/status/delivery.ts';
import { timeSpent } from '../../core/status/spent.ts';
import { knownArtifacts } from '../environment/read-environment.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { clock, environments, promotions } from '../kit/state.ts';
import type { metricsQuery } from './routes.ts';

type MetricsCall = HttpCall<unknown, z.infer<typeof metricsQuery>>;

const DEFAULT_DAYS = 30;
/** Entries of an artifact's past, and requests, that one answer reads at most: what it costs does not grow with what has happened before. */
const MOST_ENTRIES = 500;
const MOST_REQUESTS = 100;

export async function metrics(call: MetricsCall): Promise<HttpAnswer> {
  const environment = call.params['env']!;
  const { days = DEFAULT_DAYS, artifact } = call.query;
  const since = new Date(clock.now().getTime() - days * 86_400_000).toISOString();
  const names = artifact === undefined ? await knownArtifacts(call, environment) : [requireVisible(call, artifact)];
  const past = await Promise.all(
    names.map(async (name) => (await environments.history(environment, name, MOST_ENTRIES)).map((entry) => ({ ...entry, artifact: name }))),
  );
  const entries = past
    .flat()
    .filter(({ at }) => at >= since)
    .sort((left, right) => (left.at < right.at ? 1 : -1));
  const facts = await Promise.all(entries.map((entry, index) => (index < MOST_REQUESTS ? withRequest(entry) : entry)));
  const complete = entries.length <= MOST_REQUESTS && past.every((each) => each.length < MOST_ENTRIES || each.at(-1)!.at < since);
  return { status: 200, body: { environment, since, complete, ...deliveryOf(facts, days) } };
}

function requireVisible({ caller, configuration }: MetricsCall, name: string): string {
  const artifact = artifactOf(configuration, name);
  if (!artifact || !belongsToTenant(caller.membership, artifact.tenant)) throw new Refusal('NOT_FOUND', 'there is no such artifact');
  return name;
}

async function withRequest(entry: EnvironmentHistoryEntry & { artifact: string }): Promise<DeliveryFact> {
  if (entry.outcome === 'adopted') return entry;
  const [head, history] = await Promise.all([promotions.head(entry.requestId), promotions.history(entry.requestId)]);
  if (!head) return entry;
  return { ...entry, createdAt: head.createdAt, spent: timeSpent(history, head.approvedAt) };
}
