/**
 * Rollouts against a real kube-apiserver and the real controllers of Deployments, ReplicaSets and quotas, with the manifests of kubernetes/production and
 * no other right than theirs. Only the node is played: no container runs.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectCluster } from '../../adapters/rollout/cluster.ts';
import { probeCluster } from '../../adapters/rollout/cluster-probe.ts';
import type { Configuration, EnvironmentConfiguration } from '../../core/environment/configuration.ts';
import type { EnvironmentRecord } from '../../core/environment/environment.ts';
import type { Watch } from '../../core/environment/watch.ts';
import type { Cluster } from '../../core/rollout/ports.ts';
import { adoptAll } from '../../functions/rollout/adopt-workloads.ts';
import { testConnection } from '../../functions/rollout/test-connection.task.ts';
import { watchAll } from '../../functions/rollout/watch-environments.ts';
import type { Fields } from '../../local/kubernetes/kube-object.ts';
import type { Run } from '../functions/rollout/rollout-run.ts';
import type { ControlPlane } from './control-plane/control-plane.ts';
import type { NodeAgent } from './control-plane/node-agent.ts';
import {
  ADOPTING,
  DEPLOYMENTS,
  digestOf,
  MAIN,
  MERGE,
  NAME,
  openProduction,
  type Production,
  REPLICAS,
  WORKLOAD,
} from './control-plane/production.ts';
import { findPrograms, VERSIONS } from './control-plane/programs.ts';

/** What the secrets hold that the configuration refers to. */
const secrets = vi.hoisted(() => new Map<string, string>());
vi.mock('../../adapters/references.ts', () => ({ resolveReference: async (name: string) => secrets.get(name) }));

const programs = findPrograms();

