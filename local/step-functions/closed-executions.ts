/** Closed executions: one short line each in an index that is read at the start; journals are only read when somebody asks for them. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Instant } from '../clock.ts';
import { syncFolder, writeFileDurably } from '../durable-file.ts';
import { GrowingFile } from '../growing-file.ts';
import type { Execution } from './execution.ts';
import type { ExecutionStatus, JournalLine } from './execution-record.ts';
import { readJournal } from './journal.ts';

/** What lists show of a closed execution. */
export interface ClosedExecution {
  id: string;
  arn: string;
  name: string;
  machineArn: string;
  status: ExecutionStatus;
  startDate: Instant;
  stopDate: Instant;
}

/** AWS keeps the history and the name of a closed execution for 90 days. */
const RETENTION_MS = 90 * 86_400_000;

/** First 128 bits of the SHA-256 of an execution ARN, in hex. */
export function executionId(arn: string): string {
  return createHash('sha256').update(arn).digest('hex').slice(0, 32);
}

export class ClosedExecutions {
  readonly #clock: Clock;
  readonly #index: string;
  readonly #folder: string;
  #journal: GrowingFile | undefined;
  readonly #byId = new Map<string, ClosedExecution>();
  readonly #byMachine = new Map<string, Set<ClosedExecution>>();

  constructor(folder: string, clock: Clock) {
    this.#clock = clock;
    this.#index = join(folder, 'closed.jsonl');
    this.#folder = join(folder, 'closed');
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#load();
  }

  get(id: string): ClosedExecution | undefined {
    const entry = this.#byId.get(id);
    return entry && !this.#expired(entry) ? entry : undefined;
  }

  ofMachine(machineArn: string): ClosedExecution[] {
    return [...(this.#byMachine.get(machineArn) ?? [])].filter((entry) => !this.#expired(entry));
  }

  journal(id: string): JournalLine[] {
    return readJournal(this.#path(id), false);
  }

  /** Moves the journal of a closed execution here. Repeated after a crash it changes nothing. */
  take(execution: Execution, file: string): void {
    const { id, arn, name, machineArn, startDate } = execution.header;
    const { status, stopDate } = execution.close!;
    const known = this.#byId.get(id);
    if (!known || known.stopDate !== stopDate) {
      const entry = { id, arn, name, machineArn, status, startDate, stopDate };
      this.#append(entry);
      this.#add(entry);
    }
    mkdirSync(join(this.#folder, id.slice(0, 2)), { recursive: true, mode: 0o700 });
    renameSync(file, this.#path(id));
    syncFolder(join(this.#folder, id.slice(0, 2)));
  }

  #load(): void {
    if (!existsSync(this.#index)) return;
    const content = readFileSync(this.#index, 'utf8');
    // A line torn by a crash is lost without harm: its journal still lies among the running ones and is taken again.
    const lines = content.slice(0, content.lastIndexOf('\n') + 1).split('\n');
    for (const line of lines) if (line) this.#add(JSON.parse(line) as ClosedExecution);
    const expired = [...this.#byId.values()].filter((entry) => this.#expired(entry));
    for (const entry of expired) {
      this.#remove(entry);
      rmSync(this.#path(entry.id), { force: true });
    }
    if (expired.length > 0 || !content.endsWith('\n')) {
      writeFileDurably(this.#index, [...this.#byId.values()].map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    }
  }

  #append(entry: ClosedExecution): void {
    this.#journal ??= new GrowingFile(this.#index);
    this.#journal.append(`${JSON.stringify(entry)}\n`);
    this.#journal.sync();
  }

  #add(entry: ClosedExecution): void {
    const earlier = this.#byId.get(entry.id);
    if (earlier) this.#remove(earlier);
    this.#byId.set(entry.id, entry);
    const set = this.#byMachine.get(entry.machineArn) ?? new Set();
    this.#byMachine.set(entry.machineArn, set.add(entry));
  }

  #remove(entry: ClosedExecution): void {
    this.#byId.delete(entry.id);
    this.#byMachine.get(entry.machineArn)?.delete(entry);
  }

  #expired(entry: ClosedExecution): boolean {
    return entry.stopDate + RETENTION_MS <= this.#clock.now();
  }

  #path(id: string): string {
    return join(this.#folder, id.slice(0, 2), `${id}.jsonl`);
  }
}
