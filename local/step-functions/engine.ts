/** The executions: starts, resumes, ends and finds them, and completes their task tokens. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Instant, Timer } from '../clock.ts';
import type { CloudContext } from '../service.ts';
import { runBranch } from './branch.ts';
import { ClosedExecutions, executionId } from './closed-executions.ts';
import { type EventDraft, Execution } from './execution.ts';
import type { Closing, ExecutionHeader, HistoryEvent, Outcome, TaskPhase } from './execution-record.ts';
import { Cancelled, StateFailure } from './failures.ts';
import { readJournal } from './journal.ts';
import type { Machine, Machines } from './machines.ts';
import { statusChange } from './status-change.ts';
import { settleTask } from './task-events.ts';
import { Tokens } from './tokens.ts';

/** An execution as the API shows it: only what is on disk. */
export interface ExecutionView {
  header: ExecutionHeader;
  close: Closing | undefined;
  events: HistoryEvent[];
}

export class Engine {
  readonly closed: ClosedExecutions;
  readonly tokens: Tokens;
  readonly #context: CloudContext;
  readonly #machines: Machines;
  readonly #folder: string;
  /** Not yet archived, by id. */
  readonly #open = new Map<string, Execution>();
  readonly #work = new Set<Promise<void>>();
  readonly #limits = new Map<Execution, Timer>();

