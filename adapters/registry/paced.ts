/** Keeps calls within a quota: as many at once as the quota of a second, then one after the other at its rate. */

/** Answers a function that resolves when the next call may be made. `now` and `pause` are in milliseconds. */
export function paced(
  perSecond: number,
  now: () => number = () => performance.now(),
  pause: (milliseconds: number) => Promise<void> = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
): () => Promise<void> {
  const interval = 1_000 / perSecond;
  /** When the bucket would be full again, were nothing more taken. */
  let full = Number.NEGATIVE_INFINITY;
  return async () => {
    const present = now();
    full = Math.max(full, present) + interval;
    const wait = full - 1_000 - present;
    if (wait > 0) await pause(wait);
  };
}
