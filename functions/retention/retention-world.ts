/** The world of retention as the function sees it. */
import { pinRows } from '../../adapters/retention/pin-rows.ts';
import { planRows } from '../../adapters/retention/plan-rows.ts';
import { registryImages } from '../../adapters/retention/registry-images.ts';
import { connectCluster } from '../../adapters/rollout/cluster.ts';
import { clock, configuration, environments, promotions, table } from '../kit/state.ts';
import type { RetentionWorld } from './make-plan.ts';

export async function retentionWorld(): Promise<RetentionWorld> {
  return {
    configuration: await configuration(),
    images: registryImages(),
    plans: planRows(table, clock),
    pins: pinRows(table, clock),
    connect: connectCluster,
    clock,
    environments,
    promotions,
  };
}
