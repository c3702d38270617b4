/**
 * Deliveries to targets: written and synced before the sender hears "accepted", taken off once the target has accepted or the retries are spent.
 * At least once: after a crash, deliveries that may have reached their target are made again.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileDurably } from '../durable-file.ts';
import { GrowingFile } from '../growing-file.ts';
import type { CloudContext } from '../service.ts';

export interface Delivery {
  /** Unique; a second `accept` with the id of a waiting delivery is ignored. */
  id: string;
  targetArn: string;
  /** ARN of the rule or schedule, for permissions and messages. */
  sourceArn: string;
  roleArn?: string;
  payload: string;
  deadLetterArn?: string;
  /** Retries after the first attempt. */
  retries: number;
  /** Virtual ms since the epoch after which no attempt is made any more. */
  expires: number;
  attempts: number;
  /** Virtual ms since the epoch of the next attempt. */
  due: number;
}

/** The target may never be reached this way (no permission, unknown target): straight to the dead letters, as the service does. */
export class PermanentFailure extends Error {
  override readonly name = 'PermanentFailure';
}

export type Attempt = (delivery: Delivery) => Promise<void>;
export type SendDeadLetter = (queueArn: string, body: string, sourceArn: string) => Promise<void>;

type Line = { accepted: Delivery[] } | { retried: { id: string; attempts: number; due: number } } | { done: string };

const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 600_000;
/** Lines after which the journal is rewritten with what still waits. */
const COMPACT_AFTER = 5_000;

export class Deliveries {
  readonly #context: CloudContext;
  readonly #attempt: Attempt;
  readonly #deadLetter: SendDeadLetter;
  readonly #file: string;
  readonly #waiting = new Map<string, Delivery>();
  #journal: GrowingFile;
  #lines = 0;
  #started = false;
  #closed = false;

  constructor(context: CloudContext, attempt: Attempt, deadLetter: SendDeadLetter) {
    this.#context = context;
    this.#attempt = attempt;
    this.#deadLetter = deadLetter;
    this.#file = join(context.folder, 'deliveries.jsonl');
    this.#replay();
    this.#journal = this.#compact();
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Returns once all of them are on disk; the attempts follow on their own. */
  accept(deliveries: Delivery[]): void {
    const fresh = deliveries.filter((delivery) => !this.#waiting.has(delivery.id));
    if (fresh.length === 0) return;
    this.#write({ accepted: fresh });
    this.#journal.sync();
    for (const delivery of fresh) {
      this.#waiting.set(delivery.id, delivery);
      if (this.#started) this.#arm(delivery);
    }
  }

  /** Resumes what an earlier process left behind. */
  start(): void {
    this.#started = true;
    for (const delivery of this.#waiting.values()) this.#arm(delivery);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#journal.close();
  }

  #arm(delivery: Delivery): void {
    if (delivery.due > this.#context.clock.now()) this.#context.clock.at(delivery.due, () => this.#deliver(delivery));
    else void this.#context.clock.track(this.#deliver(delivery));
  }

  async #deliver(delivery: Delivery): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#attempt(delivery);
    } catch (error) {
      if (!this.#closed) await this.#failed(delivery, error as Error);
      return;
    }
    this.#finish(delivery);
  }

  async #failed(delivery: Delivery, error: Error): Promise<void> {
    const { clock } = this.#context;
    delivery.attempts++;
    delivery.due = clock.now() + Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(20, delivery.attempts - 1));
    if (!(error instanceof PermanentFailure) && delivery.attempts <= delivery.retries && delivery.due <= delivery.expires) {
      this.#write({ retried: { id: delivery.id, attempts: delivery.attempts, due: delivery.due } });
      clock.at(delivery.due, () => this.#deliver(delivery));
      return;
    }
    const fields = { target: delivery.targetArn, source: delivery.sourceArn, attempts: delivery.attempts, reason: error.message };
    if (!delivery.deadLetterArn) this.#context.log('eventbridge: delivery given up, the rule has no dead-letter queue', fields);
    else {
      try {
        await this.#deadLetter(delivery.deadLetterArn, delivery.payload, delivery.sourceArn);
        this.#context.log('eventbridge: delivery sent to the dead-letter queue', fields);
      } catch (failure) {
        this.#context.log('eventbridge: delivery lost, the dead-letter queue refuses it', { ...fields, queue: (failure as Error).message });
      }
    }
    this.#finish(delivery);
  }

  #finish(delivery: Delivery): void {
    if (this.#closed) return;
    this.#waiting.delete(delivery.id);
    // Not synced: lost in a crash, it only means one more delivery.
    this.#write({ done: delivery.id });
    if (this.#lines > COMPACT_AFTER && this.#lines > 2 * this.#waiting.size) {
      this.#journal.close();
      this.#journal = this.#compact();
    }
  }

  #write(line: Line): void {
    this.#journal.append(`${JSON.stringify(line)}\n`);
    this.#lines++;
  }

  #compact(): GrowingFile {
    const lines = [...this.#waiting.values()].map((delivery) => `${JSON.stringify({ accepted: [delivery] } satisfies Line)}\n`);
    writeFileDurably(this.#file, lines.join(''));
    this.#lines = lines.length;
    return new GrowingFile(this.#file);
  }

  #replay(): void {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch {
      return;
    }
    for (const json of text.split('\n')) {
      const line = readLine(json);
      if (!line) continue;
      if ('accepted' in line) for (const delivery of line.accepted) this.#waiting.set(delivery.id, delivery);
      else if ('done' in line) this.#waiting.delete(line.done);
      else Object.assign(this.#waiting.get(line.retried.id) ?? {}, line.retried);
    }
  }
}

/** The last line may be torn by a crash: it was never acknowledged. */
function readLine(json: string): Line | undefined {
  if (json === '') return undefined;
  try {
    return JSON.parse(json) as Line;
  } catch {
    return undefined;
  }
}