  constructor(context: CloudContext, machines: Machines) {
    this.#context = context;
    this.#machines = machines;
    this.#folder = join(context.folder, 'running');
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.tokens = new Tokens(context.folder);
    this.closed = new ClosedExecutions(context.folder, context.clock);
    for (const file of readdirSync(this.#folder)) this.#restore(join(this.#folder, file));
  }

  /** Goes on with everything that was not finished. */
  resume(): void {
    for (const execution of this.#open.values()) {
      if (execution.close) this.#spawn(this.#archive(execution));
      else {
        if (execution.fresh) this.#spawn(this.#announce(execution, undefined));
        this.#run(execution);
      }
    }
  }

  now(): Instant {
    return this.#context.clock.now();
  }

  /** An execution that runs, or has ended and is not archived yet. */
  open(id: string): Execution | undefined {
    return this.#open.get(id);
  }

  openOfMachine(machineArn: string): Execution[] {
    return [...this.#open.values()].filter((execution) => execution.header.machineArn === machineArn);
  }

  /** Starts an execution; resolves once it is on disk. The caller has checked that the name is free. */
  async start(machine: Machine, arn: string, name: string, input: string): Promise<Execution> {
    const header: ExecutionHeader = {
      id: executionId(arn),
      arn,
      name,
      machineArn: machine.arn,
      machineName: machine.name,
      roleArn: machine.roleArn,
      definition: machine.definitionHash,
      input,
      startDate: this.#context.clock.now(),
    };
    const execution = new Execution(header, this.#file(header.id), this.#context.clock);
    this.#open.set(header.id, execution);
    const root = execution.fork('', { input: JSON.parse(input), previous: 0 });
    const details = { input, inputDetails: { truncated: false }, roleArn: machine.roleArn };
    execution.event(root, { type: 'ExecutionStarted', details: ['executionStartedEventDetails', details] });
    try {
      await execution.flush();
    } catch (error) {
      this.#open.delete(header.id);
      throw error;
    }
    this.#spawn(this.#announce(execution, undefined));
    if (!execution.close) this.#run(execution);
    return execution;
  }

  /** Aborts a running execution; resolves once that is on disk. */
  async stop(execution: Execution, error: string | undefined, cause: string | undefined): Promise<void> {
    const reason = { ...(error === undefined ? {} : { error }), ...(cause === undefined ? {} : { cause }) };
    this.#finish(
      execution,
      { status: 'ABORTED', ...reason },
      { type: 'ExecutionAborted', details: ['executionAbortedEventDetails', reason] },
    );
    await execution.flush();
  }

  /** Uses a token; resolves with false when it is not pending, once the outcome is on disk otherwise. */
  async complete(token: string, outcome: Outcome): Promise<boolean> {
    const task = this.tokens.pending(token);
    if (!task) return false;
    this.tokens.retire(token);
    settleTask(task.execution, task.branch, outcome);
    task.branch.wake?.();
    await task.execution.flush();
    return true;
  }

  /** Moves the heartbeat of a pending token; false when it is not pending. */
  async heartbeat(token: string): Promise<boolean> {
    const task = this.tokens.pending(token);
    if (!task) return false;
    const phase = task.branch.at.phase as TaskPhase;
    if (phase.heartbeat !== undefined && phase.submitted) {
      const submitted = { ...phase.submitted, heartbeatDue: this.#context.clock.now() + phase.heartbeat * 1_000 };
      task.execution.change(task.branch, { phase: { ...phase, submitted } });
    }
    task.branch.beat?.();
    await task.execution.flush();
    return true;
  }

  /** Finds an execution, running or closed; undefined when there is none or AWS would have forgotten it. */
  view(arn: string): ExecutionView | undefined {
    const id = executionId(arn);
    const running = this.#open.get(id);
    if (running) {
      // Not yet acknowledged: the start is not on disk.
      return running.events.length === 0 ? undefined : { header: running.header, close: running.visibleClose, events: running.events };
    }
    if (!this.closed.get(id)) return undefined;
    const lines = this.closed.journal(id);
    return { header: lines[0]!.header!, close: lines.at(-1)!.close, events: lines.flatMap((line) => line.events) };
  }

  /** Stops working and leaves everything on disk as it is. */
  async close(): Promise<void> {
    for (const timer of this.#limits.values()) timer.cancel();
    for (const execution of this.#open.values()) execution.cancelAll();
    await Promise.allSettled([...this.#work, ...[...this.#open.values()].map((execution) => execution.flush())]);
  }

  #restore(file: string): void {
    const lines = file.endsWith('.jsonl') ? readJournal(file, true) : [];
    if (!lines[0]?.header) {
      rmSync(file);
      return;
    }
    const execution = Execution.restore(lines, file, this.#context.clock);
    this.#open.set(execution.header.id, execution);
    if (execution.close) return;
    // Tokens can be used before their branches run again.
    for (const branch of execution.branches.values()) {
      const { phase } = branch.at;
      if (phase?.kind === 'task' && phase.token && !phase.outcome) this.tokens.register(phase.token, { execution, branch });
    }
  }

  #run(execution: Execution): void {
    const definition = this.#machines.definition(execution.header.definition);
    if (definition.TimeoutSeconds !== undefined) {
      const due = execution.header.startDate + definition.TimeoutSeconds * 1_000;
      const expire = () =>
        this.#finish(execution, { status: 'TIMED_OUT' }, { type: 'ExecutionTimedOut', details: ['executionTimedOutEventDetails', {}] });
      this.#limits.set(execution, this.#context.clock.at(due, expire));
    }
    const run = { execution, context: this.#context, tokens: this.tokens, runBranch };
    // Not tracked as a whole: its branches tell the clock when they work.
    this.#keep(
      runBranch(run, execution.branches.get('')!, definition).then(
        (result) => {
          const output = JSON.stringify(result);
          const details = { output, outputDetails: { truncated: false } };
          const event: EventDraft = { type: 'ExecutionSucceeded', details: ['executionSucceededEventDetails', details] };
          this.#finish(execution, { status: 'SUCCEEDED', output }, event);
        },
        (error: unknown) => {
          if (error instanceof Cancelled) return;
          if (!(error instanceof StateFailure)) throw error;
          const reason = {
            ...(error.error === undefined ? {} : { error: error.error }),
            ...(error.reason === undefined ? {} : { cause: error.reason }),
          };
          this.#finish(
            execution,
            { status: 'FAILED', ...reason },
            { type: 'ExecutionFailed', details: ['executionFailedEventDetails', reason] },
          );
        },
      ),
    );
  }

  #finish(execution: Execution, close: Omit<Closing, 'stopDate'>, event: EventDraft): void {
    if (execution.close) return;
    execution.finish(close, event);
    this.tokens.retireAll(execution);
    this.#limits.get(execution)?.cancel();
    this.#limits.delete(execution);
    this.#spawn(this.#archive(execution));
  }

  /** Announced before it is archived: a crash in between announces it again, as EventBridge may do. */
  async #archive(execution: Execution): Promise<void> {
    await execution.flush();
    await this.#announce(execution, execution.close);
    this.closed.take(execution, this.#file(execution.header.id));
    this.#open.delete(execution.header.id);
    this.#machines.released(execution.header.machineArn, () => this.openOfMachine(execution.header.machineArn).length === 0);
  }

  async #announce(execution: Execution, close: Closing | undefined): Promise<void> {
    try {
      await this.#context.emit(statusChange(execution.header, close));
    } catch (error) {
      this.#context.log('step functions: a status change could not be sent', { execution: execution.header.arn, error: String(error) });
    }
  }

  #spawn(work: Promise<void>): void {
    this.#keep(this.#context.clock.track(work));
  }

  #keep(work: Promise<void>): void {
    const kept = work
      .catch((error: unknown) => {
        if (!(error instanceof Cancelled)) this.#context.log('step functions: an execution is stuck', { error: String(error) });
      })
      .finally(() => this.#work.delete(kept));
    this.#work.add(kept);
  }

  #file(id: string): string {
    return join(this.#folder, `${id}.jsonl`);
  }
}