describe.skipIf(!programs)(`a real control plane (Kubernetes ${VERSIONS.kubernetes}, Gateway API ${VERSIONS.gatewayApi})`, () => {
  let prod: Production;
  let plane: ControlPlane;
  let node: NodeAgent;
  let api: Cluster;

  beforeAll(async () => {
    prod = await openProduction(programs!, secrets);
    ({ plane, node } = prod);
    vi.stubEnv('ALLOWED_ORIGINS', `${plane.origin},${node.origin},${node.gatewayOrigin}`);
    api = await connectCluster(MAIN);
  });
  afterAll(() => prod?.stop());
  beforeEach(() => {
    node.fewest = Number.POSITIVE_INFINITY;
  });
  afterEach(() => {
    expect(node.problems.splice(0)).toEqual([]);
  });

  const measured = ({ head }: Run) => head().rollout!.map(({ step, status, achievedWeight }) => [step, status, achievedWeight]);

  describe('the connection test', () => {
    const environment = (provider?: 'gateway') => {
      const rollout = { strategy: 'canary', weights: [100], bakeSeconds: 0, smoke: true, ...(provider ? { provider } : {}) };
      return { name: 'prod', cluster: 'main', namespace: 'prod', rollout, rollback: { rollout } };
    };
    const ask = (provider?: 'gateway') => {
      const artifacts = { [NAME]: { name: NAME, tenant: 'finance', workload: WORKLOAD } };
      const configuration = {
        clusters: { main: MAIN },
        environments: { prod: environment(provider) },
        artifacts,
      } as unknown as Configuration;
      const world = { configuration: async () => configuration, probe: probeCluster };
      return testConnection(world)({ task: 'test-connection', environment: 'prod', artifacts: [NAME] });
    };

    it('finds all that the role of the manifests gives', async () => {
      for (const provider of [undefined, 'gateway'] as const) {
        const report = await ask(provider);
        expect(report.checks.filter(({ status }) => status !== 'passed')).toEqual([]);
        expect(report).toMatchObject({ outcome: 'passed', version: `v${VERSIONS.kubernetes}`, server: plane.origin });
      }
    });

    it('says what an account without the role lacks, and that a wrong token is none', async () => {
      const good = secrets.get('secret:kubeconfig')!;
      secrets.set('secret:kubeconfig', plane.kubeconfig(await plane.tokenOf('prod', 'default')));
      const powerless = await ask();
      secrets.set('secret:kubeconfig', plane.kubeconfig('wrong'));
      const stranger = await ask();
      secrets.set('secret:kubeconfig', good);
      expect(powerless.checks.filter(({ area }) => area !== 'connection').map(({ status }) => status)).not.toContain('passed');
      expect(powerless.checks).toContainEqual(
        expect.objectContaining({ name: 'patch deployments.apps prod/payment-api-stable', detail: 'not allowed' }),
      );
      expect(stranger.checks.at(-1)).toMatchObject({ name: 'token', status: 'failed', detail: 'not accepted (401)' });
    });
  });

  describe('its API', () => {
    it('gives the account what the manifests say and nothing else', async () => {
      const refused = { code: 'CLUSTER_REFUSED', message: expect.stringContaining('403') };
      await expect(api.deployment('prod', 'another')).rejects.toMatchObject(refused);
      await expect(api.deployment('kube-system', `${NAME}-stable`)).rejects.toMatchObject(refused);
      await expect(api.service('prod', 'another')).rejects.toMatchObject(refused);
      await expect(api.pods('default', { app: NAME })).rejects.toMatchObject(refused);
      expect(await api.pods('prod', { app: NAME, track: 'stable' })).toHaveLength(REPLICAS);
      expect(await api.labelled('prod', 'track')).toHaveLength(2);
      expect((await api.gateway('prod', 'front')).spec.listeners).toHaveLength(1);
    });

    it('answers a patch under an old resourceVersion with a conflict, and changes nothing', async () => {
      const before = await api.deployment('prod', `${NAME}-canary`);
      const containers = [{ name: NAME, image: 'registry.example.com/other:1' }];
      const stale = { metadata: { resourceVersion: '1', annotations: {} }, spec: { replicas: 3, template: { spec: { containers } } } };
      expect(await api.patchDeployment('prod', `${NAME}-canary`, stale)).toBeUndefined();
      const route = await api.httpRoute('prod', NAME);
      const old = { metadata: { resourceVersion: '1', annotations: { a: 'b' } }, spec: { rules: route.spec.rules! } };
      expect(await api.patchHttpRoute('prod', NAME, old)).toBeUndefined();
      expect((await api.deployment('prod', `${NAME}-canary`)).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
    });

    it('refuses what its schema does not know and what it does not allow, in words that we pass on', async () => {
      const { resourceVersion } = (await api.deployment('prod', `${NAME}-canary`)).metadata;
      const patch = (more: object) => ({
        metadata: { resourceVersion, annotations: {} },
        spec: { replicas: 0, template: { spec: { containers: [] } }, ...more },
      });
      const attempt = (more: object) => api.patchDeployment('prod', `${NAME}-canary`, patch(more));
      await expect(attempt({ replica: 1 })).rejects.toMatchObject({
        code: 'CLUSTER_REFUSED',
        message: expect.stringContaining('unknown field "spec.replica"'),
      });
      await expect(attempt({ replicas: -1 })).rejects.toMatchObject({ message: expect.stringMatching(/422 .*spec\.replicas/) });
      const route = await api.httpRoute('prod', NAME);
      const rules = structuredClone(route.spec.rules!);
      rules[0]!.backendRefs![0]!.weight = 1_000_001;
      const heavy = { metadata: { resourceVersion: route.metadata.resourceVersion, annotations: {} }, spec: { rules } };
      await expect(api.patchHttpRoute('prod', NAME, heavy)).rejects.toMatchObject({ message: expect.stringMatching(/422 .*weight/) });
    });
  });

  describe('between promotions', () => {
    const configuration = (provider?: 'gateway') => {
      const rollout = { strategy: 'canary', ...(provider ? { provider } : {}) };
      const environment = {
        name: 'prod',
        cluster: 'main',
        namespace: 'prod',
        registries: [],
        gates: [],
        rollout,
      } as unknown as EnvironmentConfiguration;
      const artifacts = { [NAME]: { name: NAME, tenant: 'finance', workload: WORKLOAD } };
      return { clusters: { main: ADOPTING }, environments: { prod: environment }, artifacts } as unknown as Configuration;
    };

    it('what runs there is adopted, and who builds on it is read', async () => {
      const adopted: unknown[] = [];
      const seen: unknown[] = [];
      const adoption = await adoptAll({
        configuration: async () => configuration(),
        environments: { get: async () => undefined, adopt: async (...facts) => adopted.push(facts) > 0 },
        consumers: { seen: async () => undefined, see: async (_environment, sight) => void seen.push(sight) },
        clock: { now: () => new Date(0) },
        connect: connectCluster,
      });
      expect(adoption).toEqual({ adopted: ['prod/payment-api'], looked: ['prod'], skipped: [] });
      expect(adopted).toMatchObject([['prod', NAME, 'finance', { version: '1.0.0', digest: `sha256:${'0'.repeat(64)}` }]]);
      expect(seen).toMatchObject([{ workloads: [] }]);
    });

    /** What is seen of the environment when this digest was promoted there. */
    async function drift(digest: string, provider?: 'gateway'): Promise<Watch['drift']> {
      let seen: Watch | undefined;
      const record = { environment: 'prod', artifact: NAME, current: { digest, version: '1.0.0' } } as EnvironmentRecord;
      await watchAll({
        configuration: async () => configuration(provider),
        environments: { get: async () => record, history: async () => [] },
        promotions: { list: async () => ({ items: [] }) } as never,
        watches: {
          get: async () => undefined,
          async put(_environment: string, _artifact: string, watch: Watch) {
            seen = watch;
          },
        } as never,
        clock: { now: () => new Date(0) },
        connect: connectCluster,
        lackOf: async () => undefined,
        unsigned: async () => undefined,
        refused: async () => undefined,
        alert: async () => undefined,
      });
      return seen!.drift;
    }

    it('drift is seen: another digest, a canary of nobody, a route that leads to one', async () => {
      const promoted = `sha256:${'0'.repeat(64)}`;
      expect(await drift(promoted)).toEqual({ status: 'none' });
      expect(await drift(promoted, 'gateway')).toEqual({ status: 'none' });
      expect(await drift(digestOf('other'))).toMatchObject({ status: 'drifted', running: [promoted] });
      await prod.editByHand(`${NAME}-canary`, 1);
      await prod.settled(`${NAME}-canary`);
      expect(await drift(promoted)).toMatchObject({ status: 'drifted' });
      await prod.editByHand(`${NAME}-canary`, 0);
      await prod.settled(`${NAME}-canary`);
      await prod.weighByHand('canary', 5);
      expect(await drift(promoted, 'gateway')).toMatchObject({ status: 'drifted' });
      await prod.weighByHand('canary', 0);
    });
  });

  describe('a canary by pods', () => {
    it('goes 10, 50, 100 within the quota, and capacity never falls', async () => {
      const run = prod.promote('2.0.0');
      expect(await run.run()).toEqual(['roll-out', 'roll-out', 'finish']);
      prod.running = digestOf('2.0.0');
      expect(measured(run)).toEqual([
        ['canary:10', 'done', 10],
        ['canary:50', 'done', 50],
        ['canary:100', 'done', 100],
      ]);
      await prod.expectRunning(prod.running);
      expect(node.fewest).toBeGreaterThanOrEqual(REPLICAS);
      const { metadata } = (await plane.call('GET', `${DEPLOYMENTS}/${NAME}-stable`)).body;
      expect(metadata.annotations).toMatchObject({
        'greenlight.dev/fence': String(prod.fence),
        'greenlight.dev/generation': String(metadata.generation),
      });
      const ours = metadata.managedFields.filter(({ manager }: Fields) => manager === 'greenlight');
      expect(ours).toEqual([expect.objectContaining({ operation: 'Update', apiVersion: 'apps/v1' })]);
      expect(ours[0].fieldsV1['f:spec']).toHaveProperty('f:replicas');
    });

    it.each([
      ['answers errors', { health: 500 }, 'SMOKE_FAILED'],
      ['runs another digest than its reference says', { imageDigest: digestOf('forged') }, 'WRONG_DIGEST'],
      ['cannot be pulled', { waiting: 'ImagePullBackOff' }, 'ROLLOUT_TIMEOUT'],
    ])('that %s goes back to what ran', async (what, fate, code) => {
      const version = `3.0.0 ${what}`;
      node.fates.set(digestOf(version), fate);
      const run = prod.promote(version);
      expect(await run.run()).toEqual(['roll-back', 'rolled-back']);
      expect(run.head()).toMatchObject({ phase: 'rolled_back', failure: { code, step: 'canary:10' } });
      await prod.expectRunning(prod.running);
      expect(node.fewest).toBeGreaterThanOrEqual(REPLICAS);
    });

    it('that the quota has no room for ends when its time is over, with the words of the quota', async () => {
      const quota = '/api/v1/namespaces/prod/resourcequotas/payment-api';
      const allow = (pods: string) => plane.call('PATCH', quota, { spec: { hard: { pods } } }, MERGE);
      await allow(String(REPLICAS));
      const run = prod.promote('3.0.1');
      const { stopwatch } = run.world;
      run.world.stopwatch = { ...stopwatch, nowMs: () => performance.now() * 30 };
      expect(await run.run()).toEqual(['roll-back', 'rolled-back']);
      expect(run.head().failure).toMatchObject({ code: 'ROLLOUT_TIMEOUT', message: expect.stringContaining('exceeded quota') });
      await allow('35');
      await prod.expectRunning(prod.running);
    });

    it('that fails at 100 % gives the stable pods their image back', async () => {
      const run = prod.promote('3.1.0', { weights: [50, 100] });
      expect(await run.rollOut()).toEqual({ next: 'roll-out' });
      node.fates.set(digestOf('3.1.0'), { health: 503 });
      expect(await run.run()).toEqual(['roll-back', 'rolled-back']);
      expect(run.head().failure).toMatchObject({ code: 'SMOKE_FAILED', step: 'canary:100' });
      await prod.expectRunning(prod.running);
      expect(node.fewest).toBeGreaterThanOrEqual(REPLICAS);
    });

    it('CAN-10: that somebody edits by hand stops, and nothing is overwritten', async () => {
      const run = prod.promote('3.2.0');
      expect(await run.rollOut()).toEqual({ next: 'roll-out' });
      await prod.editByHand(`${NAME}-canary`, 2);
      await expect(run.rollOut()).rejects.toMatchObject({ code: 'CLUSTER_CONFLICT' });
      expect((await prod.settled(`${NAME}-canary`))['spec'].replicas).toBe(2);
      await expect(promoteUnder(prod.fence - 1)).rejects.toMatchObject({ code: 'LOCK_LOST' });
      // Somebody looks, restores, and promotes again.
      const next = prod.promote('4.0.0');
      expect(await next.run()).toEqual(['roll-out', 'roll-out', 'finish']);
      prod.running = digestOf('4.0.0');
      await prod.expectRunning(prod.running);
    });

    /** A run whose fence is not above the last one's. */
    function promoteUnder(old: number): Promise<unknown> {
      const kept = prod.fence;
      prod.fence = old - 1;
      const run = prod.promote('late');
      prod.fence = kept;
      return run.rollOut();
    }

    it('survives that the API server is killed in the middle of it', async () => {
      const run = prod.promote('5.0.0', { weights: [50, 100] });
      const first = run.rollOut();
      await vi.waitFor(async () => expect((await plane.call('GET', `${DEPLOYMENTS}/${NAME}-canary`)).body.spec.replicas).toBe(5), {
        timeout: 120_000,
      });
      await plane.restartApi();
      node.problems.splice(0);
      // The state machine tries a step again that found the API away for too long.
      const answer = await first.catch((error: { code: string }) => error.code);
      const then = answer === 'UNAVAILABLE' ? await run.rollOut() : answer;
      expect([then, run.head().failure]).toEqual([{ next: 'roll-out' }, undefined]);
      expect(await run.run()).toEqual(['finish']);
      prod.running = digestOf('5.0.0');
      await prod.expectRunning(prod.running);
      node.problems.splice(0);
    });
  });

  describe('a canary by the weights of an HTTPRoute', () => {
    it('goes by weights, and stable keeps its full strength', async () => {
      const run = prod.promote('6.0.0', { provider: 'gateway' });
      expect(await run.rollOut()).toEqual({ next: 'roll-out' });
      expect(await prod.weights()).toEqual([90, 10]);
      expect(await run.run()).toEqual(['roll-out', 'finish']);
      expect(measured(run)).toMatchObject([
        ['canary:10', 'done', 10],
        ['canary:50', 'done', 50],
        ['canary:100', 'done', 100],
      ]);
      expect(await prod.weights()).toEqual([100, 0]);
      prod.running = digestOf('6.0.0');
      await prod.expectRunning(prod.running);
      expect(node.fewest).toBeGreaterThanOrEqual(REPLICAS);
    });

    it('goes back by weights first when the version fails, and stops when somebody edits the route', async () => {
      node.fates.set(digestOf('6.1.0'), { health: 500 });
      const failing = prod.promote('6.1.0', { provider: 'gateway' });
      expect(await failing.run()).toEqual(['roll-back', 'rolled-back']);
      expect(await prod.weights()).toEqual([100, 0]);
      await prod.expectRunning(prod.running);

      const edited = prod.promote('6.2.0', { provider: 'gateway' });
      expect(await edited.rollOut()).toEqual({ next: 'roll-out' });
      await prod.weighByHand('stable', 7);
      await expect(edited.rollOut()).rejects.toMatchObject({ code: 'CLUSTER_CONFLICT', message: expect.stringContaining('HTTPRoute') });
      expect((await prod.weights())[0]).toBe(7);
    });
  });
});
