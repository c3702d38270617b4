/** Reads what a policy goes by: the way of an artifact from one environment to the next, and how the first one is now. */
import { inParallel } from '../../adapters/registry/in-parallel.ts';
import { type ArtifactConfiguration, artifactOf, type Configuration, environmentBefore } from '../../core/environment/configuration.ts';
import { refusedBecause } from '../../core/lifecycle/use.ts';
import type { CheckedGate } from '../../core/policy/evaluate.ts';
import { type ArtifactPast, type PastRequest, type PresentFacts, publishedStays, type Stay, staysOf } from '../../core/policy/past.ts';
import type { PromotionPolicy } from '../../core/policy/promotion-policy.ts';
import { versionsOf } from '../../core/registry/known-version.ts';
import type { ImageList } from '../../core/registry/ports.ts';
import { versionName } from '../../core/registry/version-name.ts';
import { environments, promotions, watches } from '../kit/state.ts';
import { standingNow } from '../lifecycle/standing-now.ts';

/** Rows of each environment's past that are looked at: a year of three promotions a day. */
const MOST_PAST = 1_000;
/** Versions of an artifact whose gates a replay reads; older ones are left out of it. */
export const MOST_STAYS = 200;
const PARALLEL = 8;
const REQUESTS_A_PAGE = 100;
const MOST_REQUESTS = 1_000;

/** With the gates of the present stay, or, for a replay, of the newest stays since an instant. */
export async function readPast(
  configuration: Configuration,
  images: ImageList,
  policy: PromotionPolicy,
  artifact: string,
  since?: string,
): Promise<ArtifactPast> {
  const settings = artifactOf(configuration, artifact)!;
  const { path } = configuration;
  const [histories, requests] = await Promise.all([
    Promise.all(path.map(async (name) => [name, await environments.history(name, artifact, MOST_PAST)] as const)).then(Object.fromEntries),
    requestsOf(policy, settings, artifact),
  ]);
  const all =
    environmentBefore(configuration, policy.from) === undefined
      ? await published(configuration, images, policy, settings, artifact)
      : staysOf(histories[policy.from] ?? []);
  const stays = all.filter(({ version }) => policy.prereleases || !versionName(version, path).prerelease);
  const checked =
    since === undefined ? stays.slice(-1) : stays.filter(({ until }) => until === undefined || until > since).slice(-MOST_STAYS);
  const gates = new Map<string, CheckedGate[]>();
  await inParallel(checked, PARALLEL, async ({ requestId }) => {
    if (requestId !== undefined) gates.set(requestId, await gatesOf(requestId));
  });
  return {
    artifact,
    stays: since === undefined ? stays : checked,
    gates,
    to: policy.to,
    path,
    scheme: settings.versionScheme ?? 'semver',
    histories,
    requests,
  };
}

async function published(
  configuration: Configuration,
  images: ImageList,
  { from, prereleases }: PromotionPolicy,
  { versionScheme = 'semver' }: ArtifactConfiguration,
  artifact: string,
): Promise<Stay[]> {
  const registry = configuration.registries[configuration.environments[from]!.registries[0]!]!;
  const listed = await images.images(registry, artifact);
  // Everything that is published lies there side by side: a prerelease takes no release's place.
  const versions = versionsOf(listed, configuration.path, versionScheme).filter(({ name }) => prereleases || !name.prerelease);
  return publishedStays(versions, versionScheme);
}

async function gatesOf(requestId: string): Promise<CheckedGate[]> {
  const gates = (await promotions.aggregate(requestId))?.gates ?? [];
  return gates.map(({ name, type, status }) => ({ name, type, status }));
}

async function requestsOf({ to }: PromotionPolicy, { tenant }: ArtifactConfiguration, artifact: string): Promise<PastRequest[]> {
  const found: PastRequest[] = [];
  let after: string | undefined;
  do {
    const page = await promotions.list({
      environment: to,
      tenants: [tenant],
      artifact,
      limit: REQUESTS_A_PAGE,
      ...(after === undefined ? {} : { after }),
    });
    for (const { id, kind, digest, phase, createdAt, updatedAt } of page.items)
      if (kind === 'promote') found.push({ id, digest, phase, createdAt, updatedAt });
    after = page.after;
  } while (after !== undefined && found.length < MOST_REQUESTS);
  return found;
}

/** How the source environment and the version are now; metrics are asked when everything else is good. */
export async function presentOf(
  configuration: Configuration,
  { from }: PromotionPolicy,
  artifact: string,
  { version, digest }: Stay,
): Promise<PresentFacts> {
  const [record, watch, standing] = await Promise.all([
    environments.get(from, artifact),
    watches.get(from, artifact),
    standingNow(artifact, version, digest),
  ]);
  const use = { artifact, version, standing, blockEol: configuration.lifecycle.support.blockEol };
  const refused = refusedBecause(use)?.why;
  return {
    ...(refused === undefined ? {} : { refused }),
    unwell: [
      ...(record && record.health !== 'healthy' ? [`${from} is in state ${record.health}`] : []),
      ...(watch?.drift.status === 'drifted' ? [`${from} does not run what was promoted there (since ${watch.drift.since})`] : []),
      // Nothing is known of it is not nothing has happened.
      ...(watch?.drift.status === 'unknown' ? [`what ${from} runs is not known: ${watch.drift.why}`] : []),
    ],
    metrics: [],
  };
}
