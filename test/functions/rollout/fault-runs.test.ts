/** Rollouts under faults, by the hundred: whatever happens, they end as succeeded or rolled back, and capacity never falls below stable's. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Configuration } from '../../../core/environment/configuration.ts';
import { type EnvironmentRecord, holderOf } from '../../../core/environment/environment.ts';
import { Fault } from '../../../core/errors.ts';
import type { PromotionChange } from '../../../core/promotion/change.ts';
import { VersionConflict } from '../../../core/promotion/ports.ts';
import { BACK_SECONDS } from '../../../core/rollout/budget.ts';
import { routeSplitOf } from '../../../core/rollout/route.ts';
import type { NextStep } from '../../../functions/kit/task.ts';
import { rollBack } from '../../../functions/rollout/roll-back.task.ts';
import { rollOut } from '../../../functions/rollout/roll-out.task.ts';
import type { RolloutWorld } from '../../../functions/rollout/rollout-world.ts';
import { CONTAINER, type Health, Killed, type Luck, ModelCluster } from './model-cluster.ts';
import { makeHead, makePlan, REPLICAS, REQUEST } from './promotion-of-lab.ts';

// The task that fails runs shares a file with its reader of failures, which opens the table when it is loaded; nothing here uses it.
vi.hoisted(() => {
  process.env['TABLE_NAME'] = 'unused';
});

const BEFORE = `sha256:${'1'.repeat(64)}`;
const AFTER = `sha256:${'2'.repeat(64)}`;
const imageOf = (digest: string) => `registry.example.com/payment-api@${digest}`;
const NO_BAD_LUCK: Luck = { seed: 1, refused: 0, lost: 0, late: 0, tableLost: 0, kills: [] };

interface Case {
  health?: Health;
  weights?: number[];
  luck?: Partial<Luck>;
  /** A Gateway splits the traffic, and not the number of pods. */
  gateway?: boolean;
}

/** Attempts after the first, as `statemachines/promotion.asl.json` has them. */
const RETRIES = { 'roll-out': 6, 'roll-back': 20 } as const;
const RETRIED = new Set(['UNAVAILABLE', 'VersionConflict']);

interface Run {
  /** `finish`, `rolled-back`, or what else the run ended with. */
  end: string;
  cluster: ModelCluster;
  commits: PromotionChange[];
  phase: string;
  /** Real seconds of the way back, from its record to the end; 0 without one. */
  backSeconds: number;
}

/** Drives the two tasks as the state machine does. */
async function runThrough({ health = 'true', weights = [10, 50, 100], luck = {}, gateway = false }: Case): Promise<Run> {
  const healthOf = (image: string) => (image === imageOf(AFTER) ? health : 'true');
  const cluster = new ModelCluster({ ...NO_BAD_LUCK, ...structuredClone(luck) }, imageOf(BEFORE), healthOf, gateway);
  const plan = makePlan(AFTER, BEFORE, {
    ...{ strategy: 'canary', weights, bakeSeconds: 5, smoke: true },
    ...{ cluster: 'demo', namespace: 'prod', workload: 'payment-api' },
    ...(gateway ? { traffic: routeSplitOf({ name: 'payment-api' }) } : {}),
  });
  let head = makeHead(plan);
  const commits: PromotionChange[] = [];
  let backAt: number | undefined;
  const environment: EnvironmentRecord = {
    ...{ environment: 'prod', artifact: 'payment-api', tenant: 'tenant-finance', health: 'healthy', revision: 1 },
    ...{ holder: holderOf(REQUEST, 1), fence: 3 },
    current: { version: '1.0.0', digest: BEFORE, requestId: 'PR-2026-0000', at: '2026-01-01T00:00:00.000Z' },
  };
  const smoke = [{ name: 'health', path: '/api/health', status: 200, json: { status: 'ok' } }];
  const workload = { name: 'payment-api', container: CONTAINER, replicas: REPLICAS, smoke, smokeOrigin: 'http://app.example.com' };
  const world = {
    promotions: {
      head: async () => head,
      plan: async () => plan,
      commit: (change: PromotionChange) =>
        cluster.table(() => {
          if (change.before?.version !== head.version) throw new VersionConflict('somebody was faster');
          commits.push(change);
          head = { ...change.after, version: head.version + 1 };
          if (head.phase === 'rolling_back') backAt ??= cluster.nowMs;
          return head;
        }),
    },
    environments: { get: async () => environment, wakeWaiters: async () => undefined },
    configuration: async () =>
      ({
        clusters: { demo: { name: 'demo', kind: 'platform_managed' } },
        artifacts: { 'payment-api': { name: 'payment-api', tenant: 'tenant-finance', workload } },
      }) as unknown as Configuration,
    clock: { now: () => new Date(Date.UTC(2026, 0, 1) + cluster.nowMs) },
    connect: async () => cluster.api,
    probe: cluster.probe,
    metrics: async () => ({ kind: 'none', reason: 'nobody measures here' }),
    halting: async () => undefined,
    stopwatch: { nowMs: () => cluster.nowMs, sleep: async (ms: number) => cluster.pass(ms) },
  } as unknown as RolloutWorld;
  const tasks = { 'roll-out': rollOut(world), 'roll-back': rollBack(world) };

  let task: 'roll-out' | 'roll-back' = 'roll-out';
  let failure: { Error: string; Cause: string } | undefined;
  for (let failed = 0, calls = 0; ; calls++) {
    if (calls > 200) throw new Error('the run goes round in circles');
    let next: NextStep;
    try {
      next = await tasks[task]({ task, requestId: REQUEST, attempt: 1, ...(failure ? { failure } : {}) });
      failed = 0;
    } catch (error) {
      // What is killed is started again when somebody notices.
      if (error instanceof Killed) {
        cluster.pass(1_000);
        continue;
      }
      const { name, message } = error as Error;
      const code = error instanceof Fault ? error.code : name;
      if (RETRIED.has(code) && failed++ < RETRIES[task]) {
        cluster.pass(Math.min(5_000, 1_000 * 2 ** (failed - 1)) * cluster.dice());
        continue;
      }
      if (task === 'roll-back') return ended(`failed as ${code}: ${message}`);
      [task, failed, failure] = ['roll-back', 0, { Error: code, Cause: JSON.stringify({ errorMessage: message }) }];
      continue;
    }
    if (next.next === 'bake') cluster.pass(next.bakeSeconds * 1_000);
    else if (next.next === 'roll-out' || next.next === 'roll-back') task = next.next;
    else return ended(next.next);
  }

  function ended(end: string): Run {
    const backSeconds = backAt === undefined ? 0 : (cluster.nowMs - backAt) / 1_000;
    // What the pods still do when nobody looks any more counts too.
    cluster.pass(10_000);
    return { end, cluster, commits, phase: head.phase, backSeconds };
  }
}

