/** `GET /v1/artifacts/{name}/updates`: versions that a constraint takes and that are newer than the one in use. */
import { artifactOf, type Configuration } from '../../core/environment/configuration.ts';
import { Refusal } from '../../core/errors.ts';
import { type Compatibility, compatibilityOf } from '../../core/lifecycle/compatibility.ts';
import { readConstraint } from '../../core/registry/constraint.ts';
import { type KnownVersion, type Update, updatesOf, versionsOf } from '../../core/registry/known-version.ts';
import type { ImageList, RegistryReader } from '../../core/registry/ports.ts';
import { versionKey } from '../../core/registry/version.ts';
import { versionName } from '../../core/registry/version-name.ts';
import type { HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { standingsNow } from '../lifecycle/standing-now.ts';
import { noSuchVersion, requireNamedArtifact } from './find-artifact-path.ts';
import { type Place, placesOf, reachedBy } from './find-version.ts';

export interface UpdatesQuery {
  constraint: string;
  current?: string;
  environment?: string;
}

/** More are named by a narrower constraint. */
const MOST_UPDATES = 200;

type Reader = Pick<RegistryReader, 'facts'>;

export function listUpdates(reader: Reader, list: ImageList): TwoPhaseHandler<void, unknown, UpdatesQuery> {
  return {
    async find(call) {
      requireNamedArtifact(call, 'read');
    },
    handle: (call) => updatesNow(call, reader, list),
  };
}

async function updatesNow({ configuration, params, query }: HttpCall<unknown, UpdatesQuery>, reader: Reader, list: ImageList) {
  const artifact = params['name']!;
  const scheme = artifactOf(configuration, artifact)!.versionScheme ?? 'semver';
  const constraint = readConstraint(query.constraint, scheme);
  const environment = query.environment;
  if (environment !== undefined && !Object.hasOwn(configuration.environments, environment))
    throw new Refusal('NOT_FOUND', `there is no environment ${environment}`, { hint: configuration.path.join(', ') });
  const source = configuration.registries[configuration.environments[environment ?? configuration.path[0]!]!.registries[0]!]!;
  const [images, places, standings] = await Promise.all([
    list.images(source, artifact),
    placesOf(configuration, artifact),
    standingsNow(artifact),
  ]);
  // An environment has what succeeded there, and nothing that merely lies in its registry.
  const versions = versionsOf(images, configuration.path, scheme).filter(
    ({ digest }) => environment === undefined || reachedBy(places, digest).includes(environment),
  );
  const current = query.current === undefined ? undefined : currentOf(configuration, versions, places, query.current);
  const updates = updatesOf(versions, constraint, current).filter(
    ({ name, digest }) => standings(name.text, digest).quarantine === undefined,
  );
  const good = updates.filter(({ name, digest, at }) => standings(name.text, digest, at).lifecycle.status === 'active');
  const recommended = good.at(-1);
  const render = ({ name, digest, at, step }: Update) => ({
    version: name.text,
    digest,
    publishedAt: at ?? null,
    step,
    prerelease: name.prerelease,
    environments: reachedBy(places, digest),
    lifecycle: standings(name.text, digest, at).lifecycle.status,
  });
  return {
    status: 200,
    body: {
      artifact,
      constraint: constraint.text,
      scheme,
      current: current ? { version: current.name.text, digest: current.digest, publishedAt: current.at ?? null } : null,
      updates: updates.slice(-MOST_UPDATES).map(render),
      recommended: recommended
        ? { ...render(recommended), compatibility: current ? await compatible(reader, source, artifact, current, recommended) : null }
        : null,
    },
  };
}

/** What the consumer has now: it may be gone from the registry, and is known by environments then. Refusal NOT_FOUND. */
function currentOf({ path }: Configuration, versions: readonly KnownVersion[], places: readonly Place[], text: string): KnownVersion {
  const key = versionKey(text, path);
  const listed = versions.find(({ name }) => versionKey(name.text, path) === key);
  if (listed) return listed;
  const entry = places.flatMap(({ past }) => past).find(({ version }) => versionKey(version, path) === key);
  if (!entry) throw noSuchVersion();
  return { name: versionName(entry.version, path), digest: entry.digest };
}

/** What the images say of the schemas that they read. One that cannot be read any more declares nothing. */
async function compatible(
  reader: Reader,
  source: Configuration['registries'][string],
  artifact: string,
  from: KnownVersion,
  to: KnownVersion,
): Promise<Compatibility> {
  const labelsOf = (digest: string) =>
    reader.facts(source, artifact, digest).then(
      ({ labels }) => labels,
      (error: unknown) => {
        if (error instanceof Refusal) return {};
        throw error;
      },
    );
  const [before, after] = await Promise.all([labelsOf(from.digest), labelsOf(to.digest)]);
  return compatibilityOf({ from: { name: from.name, labels: before }, to: { name: to.name, labels: after } });
}
