/** What is stored of an execution: header, history events, and where each branch stands. */
import type { Instant } from '../clock.ts';

export type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/** Facts that hold from the start to the end. */
export interface ExecutionHeader {
  /** First 128 bits of the SHA-256 of the ARN, in hex: file name and part of task tokens. */
  id: string;
  arn: string;
  name: string;
  machineArn: string;
  machineName: string;
  roleArn: string;
  /** SHA-256 of the definition as it was at the start; updates of the machine do not reach running executions. */
  definition: string;
  /** As received: the comparison of repeated starts is by text. */
  input: string;
  startDate: Instant;
}

/** How an execution ended. */
export interface Closing {
  status: ExecutionStatus;
  stopDate: Instant;
  output?: string;
  error?: string;
  cause?: string;
}

/** An event of the history, as GetExecutionHistory answers it; the timestamp is in milliseconds. */
export interface HistoryEvent {
  id: number;
  previousEventId: number;
  timestamp: Instant;
  type: string;
  [details: string]: unknown;
}

/** What a task, a token or a time-out came to. */
export type Outcome = { result: unknown } | { failure: Failure };

export interface Failure {
  error?: string | undefined;
  cause?: string | undefined;
}

/** What a state is doing that must survive a crash. */
export type Phase =
  | { kind: 'wait'; due: Instant }
  | { kind: 'retry'; due: Instant }
  /** Parallel: its one input. Map: its items. */
  | { kind: 'children'; items: unknown[] }
  /** A branch failed and the others are gone; Retry and Catch have yet to be asked. */
  | { kind: 'failed'; failure: Failure }
  | TaskPhase;

export interface TaskPhase {
  kind: 'task';
  /** `direct`: the resource is the ARN of a function. */
  resource: 'direct' | 'invoke' | 'invoke.waitForTaskToken';
  token?: string | undefined;
  /** Seconds. */
  timeout: number;
  /** Seconds. */
  heartbeat?: number | undefined;
  /** The function has answered; from here on the token has until `due` and the next heartbeat until `heartbeatDue`. */
  submitted?: { due: Instant; heartbeatDue?: Instant | undefined };
  outcome?: Outcome;
}

/** Call that a task makes, with its arguments evaluated: repeated as it is after a crash. */
export interface FunctionCall {
  functionArn: string;
  payload: unknown;
  asynchronous?: boolean | undefined;
}

/** Where one branch stands. Branches have paths: `` for the execution, `/0` for its first branch, `/0/2` for a branch of that. */
export interface Checkpoint {
  state?: string;
  /** Type of the state. */
  type?: string;
  input: unknown;
  /** Variables of this branch alone; those of outer scopes stand in the outer branches. */
  variables: Record<string, unknown>;
  /** Item of the Map iteration that this branch is. */
  item?: { Index: number; Value: unknown } | undefined;
  /** Date at which the state was entered. */
  enteredAt: Instant;
  /** Id of the latest event of this branch. */
  previous: number;
  /** Attempts made per entry of `Retry`. */
  retries: Record<string, number>;
  phase?: Phase | undefined;
  call?: FunctionCall | undefined;
  /** Set once the branch has ended. */
  done?: { output: unknown };
}

/** New values of fields of a checkpoint; null removes a field. */
export type BranchChange = { [Field in keyof Checkpoint]?: Checkpoint[Field] | null };

/** One line of a journal. The first holds the header; the last of a closed execution holds `close`. */
export interface JournalLine {
  header?: ExecutionHeader;
  events: HistoryEvent[];
  /** In order: a change of a branch, or null where the branch is gone. */
  branches: [path: string, change: BranchChange | null][];
  close?: Closing;
}
