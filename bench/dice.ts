/** Random choices that can be repeated: the seed is printed, and an environment variable gives it back. */
import { randomInt } from 'node:crypto';

export class Dice {
  readonly seed: number;
  readonly #variable: string;
  #state: number;

  /** `variable` names the environment variable that holds the seed of a run that is repeated. */
  constructor(variable: string, seed = Number(process.env[variable] ?? randomInt(2 ** 31))) {
    this.seed = seed;
    this.#variable = variable;
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

  /** So many different items, in random order. */
  draw<Item>(items: readonly Item[], count: number): Item[] {
    const left = [...items];
    return Array.from({ length: count }, () => left.splice(Math.floor(this.next() * left.length), 1)[0]!);
  }

  /** Dice of its own for one of several that play at once: what each does depends on the seed alone, not on who is faster. */
  fork(number: number): Dice {
    return new Dice(this.#variable, (this.seed ^ Math.imul(number + 1, 0x9e3779b1)) >>> 0);
  }

  toString(): string {
    return `seed ${this.seed} (${this.#variable}=${this.seed} repeats it)`;
  }
}
