/** Keys that wait to be brought to their wanted state: each once, in order, with timers for what becomes due later. */
import type { Clock, Timer } from '../../clock.ts';

/** Virtual time until a failed key is tried again. */
const RETRY_MS = 1_000;

export class WorkQueue {
  readonly #clock: Clock;
  readonly #reconcile: (key: string) => void;
  readonly #onError: (key: string, error: unknown) => void;
  readonly #waiting = new Set<string>();
  readonly #timers = new Map<string, { at: number; timer: Timer }>();
  #scheduled = false;
  #closed = false;

  constructor(clock: Clock, reconcile: (key: string) => void, onError: (key: string, error: unknown) => void) {
    this.#clock = clock;
    this.#reconcile = reconcile;
    this.#onError = onError;
  }

  add(key: string): void {
    if (this.#closed) return;
    this.#waiting.add(key);
    if (this.#scheduled) return;
    this.#scheduled = true;
    void this.#clock.track(
      new Promise<void>((resolve) => {
        setImmediate(() => {
          this.#scheduled = false;
          this.#drain();
          resolve();
        });
      }),
    );
  }

  /** Adds the key at a virtual instant; an earlier appointment of the same key stands. */
  addAt(key: string, at: number): void {
    const known = this.#timers.get(key);
    if (this.#closed || (known && known.at <= at)) return;
    known?.timer.cancel();
    const timer = this.#clock.at(at, () => {
      this.#timers.delete(key);
      this.add(key);
    });
    this.#timers.set(key, { at, timer });
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    for (const { timer } of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #drain(): void {
    const keys = [...this.#waiting];
    this.#waiting.clear();
    for (const key of keys) {
      if (this.#closed) return;
      try {
        this.#reconcile(key);
      } catch (error) {
        this.#onError(key, error);
        this.addAt(key, this.#clock.now() + RETRY_MS);
      }
    }
  }
}

/** `namespace/name` of an object. */
export function keyOf(object: { metadata: { namespace?: string; name: string } }): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

export function splitKey(key: string): [namespace: string, name: string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
}
