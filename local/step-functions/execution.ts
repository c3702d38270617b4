/** A running execution in memory: collects changes, writes them in groups, and knows what is on disk. */
import type { Clock } from '../clock.ts';
import type { BranchChange, Checkpoint, Closing, ExecutionHeader, HistoryEvent, JournalLine } from './execution-record.ts';
import { Cancelled } from './failures.ts';
import { appendLine } from './journal.ts';

/** A branch while it runs. */
export interface Branch {
  readonly path: string;
  at: Checkpoint;
  /** Aborted when the branch is cancelled: by a failing sibling, by the end of the execution, by the stop of the engine. */
  readonly cancel: AbortController;
  /** Wakes the branch after its token has been used. */
  wake?: (() => void) | undefined;
  /** Tells the branch that a heartbeat has come. */
  beat?: (() => void) | undefined;
}

export interface EventDraft {
  type: string;
  /** Name of the details field, e.g. `taskFailedEventDetails`, and its content. */
  details?: [field: string, content: Record<string, unknown>];
}

/** Most events of one history; AWS fails the execution that reaches it. */
export const HISTORY_LIMIT = 25_000;

export class Execution {
  readonly header: ExecutionHeader;
  readonly branches = new Map<string, Branch>();
  /** Events that are on disk. */
  readonly events: HistoryEvent[] = [];
  /** How the execution ended; set as soon as it is decided, see `visibleClose` for what is on disk. */
  close: Closing | undefined;
  visibleClose: Closing | undefined;
  readonly #clock: Clock;
  readonly #file: string;
  #lastId = 0;
  #pending: JournalLine | undefined;
  #writing: Promise<void> | undefined;
  /** Lines begun, and of these on disk. */
  #made = 0;
  #written = 0;
  #broken: unknown;

  constructor(header: ExecutionHeader, file: string, clock: Clock) {
    this.header = header;
    this.#file = file;
    this.#clock = clock;
  }

  /** Rebuilds an execution from its journal. */
  static restore(lines: JournalLine[], file: string, clock: Clock): Execution {
    const execution = new Execution(lines[0]!.header!, file, clock);
    for (const line of lines) {
      execution.events.push(...line.events);
      for (const [path, change] of line.branches) execution.#apply(path, change);
      if (line.close) execution.close = execution.visibleClose = line.close;
    }
    execution.#made = execution.#written = lines.length;
    execution.#lastId = execution.events.at(-1)?.id ?? 0;
    return execution;
  }

  get lastEventId(): number {
    return this.#lastId;
  }

  /** True when only the start is on disk. */
  get fresh(): boolean {
    return this.#written <= 1;
  }

  /** Adds an event to the history of a branch. Throws Cancelled once the branch is cancelled or the execution decided. */
  event(branch: Branch, draft: EventDraft): void {
    if (branch.cancel.signal.aborted) throw new Cancelled('the branch was cancelled');
    this.change(branch, { previous: this.#append(draft, branch.at.previous) });
  }

  /** Changes fields of a branch; null removes one. Throws like `event`. */
  change(branch: Branch, change: BranchChange): void {
    if (branch.cancel.signal.aborted) throw new Cancelled('the branch was cancelled');
    this.#record(branch.path, change);
  }

  /** Makes a branch. */
  fork(path: string, start: Pick<Checkpoint, 'input' | 'previous' | 'item'>): Branch {
    this.#record(path, { ...start, variables: {}, retries: {}, enteredAt: this.#clock.now() });
    return this.branches.get(path)!;
  }

  /** All branches below this one, innermost last. */
  below(branch: Branch): Branch[] {
    return [...this.branches.values()].filter((other) => other.path.startsWith(`${branch.path}/`));
  }

  /** Removes the branches below this one. */
  prune(branch: Branch): void {
    for (const { path } of this.below(branch)) this.#record(path, null);
  }

  /** Decides how the execution ended. Everything that still runs is cancelled and records nothing more. */
  finish(close: Omit<Closing, 'stopDate'>, draft: EventDraft): void {
    const line = this.#line();
    this.#append(draft, this.branches.get('')?.at.previous ?? this.#lastId);
    this.close = { ...close, stopDate: this.#clock.now() };
    line.close = this.close;
    this.cancelAll();
  }

  cancelAll(): void {
    for (const branch of this.branches.values()) branch.cancel.abort();
  }

  /** Resolves once everything recorded so far is on disk. Changes made meanwhile share the next write. */
  async flush(): Promise<void> {
    const wanted = this.#made;
    while (this.#written < wanted) {
      if (this.#broken) throw this.#broken;
      await (this.#writing ?? this.#write());
    }
  }

  #record(path: string, change: BranchChange | null): void {
    this.#line().branches.push([path, change]);
    this.#apply(path, change);
  }

  #append(draft: EventDraft, previousEventId: number): number {
    const line = this.#line();
    const event: HistoryEvent = { id: ++this.#lastId, previousEventId, timestamp: this.#clock.now(), type: draft.type };
    if (draft.details) event[draft.details[0]] = draft.details[1];
    line.events.push(event);
    return event.id;
  }

  #line(): JournalLine {
    if (this.close) throw new Cancelled('the execution has ended');
    if (this.#broken) throw new Cancelled('the journal cannot be written');
    if (!this.#pending) {
      this.#pending = { events: [], branches: [] };
      if (this.#made++ === 0) this.#pending.header = this.header;
      // Written without being asked for as well: what no step waits for, such as the end of a branch, must reach the disk too.
      queueMicrotask(() => void this.flush().catch(() => undefined));
    }
    return this.#pending;
  }

  #write(): Promise<void> {
    const line = this.#pending!;
    this.#pending = undefined;
    this.#writing = appendLine(this.#file, line, line.header !== undefined)
      .then(
        () => {
          this.#written++;
          this.events.push(...line.events);
          if (line.close) this.visibleClose = line.close;
        },
        (error: unknown) => {
          this.#broken = error;
          this.cancelAll();
          throw error;
        },
      )
      .finally(() => {
        this.#writing = undefined;
      });
    return this.#writing;
  }

  #apply(path: string, change: BranchChange | null): void {
    if (change === null) {
      this.branches.delete(path);
      return;
    }
    const fields: Record<string, unknown> = { ...this.branches.get(path)?.at, ...change };
    for (const [field, value] of Object.entries(change)) if (value === null) delete fields[field];
    const branch = this.branches.get(path);
    if (branch) branch.at = fields as unknown as Checkpoint;
    else this.branches.set(path, { path, at: fields as unknown as Checkpoint, cancel: new AbortController() });
  }
}
