/**
 * Time that a rollout may take, in real seconds from its first step: 600 s in all, of which the last 120 are reserved for the way back. Copying
 * lies before the first step and is not counted.
 */

export const FORWARD_SECONDS = 480;
export const BACK_SECONDS = 120;
/** A step gets at least this long: a cluster that adds a node first needs about a minute. */
const SHORTEST_STEP_SECONDS = 60;
/** The function may run for 480 s; 80 of them are kept for the smoke checks, the last API call and the commit. */
const LONGEST_STEP_SECONDS = 400;

/** Real seconds since the first step began. Clocks of two machines may differ by a little: never negative. */
export function elapsedSeconds(beganMs: number, nowMs: number): number {
  return Math.max(0, (nowMs - beganMs) / 1000);
}

/** May another step forward begin? One that runs already is never cut short by this. */
export function mayGoForward(elapsed: number): boolean {
  return elapsed <= FORWARD_SECONDS;
}

/** Seconds that a step may take to become ready: what is left for going forward, divided among the steps that are left. */
export function stepSeconds(elapsed: number, stepsLeft: number): number {
  const share = (FORWARD_SECONDS - elapsed) / Math.max(1, stepsLeft);
  return Math.min(LONGEST_STEP_SECONDS, Math.max(SHORTEST_STEP_SECONDS, share));
}
