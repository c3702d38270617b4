/** The tasks of one rollout over a cluster's API: state in memory, everything else as it runs. */
import { expect, vi } from 'vitest';
import { smokeProbe } from '../../../adapters/rollout/smoke-probe.ts';
import type { ClusterConfiguration, Configuration, WorkloadConfiguration } from '../../../core/environment/configuration.ts';
import { type EnvironmentRecord, holderOf } from '../../../core/environment/environment.ts';
import type { PromotionChange } from '../../../core/promotion/change.ts';
import type { Plan } from '../../../core/promotion/plan.ts';
import { VersionConflict } from '../../../core/promotion/ports.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import type { MetricAnswer } from '../../../core/rollout/metric.ts';
import type { ConnectCluster } from '../../../core/rollout/ports.ts';
import type { NextStep } from '../../../functions/kit/task.ts';
import { rollBack } from '../../../functions/rollout/roll-back.task.ts';
import { rollOut } from '../../../functions/rollout/roll-out.task.ts';
import type { RolloutWorld } from '../../../functions/rollout/rollout-world.ts';
import { makeHead, makePlan, REQUEST } from './promotion-of-lab.ts';

// The task that fails runs shares a file with its reader of failures, which opens the table when it is loaded; nothing here uses it.
vi.hoisted(() => {
  process.env['TABLE_NAME'] = 'unused';
});

export interface RunOptions {
  requestId?: string;
  fence?: number;
  digest: string;
  rollbackTarget: string | null;
  rollout: Plan['rollout'];
  workload: WorkloadConfiguration;
  cluster: ClusterConfiguration;
  connect: ConnectCluster;
  measured?: ((query: string) => MetricAnswer) | undefined;
  /** Longest pause between two looks. */
  pauseMs?: number;
}

export interface Run {
  world: RolloutWorld;
  commits: PromotionChange[];
  head(): Promotion;
  /** Changes the head or the environment behind the back of the task. */
  environment: EnvironmentRecord;
  woken: string[];
  rollOut(): Promise<NextStep>;
  rollBack(failure?: { Error: string; Cause: string }): Promise<NextStep>;
  /** Calls the tasks as the state machine does, bakes included, until the run ends; answers the tasks' answers. */
  run(): Promise<string[]>;
  /** Moves stored time. */
  pass(seconds: number): void;
}

export function openRun(options: RunOptions): Run {
  const { requestId = REQUEST, fence = 3, workload, cluster, pauseMs = 30 } = options;
  const plan = makePlan(options.digest, options.rollbackTarget, options.rollout);
  let head: Promotion = { ...makeHead(plan), id: requestId, fence };
  let seconds = 0;
  const commits: PromotionChange[] = [];
  const woken: string[] = [];
  const environment: EnvironmentRecord = {
    environment: 'prod',
    artifact: 'payment-api',
    tenant: 'tenant-finance',
    health: 'healthy',
    holder: holderOf(requestId, 1),
    fence,
    revision: 1,
  };
  const world: RolloutWorld = {
    promotions: {
      head: async (id) => (id === requestId ? head : undefined),
      plan: async () => plan,
      async commit(change) {
        if (change.before?.version !== head.version) throw new VersionConflict('somebody was faster');
        commits.push(change);
        head = { ...change.after, version: head.version + 1 };
        if (change.environment?.kind === 'release') delete environment.holder;
        return head;
      },
    },
    environments: { get: async () => environment, wakeWaiters: async (name, artifact) => void woken.push(`${name}/${artifact}`) },
    configuration: async () =>
      ({
        clusters: { [cluster.name]: cluster },
        artifacts: { 'payment-api': { name: 'payment-api', tenant: 'tenant-finance', workload } },
      }) as unknown as Configuration,
    clock: { now: () => new Date(Date.UTC(2026, 0, 1) + seconds * 1000) },
    connect: options.connect,
    probe: smokeProbe,
    metrics: async (_check, query) => options.measured?.(query) ?? { kind: 'none', reason: 'nobody measures here' },
    jobs: async () => expect.unreachable('no job moves this workload'),
    halting: async () => undefined,
    stopwatch: { nowMs: () => performance.now(), sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, pauseMs))) },
  };
  const tasks: Run = {
    world,
    commits,
    head: () => head,
    environment,
    woken,
    rollOut: () => rollOut(world)({ task: 'roll-out', requestId, attempt: 1 }),
    rollBack: (failure) => rollBack(world)({ task: 'roll-back', requestId, attempt: 1, ...(failure ? { failure } : {}) }),
    async run() {
      const answers: string[] = [];
      for (let next = 'roll-out'; next === 'roll-out' || next === 'roll-back'; ) {
        const answer = next === 'roll-out' ? await tasks.rollOut() : await tasks.rollBack();
        answers.push(answer.next);
        if (answer.next === 'bake') tasks.pass(answer.bakeSeconds);
        next = answer.next === 'bake' ? 'roll-out' : answer.next;
      }
      return answers;
    },
    pass(more) {
      seconds += more;
    },
  };
  return tasks;
}
