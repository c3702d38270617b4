/** What an environment held at an instant of the past, out of its history. */
import type { EnvironmentHistoryEntry } from './environment.ts';

export interface HeldAt {
  current?: EnvironmentHistoryEntry;
  previous?: EnvironmentHistoryEntry;
  /** What had happened by then, newest first. */
  past: EnvironmentHistoryEntry[];
}

/**
 * `history` is newest first; `at` is ISO in UTC with milliseconds. What was rolled back or failed changed nothing in the end, and a repair moves no
 * version: what succeeded last is what was held.
 */
export function heldAt(history: readonly EnvironmentHistoryEntry[], at: string): HeldAt {
  const past = history.filter((entry) => entry.at <= at);
  const held = past.filter(({ outcome, kind }) => (outcome === 'succeeded' || outcome === 'adopted') && kind !== 'repair');
  const [current] = held;
  const previous = held.find(({ digest }) => digest !== current?.digest);
  return { ...(current ? { current } : {}), ...(previous ? { previous } : {}), past };
}
