/**
 * Timers of rules and schedules on the virtual clock. The next due instant and a rate's phase are kept over restarts; what was missed while the local cloud
 * was down, or skipped while the clock advanced, is fired once.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Timer } from '../clock.ts';
import { writeFileDurably } from '../durable-file.ts';
import type { CloudContext } from '../service.ts';
import { type ParsedSchedule, parseSchedule } from './schedule-expression.ts';

export interface ScheduleSpec {
  expression: string;
  timezone?: string;
  /** Virtual ms since the epoch; a rate without a start counts from its creation. */
  startsAt?: number;
  endsAt?: number;
  /** Scheduler fires a rate at once when it is created, a rule only after the first period. */
  immediately?: boolean;
}

interface Kept {
  expression: string;
  timezone?: string;
  phase: number;
  /** Null: never due again. */
  next: number | null;
  /** Last firing while the clock advanced. */
  advanced?: number;
}

interface Armed {
  parsed: ParsedSchedule;
  spec: ScheduleSpec;
  timer?: Timer;
}

const HOUR_MS = 3_600_000;
/** How often (real time) to look whether an advance has ended, to go back to the schedule's own pace. */
const ADVANCE_POLL_MS = 20;

/**
 * Longest that firings during an advance stay unsaved, in real ms. A jump over a week fires each schedule 168 times; to write and sync each would be
 * most of its time. A kill in between only means that what was fired in that second fires again, and a schedule may do that at any time.
 */
const UNSAVED_MS = 500;

/** Called with the schedule's ARN and the instant it was due at; must have persisted the firing when it returns. */
export type Fire = (arn: string, due: number) => void;

export class Schedules {
  readonly #context: CloudContext;
  readonly #fire: Fire;
  readonly #file: string;
  readonly #kept: Record<string, Kept>;
  readonly #armed = new Map<string, Armed>();
  readonly #held = new Set<string>();
  #watch: NodeJS.Timeout | undefined;
  /** Of `performance.now()`. */
  #savedAt = 0;
  #unsaved = false;

  constructor(context: CloudContext, fire: Fire) {
    this.#context = context;
    this.#fire = fire;
    this.#file = join(context.folder, 'schedules.json');
    this.#kept = read(this.#file);
  }

  /** Starts or keeps a schedule. An unchanged expression keeps its phase and its next due instant. Throws InvalidSchedule. */
  set(arn: string, spec: ScheduleSpec): void {
    const parsed = parseSchedule(spec.expression, spec.timezone);
    this.#disarm(arn);
    const now = this.#context.clock.now();
    const known = this.#kept[arn];
    if (known?.expression !== spec.expression || known.timezone !== spec.timezone) {
      const phase = spec.startsAt ?? now;
      const first = spec.immediately && parsed.kind === 'rate' ? phase : parsed.next(Math.max(now, phase), phase);
      this.#kept[arn] = { expression: spec.expression, ...(spec.timezone ? { timezone: spec.timezone } : {}), phase, next: first ?? null };
      this.#save();
    } else if (known.advanced !== undefined && known.next !== null && known.next > now) {
      // Killed before the end of an advance was noticed: back to the schedule's own pace.
      known.next = parsed.next(now, known.phase) ?? null;
    }
    this.#armed.set(arn, { parsed, spec });
    this.#arm(arn);
  }

  /** Stops a schedule and forgets its phase. */
  remove(arn: string): void {
    this.#disarm(arn);
    this.#armed.delete(arn);
    if (!(arn in this.#kept)) return;
    delete this.#kept[arn];
    this.#save();
  }

  /** Forgets schedules of earlier starts that nobody declares any more. */
  prune(): void {
    const stale = Object.keys(this.#kept).filter((arn) => !this.#armed.has(arn));
    for (const arn of stale) delete this.#kept[arn];
    if (stale.length > 0) this.#save();
  }

  /** Next due instant in virtual ms, undefined when there is none. */
  nextDue(arn: string): number | undefined {
    return this.#kept[arn]?.next ?? undefined;
  }

  close(): void {
    clearInterval(this.#watch);
    if (this.#unsaved) this.#save();
    for (const arn of this.#armed.keys()) this.#disarm(arn);
  }

  #arm(arn: string): void {
    const armed = this.#armed.get(arn);
    const next = this.#kept[arn]?.next;
    if (!armed || next === undefined || next === null) return;
    if (armed.spec.endsAt !== undefined && next > armed.spec.endsAt) return;
    armed.timer = this.#context.clock.at(next, () => this.#due(arn));
  }

  #disarm(arn: string): void {
    this.#armed.get(arn)?.timer?.cancel();
    this.#held.delete(arn);
  }

  #due(arn: string): void {
    const armed = this.#armed.get(arn);
    const kept = this.#kept[arn];
    if (!armed || !kept || kept.next === null) return;
    const { clock } = this.#context;
    const now = clock.now();
    const target = clock.advancingTo;
    if (target === undefined) {
      delete kept.advanced;
      this.#fire(arn, kept.next);
      kept.next = armed.parsed.next(now, kept.phase) ?? null;
    } else {
      // While the clock jumps, one firing per virtual hour: the last due instant of each hour counted back from the end of the jump,
      // so that whatever becomes due before the end is seen before `advance` answers.
      const turn = this.#lastDue(armed.parsed, kept, hourEnd(kept.next, target));
      if (turn > kept.next) kept.next = turn;
      else {
        this.#fire(arn, kept.next);
        kept.advanced = now;
        kept.next = armed.parsed.next(Math.max(now, hourEnd(kept.next, target)), kept.phase) ?? null;
      }
    }
    if (target === undefined || performance.now() - this.#savedAt > UNSAVED_MS) this.#save();
    else this.#unsaved = true;
    if (target !== undefined) this.#hold(arn);
    this.#arm(arn);
  }

  /** Last due instant at or before `end`, not before the present one. An hour holds at most 60 instants of the finest schedule. */
  #lastDue(parsed: ParsedSchedule, kept: Kept, end: number): number {
    let last = kept.next!;
    for (let next = parsed.next(last, kept.phase); next !== undefined && next <= end; next = parsed.next(last, kept.phase)) last = next;
    return last;
  }

  /** Once the advance has ended, the schedule goes back from its hourly pace to its own. */
  #hold(arn: string): void {
    this.#held.add(arn);
    this.#watch ??= setInterval(() => this.#release(), ADVANCE_POLL_MS).unref();
  }

  #release(): void {
    if (this.#context.clock.advancing) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
    const now = this.#context.clock.now();
    for (const arn of [...this.#held]) {
      const armed = this.#armed.get(arn)!;
      const kept = this.#kept[arn]!;
      this.#disarm(arn);
      kept.next = armed.parsed.next(now, kept.phase) ?? null;
      this.#arm(arn);
    }
    this.#save();
  }

  #save(): void {
    writeFileDurably(this.#file, JSON.stringify(this.#kept));
    this.#savedAt = performance.now();
    this.#unsaved = false;
  }
}

/** End of the hour that holds `instant`, when hours are counted back from `target`. */
function hourEnd(instant: number, target: number): number {
  return target - Math.floor(Math.max(0, target - instant) / HOUR_MS) * HOUR_MS;
}

function read(file: string): Record<string, Kept> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, Kept>;
  } catch {
    return {};
  }
}
