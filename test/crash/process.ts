/** `npm start` as a child process that tests end in every way: nothing of it is told beforehand, and its data stays. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const ROOT = join(import.meta.dirname, '..', '..');
/** Longest start: it builds and synthesizes first, on a machine that may be busy. */
const READY_LIMIT_MS = 400_000;

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export class Process {
  readonly #child: ChildProcess;
  readonly #logFile: string;
  #output = '';

  /** `words` is the program with its arguments; stderr goes to `logFile`. */
  constructor(words: readonly [string, ...string[]], logFile: string) {
    const log = openSync(logFile, 'a');
    const [program, ...args] = words;
    // Leads a group, so that what it started can be ended with it when the test is over.
    this.#child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', log], detached: true });
    closeSync(log);
    this.#logFile = logFile;
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
    });
    process.once('exit', this.#endGroup);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves at the line `ready`; throws with the end of the log when that does not come. */
  async ready(): Promise<void> {
    for (const end = performance.now() + READY_LIMIT_MS; !/^ready http/m.test(this.#output); await sleep(20)) {
      if (this.isRunning && performance.now() < end) continue;
      const state = this.isRunning
        ? `not ready within ${READY_LIMIT_MS / 1000} s`
        : `ended with ${this.#child.signalCode ?? this.#child.exitCode}`;
      throw new Error(`npm start ${state}:\n${readFileSync(this.#logFile, 'utf8').slice(-3_000)}`);
    }
  }

  /** Sends a signal to the process alone, as a person with its pid does, and waits until it is gone. */
  async end(signal: NodeJS.Signals): Promise<Ended> {
    if (this.isRunning) {
      const gone = once(this.#child, 'exit');
      this.#child.kill(signal);
      await gone;
    }
    return this.ended();
  }

  /** Waits for an end that comes by itself. */
  async ended(): Promise<Ended> {
    if (this.isRunning) await once(this.#child, 'exit');
    return { code: this.#child.exitCode, signal: this.#child.signalCode };
  }

  /** Ends it and whatever it started. */
  async clear(): Promise<void> {
    await this.end('SIGKILL');
    this.#endGroup();
    process.off('exit', this.#endGroup);
  }

  readonly #endGroup = (): void => {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // The group is empty.
    }
  };
}
