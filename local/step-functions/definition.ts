/** Shapes of the part of Amazon States Language that the engine runs: JSONata, Standard workflows, Lambda tasks, inline Map. */

/** An entry of `Retry`; numbers are seconds. */
export interface Retrier {
  ErrorEquals: string[];
  IntervalSeconds?: number;
  BackoffRate?: number;
  MaxAttempts?: number;
  MaxDelaySeconds?: number;
  JitterStrategy?: 'FULL' | 'NONE';
}

/** An entry of `Catch`. */
export interface Catcher {
  ErrorEquals: string[];
  Next: string;
  Assign?: Record<string, unknown>;
  Output?: unknown;
}

/** An entry of `Choices`. */
export interface ChoiceRule {
  Condition: string | boolean;
  Next: string;
  Assign?: Record<string, unknown>;
  Output?: unknown;
}

/** States with a start: a machine, a branch of Parallel, the item processor of Map. */
export interface StateTable {
  StartAt: string;
  States: Record<string, StateDefinition>;
}

/** One state; which fields may be present follows from `Type` and is checked when the machine is created. */
export interface StateDefinition {
  Type: 'Task' | 'Pass' | 'Choice' | 'Wait' | 'Succeed' | 'Fail' | 'Parallel' | 'Map';
  Next?: string;
  End?: boolean;
  Assign?: Record<string, unknown>;
  Output?: unknown;
  Arguments?: unknown;
  Resource?: string;
  TimeoutSeconds?: number | string;
  HeartbeatSeconds?: number | string;
  Retry?: Retrier[];
  Catch?: Catcher[];
  Choices?: ChoiceRule[];
  Default?: string;
  Seconds?: number | string;
  Timestamp?: string;
  Error?: string;
  Cause?: string;
  Branches?: StateTable[];
  Items?: unknown;
  ItemSelector?: unknown;
  ItemProcessor?: StateTable;
  MaxConcurrency?: number | string;
}

/** A whole machine. */
export interface MachineDefinition extends StateTable {
  Comment?: string;
  TimeoutSeconds?: number;
}

export const LAMBDA_INVOKE = 'arn:aws:states:::lambda:invoke';
export const LAMBDA_INVOKE_TOKEN = 'arn:aws:states:::lambda:invoke.waitForTaskToken';
/** A function, with or without version or alias. */
export const FUNCTION_ARN = /^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9_$-]+)?$/;
/** Largest value of every field in seconds: about three years. */
export const LONGEST_SECONDS = 99_999_999;
