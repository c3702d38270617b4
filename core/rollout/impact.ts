/** What a rollback would do to those who build on the artifact: a report from facts, and how dangerous it is. Pure. */

/** What a team says of a product that is built on an artifact. */
export interface Consumer {
  product: string;
  pipelines: readonly { name: string /** It keeps state that a change of version resets. */; state: boolean }[];
  storageGb?: number | undefined;
  /** Address or team that has to know. */
  owner?: string | undefined;
  /** How long its pipelines take to be back after a change. */
  restartSeconds?: number | undefined;
}

/** A workload of a cluster that says that it builds on the artifact. */
export interface ConsumingWorkload {
  namespace: string;
  name: string;
  state: boolean;
}

/** What is known of the cluster's own labels, and since when; or why it is not. */
export type ClusterView = { at: string; workloads: readonly ConsumingWorkload[] } | { unread: string };

export type MigrationKind =
  | 'create_table'
  | 'add_column'
  | 'create_index'
  | 'alter_table'
  | 'drop_table'
  | 'drop_column'
  | 'data'
  | 'other';

/** A change of stored data that came with a version, as its image declares it. */
export interface Migration {
  version: string;
  kind: MigrationKind;
  name: string;
  reversible: boolean;
}

export interface ImpactFacts {
  environment: string;
  from: string;
  to: string;
  consumers: readonly Consumer[];
  cluster: ClusterView;
  migrations: readonly Migration[];
  /** Versions whose declarations could not be read, with the reason. */
  undeclared: readonly { version: string; why: string }[];
  /** Measured seconds of earlier rollouts of this workload here, newest first. */
  durations: readonly number[];
  /** When the target was itself taken back from this environment. */
  targetRolledBackAt?: string | undefined;
}

export type Level = 'LOW' | 'MEDIUM' | 'HIGH';

/** A span of seconds. */
export interface Span {
  name: string;
  fromSeconds: number;
  toSeconds: number;
}

export interface ImpactReport {
  environment: string;
  from: string;
  to: string;
  products: { name: string; pipelines: number; statefulPipelines: number; storageGb: number | null; owner: string | null }[];
  /** Pipelines of the products and workloads of the cluster together. */
  workloads: { total: number; safe: number; stateful: number };
  cluster: { at: string; workloads: ConsumingWorkload[] } | { unread: string };
  /** Null parts are not known: nothing of the kind was measured or declared. */
  downtime: { fromSeconds: number; toSeconds: number; measuredRollouts: number; parts: Span[] } | null;
  data: { risk: Level; migrations: Migration[]; notes: string[] };
  risk: { level: Level; reasons: string[]; mitigations: string[] };
  recommendation: { verdict: 'SAFE TO ROLLBACK' | 'NOT SAFE WITHOUT A PLAN'; prerequisites: string[] };
  warnings: string[];
  /** What approvers read: facts that stay the same between a preview and the request. */
  summary: string[];
}

/** Kinds of which nothing is lost but what they themselves added. */
const ADDING: ReadonlySet<MigrationKind> = new Set(['create_table', 'add_column', 'create_index']);
const RANK = { LOW: 0, MEDIUM: 1, HIGH: 2 } as const;
/** Fewer say nothing of the next one. */
const MOST_DURATIONS = 20;

export function impactOf(facts: ImpactFacts): ImpactReport {
  const { environment, from, to, consumers, cluster } = facts;
  const products = [...consumers]
    .sort((left, right) => right.pipelines.length - left.pipelines.length || (left.product < right.product ? -1 : 1))
    .map(({ product, pipelines, storageGb, owner }) => ({
      name: product,
      pipelines: pipelines.length,
      statefulPipelines: pipelines.filter(({ state }) => state).length,
      storageGb: storageGb ?? null,
      owner: owner ?? null,
    }));
  const seen = 'unread' in cluster ? [] : cluster.workloads;
  const total = sum(products.map(({ pipelines }) => pipelines)) + seen.length;
  const stateful = sum(products.map(({ statefulPipelines }) => statefulPipelines)) + seen.filter(({ state }) => state).length;
  const data = dataImpact(facts);
  const risk = riskOf(facts, stateful, data.risk);
  const isNobody = total === 0 && products.length === 0;
  return {
    environment,
    from,
    to,
    products,
    workloads: { total, safe: total - stateful, stateful },
    cluster: 'unread' in cluster ? cluster : { at: cluster.at, workloads: [...seen] },
    downtime: downtimeOf(facts),
    data,
    risk,
    recommendation: recommendationFor(risk.level, isNobody),
    warnings: warningsOf(facts, risk.level),
    summary: [
      `Risk: ${risk.level}${risk.reasons.length > 0 ? ` (${risk.reasons.join('; ')})` : ''}`,
      `Affected data products: ${products.length === 0 ? 'none known' : products.map(({ name }) => name).join(', ')}`,
      ...data.notes,
    ],
  };
}

