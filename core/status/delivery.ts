/** The four figures of DORA, from what environments remember of their past. */
import type { EnvironmentHistoryEntry } from '../environment/environment.ts';
import { PARTS, type Part, type Spent, WAITING } from './spent.ts';

/** One entry of an environment's past, with what is known of the request that brought it. */
export interface DeliveryFact extends Pick<EnvironmentHistoryEntry, 'outcome' | 'kind' | 'at' | 'version' | 'replaced' | 'seconds'> {
  artifact: string;
  requestId: string;
  createdAt?: string;
  spent?: Spent;
}

export interface Delivery {
  days: number;
  /** Versions that came into the environment. */
  deployments: number;
  deploymentsPerDay: number;
  /** Seconds from the request to the version that is live; null where nothing was deployed. */
  leadTime: Quantiles | null;
  changes: number;
  failures: number;
  /** Share of changes that failed, went back by themselves, or were taken back later; null where nothing was changed. */
  changeFailureRate: number | null;
  /** Seconds until what ran before ran again: of the way back of a rollout, or from the request of a rollback to its end. */
  timeToRestore: Quantiles | null;
  /** Seconds that the deployed ones spent, by part; `waiting` and `working` are their sums. */
  spent: Record<Part, number> & { waiting: number; working: number };
  /** Requests behind the failures, newest first. */
  failed: string[];
  /** The days (UTC) on which something happened, the oldest first. A failure stands on the day on which it was undone or given up. */
  byDay: { day: string; deployments: number; failures: number }[];
}

export interface Quantiles {
  median: number;
  p90: number;
}

/** `facts`: newest first, of the period only. */
export function deliveryOf(facts: readonly DeliveryFact[], days: number): Delivery {
  const promotions = facts.filter(({ kind, outcome }) => kind === undefined && outcome !== 'adopted');
  const deployed = promotions.filter(({ outcome }) => outcome === 'succeeded');
  const rollbacks = facts.filter(({ kind, outcome }) => kind === 'rollback' && outcome === 'succeeded');
  const unsuccessful = promotions.filter(({ outcome }) => outcome !== 'succeeded');
  // One that was taken back after it had succeeded has failed, once, and whenever it was deployed.
  const takenBack = rollbacks.filter(
    ({ artifact, replaced }, index) => rollbacks.findIndex((other) => other.artifact === artifact && other.replaced === replaced) === index,
  );
  const failures = unsuccessful.length + takenBack.length;
  const deployedBefore = takenBack.filter(
    ({ artifact, replaced }) => !deployed.some((each) => each.artifact === artifact && each.version === replaced),
  );
  const changes = promotions.length + deployedBefore.length;
  const restored = [
    ...unsuccessful.flatMap(({ outcome, seconds }) => (outcome === 'rolled_back' && seconds !== undefined ? [seconds] : [])),
    ...rollbacks.flatMap(({ createdAt, at }) => (createdAt === undefined ? [] : [secondsBetween(createdAt, at)])),
  ];
  return {
    days,
    deployments: deployed.length,
    deploymentsPerDay: rounded(deployed.length / days),
    leadTime: quantiles(deployed.flatMap(({ createdAt, at }) => (createdAt === undefined ? [] : [secondsBetween(createdAt, at)]))),
    changes,
    failures,
    changeFailureRate: changes === 0 ? null : rounded(failures / changes),
    timeToRestore: quantiles(restored),
    spent: spentBy(deployed),
    failed: [...unsuccessful, ...takenBack].sort((left, right) => (left.at < right.at ? 1 : -1)).map(({ requestId }) => requestId),
    byDay: byDay(deployed, [...unsuccessful, ...takenBack]),
  };
}

function byDay(deployed: readonly DeliveryFact[], failed: readonly DeliveryFact[]): Delivery['byDay'] {
  const on = (facts: readonly DeliveryFact[], day: string) => facts.filter(({ at }) => at.startsWith(day)).length;
  const days = new Set([...deployed, ...failed].map(({ at }) => at.slice(0, 'YYYY-MM-DD'.length)));
  return [...days].sort().map((day) => ({ day, deployments: on(deployed, day), failures: on(failed, day) }));
}

function spentBy(deployed: readonly DeliveryFact[]): Delivery['spent'] {
  const sums = Object.fromEntries(
    PARTS.map((part) => [part, deployed.reduce((sum, { spent }) => sum + (spent?.[part] ?? 0), 0) / 1000]),
  ) as Record<Part, number>;
  const waits: ReadonlySet<Part> = new Set(WAITING);
  const sum = (wanted: boolean) => PARTS.filter((part) => waits.has(part) === wanted).reduce((total, part) => total + sums[part], 0);
  return { ...sums, waiting: rounded(sum(true)), working: rounded(sum(false)) };
}

function secondsBetween(from: string, to: string): number {
  return Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000);
}

/** Nearest rank. */
function quantiles(values: readonly number[]): Quantiles | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((left, right) => left - right);
  const rank = (share: number) => rounded(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!);
  return { median: rank(0.5), p90: rank(0.9) };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
