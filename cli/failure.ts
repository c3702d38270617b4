/** How a command ends when it does not do what was asked. */

/** Exit codes of the contract. */
export const EXIT = {
  done: 0,
  /** It ran, and the answer is no. */
  no: 1,
  usage: 2,
  notAllowed: 3,
  conflict: 4,
  timeout: 5,
  unavailable: 6,
  interrupted: 130,
} as const;

export interface FailureDetails {
  code?: string;
  status?: number;
  hint?: string;
  requestId?: string;
  errors?: readonly { path: string; message: string }[];
}

/** Ends the command with `exitCode` and one sentence on stderr; with `--json` the details are an object on stdout. */
export class CommandFailure extends Error {
  readonly exitCode: number;
  readonly details: FailureDetails;

  constructor(exitCode: number, message: string, details: FailureDetails = {}) {
    super(message);
    this.exitCode = exitCode;
    this.details = details;
  }
}

export const usageFailure = (message: string, hint?: string): CommandFailure =>
  new CommandFailure(EXIT.usage, message, { code: 'USAGE', ...(hint === undefined ? {} : { hint }) });

/** Exit code for an HTTP status. */
export function exitCodeOf(status: number): number {
  if (status === 401 || status === 403) return EXIT.notAllowed;
  if (status === 404) return EXIT.no;
  if (status === 409 || status === 410) return EXIT.conflict;
  if (status === 429 || status >= 500) return EXIT.unavailable;
  return EXIT.usage;
}