function dataImpact({ to, migrations, undeclared }: ImpactFacts): ImpactReport['data'] {
  const lost = migrations.filter(({ reversible }) => !reversible);
  const added = migrations.filter(({ kind, reversible }) => reversible && ADDING.has(kind));
  const changed = migrations.filter(({ kind, reversible }) => reversible && !ADDING.has(kind));
  const created = added.filter(({ kind }) => kind === 'create_table');
  const tables = created.length;
  const versions = [...new Set(created.map(({ version }) => version))];
  const known = migrations.length > 0 ? 'Existing data preserved' : 'No migrations are declared';
  const notes = [
    ...lost.map(({ version, kind, name }) => `${version} made a change that cannot be undone: ${kind} ${name}`),
    ...(tables > 0
      ? [
          `New tables created ${versions.length === 1 ? `in ${versions[0]}` : `since ${to}`}: ${tables}`,
          'These tables will be dropped on rollback',
        ]
      : []),
    ...(added.length > tables ? [`Other additions that will be dropped: ${added.length - tables}`] : []),
    ...changed.map(({ version, kind, name }) => `${version} changed stored data in a way that can be undone: ${kind} ${name}`),
    ...undeclared.map(({ version, why }) => `What ${version} changed is not known: ${why}`),
    ...(lost.length === 0 && undeclared.length === 0 ? [known] : []),
  ];
  const risk = lost.length > 0 ? 'HIGH' : changed.length > 0 || undeclared.length > 0 ? 'MEDIUM' : 'LOW';
  return { risk, migrations: [...migrations], notes };
}

function riskOf({ targetRolledBackAt, to }: ImpactFacts, stateful: number, data: Level): ImpactReport['risk'] {
  const found: { level: Level; reason: string; mitigation: string }[] = [];
  if (data === 'HIGH')
    found.push({
      level: data,
      reason: 'a migration cannot be undone',
      mitigation: 'Back up the stored data and agree with its owners first',
    });
  if (data === 'MEDIUM')
    found.push({ level: data, reason: 'stored data was changed, or how is not known', mitigation: 'Check the stored data after rollback' });
  if (targetRolledBackAt !== undefined)
    found.push({
      level: 'HIGH',
      reason: `${to} was itself rolled back at ${targetRolledBackAt}`,
      mitigation: 'Make sure that what was wrong with it is gone',
    });
  if (stateful > 0)
    found.push({
      level: 'MEDIUM',
      reason: `${stateful} pipeline${stateful === 1 ? '' : 's'} will reset state`,
      mitigation: 'Monitor pipeline execution after rollback',
    });
  found.sort((left, right) => RANK[right.level] - RANK[left.level]);
  return {
    level: found[0]?.level ?? 'LOW',
    reasons: found.map(({ reason }) => reason),
    mitigations: found.map(({ mitigation }) => mitigation),
  };
}

function recommendationFor(level: Level, isNobody: boolean): ImpactReport['recommendation'] {
  const notify = isNobody ? [] : ['Notify data teams'];
  if (level === 'LOW') return { verdict: 'SAFE TO ROLLBACK', prerequisites: notify };
  if (level === 'MEDIUM') return { verdict: 'SAFE TO ROLLBACK', prerequisites: [...notify, 'Schedule maintenance window'] };
  return { verdict: 'NOT SAFE WITHOUT A PLAN', prerequisites: [...notify, 'Back up what would be lost', 'Schedule maintenance window'] };
}

/** The swap as it was measured here, and then the restart of the pipelines, which happens in parallel. */
function downtimeOf({ durations, consumers }: ImpactFacts): ImpactReport['downtime'] {
  const measured = durations.slice(0, MOST_DURATIONS);
  const restarts = consumers.flatMap(({ restartSeconds }) => restartSeconds ?? []);
  const parts = [spanOf('Platform artifact swap', measured), spanOf('Pipeline restart', restarts)].filter((span) => span !== undefined);
  if (parts.length === 0) return null;
  return {
    fromSeconds: sum(parts.map(({ fromSeconds }) => fromSeconds)),
    toSeconds: sum(parts.map(({ toSeconds }) => toSeconds)),
    measuredRollouts: measured.length,
    parts,
  };
}

function spanOf(name: string, seconds: readonly number[]): Span | undefined {
  if (seconds.length === 0) return undefined;
  return { name, fromSeconds: Math.round(Math.min(...seconds)), toSeconds: Math.ceil(Math.max(...seconds)) };
}

function warningsOf({ consumers, cluster, durations, environment, to }: ImpactFacts, level: Level): string[] {
  return [
    ...(level === 'HIGH' ? [`the risk is high: ${environment} returns to ${to} only with a confirmation`] : []),
    ...('unread' in cluster ? [`which workloads of the cluster build on it is not known: ${cluster.unread}`] : []),
    ...(consumers.length === 0 ? ['no team has registered as a consumer: affected data products are not known'] : []),
    ...(durations.length === 0 ? ['no rollout of it was measured here yet: how long the swap takes is not known'] : []),
  ];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
