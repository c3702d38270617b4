/** Where a version is: the first registry along the path that has it, or what environments remember of it. */
import type { Configuration } from '../../core/environment/configuration.ts';
import type { EnvironmentHistoryEntry, EnvironmentRecord } from '../../core/environment/environment.ts';
import type { RegistryReader } from '../../core/registry/ports.ts';
import { versionKey } from '../../core/registry/version.ts';
import { hasRun } from '../../core/rollout/rollback-target.ts';
import { environments } from '../kit/state.ts';

export interface Place {
  environment: string;
  record: EnvironmentRecord | undefined;
  past: EnvironmentHistoryEntry[];
}

/** What every environment holds and held of an artifact, in the order of the path. */
export function placesOf({ path }: Pick<Configuration, 'path'>, artifact: string): Promise<Place[]> {
  return Promise.all(
    path.map(async (environment) => {
      const [record, past] = await Promise.all([environments.get(environment, artifact), environments.history(environment, artifact)]);
      return { environment, record, past };
    }),
  );
}

export interface FoundVersion {
  version: string;
  digest: string;
  /** Registry that has it now; undefined where only the past of an environment names it. */
  registry?: string;
}

export async function findVersion(
  configuration: Configuration,
  reader: Pick<RegistryReader, 'resolve'>,
  places: readonly Place[],
  artifact: string,
  version: string,
): Promise<FoundVersion | undefined> {
  for (const environment of configuration.path) {
    const registry = configuration.environments[environment]!.registries[0]!;
    const found = await reader.resolve(configuration.registries[registry]!, artifact, version, configuration.path, environment);
    if (found) return { version: found.releaseVersion, digest: found.digest, registry };
  }
  const key = versionKey(version, configuration.path);
  for (const { past } of places) {
    const entry = past.find((each) => hasRun(each) && versionKey(each.version, configuration.path) === key);
    if (entry) return { version: entry.version, digest: entry.digest };
  }
  return undefined;
}

/** Environments in which the digest succeeded at least once, in the order of the path. */
export function reachedBy(places: readonly Place[], digest: string): string[] {
  return places.filter(({ past }) => past.some((entry) => entry.digest === digest && hasRun(entry))).map(({ environment }) => environment);
}
