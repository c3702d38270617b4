/** Faults that tests inject by `POST /_local/faults`: errors and delays of a service or one of its operations. */
import * as z from 'zod';
import type { ServiceError } from './service.ts';

export const faultSchema = z.strictObject({
  /** Service name as in the calls log, e.g. `dynamodb`; also `kubernetes` and `registry`. */
  service: z.string().min(1),
  /** Operation in AWS spelling; absent: all of the service. */
  operation: z.string().min(1).optional(),
  /** HTTP status, 500 unless given. */
  status: z.int().min(400).max(599).optional(),
  /** Error code, `InternalFailure` unless given. */
  error: z.string().min(1).optional(),
  /** Share of the requests that are hit. */
  rate: z.number().gt(0).max(1).default(1),
  /** How often it strikes; then it is gone. */
  count: z.int().min(1).optional(),
  /** Real milliseconds before the answer. Without status and error the request is only delayed. */
  delayMs: z.int().min(0).max(600_000).optional(),
});

export type Fault = z.infer<typeof faultSchema>;

export class Faults {
  #faults: Fault[] = [];

  add(fault: Fault): void {
    this.#faults.push({ ...fault });
  }

  list(): Fault[] {
    return this.#faults.map((fault) => ({ ...fault }));
  }

  clear(): void {
    this.#faults = [];
  }

  /** Serves the delays that apply, then answers the first error that applies, if any. */
  async strike(service: string, operation: string): Promise<ServiceError | undefined> {
    for (const fault of [...this.#faults]) {
      if (fault.service !== service || (fault.operation !== undefined && fault.operation !== operation)) continue;
      if (fault.rate < 1 && Math.random() >= fault.rate) continue;
      if (!this.#use(fault)) continue;
      if (fault.delayMs) await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
      const onlyDelay = fault.delayMs !== undefined && fault.status === undefined && fault.error === undefined;
      if (onlyDelay) continue;
      const code = fault.error ?? 'InternalFailure';
      return { status: fault.status ?? 500, code, message: `injected by _local/faults: ${code}` };
    }
    return undefined;
  }

  /** Takes one strike off a counted fault; false when another request took the last one meanwhile. */
  #use(fault: Fault): boolean {
    if (!this.#faults.includes(fault)) return false;
    if (fault.count === undefined) return true;
    fault.count--;
    if (fault.count === 0) this.#faults = this.#faults.filter((other) => other !== fault);
    return true;
  }
}
