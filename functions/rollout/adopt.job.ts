/**
 * Lambda `adopt`: records what already runs in the environments and was never promoted by us, so that there is a way back to it, and which workloads
 * say that they build on an artifact; and looks every quarter of an hour whether each environment runs what was promoted, and whether it could go back.
 */
import { watchRows } from '../../adapters/environment/watch-rows.ts';
import { connectCluster } from '../../adapters/rollout/cluster.ts';
import { consumerRows } from '../../adapters/rollout/consumer-rows.ts';
import { clock, configuration, environments, promotions, table } from '../kit/state.ts';
import { type Adoption, adoptAll } from './adopt-workloads.ts';

const consumers = consumerRows(table, clock);

export async function handler(): Promise<Adoption & { watched: string[] }> {
  const adoption = await adoptAll({ configuration, environments, consumers, clock, connect: connectCluster });
  // Loaded apart: the first start of the function, which adopts, needs none of it.
  const { watchWorld } = await import('./watch-world.ts');
  const { watchAll } = await import('./watch-environments.ts');
  const watches = watchRows(table);
  return {
    ...adoption,
    ...(await watchAll({ configuration, environments, promotions, clock, connect: connectCluster, watches, ...watchWorld(table) })),
  };
}
