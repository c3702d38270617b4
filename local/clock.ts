/** The one virtual clock of the local cloud: waits, schedules, TTL, stored dates and `Date` inside functions all follow it. */
import { readFileSync } from 'node:fs';
import { writeFileDurably } from './durable-file.ts';

/** Milliseconds since the Unix epoch, in virtual time. */
export type Instant = number;

export interface Timer {
  cancel(): void;
}

interface Due {
  at: Instant;
  order: number;
  callback: () => unknown;
}

/** Longest delay that `setTimeout` keeps; a longer one fires at once, so long waits are armed in chunks. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;
/** Real time that one due instant may keep `advance` waiting; a hung function must not hang the clock. */
const SETTLE_LIMIT_MS = 180_000;
/** How far ahead of a crash the saved time lies, in real milliseconds: twice the saving interval. */
const SAVE_INTERVAL_MS = 1_000;

export interface ClockOptions {
  /** Every wait lasts this share of its length: 0.01 is a hundred times faster. */
  scale?: number;
  /** Where the time is kept over restarts. Without it the clock starts at the real time. */
  file?: string;
}

export class Clock {
  readonly scale: number;
  /** `[virtual base, real base, virtual ms per real ms]`, shared with worker threads, which derive their `Date` from it. */
  readonly shared = new SharedArrayBuffer(3 * Float64Array.BYTES_PER_ELEMENT);
  readonly #base = new Float64Array(this.shared);
  readonly #file: string | undefined;
  readonly #saver: NodeJS.Timeout | undefined;
  #due: Due[] = [];
  #order = 0;
  #timeout: NodeJS.Timeout | undefined;
  #active = 0;
  #idleWaiters: (() => void)[] = [];
  #advancing = 0;
  #target: Instant = 0;
  #closed = false;

  constructor(options: ClockOptions = {}) {
    this.scale = options.scale ?? 1;
    this.#file = options.file;
    this.#base[0] = this.#restore();
    this.#base[1] = Date.now();
    this.#base[2] = 1 / this.scale;
    if (this.#file) {
      this.#save();
      this.#saver = setInterval(() => this.#save(), SAVE_INTERVAL_MS);
      this.#saver.unref();
    }
  }

  now(): Instant {
    return Math.floor(this.#base[0]! + (Date.now() - this.#base[1]!) * this.#base[2]!);
  }

  date(): Date {
    return new Date(this.now());
  }

  /** True while `advance` jumps: schedules then fire at most once per virtual hour. */
  get advancing(): boolean {
    return this.#advancing > 0;
  }

  /** Where the present jump ends; undefined while time flows. */
  get advancingTo(): Instant | undefined {
    return this.#advancing > 0 ? this.#target : undefined;
  }

  /** Calls back once virtual time has reached `at`. Timers do not survive a restart: whoever owns the wait stores it and arms it again. */
  at(at: Instant, callback: () => unknown): Timer {
    const due: Due = { at, order: this.#order++, callback };
    const index = this.#due.findIndex((other) => other.at > at);
    if (index < 0) this.#due.push(due);
    else this.#due.splice(index, 0, due);
    this.#arm();
    return {
      cancel: () => {
        this.#due = this.#due.filter((other) => other !== due);
      },
    };
  }

  /** Calls back after a virtual delay in milliseconds. */
  after(delay: number, callback: () => unknown): Timer {
    return this.at(this.now() + delay, callback);
  }

  /** Resolves after a virtual delay in milliseconds. */
  sleep(delay: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delay, resolve);
    });
  }

  /** Marks work that must end before `advance` moves on: a running function, a delivery, a state transition. */
  track<T>(work: Promise<T>): Promise<T> {
    this.#active++;
    return work.finally(() => {
      this.#active--;
      if (this.#active === 0) for (const wake of this.#idleWaiters.splice(0)) wake();
    });
  }

  /** Moves from due instant to due instant over `milliseconds`, letting everything that has become due happen, then answers. */
  async advance(milliseconds: number): Promise<void> {
    const target = this.now() + milliseconds;
    this.#advancing++;
    this.#target = Math.max(this.#target, target);
    try {
      await this.#settle();
      while (!this.#closed) {
        const next = this.#due[0];
        if (!next || next.at > target) break;
        this.#moveTo(next.at);
        this.#fire();
        await this.#settle();
      }
      this.#moveTo(target);
      this.#save();
      await this.#settle();
    } finally {
      this.#advancing--;
      if (this.#advancing === 0) this.#target = 0;
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timeout);
    clearInterval(this.#saver);
    this.#save();
    this.#due = [];
  }

  #moveTo(instant: Instant): void {
    if (instant <= this.now()) return;
    this.#base[0] = instant;
    this.#base[1] = Date.now();
  }

  #arm(): void {
    clearTimeout(this.#timeout);
    const next = this.#due[0];
    if (!next || this.#closed) return;
    const real = Math.max(0, (next.at - this.now()) * this.scale);
    this.#timeout = setTimeout(() => this.#fire(), Math.min(real, LONGEST_TIMEOUT));
  }

  #fire(): void {
    const now = this.now();
    while (this.#due[0] && this.#due[0].at <= now) {
      const due = this.#due.shift()!;
      try {
        const outcome = due.callback();
        if (outcome instanceof Promise) void this.track(outcome).catch((error) => console.error('timer failed', error));
      } catch (error) {
        console.error('timer failed', error);
      }
    }
    this.#arm();
  }

  /** Waits until nothing tracked runs and a few turns of the event loop start nothing new. */
  async #settle(): Promise<void> {
    const deadline = Date.now() + SETTLE_LIMIT_MS;
    for (let quiet = 0; quiet < 3 && Date.now() < deadline; ) {
      if (this.#active > 0) {
        quiet = 0;
        await new Promise<void>((resolve) => {
          const limit = setTimeout(resolve, Math.max(1, deadline - Date.now()));
          this.#idleWaiters.push(() => {
            clearTimeout(limit);
            resolve();
          });
        });
      } else {
        quiet++;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
  }

  #restore(): Instant {
    if (!this.#file) return Date.now();
    try {
      const saved = JSON.parse(readFileSync(this.#file, 'utf8')) as { virtual: number; real: number };
      return saved.virtual + Math.max(0, Date.now() - saved.real);
    } catch {
      return Date.now();
    }
  }

  #save(): void {
    if (!this.#file) return;
    // Faster than real time, a crash would set the clock back by what passed since the last save: save a time that lies ahead instead.
    const ahead = this.scale < 1 && !this.#closed ? 2 * SAVE_INTERVAL_MS * this.#base[2]! : 0;
    writeFileDurably(this.#file, JSON.stringify({ virtual: this.now() + ahead, real: Date.now() }));
  }
}
