/** Lambda `adopt`: records what already runs in the environments and was never promoted by us, so that there is a way back to it. */
import { connectCluster } from '../../adapters/rollout/cluster.ts';
import { clock, configuration, environments } from '../kit/state.ts';
import { adoptAll } from './adopt-workloads.ts';

export const handler = () => adoptAll({ configuration, environments, clock, connect: connectCluster });
