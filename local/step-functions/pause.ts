/** Waiting that the virtual clock knows about: a branch either works, which `advance` waits for, or pauses, which it does not. */
import type { Clock, Instant } from '../clock.ts';
import { Cancelled } from './failures.ts';

/** Tells the clock whether a branch works. */
export class Busy {
  readonly #clock: Clock;
  #release: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.enter();
  }

  enter(): void {
    if (this.#release) return;
    void this.#clock.track(
      new Promise<void>((resolve) => {
        this.#release = resolve;
      }),
    );
  }

  leave(): void {
    this.#release?.();
    this.#release = undefined;
  }

  /** Waits for something that only virtual time, a token or another branch brings. */
  async pause<T>(waiting: Promise<T>): Promise<T> {
    this.leave();
    try {
      return await waiting;
    } finally {
      this.enter();
    }
  }
}

/** Runs `arm`, which gets a function that ends the waiting and answers how to clean up. Rejects with Cancelled when the signal aborts. */
export function waitUntil<T>(
  signal: AbortSignal,
  arm: (end: (value: T) => void, fail: (error: unknown) => void) => () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let cleanUp: (() => void) | undefined;
    let ended = false;
    const settle = (act: () => void) => {
      if (ended) return;
      ended = true;
      signal.removeEventListener('abort', abort);
      cleanUp?.();
      act();
    };
    const abort = () => settle(() => reject(new Cancelled('the branch was cancelled')));
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort);
    cleanUp = arm(
      (value) => settle(() => resolve(value)),
      (error) => settle(() => reject(error)),
    );
    if (ended) cleanUp();
  });
}

/** Resolves once virtual time has reached `due`. */
export function sleepUntil(clock: Clock, due: Instant, signal: AbortSignal): Promise<void> {
  return waitUntil<void>(signal, (end) => {
    const timer = clock.at(due, () => end());
    return () => timer.cancel();
  });
}
