/**
 * Asynchronous invocations: on disk before they are accepted, so that they survive `kill -9`; retried in virtual time; then sent to their destination.
 * An event whose function was running at a crash runs again, as on AWS (at least once). The folder holds one JSON file per unfinished event.
 */
import { mkdirSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Timer } from '../clock.ts';
import { createFileDurably, writeFileDurably } from '../durable-file.ts';
import type { CloudContext } from '../service.ts';
import type { Destinations } from './destinations.ts';
import type { FunctionDefinition } from './function-definition.ts';
import type { InvokeConfig } from './invoke-config.ts';
import type { FunctionError } from './lambda-refusal.ts';
import { LambdaRefusal } from './lambda-refusal.ts';
import type { Outcome } from './sandbox.ts';

interface PendingEvent {
  requestId: string;
  functionArn: string;
  /** JSON. */
  payload: string;
  acceptedAt: number;
  nextAt: number;
  /** Finished runs that ended in an error of the function. */
  failures: number;
  /** Runs that Lambda itself refused (throttling, injected faults): retried until the event is too old. */
  refusals: number;
}

export interface AsynchronousTarget {
  definition: FunctionDefinition;
  config: InvokeConfig;
  /** Throws a `LambdaRefusal` when the function cannot be run now. */
  run(requestId: string, payload: string): Promise<Outcome>;
}

/** Virtual wait before the second and the third attempt. */
const RETRY_WAITS_MS = [60_000, 120_000];
/** Back-off after a refusal by Lambda: doubles from one second to five minutes. */
const LONGEST_REFUSAL_WAIT_MS = 300_000;

export class AsynchronousQueue {
  readonly #context: CloudContext;
  readonly #folder: string;
  readonly #target: (functionArn: string) => AsynchronousTarget | undefined;
  readonly #destinations: Destinations;
  readonly #timers = new Set<Timer>();
  readonly #known = new Set<string>();
  #closed = false;

  constructor(context: CloudContext, target: (functionArn: string) => AsynchronousTarget | undefined, destinations: Destinations) {
    this.#context = context;
    this.#folder = join(context.folder, 'asynchronous');
    this.#target = target;
    this.#destinations = destinations;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** Returns once the event is on disk; it runs soon after. */
  accept(requestId: string, functionArn: string, payload: string): void {
    const now = this.#context.clock.now();
    const event: PendingEvent = { requestId, functionArn, payload, acceptedAt: now, nextAt: now, failures: 0, refusals: 0 };
    createFileDurably(this.#file(event), JSON.stringify(event));
    this.#known.add(requestId);
    this.#arm(event);
  }

  /** Takes up what an earlier process left. */
  resume(): void {
    for (const file of readdirSync(this.#folder).filter((name) => name.endsWith('.json'))) {
      const event = JSON.parse(readFileSync(join(this.#folder, file), 'utf8')) as PendingEvent;
      if (!this.#known.has(event.requestId)) this.#arm(event);
    }
  }

  /** From here on no outcome is recorded: what runs now is run again after the next start. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) timer.cancel();
  }

  #file(event: PendingEvent): string {
    return join(this.#folder, `${event.requestId}.json`);
  }

  #arm(event: PendingEvent): void {
    const { clock } = this.#context;
    const attempt = () =>
      clock.track(this.#attempt(event)).catch((error) => this.#context.log('lambda: asynchronous event', { error: String(error) }));
    if (event.nextAt <= clock.now()) {
      // Deferred, so that an event of which the acceptor is a running function does not start before the acceptor has its answer.
      void clock.track(new Promise<void>((resolve) => setImmediate(resolve)).then(attempt));
      return;
    }
    const timer = clock.at(event.nextAt, () => {
      this.#timers.delete(timer);
      return attempt();
    });
    this.#timers.add(timer);
  }

  async #attempt(event: PendingEvent): Promise<void> {
    if (this.#closed) return;
    const target = this.#target(event.functionArn);
    if (!target) {
      this.#context.log('lambda: the function of an asynchronous event no longer exists', { function: event.functionArn });
      this.#forget(event);
      return;
    }
    const outcome = await this.#run(target, event);
    if (this.#closed) return;
    if ('payload' in outcome) {
      if (target.config.onSuccess) {
        await this.#destinations.send(target.definition, target.config.onSuccess, this.#record(target, event, 'Success', outcome));
      }
      this.#forget(event);
    } else if ('refusal' in outcome) {
      event.refusals++;
      const wait = Math.min(1000 * 2 ** (event.refusals - 1), LONGEST_REFUSAL_WAIT_MS);
      await this.#retryOrGiveUp(target, event, wait, {
        error: { errorType: `Lambda.${outcome.refusal.code}`, errorMessage: outcome.refusal.message },
      });
    } else {
      event.failures++;
      const wait = event.failures > target.config.maximumRetries ? undefined : RETRY_WAITS_MS[event.failures - 1];
      await this.#retryOrGiveUp(target, event, wait, outcome);
    }
  }

  async #run(target: AsynchronousTarget, event: PendingEvent): Promise<Outcome | { refusal: LambdaRefusal }> {
    try {
      return await target.run(event.requestId, event.payload);
    } catch (error) {
      if (error instanceof LambdaRefusal) return { refusal: error };
      throw error;
    }
  }

  async #retryOrGiveUp(
    target: AsynchronousTarget,
    event: PendingEvent,
    wait: number | undefined,
    outcome: { error: FunctionError },
  ): Promise<void> {
    const now = this.#context.clock.now();
    const tooOld = wait !== undefined && now + wait - event.acceptedAt > target.config.maximumAgeSeconds * 1000;
    if (wait !== undefined && !tooOld) {
      event.nextAt = now + wait;
      writeFileDurably(this.#file(event), JSON.stringify(event));
      this.#arm(event);
      return;
    }
    const condition = tooOld ? 'EventAgeExceeded' : 'RetriesExhausted';
    this.#context.log('lambda: an asynchronous event failed for good', {
      function: target.definition.name,
      condition,
      ...outcome.error,
      trace: undefined,
    });
    const { onFailure } = target.config;
    const { deadLetterArn } = target.definition;
    if (onFailure) await this.#destinations.send(target.definition, onFailure, this.#record(target, event, condition, outcome));
    if (deadLetterArn) await this.#destinations.send(target.definition, deadLetterArn, JSON.parse(event.payload));
    this.#forget(event);
  }

  #record(target: AsynchronousTarget, event: PendingEvent, condition: string, outcome: Outcome): Record<string, unknown> {
    return {
      version: '1.0',
      timestamp: this.#context.clock.date().toISOString(),
      requestContext: {
        requestId: event.requestId,
        functionArn: `${target.definition.arn}:$LATEST`,
        condition,
        approximateInvokeCount: event.failures + ('payload' in outcome ? 1 : 0),
      },
      requestPayload: JSON.parse(event.payload),
      responseContext: { statusCode: 200, executedVersion: '$LATEST', ...('error' in outcome ? { functionError: 'Unhandled' } : {}) },
      responsePayload: 'error' in outcome ? outcome.error : JSON.parse(outcome.payload),
    };
  }

  #forget(event: PendingEvent): void {
    this.#known.delete(event.requestId);
    // Not synced: if a crash brings the file back, the event runs once more, as it may at any time.
    unlinkSync(this.#file(event));
  }
}