function expectWhole({ end, cluster, commits, phase, backSeconds }: Run, health: Health = 'true'): void {
  expect(['finish', 'rolled-back']).toContain(end);
  if (health !== 'true') expect(end).toBe('rolled-back');
  expect(cluster.fewestReady).toBeGreaterThanOrEqual(REPLICAS);
  expect(cluster.overload).toBeUndefined();
  expect(cluster.deployment('payment-api-canary').replicas).toBe(0);
  const runs = imageOf(end === 'finish' ? AFTER : BEFORE);
  expect(cluster.deployment('payment-api-stable')).toEqual({ image: runs, replicas: REPLICAS, ready: REPLICAS });
  expect(backSeconds).toBeLessThan(BACK_SECONDS);
  const begun = commits.filter(({ event }) => event.data['status'] === 'progressing').map(({ event }) => event.data['step']);
  expect(begun, 'a step begins once').toEqual([...new Set(begun)]);
  expect(phase).toBe(end === 'finish' ? 'promoting' : 'rolled_back');
  const back = commits.filter(({ event }) => event.type.startsWith('rollback.')).map(({ event }) => event.type);
  expect(back).toEqual(end === 'finish' ? [] : ['rollback.started', 'rollback.finished']);
}

const HEALTH: Health[] = ['true', 'false', 'after-50', 'crash'];

describe('CAN-05, CRASH-06: kill -9', () => {
  it.each([...HEALTH.map((health) => [health, false] as const), ['true', true], ['false', true]] as const)(
    'at every single call of a rollout (version: %s, gateway: %s), before its effect and after it, changes no end',
    async (health, gateway) => {
      const weights = [50, 100];
      const { cluster, end } = await runThrough({ health, gateway, weights });
      expect(cluster.calls).toBeGreaterThan(15);
      for (let call = 1; call <= cluster.calls; call++) {
        for (const when of ['before', 'after'] as const) {
          const run = await runThrough({ health, gateway, weights, luck: { kills: [{ call, when }] } });
          expect(run.end, `killed ${when} call ${call}`).toBe(end);
          expectWhole(run, health);
        }
      }
    },
  );
});

describe('CAN-04: refusals, time-outs and lost answers of every fifth call', () => {
  const share = (most: number) => fc.double({ min: 0, max: most, noNaN: true });
  const luck: fc.Arbitrary<Luck> = fc.record({
    seed: fc.integer(),
    refused: share(0.2),
    lost: share(0.1),
    late: share(0.03),
    tableLost: share(0.2),
    kills: fc.array(fc.record({ call: fc.integer({ min: 1, max: 120 }), when: fc.constantFrom('before' as const, 'after' as const) }), {
      maxLength: 3,
    }),
  });
  const weights = fc.constantFrom<number[]>([10, 50, 100], [50, 100], [100], [1, 2, 5, 10, 25, 50, 75, 100]);

  it('and a kill or two end as succeeded or rolled back, within two minutes of way back, with all of the capacity', async () => {
    await fc.assert(
      fc.asyncProperty(luck, fc.constantFrom(...HEALTH), weights, fc.boolean(), async (bad, health, steps, gateway) => {
        // What breaks from half of the pods on breaks at 100 % at the latest.
        expectWhole(await runThrough({ health, weights: steps, luck: bad, gateway }), health);
      }),
      { numRuns: 250 },
    );
  });

  it('end the same when two of three calls fail: slower, and never half-way', async () => {
    for (let seed = 1; seed <= 30; seed++) expectWhole(await runThrough({ luck: { seed, refused: 0.5, lost: 0.15 } }));
  });
});
