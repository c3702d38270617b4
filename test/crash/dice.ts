/** Random moments that can be repeated: the seed is printed, and CRASH_SEED gives it back. */
import { randomInt } from 'node:crypto';

export class Dice {
  readonly seed: number;
  #state: number;

  constructor(seed = Number(process.env['CRASH_SEED'] ?? randomInt(2 ** 31))) {
    this.seed = seed;
    this.#state = seed >>> 0;
  }

  /** The next number from 0 to below 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.next() * items.length)]!;
  }

  toString(): string {
    return `seed ${this.seed} (CRASH_SEED=${this.seed} repeats it)`;
  }
}
