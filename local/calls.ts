/** The log of calls that `GET /_local/calls` answers: the newest hundred thousand, in memory. */
import type { CallRecord } from './service.ts';

const LIMIT = 100_000;

export class Calls {
  #records: CallRecord[] = [];

  record(call: CallRecord): void {
    this.#records.push(call);
    // Cutting a tenth at a time keeps the cost per call constant.
    if (this.#records.length > LIMIT) this.#records = this.#records.slice(LIMIT / 10);
  }

  /** Calls at or after an instant in virtual time (milliseconds), oldest first. */
  since(instant: number): CallRecord[] {
    return this.#records.filter((call) => Date.parse(call.at) >= instant);
  }
}
