/**
 * Makes `latest-<env>` say again what the environment's row says (D4). Somebody with the right to push may have moved it, a registry may have been
 * restored from a backup, or a run may have ended between its tag and its record. Called every minute.
 */
import type { Configuration, RegistryConfiguration } from '../../core/environment/configuration.ts';
import type { EnvironmentStore } from '../../core/environment/ports.ts';
import { Fault } from '../../core/errors.ts';
import type { PromotionStore } from '../../core/promotion/ports.ts';
import type { RegistryWriter } from '../../core/registry/ports.ts';
import { latestTag } from '../../core/registry/version.ts';
import { knownArtifacts } from '../environment/known-artifacts.ts';
import { log } from '../kit/log.ts';

export interface RepairWorld {
  configuration(): Promise<Configuration>;
  environments: Pick<EnvironmentStore, 'get'>;
  promotions: Pick<PromotionStore, 'list'>;
  writer: Pick<RegistryWriter, 'moveTag'>;
  /** Leaves an event in the log and tells the administrators. */
  alert(moved: { environment: string; artifact: string; registry: string; tag: string }): Promise<void>;
}

/** What was put right, as `registry/artifact:tag`. A registry that cannot be looked at keeps no other from its look. */
export async function repairLatest(world: RepairWorld): Promise<{ moved: string[] }> {
  const configuration = await world.configuration();
  const moved: string[] = [];
  for (const { name: environment, registries } of Object.values(configuration.environments)) {
    for (const artifact of await knownArtifacts(world.promotions, configuration, environment)) {
      for (const name of registries) {
        const registry = configuration.registries[name]!;
        const where = `${name}/${artifact}:${latestTag(environment)}`;
        try {
          if (!(await repairOne(world, registry, environment, artifact))) continue;
          moved.push(where);
          await world.alert({ environment, artifact, registry: name, tag: latestTag(environment) });
        } catch (error) {
          // A registry that was added later, or lost the version, has nothing that the tag could name: `greenlight repair` brings it.
          const isMissing = error instanceof Fault && error.code === 'DIGEST_MISMATCH';
          if (!isMissing) log.warn('latest tag not looked at', { where, error });
        }
      }
    }
  }
  return { moved };
}

/** Read for each registry anew: a promotion that has begun meanwhile moves the tag itself. What was adopted was never tagged by us. */
async function repairOne(
  { environments, writer }: RepairWorld,
  registry: RegistryConfiguration,
  environment: string,
  artifact: string,
): Promise<boolean> {
  const record = await environments.get(environment, artifact);
  if (!record?.current || record.holder !== undefined || record.current.requestId === 'adopted') return false;
  return writer.moveTag(registry, artifact, latestTag(environment), record.current.digest);
}
