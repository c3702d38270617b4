/**
 * Task `test-connection`: looks whether a rollout could reach the cluster of an environment, and do there what it has to. It runs in the function
 * whose role the cluster knows, because the answer of any other role would be about that one. It changes nothing.
 */
import { inParallel } from '../../adapters/registry/in-parallel.ts';
import type { ClusterConfiguration, Configuration } from '../../core/environment/configuration.ts';
import { Fault } from '../../core/errors.ts';
import {
  type Check,
  type ConnectionReport,
  EGRESS,
  isNeed,
  judgeConnection,
  judgeDescription,
  judgeNamed,
  judgeNeed,
  type Named,
  type Need,
  nameOf,
  type Outcome,
  outcomeOf,
  readOnly,
  versionOf,
  wantedIn,
} from '../../core/rollout/connection-test.ts';
import type { ClusterProbe } from '../../core/rollout/ports.ts';
import { gatewayOf, type HttpRoute } from '../../core/rollout/route.ts';

export interface ConnectionTestEvent {
  task: 'test-connection';
  environment: string;
  /** Whose workloads are looked at: what the caller may know of. */
  artifacts: string[];
}

export interface ConnectionTestWorld {
  configuration(): Promise<Configuration>;
  probe(cluster: ClusterConfiguration): Promise<ClusterProbe>;
  /** Milliseconds for everything; the caller waits a little longer. */
  budgetMs?: number;
}

const BUDGET_MS = 18_000;
/** An API server limits callers (API Priority and Fairness): rollouts go first. */
const IN_FLIGHT = 4;

const OUT_OF_TIME = 'no time was left';

export function testConnection(world: ConnectionTestWorld) {
  return async ({ environment: name, artifacts: names }: ConnectionTestEvent): Promise<ConnectionReport> => {
    const configuration = await world.configuration();
    const environment = configuration.environments[name];
    const cluster = environment?.cluster === undefined ? undefined : configuration.clusters[environment.cluster];
    const namespace = environment?.namespace ?? '';
    const report: ConnectionReport = {
      ...{ environment: name, cluster: cluster?.name ?? null, kind: cluster?.kind ?? null, namespace },
      ...{ server: null, version: null, outcome: 'none', checks: [] },
    };
    if (!environment || !cluster) return report;
    const within = limited(world.budgetMs ?? BUDGET_MS);
    try {
      const probe = await within(world.probe(cluster));
      report.server = probe.server;
      const first = await within(probe.version()).catch((error): Outcome => {
        if (error instanceof OutOfTime) return { kind: 'unreachable', code: OUT_OF_TIME };
        throw error;
      });
      report.version = versionOf(first);
      report.checks.push(...judgeConnection(first, cluster.kind));
      if (report.checks.every(({ status }) => status === 'passed')) {
        const wanted = wantedIn(
          environment,
          Object.values(configuration.artifacts).filter((artifact) => names.includes(artifact.name)),
        );
        report.checks.push(...(await look(probe, wanted, within)));
      }
      report.outcome = outcomeOf(report.checks, first.kind !== 'unreachable');
    } catch (error) {
      report.checks.push(...judgeFailure(cluster.kind, error));
      report.outcome = outcomeOf(report.checks, !(error instanceof OutOfTime || isAway(cluster, error)));
    }
    return report;
  };
}

type Within = <Result>(promise: Promise<Result>) => Promise<Result>;

/** The lines in the order in which they were wanted, whoever was answered first. */
async function look(probe: ClusterProbe, wanted: readonly (Need | Named)[], within: Within): Promise<Check[]> {
  const checks = new Map<number, Check[]>();
  await inParallel(wanted.entries(), IN_FLIGHT, async ([place, each]) => {
    try {
      const outcome = await within(isNeed(each) ? probe.may(each) : probe.read(each));
      const own = isNeed(each) ? judgeNeed(each, outcome) : judgeNamed(each, outcome);
      checks.set(place, [own]);
      if (!isNeed(each) && own.status === 'passed') checks.set(place, [own, ...(await look(probe, gatewayBehind(each, outcome), within))]);
    } catch (error) {
      if (!(error instanceof OutOfTime)) throw error;
      const area = isNeed(each) ? 'permission' : 'object';
      checks.set(place, [{ area, name: nameOf(each), status: 'unknown', detail: OUT_OF_TIME, hint: 'ask again, for one artifact' }]);
    }
  });
  return wanted.flatMap((_each, place) => checks.get(place) ?? []);
}

/** The Gateway that a route names: nobody else says its name. */
function gatewayBehind({ leadsToGateway, namespace }: Named, outcome: Outcome): (Need | Named)[] {
  if (!leadsToGateway || outcome.kind !== 'answer') return [];
  const parent = gatewayOf(outcome.body as HttpRoute);
  return parent ? readOnly({ kind: 'Gateway', namespace: parent.namespace ?? namespace, name: parent.name }) : [];
}

/** EKS itself does not answer; a kubeconfig that cannot be read is something to mend. */
function isAway(cluster: ClusterConfiguration, error: unknown): boolean {
  return cluster.kind === 'platform_managed' && error instanceof Fault && error.retryable;
}

function judgeFailure(kind: ClusterConfiguration['kind'], error: unknown): Check[] {
  if (error instanceof Fault && error.code === EGRESS) return judgeConnection({ kind: 'untrusted', code: EGRESS }, kind);
  return [judgeDescription(kind, reasonOf(error))];
}

/** Our own words: they name references and codes, never what stands behind a reference. */
function reasonOf(error: unknown): string {
  if (error instanceof OutOfTime) return OUT_OF_TIME;
  if (error instanceof Fault) return error.message;
  throw error;
}

class OutOfTime extends Error {}

/** One end for all calls of a test. */
function limited(budgetMs: number): Within {
  const end = performance.now() + budgetMs;
  return async (promise) => {
    let timer: NodeJS.Timeout | undefined;
    const ended = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new OutOfTime()), Math.max(0, end - performance.now()));
    });
    try {
      return await Promise.race([promise, ended]);
    } finally {
      clearTimeout(timer);
    }
  };
}
