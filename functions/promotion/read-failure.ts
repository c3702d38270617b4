/** Reads what a Catch of the state machine hands over. */

/** What a Catch hands over: the error's name and a cause that may be the JSON of a Lambda error. */
export interface CaughtFailure {
  Error?: string;
  Cause?: string;
}

/** Name and message of a caught error. `Cause` of a Lambda error is `{"errorType", "errorMessage"}`; of others it is plain text. */
export function readFailure(failure: CaughtFailure | undefined): { code: string; message: string } {
  const code = failure?.Error ?? 'UNKNOWN';
  const cause = failure?.Cause ?? 'the run failed without saying why';
  try {
    const parsed = JSON.parse(cause) as { errorMessage?: unknown };
    return { code, message: typeof parsed.errorMessage === 'string' ? parsed.errorMessage.slice(0, 500) : cause.slice(0, 500) };
  } catch {
    return { code, message: cause.slice(0, 500) };
  }
}
