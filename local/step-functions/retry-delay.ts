/** Delay before an attempt of a Retry entry. */
import type { Retrier } from './definition.ts';

/**
 * Seconds before the attempt that follows `made` earlier ones: IntervalSeconds (1) times BackoffRate (2) for each, at most MaxDelaySeconds;
 * with full jitter anything between 0 and that. `random` answers a number in [0, 1).
 */
export function retryDelay(retrier: Retrier, made: number, random: () => number = Math.random): number {
  const grown = (retrier.IntervalSeconds ?? 1) * (retrier.BackoffRate ?? 2) ** made;
  const delay = Math.min(grown, retrier.MaxDelaySeconds ?? Number.MAX_SAFE_INTEGER / 1_000);
  return retrier.JitterStrategy === 'FULL' ? delay * random() : delay;
}
