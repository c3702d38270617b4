/** How many replicas each ReplicaSet of a Deployment should have next: the arithmetic of the real Deployment controller, without side effects. */
import type { Fields } from '../kube-object.ts';

export interface SetState {
  name: string;
  /** Pods wanted now. */
  replicas: number;
  available: number;
  created: number;
}

export interface Strategy {
  replicas: number;
  maxSurge: number;
  maxUnavailable: number;
}

/** Resolves percentages: surge is rounded up, unavailability down; when both come out 0, one pod may be away. */
export function strategyOf(spec: Fields): Strategy {
  const replicas = spec.replicas ?? 1;
  const { type, rollingUpdate } = (spec.strategy ?? {}) as Fields;
  if (type === 'Recreate') return { replicas, maxSurge: 0, maxUnavailable: 0 };
  const resolve = (value: number | string, round: (part: number) => number) =>
    typeof value === 'number' ? value : round((Number.parseInt(value, 10) * replicas) / 100);
  const maxSurge = resolve(rollingUpdate?.maxSurge ?? '25%', Math.ceil);
  const maxUnavailable = Math.min(resolve(rollingUpdate?.maxUnavailable ?? '25%', Math.floor), replicas);
  return { replicas, maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable };
}

/** Wanted replicas of the new set during a rolling update. */
export function growNewSet(newest: SetState, all: SetState[], { replicas, maxSurge }: Strategy): number {
  if (newest.replicas >= replicas) return replicas;
  const total = sum(all.map((set) => set.replicas));
  return newest.replicas + Math.max(0, Math.min(replicas + maxSurge - total, replicas - newest.replicas));
}

/** Wanted replicas of the old sets, by name: first those pods go that are not available, then as many as availability allows. */
export function shrinkOldSets(newest: SetState, old: SetState[], { replicas, maxUnavailable }: Strategy): Map<string, number> {
  const wanted = new Map(old.map((set) => [set.name, set.replicas]));
  const least = replicas - maxUnavailable;
  const total = sum([newest, ...old].map((set) => set.replicas));
  const newUnavailable = newest.replicas - newest.available;
  let unhealthy = total - least - newUnavailable;
  if (unhealthy <= 0) return wanted;
  const byAge = [...old].sort((a, b) => a.created - b.created);
  for (const set of byAge) {
    const cut = Math.max(0, Math.min(unhealthy, set.replicas - set.available));
    wanted.set(set.name, set.replicas - cut);
    unhealthy -= cut;
  }
  let spare = sum([newest, ...old].map((set) => set.available)) - least;
  for (const set of byAge) {
    const cut = Math.max(0, Math.min(spare, wanted.get(set.name)!));
    wanted.set(set.name, wanted.get(set.name)! - cut);
    spare -= cut;
  }
  return wanted;
}

/** Shares a change of size among the sets that have pods, in proportion, while a rollout is under way. */
export function scaleProportionally(sets: SetState[], { replicas, maxSurge }: Strategy): Map<string, number> {
  const total = sum(sets.map((set) => set.replicas));
  const target = replicas > 0 ? replicas + maxSurge : 0;
  let left = target - total;
  const wanted = new Map<string, number>();
  // The largest set first; what rounding leaves goes to it.
  const bySize = [...sets].sort((a, b) => b.replicas - a.replicas || b.created - a.created);
  for (const set of bySize) {
    const share = total === 0 ? 0 : Math.round((set.replicas * target) / total) - set.replicas;
    const part = left > 0 ? Math.min(Math.max(share, 0), left) : Math.max(Math.min(share, 0), left);
    wanted.set(set.name, Math.max(0, set.replicas + part));
    left -= part;
  }
  const first = bySize[0];
  if (first) wanted.set(first.name, Math.max(0, wanted.get(first.name)! + left));
  return wanted;
}

export function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
