/** How many pods run which version at a weight: rounding is documented here and nowhere else. */

export interface Split {
  canary: number;
  stable: number;
}

/**
 * Pods for `weight` percent of `replicas` pods in all. Below 100 % there is always at least one pod of each version, so a small workload gets more
 * than it asked for: 1 replica at 10 % is 1 + 1 pods (50 %), 3 replicas are 1 + 2 (33 %). Their sum is never below `replicas`. At 100 % the
 * stable Deployment runs the new version and the canary is empty.
 */
export function splitOf(weight: number, replicas: number): Split {
  if (weight >= 100) return { canary: 0, stable: replicas };
  const rounded = Math.round((replicas * weight) / 100);
  const canary = Math.max(1, Math.min(rounded, replicas - 1));
  return { canary, stable: Math.max(1, replicas - canary) };
}

/** Share in percent (0..100, one decimal) of `running` ready pods that run the new digest; 0 where nothing runs. */
export function achievedWeight(running: { updated: number; other: number }): number {
  const all = running.updated + running.other;
  return all === 0 ? 0 : Math.round((running.updated / all) * 1000) / 10;
}
