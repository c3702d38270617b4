/**
 * Lambda `adopt`: records what already runs in the environments and was never promoted by us, so that there is a way back to it, and which workloads
 * say that they build on an artifact; looks every minute at promotions that are new, where an environment takes them back by itself; and every quarter
 * of an hour whether each environment runs what was promoted, and whether it could go back.
 */
import { watchRows } from '../../adapters/environment/watch-rows.ts';
import { connectCluster } from '../../adapters/rollout/cluster.ts';
import { consumerRows } from '../../adapters/rollout/consumer-rows.ts';
import { clock, configuration, environments, promotions, table } from '../kit/state.ts';
import { type Adoption, adoptAll } from './adopt-workloads.ts';

const consumers = consumerRows(table, clock);
const watches = watchRows(table);

export async function handler(): Promise<Adoption & { takenBack: string[]; watched: string[] }> {
  const adoption = await adoptAll({ configuration, environments, consumers, clock, connect: connectCluster });
  // Loaded apart: the first start of the function, which adopts, needs none of it.
  const { watchWorld } = await import('./watch-world.ts');
  const { watchAll } = await import('./watch-environments.ts');
  return {
    ...adoption,
    ...(await lookAfter()),
    ...(await watchAll({ configuration, environments, promotions, clock, connect: connectCluster, watches, ...watchWorld(table) })),
  };
}

/** Before the watch: who is waiting for it has a broken version. Loaded where an environment wants it. */
async function lookAfter(): Promise<{ takenBack: string[] }> {
  const { environments: all } = await configuration();
  if (!Object.values(all).some(({ rollback }) => rollback.watchAfterSeconds !== undefined)) return { takenBack: [] };
  const { lookAfterPromotions } = await import('./look-after-promotions.ts');
  const { afterWorld } = await import('./after-world.ts');
  const stores = { configuration, environments, promotions, clock, watches };
  return lookAfterPromotions({ ...stores, connect: connectCluster, ...afterWorld(table) });
}
