/** Lambda `rollout`: moves workloads forward and back. */
import { connectCluster } from '../../adapters/rollout/cluster.ts';
import { realTime } from '../../adapters/rollout/real-time.ts';
import { smokeProbe } from '../../adapters/rollout/smoke-probe.ts';
import { halting } from '../environment/halting.ts';
import { clock, configuration, environments, promotions } from '../kit/state.ts';
import { taskHandler } from '../kit/task.ts';
import { rollBack } from './roll-back.task.ts';
import { rollOut } from './roll-out.task.ts';
import type { RolloutWorld } from './rollout-world.ts';

const world: RolloutWorld = {
  promotions,
  environments,
  configuration,
  clock,
  connect: connectCluster,
  probe: smokeProbe,
  // Loaded by the first check that asks.
  metrics: async (check, query) => (await import('../../adapters/rollout/prometheus.ts')).askPrometheus(check, query),
  launch: async (job, variables) => (await import('../../adapters/rollout/awx.ts')).launchJob(job, variables),
  stopwatch: realTime,
  halting,
};

export const handler = taskHandler({ 'roll-out': rollOut(world), 'roll-back': rollBack(world) });
