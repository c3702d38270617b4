/** Lambda `rollout`: moves workloads forward and back, and says whether it could. */
import { connectCluster } from '../../adapters/rollout/cluster.ts';
import { realTime } from '../../adapters/rollout/real-time.ts';
import { smokeProbe } from '../../adapters/rollout/smoke-probe.ts';
import type { ConnectionReport } from '../../core/rollout/connection-test.ts';
import { halting } from '../environment/halting.ts';
import { log } from '../kit/log.ts';
import { clock, configuration, environments, promotions } from '../kit/state.ts';
import { type NextStep, type RunEvent, taskHandler } from '../kit/task.ts';
import { rollBack } from './roll-back.task.ts';
import { rollOut } from './roll-out.task.ts';
import type { RolloutWorld } from './rollout-world.ts';
import type { ConnectionTestEvent } from './test-connection.task.ts';

const world: RolloutWorld = {
  promotions,
  environments,
  configuration,
  clock,
  connect: connectCluster,
  probe: smokeProbe,
  // Loaded by the first check that asks.
  metrics: async (check, query) => (await import('../../adapters/rollout/prometheus.ts')).askPrometheus(check, query),
  jobs: async () => (await import('../../adapters/rollout/awx.ts')).awxJobs,
  stopwatch: realTime,
  halting,
};

const steps = taskHandler({ 'roll-out': rollOut(world), 'roll-back': rollBack(world) });

/** Steps of runs come from the state machine, tests of connections from the function `operate`. */
export async function handler(event: RunEvent | ConnectionTestEvent): Promise<NextStep | ConnectionReport> {
  if (!('environment' in event)) return steps(event);
  // Loaded apart: no step of a rollout waits for it.
  const { testConnection } = await import('./test-connection.task.ts');
  const { probeCluster } = await import('../../adapters/rollout/cluster-probe.ts');
  const report = await testConnection({ configuration, probe: probeCluster })(event);
  log.info('connection tested', { environment: report.environment, cluster: report.cluster, outcome: report.outcome });
  return report;
}
