/** Error names of Amazon States Language: what a failure is called and which Retry or Catch entry takes it. */

/** Largest payload of a state, a task or an execution in UTF-8 bytes: 256 KiB. */
export const DATA_LIMIT = 262_144;

/** A state failed with an error name that Retry and Catch can match. */
export class StateFailure extends Error {
  override readonly name = 'StateFailure';
  readonly error: string | undefined;
  readonly reason: string | undefined;
  constructor(error: string | undefined, reason: string | undefined) {
    super(`${error ?? 'unnamed error'}: ${reason ?? ''}`);
    this.error = error;
    this.reason = reason;
  }
}

/** The branch, the execution or the engine ended: the work unwinds and records nothing. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

/** `$states.errorOutput`: absent parts stay absent, as in an execution that fails without a cause. */
export function errorOutput(failure: StateFailure): { Error?: string; Cause?: string } {
  return {
    ...(failure.error === undefined ? {} : { Error: failure.error }),
    ...(failure.reason === undefined ? {} : { Cause: failure.reason }),
  };
}

/**
 * True when one of `names` covers `error`. States.Runtime is never covered, States.DataLimitExceeded only by its own name, States.TaskFailed
 * stands for everything but time-outs, and States.Timeout also for a missed heartbeat.
 */
export function matches(names: readonly string[], error: string | undefined): boolean {
  if (error === 'States.Runtime') return false;
  if (error !== undefined && names.includes(error)) return true;
  if (error === 'States.DataLimitExceeded') return false;
  if (names.includes('States.ALL')) return true;
  const timeout = error === 'States.Timeout' || error === 'States.HeartbeatTimeout';
  return timeout ? names.includes('States.Timeout') : names.includes('States.TaskFailed');
}

/** Serializes a payload and refuses what exceeds the limit of 256 KiB with States.DataLimitExceeded. */
export function payloadText(value: unknown, what: string): string {
  const text = JSON.stringify(value);
  // Only long texts can exceed the limit in bytes: a UTF-16 unit takes at most three.
  if (text.length * 3 > DATA_LIMIT && Buffer.byteLength(text) > DATA_LIMIT) {
    throw new StateFailure('States.DataLimitExceeded', `${what} with a size exceeding the maximum number of bytes service limit.`);
  }
  return text;
}
