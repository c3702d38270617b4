/** What the tasks of a rollout need, and the facts that each of them reads first. */
import {
  type ArtifactConfiguration,
  artifactOf,
  type Configuration,
  type WorkloadConfiguration,
} from '../../core/environment/configuration.ts';
import { holderOf } from '../../core/environment/environment.ts';
import type { EnvironmentStore } from '../../core/environment/ports.ts';
import { Fault } from '../../core/errors.ts';
import { type Plan, planHashOf } from '../../core/promotion/plan.ts';
import type { Clock, PromotionStore } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { Holder } from '../../core/rollout/deployment-change.ts';
import type { Cluster, ConnectCluster, JobService, MetricSource, SmokeProbe, Stopwatch } from '../../core/rollout/ports.ts';
import type { RouteSplit } from '../../core/rollout/route.ts';
import type { NextStep } from '../kit/task.ts';

export interface RolloutWorld {
  promotions: Pick<PromotionStore, 'head' | 'plan' | 'commit'>;
  environments: Pick<EnvironmentStore, 'get' | 'wakeWaiters'>;
  configuration(): Promise<Configuration>;
  clock: Clock;
  connect: ConnectCluster;
  probe: SmokeProbe;
  metrics: MetricSource;
  jobs(): Promise<JobService>;
  stopwatch: Stopwatch;
  /** Where the run goes when a lock or a window keeps it from its next step; `spentMs` of the rollout's time are used. */
  halting(promotion: Promotion, spentMs: number): Promise<NextStep | undefined>;
}

/** One workload in one namespace, with the right to change it. */
export interface Place {
  cluster: Cluster;
  namespace: string;
  workload: WorkloadConfiguration;
  holder: Holder;
  stable: string;
  canary: string;
  /** Absent: the share of the pods is the share of the traffic. */
  traffic?: RouteSplit;
}

/** The stored plan, if it is the approved one. Everything a rollout does comes from it. */
export async function approvedPlan(world: RolloutWorld, promotion: Promotion): Promise<Plan> {
  const plan = await world.promotions.plan(promotion.id, promotion.planHash);
  if (plan && planHashOf(plan) === promotion.planHash) return plan;
  throw new Fault('PLAN_CHANGED', 'the stored plan does not have the hash that was approved');
}

/** Throws LOCK_LOST unless the environment is held by this attempt under this fence. */
export async function holdingLock(world: RolloutWorld, promotion: Promotion): Promise<Holder> {
  const record = await world.environments.get(promotion.to, promotion.artifact);
  const fence = promotion.fence;
  if (fence !== undefined && record?.holder === holderOf(promotion.id, promotion.attempt) && record.fence === fence) {
    return { requestId: promotion.id, fence };
  }
  throw new Fault('LOCK_LOST', `${promotion.id} does not hold the lock of ${promotion.to}`);
}

/** Where the plan's workload runs. Throws CLUSTER_REFUSED when the configuration no longer knows it. */
export async function placeOf(world: Pick<RolloutWorld, 'configuration' | 'connect'>, plan: Plan, holder: Holder): Promise<Place> {
  const configuration = await world.configuration();
  const workload = workloadOf(artifactOf(configuration, plan.artifact), plan);
  const cluster = plan.rollout.cluster === undefined ? undefined : configuration.clusters[plan.rollout.cluster];
  const namespace = plan.rollout.namespace;
  if (!workload || !cluster || namespace === undefined) {
    throw new Fault('CLUSTER_REFUSED', `the configuration no longer has the workload or cluster of ${plan.artifact} in ${plan.to}`);
  }
  return {
    cluster: await world.connect(cluster),
    namespace,
    workload: plan.rollout.smoke ? workload : { ...workload, smoke: [] },
    holder,
    stable: `${workload.name}-stable`,
    canary: `${workload.name}-canary`,
    ...(plan.rollout.traffic ? { traffic: plan.rollout.traffic } : {}),
  };
}

function workloadOf(artifact: ArtifactConfiguration | undefined, plan: Plan): WorkloadConfiguration | undefined {
  return artifact?.workload?.name === plan.rollout.workload ? artifact?.workload : undefined;
}
