/** Real time, whatever `Date` says: budgets and deadlines of a rollout count it. */
import type { Stopwatch } from '../../core/rollout/ports.ts';

/**
 * The process's start plus its monotonic clock, which goes on while an idle function is frozen. Between two machines it differs by what their
 * clocks were stepped since they started: far below the seconds that matter here.
 */
export const realTime: Stopwatch = {
  nowMs: () => performance.timeOrigin + performance.now(),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};
